//! A running guest can really be stopped: by a timeout, by a cancel, by closing the connection. Each broker here
//! has a single slot, so whatever runs next proves that the slot is free again.

use serde_json::json;
use windlass_tests::{broker::Broker, eventually, socket::Socket};

async fn one_slot() -> (Broker, Socket) {
    let broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let socket = broker.socket().await;
    (broker, socket)
}

async fn running(broker: &Broker, job: &str) {
    eventually("the job to run", async || (broker.job(job).await["state"] == "running").then_some(())).await;
}

async fn slot_is_free(socket: &mut Socket) {
    let job = socket.submit("demo/add", json!([1, 2]), json!({})).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "id": "free", "job": job })).await, 3);
}

#[tokio::test]
async fn a_job_in_an_endless_loop_is_stopped_by_its_timeout() {
    let (broker, mut socket) = one_slot().await;
    let job = socket.submit("demo/spin", json!({}), json!({ "run_timeout": "200ms" })).await;
    socket.refusal(json!({ "op": "job.wait", "job": job }), "timed_out").await;
    assert_eq!(broker.job(&job).await["state"], "failed");
    slot_is_free(&mut socket).await;
}

#[tokio::test]
async fn a_job_in_an_endless_loop_is_stopped_by_a_cancel() {
    let (broker, mut socket) = one_slot().await;
    let job = socket.submit("demo/spin", json!({}), json!({ "run_timeout": "never" })).await;
    running(&broker, &job).await;
    assert_eq!(socket.ask(json!({ "op": "job.cancel", "job": job })).await["op"], "result");
    socket.refusal(json!({ "op": "job.wait", "job": job }), "cancelled").await;
    assert_eq!(broker.job(&job).await["state"], "cancelled");
    slot_is_free(&mut socket).await;
}

#[tokio::test]
async fn a_sleeping_guest_is_stopped_by_a_cancel() {
    let (broker, mut socket) = one_slot().await;
    let job =
        socket.submit("demo/sleep", json!({ "millis": 3_600_000 }), json!({ "run_timeout": "never" })).await;
    running(&broker, &job).await;
    broker.request("POST", &format!("/v1/jobs/{job}/cancel")).send().await.expect_status(200);
    slot_is_free(&mut socket).await;
    assert_eq!(broker.job(&job).await["state"], "cancelled");
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_without_running() {
    let (broker, mut socket) = one_slot().await;
    let job = socket.submit("demo/add", json!([1, 2]), json!({ "delay": "1h" })).await;
    socket.ask(json!({ "op": "job.cancel", "job": job })).await;
    let view = broker.job(&job).await;
    assert_eq!((&view["state"], &view["attempt"]), (&json!("cancelled"), &json!(0)));
}

#[tokio::test]
async fn a_final_job_stays_as_it_is() {
    let (broker, mut socket) = one_slot().await;
    let job = socket.submit("demo/add", json!([1, 2]), json!({})).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": job })).await, 3);
    let before = broker.job(&job).await;
    socket.refusal(json!({ "op": "job.cancel", "job": job }), "bad_state").await;
    assert_eq!(broker.job(&job).await, before);
}

#[tokio::test]
async fn a_call_is_stopped_by_its_timeout() {
    let (broker, mut socket) = one_slot().await;
    socket.refusal(json!({ "op": "spin", "opts": { "timeout": "200ms" } }), "timed_out").await;
    slot_is_free(&mut socket).await;
    broker.post("/v1/call/demo/spin?timeout=200ms", &json!({})).await.expect_problem(504, "timed_out");
    slot_is_free(&mut socket).await;
}

#[tokio::test]
async fn a_call_that_finds_no_slot_in_time_is_overloaded() {
    let (broker, mut socket) = one_slot().await;
    let job = socket.submit("demo/spin", json!({}), json!({ "run_timeout": "never" })).await;
    running(&broker, &job).await;
    socket
        .refusal(json!({ "op": "add", "args": [1, 2], "opts": { "timeout": "100ms" } }), "overloaded")
        .await;
    socket.ask(json!({ "op": "job.cancel", "job": job })).await;
    assert_eq!(socket.value(json!({ "op": "add", "args": [1, 2] })).await, 3);
}

#[tokio::test]
async fn a_call_is_stopped_by_call_cancel() {
    let (_broker, mut socket) = one_slot().await;
    socket.send(json!({ "op": "spin", "id": "endless", "opts": { "timeout": "never" } })).await;
    socket.send(json!({ "op": "call.cancel", "id": "stop", "call": "endless" })).await;
    let answers = [socket.receive().await, socket.receive().await];
    let of = |id: &str| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(of("stop")["op"], "result", "{answers:?}");
    assert_eq!(of("endless")["error"]["code"], "cancelled", "{answers:?}");
    slot_is_free(&mut socket).await;
}

#[tokio::test]
async fn cancelling_a_call_nobody_made_is_refused() {
    let (_broker, mut socket) = one_slot().await;
    socket.refusal(json!({ "op": "call.cancel", "id": 1, "call": "nothing" }), "not_found").await;
}

#[tokio::test]
async fn closing_a_connection_stops_its_calls_but_not_its_jobs() {
    let (broker, mut other) = one_slot().await;
    let mut socket = broker.socket().await;
    socket.send(json!({ "op": "spin", "id": 1, "opts": { "timeout": "never" } })).await;
    let job = socket.submit("demo/add", json!([20, 3]), json!({})).await;
    assert_eq!(broker.job(&job).await["state"], "ready", "the call holds the only slot");
    drop(socket);
    assert_eq!(other.value(json!({ "op": "job.wait", "job": job })).await, 23);
}
