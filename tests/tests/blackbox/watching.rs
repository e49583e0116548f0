//! Watching jobs: subscriptions on a WebSocket, server-sent events over HTTP.

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, socket::Socket};

/// The states a subscription tells of, up to and including `last`.
async fn states(socket: &mut Socket, last: &str) -> Vec<String> {
    let (mut states, mut seq) = (Vec::new(), 0);
    while states.last().is_none_or(|state| state != last) {
        let event = socket.receive().await;
        assert_eq!(event["op"], "event", "{event}");
        assert_eq!(event["topic"], "job");
        let next = event["seq"].as_u64().unwrap();
        assert!(next > seq, "numbers of events grow: {event}");
        seq = next;
        states.push(event["data"]["state"].as_str().unwrap().to_owned());
    }
    states
}

async fn subscribe(socket: &mut Socket, filter: Value) -> Value {
    socket.value(json!({ "op": "sub.open", "topic": "job", "filter": filter })).await
}

#[tokio::test]
async fn a_subscription_tells_every_state_in_order() {
    let broker = Broker::with_demo().await;
    let mut watcher = broker.socket().await;
    subscribe(&mut watcher, json!({})).await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    assert_eq!(states(&mut watcher, "succeeded").await, ["ready", "running", "succeeded"]);
    assert_eq!(broker.job(&job).await["state"], "succeeded", "what was told is durable");
}

#[tokio::test]
async fn a_filter_hides_what_was_not_asked_for() {
    let broker = Broker::with_demo().await;
    let mut watcher = broker.socket().await;
    subscribe(&mut watcher, json!({ "queue": "mail", "state": "succeeded" })).await;
    for queue in ["other", "mail"] {
        let job = broker.submit("demo/add", json!([1, 2]), json!({ "queue": queue })).await;
        broker.get(&format!("/v1/jobs/{job}/result?wait=30s")).await.expect_status(200);
    }
    let event = watcher.receive().await;
    assert_eq!((&event["data"]["queue"], &event["data"]["state"]), (&json!("mail"), &json!("succeeded")));
}

#[tokio::test]
async fn a_closed_subscription_is_silent() {
    let broker = Broker::with_demo().await;
    let mut watcher = broker.socket().await;
    let opened = subscribe(&mut watcher, json!({})).await;
    watcher.value(json!({ "op": "sub.close", "sub": opened["sub"] })).await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    broker.get(&format!("/v1/jobs/{job}/result?wait=30s")).await.expect_status(200);
    assert_eq!(watcher.ask(json!({ "op": "ping", "id": 1 })).await["id"], 1, "the next frame is the answer");
}

#[tokio::test]
async fn an_unknown_topic_is_refused() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    socket.refusal(json!({ "op": "sub.open", "topic": "weather" }), "bad_request").await;
    socket.refusal(json!({ "op": "sub.close", "sub": 99 }), "not_found").await;
    assert_eq!(socket.value(json!({ "op": "ping" })).await, "pong");
}

#[tokio::test]
async fn server_sent_events_begin_with_a_snapshot_and_end_with_the_job() {
    let broker = Broker::with_demo().await;
    let job = broker.submit("demo/sleep", json!({ "millis": 400 }), json!({})).await;
    let mut events = broker.request("GET", &format!("/v1/jobs/{job}/events")).events().await;
    let mut states = Vec::new();
    while let Some(event) = events.next().await {
        let view: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(view["id"], *job, "{event:?}");
        states.push(view["state"].as_str().unwrap().to_owned());
    }
    assert_eq!(states.last().map(String::as_str), Some("succeeded"), "{states:?}");
    assert!(["ready", "running"].contains(&states[0].as_str()), "{states:?}");
}

#[tokio::test]
async fn server_sent_events_of_a_final_job_end_after_the_snapshot() {
    let broker = Broker::with_demo().await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    broker.get(&format!("/v1/jobs/{job}/result?wait=30s")).await.expect_status(200);
    let mut events = broker.request("GET", &format!("/v1/jobs/{job}/events")).events().await;
    let snapshot: Value = serde_json::from_str(&events.next().await.unwrap().data).unwrap();
    assert_eq!(snapshot["state"], "succeeded");
    assert_eq!(events.next().await, None);
}
