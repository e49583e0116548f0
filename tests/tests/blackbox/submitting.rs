//! Submitting once with a key, and many at once.

use serde_json::{Value, json};
use windlass_tests::broker::Broker;

fn job(x: u64, key: &str) -> Value {
    json!({ "handler": "demo/add", "args": { "x": x, "y": 2 }, "opts": { "idempotency_key": key } })
}

#[tokio::test]
async fn one_idempotency_key_is_one_job_over_both_doors_and_a_restart() {
    let mut broker = Broker::with_demo().await;
    let body = json!({ "handler": "demo/add", "args": { "x": 1, "y": 2 } });
    let submit = async |broker: &Broker| {
        let request = broker.request("POST", "/v1/jobs").header("idempotency-key", "\"order 7\"");
        request.json(&body).send().await.expect_status(201).json()["job"].clone()
    };
    let first = submit(&broker).await;
    let mut frame = job(1, "order 7");
    frame["op"] = json!("job.submit");
    assert_eq!(broker.socket().await.ask(frame).await["job"], first);
    broker.kill9().await;
    broker.restart().await;
    assert_eq!(submit(&broker).await, first);
    let view = broker.job(first.as_str().unwrap()).await;
    assert_eq!(view["idempotency_key"], "order 7");
    let other = broker.post("/v1/jobs", &job(9, "order 7")).await;
    assert_eq!(other.expect_problem(409, "idempotency_mismatch")["info"]["job"], first);
}

#[tokio::test]
async fn many_submissions_with_one_key_at_once_are_one_job() {
    let broker = Broker::with_demo().await;
    let submissions =
        (0..16).map(|_| async { broker.post("/v1/jobs", &job(1, "race")).await.json()["job"].clone() });
    let jobs = futures_util::future::join_all(submissions).await;
    assert!(jobs.iter().all(|job| job.is_string() && *job == jobs[0]), "{jobs:?}");
}

#[tokio::test]
async fn many_jobs_are_accepted_in_their_order() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let jobs: Vec<_> = (0..50).map(|x| job(x, &format!("{x}"))).collect();
    let answer = socket.value(json!({ "op": "job.submit_many", "jobs": jobs })).await;
    let ids = answer["jobs"].as_array().unwrap().clone();
    for (x, id) in ids.iter().enumerate() {
        assert_eq!(socket.value(json!({ "op": "job.wait", "job": id })).await, x + 2);
    }
    let again = broker.post("/v1/jobs", &json!({ "jobs": jobs })).await.expect_status(201);
    assert_eq!(again.json()["jobs"], json!(ids), "the same keys are the same jobs");
    let lines = jobs.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let lines = broker.request("POST", "/v1/jobs").body("application/x-ndjson", lines).send().await;
    assert_eq!(lines.expect_status(201).json()["jobs"], json!(ids));
}

#[tokio::test]
async fn of_many_jobs_with_one_mistake_none_is_accepted() {
    let broker = Broker::with_demo().await;
    let mut jobs: Vec<_> = (0..3).map(|x| job(x, &format!("{x}"))).collect();
    jobs[2]["args"]["x"] = json!("two");
    let refused = broker.post("/v1/jobs", &json!({ "jobs": jobs })).await;
    assert_eq!(refused.expect_problem(400, "bad_arguments")["info"]["pointer"], "/jobs/2/args/x");
    jobs[2] = job(7, "0");
    broker.post("/v1/jobs", &json!({ "jobs": jobs })).await.expect_problem(409, "idempotency_mismatch");
    let page = broker.get("/v1/jobs").await.json();
    assert_eq!(page["items"], json!([]));
    broker.post("/v1/jobs", &json!({ "jobs": [] })).await.expect_problem(400, "bad_request");
}
