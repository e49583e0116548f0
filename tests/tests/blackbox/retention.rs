//! Final jobs that are forgotten: when, with what, and what is told of them afterwards.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};
use windlass_tests::{
    broker::{Broker, command},
    eventually,
    socket::Socket,
    within,
};

const ADD: &str = "demo/add";

fn numbers() -> Value {
    json!({ "x": 1, "y": 2 })
}

/// Arguments that are kept beside the record of their job.
fn large(text: &str) -> Value {
    json!({ "name": "Ada", "greeting": text.repeat(10_000) })
}

/// A job that has ended.
async fn ended(socket: &mut Socket, handler: &str, args: Value, opts: Value) -> String {
    let job = socket.submit(handler, args, opts).await;
    within("a job to end", socket.ask(json!({ "op": "job.wait", "job": job, "timeout": "never" }))).await;
    job
}

/// Waits until so many jobs were purged since the start.
async fn purged(broker: &Broker, count: u64) {
    eventually("jobs to be purged", async || {
        let stats = broker.get("/v1/stats").await.expect_status(200).json();
        (stats["totals"]["purged"].as_u64()? >= count).then_some(())
    })
    .await;
}

async fn purge(socket: &mut Socket, job: &str) {
    assert_eq!(socket.value(json!({ "op": "job.purge", "job": job })).await, json!({ "job": job }));
}

/// The names of all blobs.
fn blobs(broker: &Broker) -> BTreeSet<String> {
    let folders = fs::read_dir(broker.data().join("blobs")).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_job_whose_retention_is_over_is_gone_at_every_door_and_after_a_restart() {
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let kept = ended(&mut socket, ADD, numbers(), json!({})).await;
    let said = json!({ "line": "hello", "times": 1 });
    let job = ended(&mut socket, "demo/say", said, json!({ "retention": "0s", "tags": { "a": "b" } })).await;
    purged(&broker, 1).await;
    broker.kill9().await;
    broker.restart().await;

    let mut socket = broker.socket().await;
    for op in ["get", "result", "wait", "logs", "history", "cancel", "retry", "release", "purge"] {
        let refusal = socket.refusal(json!({ "op": format!("job.{op}"), "job": job }), "gone").await;
        assert_eq!(refusal["detail"]["state"], "succeeded", "{op}");
        assert!(refusal["detail"]["purged_at"].is_string(), "{op}: {refusal}");
    }
    let follow = json!({ "op": "sub.open", "topic": "job", "filter": { "job": job } });
    socket.refusal(follow, "gone").await;
    for path in ["", "/result?wait=1s", "/logs", "/history", "/events"] {
        broker.get(&format!("/v1/jobs/{job}{path}")).await.expect_problem(410, "gone");
    }
    for verb in ["cancel", "retry", "release", "purge"] {
        let path = format!("/v1/jobs/{job}/{verb}");
        broker.request("POST", &path).send().await.expect_problem(410, "gone");
    }
    let all = broker.get("/v1/jobs").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    let tagged = broker.get("/v1/jobs?tag=a:b").await.json();
    assert_eq!(tagged["items"], json!([]));
    assert_eq!(broker.job(&kept).await["state"], "succeeded");
    let other = broker.request("GET", &format!("/v1/jobs/{job}")).header("windlass-channel", "other");
    other.send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_job_is_kept_as_long_as_it_or_else_the_broker_says() {
    let broker = Broker::with_demo_and(&["--retention", "2h"]).await;
    let mut socket = broker.socket().await;
    let kept = async |opts: Value| {
        let job = ended(&mut broker.socket().await, ADD, numbers(), opts).await;
        let view = broker.job(&job).await;
        (view["retention_millis"].clone(), view["kept_until"].clone(), view["ended_at"].clone())
    };
    let (span, until, ended_at) = kept(json!({})).await;
    assert_eq!(span, 2 * 3_600_000);
    assert!(until.as_str() > ended_at.as_str(), "{until} {ended_at}");
    assert_eq!(kept(json!({ "retention": "90d" })).await.0, 90 * 24 * 3_600_000_u64);
    let (span, until, _) = kept(json!({ "retention": "never" })).await;
    assert_eq!((span, until), (Value::Null, Value::Null));
    let wrong =
        json!({ "op": "job.submit", "handler": ADD, "args": numbers(), "opts": { "retention": "soon" } });
    let refusal = socket.refusal(wrong, "bad_request").await;
    assert_eq!(refusal["detail"]["pointer"], "/opts/retention");
    let live = socket.submit(ADD, numbers(), json!({ "delay": "1h", "retention": "1s" })).await;
    assert_eq!(broker.job(&live).await["kept_until"], Value::Null, "its time begins when it ends");
}

#[tokio::test]
async fn of_too_many_final_jobs_those_that_ended_first_are_forgotten() {
    let broker = Broker::with_demo_and(&["--retention-jobs-max", "2"]).await;
    let mut socket = broker.socket().await;
    let kept = ended(&mut socket, ADD, numbers(), json!({ "retention": "never" })).await;
    let live = socket.submit(ADD, numbers(), json!({ "delay": "1h" })).await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(ended(&mut socket, ADD, numbers(), json!({})).await);
    }
    purged(&broker, 3).await;
    jobs.extend([kept, live]);
    let statuses = socket.value(json!({ "op": "job.status", "jobs": jobs })).await;
    let gone = |status: &Value| status["code"] == "gone";
    let statuses = statuses["items"].as_array().unwrap();
    assert_eq!(statuses.iter().map(gone).collect::<Vec<_>>(), [true, true, true, false, false, false, false]);
    for (metric, value) in
        [("windlass_jobs_purged_total", 3.0), ("windlass_jobs_retained", 2.0), ("windlass_tombstones", 3.0)]
    {
        assert!((broker.metric(metric).await - value).abs() < f64::EPSILON, "{metric}");
    }
    let stats = broker.get("/v1/stats").await.json();
    assert_eq!(stats["retention"], json!({ "jobs": 2, "tombstones": 3 }));
}

#[tokio::test]
async fn what_is_kept_is_counted_again_after_a_restart() {
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    for retention in ["1h", "2h", "never", "0s"] {
        ended(&mut socket, ADD, numbers(), json!({ "retention": retention })).await;
    }
    purged(&broker, 1).await;
    broker.kill9().await;
    broker.restart().await;
    eventually("both to be counted", async || {
        let stats = broker.get("/v1/stats").await.json();
        (stats["retention"] == json!({ "jobs": 2, "tombstones": 1 })).then_some(())
    })
    .await;
}

#[tokio::test]
async fn arguments_go_with_the_last_job_that_has_them() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let before = blobs(&broker);
    let first = ended(&mut socket, "demo/greet", large("a"), json!({})).await;
    let second = ended(&mut socket, "demo/greet", large("a"), json!({})).await;
    assert_eq!(blobs(&broker).len(), before.len() + 2, "arguments and results are the same");
    purge(&mut socket, &first).await;
    assert_eq!(broker.job(&second).await["args"], large("a"));
    let again = socket.ask(json!({ "op": "job.retry", "job": second })).await["job"].clone();
    socket.value(json!({ "op": "job.wait", "job": again })).await;
    purge(&mut socket, &second).await;
    assert_eq!(broker.job(again.as_str().unwrap()).await["args"], large("a"), "the retry has them too");
    purge(&mut socket, again.as_str().unwrap()).await;
    assert_eq!(blobs(&broker), before);
}

#[tokio::test]
async fn what_a_refused_submission_left_is_removed() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    socket.submit(ADD, numbers(), json!({ "delay": "1h", "idempotency_key": "once" })).await;
    let before = blobs(&broker);
    let opts = json!({ "idempotency_key": "once" });
    let other = json!({ "op": "job.submit", "handler": "demo/greet", "args": large("b"), "opts": opts });
    socket.refusal(other, "idempotency_mismatch").await;
    eventually("its arguments to be removed", async || (blobs(&broker) == before).then_some(())).await;
}

#[tokio::test]
async fn what_a_crash_left_without_a_job_is_removed_at_the_next_start_and_plugins_stay() {
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job = ended(&mut socket, "demo/greet", large("c"), json!({})).await;
    let before = blobs(&broker);
    broker.kill9().await;
    let orphan = "ab".repeat(32);
    let folder = broker.data().join("blobs/ab");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(&orphan), b"nobody's").unwrap();
    broker.restart().await;
    eventually("the orphan to be removed", async || (blobs(&broker) == before).then_some(())).await;
    assert_eq!(broker.job(&job).await["args"], large("c"));
    assert_eq!(broker.socket().await.value(json!({ "op": "add", "x": 1, "y": 2 })).await, 3);
}

#[tokio::test]
async fn a_retry_and_a_purge_at_once_lose_nothing_and_bring_nothing_back() {
    let broker = Broker::with_demo().await;
    let (mut socket, mut other) = (broker.socket().await, broker.socket().await);
    for round in 0..40 {
        let args = large(&format!("{round} "));
        let job = ended(&mut socket, "demo/greet", args.clone(), json!({})).await;
        let (again, purged) = tokio::join!(
            socket.ask(json!({ "op": "job.retry", "job": job })),
            other.ask(json!({ "op": "job.purge", "job": job })),
        );
        assert_eq!(purged["op"], "result", "{purged}");
        if let Some(again) = again["job"].as_str() {
            socket.value(json!({ "op": "job.wait", "job": again })).await;
            let view = broker.job(again).await;
            assert_eq!((&view["args"], &view["retry_of"]), (&args, &json!(job)));
        } else {
            assert_eq!(again["error"]["code"], "gone", "{again}");
        }
        socket.refusal(json!({ "op": "job.get", "job": job }), "gone").await;
    }
}

#[tokio::test]
async fn a_job_cannot_come_after_one_that_was_purged_and_one_that_came_after_it_stays() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let first = ended(&mut socket, ADD, numbers(), json!({})).await;
    let held = socket.submit(ADD, numbers(), json!({ "hold": true })).await;
    let then = socket.submit(ADD, numbers(), json!({ "after": [first, held] })).await;
    purge(&mut socket, &first).await;
    let submit =
        json!({ "op": "job.submit", "handler": ADD, "args": numbers(), "opts": { "after": [first] } });
    let refusal = socket.refusal(submit.clone(), "gone").await;
    assert_eq!(refusal["detail"]["pointer"], "/opts/after");
    assert_eq!(refusal["detail"]["state"], "succeeded");
    let many = json!({ "op": "job.submit_many", "jobs": [{ "handler": ADD, "args": numbers(), "opts": submit["opts"] }] });
    let refusal = socket.refusal(many, "gone").await;
    assert_eq!(refusal["detail"]["pointer"], "/jobs/0/opts/after");
    socket.value(json!({ "op": "job.release", "job": held })).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": then })).await, 3);
    assert_eq!(broker.job(&then).await["after"]["jobs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_job_that_comes_after_as_many_as_may_be_runs_and_is_purged() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let jobs = vec![json!({ "handler": ADD, "args": numbers() }); 256];
    let before = socket.value(json!({ "op": "job.submit_many", "jobs": jobs })).await["jobs"].clone();
    let tags: serde_json::Map<_, _> = (0..32).map(|tag| (tag.to_string(), json!("x"))).collect();
    let job = ended(&mut socket, ADD, numbers(), json!({ "after": before, "tags": tags })).await;
    assert_eq!(broker.job(&job).await["state"], "succeeded");
    purge(&mut socket, &job).await;
    socket.refusal(json!({ "op": "job.get", "job": job }), "gone").await;
}

#[tokio::test]
async fn a_cancelled_job_can_be_purged_while_its_guest_is_being_stopped() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job = socket.submit("demo/spin", json!({}), json!({})).await;
    eventually("the job to run", async || (broker.job(&job).await["state"] == "running").then_some(())).await;
    socket.refusal(json!({ "op": "job.purge", "job": job }), "bad_state").await;
    socket.value(json!({ "op": "job.cancel", "job": job })).await;
    purge(&mut socket, &job).await;
    let refusal = socket.refusal(json!({ "op": "job.get", "job": job }), "gone").await;
    assert_eq!(refusal["detail"]["state"], "cancelled");
}

#[tokio::test]
async fn the_same_key_answers_the_same_job_also_when_that_is_gone() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let opts = json!({ "idempotency_key": "once" });
    let job = ended(&mut socket, ADD, numbers(), opts.clone()).await;
    purge(&mut socket, &job).await;
    assert_eq!(socket.submit(ADD, numbers(), opts).await, job);
    socket.refusal(json!({ "op": "job.get", "job": job }), "gone").await;
}

#[tokio::test]
async fn the_states_of_many_jobs_are_told_in_one_answer() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let gone = ended(&mut socket, "demo/fail", json!({ "message": "no" }), json!({})).await;
    purge(&mut socket, &gone).await;
    let live = socket.submit(ADD, numbers(), json!({ "delay": "1h" })).await;
    let unknown = "0".repeat(32);
    let asked = json!({ "jobs": [unknown, live, gone, live] });
    let answer = broker.post("/v1/jobs/status", &asked).await.expect_status(200).json();
    let mut frame = asked;
    frame["op"] = json!("job.status");
    assert_eq!(socket.value(frame).await, answer, "both doors answer the same");
    let purged_at = &answer["items"][2]["purged_at"];
    assert!(purged_at.is_string());
    assert_eq!(
        answer["items"],
        json!([
            { "job": unknown, "code": "not_found" },
            { "job": live, "state": "scheduled" },
            { "job": gone, "state": "failed", "code": "gone", "purged_at": purged_at },
            { "job": live, "state": "scheduled" },
        ])
    );
    for (jobs, pointer) in
        [(json!([]), "/jobs"), (json!(vec![&unknown; 1001]), "/jobs"), (json!(["x"]), "/jobs/0")]
    {
        let refusal = socket.refusal(json!({ "op": "job.status", "jobs": jobs }), "bad_request").await;
        assert_eq!(refusal["detail"]["pointer"], pointer);
    }
    let all = broker.post("/v1/jobs/status", &json!({ "jobs": vec![&unknown; 1000] })).await;
    assert_eq!(all.expect_status(200).json()["items"].as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn the_command_line_asks_for_states_and_says_how_long_jobs_are_kept() {
    let broker = Broker::with_demo().await;
    let cli = async |line: &[&str]| {
        let output = command()
            .args(line)
            .env("WINDLASS_URL", broker.url())
            .env("WINDLASS_TOKEN", broker.token())
            .current_dir(broker.scratch())
            .output()
            .await
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (_, job) = cli(&["-o", "id", "submit", ADD, "x=1", "y=2", "--retention", "0s"]).await;
    let job = job.trim();
    purged(&broker, 1).await;
    let (status, line) = cli(&["-o", "ndjson", "job", "status", job]).await;
    assert_eq!(status, Some(0));
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["state"], &line["code"]), (&json!("succeeded"), &json!("gone")));
    assert_eq!(cli(&["job", "get", job]).await.0, Some(3), "not there any more");
    let (_, found) = cli(&["-o", "ndjson", "doctor"]).await;
    assert!(found.contains("0 final jobs, 1 tombstones; 1 jobs purged since the start"), "{found}");
}
