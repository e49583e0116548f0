//! Jobs that are children of others: what becomes of them, how they are found, and how many there may be.

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, eventually, socket::Socket};

const ADD: &str = "demo/add";

fn numbers() -> Value {
    json!({ "x": 1, "y": 2 })
}

/// A job that is held, perhaps as a child.
async fn held(socket: &mut Socket, parent: Option<&str>) -> String {
    let mut opts = json!({ "hold": true });
    if let Some(parent) = parent {
        opts["parent"] = json!(parent);
    }
    socket.submit(ADD, numbers(), opts).await
}

fn submission(parent: &str) -> Value {
    json!({ "op": "job.submit", "handler": ADD, "args": numbers(), "opts": { "parent": parent, "hold": true } })
}

#[tokio::test]
async fn children_and_theirs_are_cancelled_with_their_parent_wherever_they_are() {
    let broker = Broker::with_demo_and(&["--workers", "2"]).await;
    let mut socket = broker.socket().await;
    let parent = socket.submit("demo/spin", json!({}), json!({})).await;
    let running = broker.submit("demo/spin", json!({}), json!({ "parent": parent })).await;
    let waiting = held(&mut socket, Some(&parent)).await;
    let grandchild = held(&mut socket, Some(&waiting)).await;
    let stranger = held(&mut socket, None).await;
    eventually("the child to run", async || (broker.job(&running).await["state"] == "running").then_some(()))
        .await;
    let view = broker.job(&parent).await;
    assert_eq!(view["children"], json!({ "states": { "scheduled": 1, "running": 1 }, "cut": false }));
    assert_eq!(broker.job(&running).await["parent"], json!(parent));
    assert_eq!(broker.job(&running).await["children"], Value::Null);
    socket.value(json!({ "op": "job.cancel", "job": parent })).await;
    for (child, because_of) in [(&running, &parent), (&waiting, &parent), (&grandchild, &waiting)] {
        let view = broker.job(child).await;
        assert_eq!(view["state"], "cancelled", "once the cancel is answered: {view}");
        assert_eq!(view["error"]["detail"]["because_of"], json!(because_of));
    }
    assert_eq!(broker.job(&stranger).await["state"], "scheduled");
    let add = socket.submit(ADD, numbers(), json!({})).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": add })).await, 3, "their slots are free again");
}

#[tokio::test]
async fn a_parent_that_is_not_cancelled_leaves_its_children_alone() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let parent = held(&mut socket, None).await;
    let child = held(&mut socket, Some(&parent)).await;
    socket.value(json!({ "op": "job.release", "job": parent })).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": parent })).await, 3);
    assert_eq!(broker.job(&child).await["state"], "scheduled");
    let refusal = socket.refusal(submission(&parent), "bad_state").await;
    assert_eq!(refusal["detail"]["pointer"], "/opts/parent", "it takes no more of them");
    socket.value(json!({ "op": "job.release", "job": child })).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": child })).await, 3);
    let retried = socket.ask(json!({ "op": "job.retry", "job": child })).await;
    let retried = broker.job(retried["job"].as_str().unwrap()).await;
    assert_eq!(retried["parent"], Value::Null, "a retry is nobody's child");
}

#[tokio::test]
async fn a_child_is_one_after_a_restart_too() {
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let parent = held(&mut socket, None).await;
    let child = held(&mut socket, Some(&parent)).await;
    broker.kill9().await;
    broker.restart().await;
    broker.request("POST", &format!("/v1/jobs/{parent}/cancel")).send().await.expect_status(200);
    assert_eq!(broker.job(&child).await["state"], "cancelled");
}

#[tokio::test]
async fn children_are_found_by_their_parent() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let parent = held(&mut socket, None).await;
    let (first, second) = (held(&mut socket, Some(&parent)).await, held(&mut socket, Some(&parent)).await);
    held(&mut socket, Some(&first)).await;
    let ids = |page: Value| -> Vec<Value> {
        page["items"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect()
    };
    let found = socket.value(json!({ "op": "job.query", "filter": { "parent": parent } })).await;
    assert_eq!(ids(found), [json!(second), json!(first)]);
    let listed = broker.get(&format!("/v1/jobs?parent={parent}&limit=1")).await.expect_status(200).json();
    assert_eq!(ids(listed), [json!(second)]);
    broker.get("/v1/jobs?parent=x").await.expect_problem(400, "bad_request");
}

#[tokio::test]
async fn families_are_bounded_in_depth_and_number() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let first = held(&mut socket, None).await;
    let mut deepest = first.clone();
    for _ in 0..16 {
        deepest = held(&mut socket, Some(&deepest)).await;
    }
    let refusal = socket.refusal(submission(&deepest), "bad_request").await;
    assert_eq!(refusal["detail"], json!({ "pointer": "/opts/parent", "job": deepest }));
    let child = json!({ "handler": ADD, "args": numbers(), "opts": { "parent": first, "hold": true } });
    let many = json!({ "op": "job.submit_many", "jobs": vec![child.clone(); 1000] });
    let refusal = socket.refusal(many, "overloaded").await;
    assert_eq!(refusal["detail"]["pointer"], "/opts/parent", "it has one already");
    socket.value(json!({ "op": "job.submit_many", "jobs": vec![child; 999] })).await;
    socket.refusal(submission(&first), "overloaded").await;
    let view = broker.job(&first).await;
    assert_eq!(view["children"], json!({ "states": { "scheduled": 1000 }, "cut": false }));
}

#[tokio::test]
async fn only_a_job_of_the_same_channel_can_be_a_parent() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let parent = held(&mut socket, None).await;
    let refusal = socket.refusal(submission(&"0".repeat(32)), "bad_request").await;
    assert_eq!(refusal["detail"]["pointer"], "/opts/parent");
    let body = json!({ "handler": ADD, "args": numbers(), "opts": { "parent": parent } });
    let elsewhere = broker.request("POST", "/v1/jobs").header("windlass-channel", "other").json(&body);
    let problem = elsewhere.send().await.expect_problem(400, "bad_request");
    assert_eq!(problem["info"]["pointer"], "/opts/parent");
}
