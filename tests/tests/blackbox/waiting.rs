//! Jobs that wait: for a release, for other jobs, for their key, for their queue; and what becomes of them.

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, eventually, socket::Socket};

const ADD: &str = "demo/add";

fn numbers() -> Value {
    json!({ "x": 1, "y": 2 })
}

/// A job that ends as it is told to.
async fn ending(socket: &mut Socket, succeeds: bool) -> String {
    let (handler, args) = if succeeds { (ADD, numbers()) } else { ("demo/fail", json!({ "message": "no" })) };
    let job = socket.submit(handler, args, json!({})).await;
    socket.ask(json!({ "op": "job.wait", "job": job })).await;
    job
}

async fn wait_for(socket: &mut Socket, job: &str) -> Value {
    socket.value(json!({ "op": "job.wait", "job": job })).await
}

/// The job once it is in this state.
async fn in_state(broker: &Broker, job: &str, state: &str) -> Value {
    eventually("a job to change its state", async || {
        let view = broker.job(job).await;
        (view["state"] == state).then_some(view)
    })
    .await
}

#[tokio::test]
async fn a_held_job_runs_once_it_is_released() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job = socket.submit(ADD, numbers(), json!({ "hold": true })).await;
    let view = broker.job(&job).await;
    assert_eq!((&view["state"], &view["held"]), (&json!("scheduled"), &json!(true)));
    assert_eq!(view["waiting"], json!({ "for": "release" }));
    socket.value(json!({ "op": "job.release", "job": job })).await;
    assert_eq!(wait_for(&mut socket, &job).await, 3);
    let again = broker.request("POST", &format!("/v1/jobs/{job}/release")).send().await;
    assert_eq!(again.expect_problem(409, "bad_state")["info"]["state"], "succeeded");
}

#[tokio::test]
async fn a_job_starts_after_the_jobs_it_names_and_survives_a_restart_meanwhile() {
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let first = socket.submit(ADD, numbers(), json!({ "hold": true })).await;
    let done = ending(&mut socket, true).await;
    let then = socket.submit(ADD, numbers(), json!({ "after": [first, done] })).await;
    let view = broker.job(&then).await;
    assert_eq!(view["state"], "blocked");
    assert_eq!(view["waiting"], json!({ "for": "jobs", "jobs": [first] }), "the other has ended");
    broker.kill9().await;
    broker.restart().await;
    let mut socket = broker.socket().await;
    assert_eq!(broker.job(&then).await["state"], "blocked");
    socket.value(json!({ "op": "job.release", "job": first })).await;
    assert_eq!(wait_for(&mut socket, &then).await, 3);
    assert!(
        broker.job(&first).await["ended_at"].as_str()
            <= broker.job(&then).await["attempts"][0]["started_at"].as_str()
    );
}

#[tokio::test]
async fn a_job_whose_condition_cannot_come_about_is_cancelled_with_the_reason() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let held = socket.submit(ADD, numbers(), json!({ "hold": true })).await;
    let child = socket.submit(ADD, numbers(), json!({ "after": [held] })).await;
    let grandchild = socket.submit(ADD, numbers(), json!({ "after": { "jobs": [child] } })).await;
    let relaxed = json!({ "after": { "jobs": [child], "ended": "finished" } });
    let relaxed = socket.submit(ADD, numbers(), relaxed).await;
    socket.value(json!({ "op": "job.cancel", "job": held })).await;
    let view = in_state(&broker, &child, "cancelled").await;
    assert_eq!(view["error"]["detail"]["because_of"], json!(held));
    let view = in_state(&broker, &grandchild, "cancelled").await;
    assert_eq!(view["error"]["detail"]["because_of"], json!(child));
    assert_eq!(wait_for(&mut socket, &relaxed).await, 3);
}

#[tokio::test]
async fn any_one_of_several_jobs_is_enough_if_asked_so() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let (good, bad) = (ending(&mut socket, true).await, ending(&mut socket, false).await);
    let held = socket.submit(ADD, numbers(), json!({ "hold": true })).await;
    let any = json!({ "after": { "jobs": [bad, good, held], "need": "any" } });
    let job = socket.submit(ADD, numbers(), any).await;
    assert_eq!(wait_for(&mut socket, &job).await, 3);
    let submit = |after: Value| json!({ "op": "job.submit", "handler": ADD, "args": numbers(), "opts": { "after": after } });
    let refusal = socket.refusal(submit(json!([good, bad])), "bad_state").await;
    assert_eq!(refusal["detail"]["job"], json!(bad), "what cannot come about is refused");
    let refusal = socket.refusal(submit(json!(["0".repeat(32)])), "bad_request").await;
    assert_eq!(refusal["detail"]["pointer"], "/opts/after");
    let refusal = socket.refusal(submit(json!({ "jobs": [good], "need": "some" })), "bad_request").await;
    assert_eq!(refusal["detail"]["pointer"], "/opts/after/need");
}

#[tokio::test]
async fn a_job_that_waits_too_long_expires() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    socket.value(json!({ "op": "queue.pause", "queue": "mail" })).await;
    let opts = json!({ "queue": "mail", "queue_timeout": "50ms" });
    let job = socket.submit(ADD, numbers(), opts).await;
    socket.refusal(json!({ "op": "job.wait", "job": job }), "expired").await;
    let view = broker.job(&job).await;
    assert_eq!((&view["state"], &view["attempt"]), (&json!("expired"), &json!(0)));
}

#[tokio::test]
async fn jobs_of_one_serial_key_run_one_after_the_other_in_their_order() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let opts = |priority: i32| json!({ "serial_key": "account 7", "priority": priority });
    let first = socket.submit("demo/spin", json!({}), opts(0)).await;
    let second = socket.submit(ADD, numbers(), opts(0)).await;
    let third = socket.submit(ADD, numbers(), opts(100)).await;
    in_state(&broker, &first, "running").await;
    assert_eq!(broker.job(&second).await["waiting"], json!({ "for": "serial_key", "job": first }));
    assert_eq!(broker.job(&third).await["state"], "ready");
    socket.value(json!({ "op": "job.cancel", "job": first })).await;
    assert_eq!(wait_for(&mut socket, &third).await, 3);
    let (second, third) = (broker.job(&second).await, broker.job(&third).await);
    assert!(second["ended_at"].as_str() <= third["attempts"][0]["started_at"].as_str(), "{second} {third}");
}

#[tokio::test]
async fn a_paused_queue_starts_nothing_until_it_is_resumed_even_over_a_restart() {
    let mut broker = Broker::with_demo().await;
    broker.request("POST", "/v1/queues/mail/pause").send().await.expect_status(200);
    let job = broker.submit(ADD, numbers(), json!({ "queue": "mail" })).await;
    broker.kill9().await;
    broker.restart().await;
    assert_eq!(broker.job(&job).await["waiting"], json!({ "for": "queue_paused" }));
    let queue = broker.get("/v1/queues/mail").await.expect_status(200).json();
    assert_eq!((&queue["paused"], &queue["ready"]), (&json!(true), &json!(1)));
    assert_eq!(queue["oldest_ready_at"], broker.job(&job).await["submitted_at"]);
    broker.request("POST", "/v1/queues/mail/resume").send().await.expect_status(200);
    assert_eq!(wait_for(&mut broker.socket().await, &job).await, 3);
}

#[tokio::test]
async fn a_queue_runs_no_more_jobs_at_once_than_its_limit() {
    let broker = Broker::with_demo_and(&["--workers", "2"]).await;
    let mut socket = broker.socket().await;
    let limit = json!({ "op": "queue.limit", "queue": "mail", "concurrency": 1 });
    assert_eq!(socket.value(limit).await["concurrency"], 1);
    let first = socket.submit("demo/spin", json!({}), json!({ "queue": "mail" })).await;
    let second = socket.submit(ADD, numbers(), json!({ "queue": "mail" })).await;
    let other = socket.submit(ADD, numbers(), json!({})).await;
    assert_eq!(wait_for(&mut socket, &other).await, 3, "another queue goes on");
    in_state(&broker, &first, "running").await;
    assert_eq!(broker.job(&second).await["waiting"], json!({ "for": "queue_concurrency" }));
    let lifted = broker.post("/v1/queues/mail/limit", &json!({ "concurrency": null })).await;
    assert_eq!(lifted.expect_status(200).json()["concurrency"], Value::Null);
    assert_eq!(wait_for(&mut socket, &second).await, 3);
    socket.value(json!({ "op": "job.cancel", "job": first })).await;
}

#[tokio::test]
async fn a_rate_lets_only_so_many_start() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let rate = json!({ "count": 1, "per": "1h" });
    socket.value(json!({ "op": "queue.limit", "queue": "mail", "rate": rate })).await;
    let first = socket.submit(ADD, numbers(), json!({ "queue": "mail" })).await;
    let second = socket.submit(ADD, numbers(), json!({ "queue": "mail" })).await;
    assert_eq!(wait_for(&mut socket, &first).await, 3);
    assert_eq!(broker.job(&second).await["waiting"]["for"], "queue_rate");
    let wrong = json!({ "op": "queue.limit", "queue": "mail", "rate": { "count": 0, "per": "1s" } });
    assert_eq!(socket.refusal(wrong, "bad_request").await["detail"]["pointer"], "/rate/count");
}

#[tokio::test]
async fn each_value_of_a_tag_has_a_limit_of_its_own_and_jobs_without_it_have_none() {
    let mut broker = Broker::with_demo_and(&["--workers", "2"]).await;
    let mut socket = broker.socket().await;
    let per_tag = json!({ "tag": "customer", "concurrency": 1 });
    let limit = json!({ "op": "queue.limit", "queue": "mail", "per_tag": per_tag });
    assert_eq!(socket.value(limit).await["per_tag"], per_tag);
    let of = |customer: &str| json!({ "queue": "mail", "tags": { "customer": customer } });
    let first = socket.submit("demo/spin", json!({}), of("ada")).await;
    let second = socket.submit(ADD, numbers(), of("ada")).await;
    let (other, without) = (of("bob"), json!({ "queue": "mail", "tags": { "team": "ada" } }));
    for opts in [other, without] {
        let job = socket.submit(ADD, numbers(), opts).await;
        assert_eq!(wait_for(&mut socket, &job).await, 3, "it is not held back");
    }
    in_state(&broker, &first, "running").await;
    let waiting = json!({ "for": "tag_concurrency", "tag": "customer", "value": "ada" });
    assert_eq!(broker.job(&second).await["waiting"], waiting);
    broker.kill9().await;
    broker.restart().await;
    let queue = broker.get("/v1/queues/mail").await.expect_status(200).json();
    assert_eq!(queue["per_tag"], per_tag, "a limit outlives a restart");
    in_state(&broker, &first, "running").await;
    assert_eq!(broker.job(&second).await["waiting"], waiting);
    let lifted = broker.post("/v1/queues/mail/limit", &json!({ "per_tag": null })).await;
    assert_eq!(lifted.expect_status(200).json()["per_tag"], Value::Null);
    let mut socket = broker.socket().await;
    assert_eq!(wait_for(&mut socket, &second).await, 3);
    socket.value(json!({ "op": "job.cancel", "job": first })).await;
}

#[tokio::test]
async fn each_value_of_a_tag_has_a_rate_of_its_own() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let per_tag = json!({ "tag": "customer", "rate": { "count": 1, "per": "1h" } });
    socket.value(json!({ "op": "queue.limit", "queue": "mail", "per_tag": per_tag })).await;
    let of = |customer: &str| json!({ "queue": "mail", "tags": { "customer": customer } });
    for customer in ["ada", "bob"] {
        let job = socket.submit(ADD, numbers(), of(customer)).await;
        assert_eq!(wait_for(&mut socket, &job).await, 3);
    }
    let second = socket.submit(ADD, numbers(), of("ada")).await;
    let waiting = broker.job(&second).await["waiting"].clone();
    assert_eq!((&waiting["for"], &waiting["value"]), (&json!("tag_rate"), &json!("ada")));
    let wrong = json!({ "op": "queue.limit", "queue": "mail", "per_tag": { "tag": "customer" } });
    assert_eq!(socket.refusal(wrong, "bad_request").await["detail"]["pointer"], "/per_tag");
}

#[tokio::test]
async fn purging_a_queue_cancels_what_does_not_run() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    socket.value(json!({ "op": "queue.pause", "queue": "mail" })).await;
    let ready = socket.submit(ADD, numbers(), json!({ "queue": "mail" })).await;
    let later = socket.submit(ADD, numbers(), json!({ "queue": "mail", "delay": "1h" })).await;
    let other = socket.submit(ADD, numbers(), json!({ "delay": "1h" })).await;
    let purged = broker.request("POST", "/v1/queues/mail/purge").send().await.expect_status(200);
    assert_eq!(purged.json(), json!({ "cancelled": 2, "more": false }));
    assert_eq!(broker.job(&ready).await["state"], "cancelled");
    assert_eq!(broker.job(&later).await["state"], "cancelled");
    assert_eq!(broker.job(&other).await["state"], "scheduled");
    socket.refusal(json!({ "op": "queue.purge", "queue": "nobody" }), "not_found").await;
}
