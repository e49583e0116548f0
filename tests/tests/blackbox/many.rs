//! Many jobs at once: a large graph of jobs that come after each other, and very many that are not due yet.

use std::collections::HashMap;

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, eventually, socket::Socket};

const PAGE: usize = 1000;
/// Jobs of the graph, in layers, each after some of the layer before.
const LAYERS: usize = 100;
const LAYER_JOBS: usize = 100;
const AFTER: usize = 3;

async fn submit_many(socket: &mut Socket, jobs: Vec<Value>) -> Vec<Value> {
    let answer = socket.value(json!({ "op": "job.submit_many", "jobs": jobs })).await;
    answer["jobs"].as_array().unwrap().clone()
}

/// Some fields of every job, page by page.
async fn all(socket: &mut Socket, filter: Value, fields: Value) -> Vec<Value> {
    let (mut jobs, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut query = json!({ "op": "job.query", "filter": filter, "fields": fields, "limit": PAGE });
        if cursor.is_string() {
            query["cursor"] = cursor;
        }
        let mut page = socket.value(query).await;
        jobs.append(page["items"].as_array_mut().unwrap());
        cursor = page["next"].take();
        if cursor.is_null() {
            return jobs;
        }
    }
}

#[tokio::test]
async fn every_job_of_a_graph_of_ten_thousand_ends_after_those_it_comes_after() {
    let broker = Broker::with_demo_and(&["--workers", "2"]).await;
    let mut socket = broker.socket().await;
    let mut before: Vec<Value> = Vec::new();
    for layer in 0..LAYERS {
        let job = |place: usize| {
            let after = (0..AFTER.min(before.len())).map(|step| &before[(place + step * 31) % before.len()]);
            let after: Vec<_> = after.collect();
            let opts = if after.is_empty() { json!({}) } else { json!({ "after": after }) };
            json!({ "handler": "demo/add", "args": { "x": layer, "y": place }, "opts": opts })
        };
        before = submit_many(&mut socket, (0..LAYER_JOBS).map(job).collect()).await;
    }
    eventually("every job to end", async || {
        let live = broker.get("/v1/jobs?state=scheduled,blocked,ready,running&limit=1").await;
        (live.expect_status(200).json()["items"] == json!([])).then_some(())
    })
    .await;
    let fields = json!(["state", "after", "attempts", "ended_at"]);
    let jobs = all(&mut socket, json!({}), fields).await;
    assert_eq!(jobs.len(), LAYERS * LAYER_JOBS);
    let by_id: HashMap<_, _> = jobs.iter().map(|job| (job["id"].as_str().unwrap(), job)).collect();
    let (mut steps, mut violations) = (0, 0);
    for job in &jobs {
        assert_eq!(job["state"], "succeeded", "{job}");
        for other in job["after"]["jobs"].as_array().into_iter().flatten() {
            let ended = by_id[other.as_str().unwrap()]["ended_at"].as_str().unwrap();
            steps += 1;
            violations += usize::from(job["attempts"][0]["started_at"].as_str().unwrap() < ended);
        }
    }
    assert_eq!((violations, steps), (0, (LAYERS - 1) * LAYER_JOBS * AFTER));
}

/// `WINDLASS_SCHEDULED_JOBS` says how many; `./test --long many` has a hundred thousand.
#[tokio::test]
async fn very_many_scheduled_jobs_are_accepted_listed_and_there_after_a_restart() {
    let count = std::env::var("WINDLASS_SCHEDULED_JOBS").map_or(10_000, |count| count.parse().unwrap());
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job = json!({ "handler": "demo/add", "args": { "x": 1, "y": 2 }, "opts": { "delay": "1h" } });
    for _ in 0..count / PAGE {
        submit_many(&mut socket, vec![job.clone(); PAGE]).await;
    }
    broker.kill9().await;
    broker.restart().await;
    let queue = broker.get("/v1/queues/default").await.expect_status(200).json();
    assert_eq!(queue["scheduled"], count);
    let scheduled = all(&mut broker.socket().await, json!({ "state": "scheduled" }), json!(["id"])).await;
    let mut ids: Vec<_> = scheduled.iter().map(|job| job["id"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), count, "each is listed once");
    assert!(ids.is_sorted_by(|newer, older| newer > older), "the newest first");
}
