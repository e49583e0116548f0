//! What is there again after the process has ended, in order or not.

use std::time::SystemTime;

use serde_json::json;
use windlass_tests::{broker::Broker, eventually};

/// When each compiled artefact was written.
fn artefacts(broker: &Broker) -> Vec<(String, SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(broker.data().join("artefacts")).unwrap() {
        let entry = entry.unwrap();
        let written = entry.metadata().unwrap().modified().unwrap();
        found.push((entry.file_name().to_string_lossy().into_owned(), written));
    }
    found.sort();
    found
}

#[tokio::test]
async fn plugins_survive_a_crash_without_being_compiled_again() {
    let mut broker = Broker::with_demo().await;
    let (before, compiled) = (broker.get("/v1/plugins").await.json(), artefacts(&broker));
    assert!(!compiled.is_empty());
    broker.kill9().await;
    broker.restart().await;
    assert_eq!(broker.get("/v1/plugins").await.json(), before);
    assert_eq!(broker.socket().await.value(json!({ "op": "add", "x": 1, "y": 2 })).await, 3);
    assert_eq!(artefacts(&broker), compiled);
}

#[tokio::test]
async fn a_damaged_artefact_is_compiled_again_and_never_run() {
    let mut broker = Broker::with_demo().await;
    broker.terminate().await;
    for (name, _) in artefacts(&broker) {
        let path = broker.data().join("artefacts").join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    broker.restart().await;
    assert_eq!(broker.socket().await.value(json!({ "op": "add", "x": 1, "y": 2 })).await, 3);
}

#[tokio::test]
async fn final_jobs_keep_their_result_log_and_arguments() {
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let bytes = base64_simd::STANDARD.encode_to_string(vec![7; 100_000]);
    let big = socket.submit("demo/echo", json!({ "bytes": bytes }), json!({})).await;
    let said = socket.submit("demo/say", json!({ "line": "kept", "times": 3 }), json!({})).await;
    let failed = socket.submit("demo/fail", json!({ "message": "kept too" }), json!({})).await;
    for job in [&big, &said, &failed] {
        socket.ask(json!({ "op": "job.wait", "job": job })).await;
    }
    let before = [broker.job(&big).await, broker.job(&said).await, broker.job(&failed).await];
    broker.kill9().await;
    broker.restart().await;
    assert_eq!([broker.job(&big).await, broker.job(&said).await, broker.job(&failed).await], before);
    let result = broker.get(&format!("/v1/jobs/{big}/result")).await.expect_status(200).json();
    assert_eq!(result, bytes);
    let log = broker.get(&format!("/v1/jobs/{said}/logs")).await.expect_status(200).text();
    assert!(log.starts_with("kept\nkept\nkept\n"), "{log}");
}

#[tokio::test]
async fn waiting_jobs_run_after_a_restart_and_a_running_one_runs_again() {
    let mut broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let running = broker.submit("demo/sleep", json!({ "millis": 700 }), json!({})).await;
    let waiting = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    let scheduled = broker.submit("demo/add", json!([3, 4]), json!({ "delay": "500ms" })).await;
    eventually("the job to run", async || (broker.job(&running).await["state"] == "running").then_some(()))
        .await;
    broker.kill9().await;
    broker.restart().await;
    for job in [&running, &waiting, &scheduled] {
        broker.get(&format!("/v1/jobs/{job}/result?wait=30s")).await.expect_status(200);
    }
    let view = broker.job(&running).await;
    assert_eq!((&view["state"], &view["attempt"]), (&json!("succeeded"), &json!(2)));
    assert_eq!(view["attempts"][0]["error"]["code"], "worker_lost", "{view}");
}

#[tokio::test]
async fn a_job_that_was_cancelled_stays_cancelled() {
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job = socket.submit("demo/spin", json!({}), json!({ "run_timeout": "never" })).await;
    socket.value(json!({ "op": "job.cancel", "job": job })).await;
    broker.kill9().await;
    broker.restart().await;
    assert_eq!(broker.job(&job).await["state"], "cancelled");
}

#[tokio::test]
async fn sigterm_hands_running_jobs_back_and_exits_in_order() {
    let mut broker = Broker::with_demo_and(&["--workers", "1", "--drain", "1s"]).await;
    let running = broker.submit("demo/spin", json!({}), json!({ "run_timeout": "never" })).await;
    let waiting = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    eventually("the job to run", async || (broker.job(&running).await["state"] == "running").then_some(()))
        .await;
    let mut socket = broker.socket().await;
    assert_eq!(broker.terminate().await.code(), Some(0));
    assert_eq!(socket.closed().await, Some(4503));
    broker.restart().await;
    let mut socket = broker.socket().await;
    eventually("the job to run again", async || {
        (broker.job(&running).await["state"] == "running").then_some(())
    })
    .await;
    let view = broker.job(&running).await;
    assert!(view["attempts"].as_array().is_none_or(Vec::is_empty), "handing back counts no attempt: {view}");
    socket.value(json!({ "op": "job.cancel", "job": running })).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": waiting })).await, 3);
}

#[tokio::test]
async fn sigterm_lets_short_jobs_finish() {
    let mut broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let job = broker.submit("demo/sleep", json!({ "millis": 500 }), json!({})).await;
    eventually("the job to run", async || (broker.job(&job).await["state"] == "running").then_some(())).await;
    assert_eq!(broker.terminate().await.code(), Some(0));
    broker.restart().await;
    let view = broker.job(&job).await;
    assert_eq!((&view["state"], &view["attempt"]), (&json!("succeeded"), &json!(1)));
}

#[tokio::test]
async fn a_second_sigterm_cuts() {
    let mut broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let job = broker.submit("demo/spin", json!({}), json!({ "run_timeout": "never" })).await;
    eventually("the job to run", async || (broker.job(&job).await["state"] == "running").then_some(())).await;
    let mut socket = broker.socket().await;
    broker.signal(rustix::process::Signal::TERM);
    assert_eq!(socket.closed().await, Some(4503), "the shutdown has begun");
    broker.signal(rustix::process::Signal::TERM);
    broker.ended().await;
    broker.restart().await;
    assert!(!broker.job(&job).await["state"].is_null());
}

#[tokio::test]
async fn connections_lost_by_a_crash_are_shown_as_lost() {
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    socket.value(json!({ "op": "ping" })).await;
    let shown = broker.get("/v1/connections").await.expect_status(200).json();
    let open =
        shown["items"].as_array().unwrap().iter().find(|connection| connection["open"] == true).unwrap();
    // Once a job is accepted, everything written before it is on disk as well.
    socket.submit("demo/add", json!([1, 2]), json!({})).await;
    broker.kill9().await;
    broker.restart().await;
    let shown = broker.get("/v1/connections").await.expect_status(200).json();
    let lost = shown["items"].as_array().unwrap().iter().find(|connection| connection["id"] == open["id"]);
    let lost = lost.expect("the connection is remembered");
    assert_eq!(lost["open"], false);
    assert!(lost["reason"].as_str().unwrap().contains("restart"), "{lost}");
    assert_eq!(lost["peer"], open["peer"]);
}

#[tokio::test]
async fn two_brokers_cannot_share_a_directory() {
    let broker = Broker::start().await;
    let second = windlass_tests::broker::command()
        .args(["serve", "--bind", "127.0.0.1:0", "--data"])
        .arg(broker.data())
        .output()
        .await
        .unwrap();
    assert!(!second.status.success());
    let words = String::from_utf8_lossy(&second.stderr);
    assert!(words.contains(&broker.data().display().to_string()), "the message names the directory: {words}");
    assert_eq!(broker.get("/healthz").await.status, 200, "the first one goes on");
}
