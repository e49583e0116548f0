//! Jobs: submitted, waited for, read, tried again; each over WebSocket and its HTTP twin.

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, eventually};

/// The job's record once it is final.
async fn ended(broker: &Broker, job: &str) -> Value {
    eventually("a job to become final", async || {
        let view = broker.job(job).await;
        let state = view["state"].as_str().unwrap_or_default();
        ["succeeded", "failed", "cancelled"].contains(&state).then_some(view)
    })
    .await
}

#[tokio::test]
async fn a_submitted_job_runs_and_its_result_can_be_read_again() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job =
        socket.submit("demo/add", json!({ "x": 10, "y": 20 }), json!({ "tags": { "who": "test" } })).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": job })).await, 30);
    assert_eq!(socket.value(json!({ "op": "job.result", "job": job })).await, 30);
    let view = socket.value(json!({ "op": "job.get", "job": job })).await;
    assert_eq!(view, broker.job(&job).await, "both doors show the same record");
    assert_eq!(view["state"], "succeeded");
    assert_eq!(view["handler"], "demo/add");
    assert_eq!(view["args"], json!({ "x": 10, "y": 20 }));
    assert_eq!(view["tags"], json!({ "who": "test" }));
    assert_eq!(view["attempt"], 1);
    assert!(
        view["attempts"][0]["usage"]["memory_bytes_peak"].as_u64().is_some_and(|bytes| bytes > 0),
        "{view}"
    );
}

#[tokio::test]
async fn http_submits_waits_and_answers_the_bare_result() {
    let broker = Broker::with_demo().await;
    let body = json!({ "handler": "add", "args": { "x": 10, "y": 20 } });
    let reply = broker.post("/v1/jobs", &body).await.expect_status(201);
    let job = reply.json()["job"].as_str().unwrap().to_owned();
    assert_eq!(reply.header("location"), format!("/v1/jobs/{job}"));
    let result = broker.get(&format!("/v1/jobs/{job}/result?wait=30s")).await.expect_status(200);
    assert_eq!(result.text(), "30");
    assert_eq!(broker.job(&job).await["handler"], "demo/add", "the short name was resolved at submission");
}

#[tokio::test]
async fn a_big_argument_and_a_big_result_come_through_whole() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let bytes = base64_simd::STANDARD
        .encode_to_string((0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect::<Vec<_>>());
    let job = socket.submit("demo/echo", json!({ "bytes": bytes }), json!({})).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": job })).await, bytes);
    assert_eq!(broker.job(&job).await["args"]["bytes"], bytes);
}

#[tokio::test]
async fn an_err_result_fails_the_job_with_the_handlers_own_words() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job = socket.submit("demo/fail", json!({ "message": "no such luck" }), json!({})).await;
    let error = socket.refusal(json!({ "op": "job.wait", "job": job }), "handler_error").await;
    assert!(error.to_string().contains("no such luck"), "{error}");
    let result = broker.get(&format!("/v1/jobs/{job}/result")).await.expect_problem(422, "handler_error");
    assert!(result.to_string().contains("no such luck"), "{result}");
    assert_eq!(broker.job(&job).await["state"], "failed");
}

#[tokio::test]
async fn a_failing_job_is_tried_again_with_growing_pauses_until_attempts_are_spent() {
    let broker = Broker::with_demo().await;
    let retry = json!({ "max_attempts": 3, "initial": "40ms", "factor": 3.0, "jitter": 0.0 });
    let job = broker.submit("demo/fail", json!({ "message": "again" }), json!({ "retry": retry })).await;
    let view = ended(&broker, &job).await;
    assert_eq!((&view["state"], &view["attempt"]), (&json!("failed"), &json!(3)));
    let attempts = view["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 3);
    let millis = |attempt: usize, key: &str| {
        let text = attempts[attempt][key].as_str().unwrap();
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    };
    for (attempt, pause) in [(1, 40), (2, 120)] {
        let waited = millis(attempt, "started_at") - millis(attempt - 1, "ended_at");
        assert!(waited >= pause, "attempt {} came after {waited} ms, {pause} were asked for", attempt + 1);
    }
}

#[tokio::test]
async fn waiting_for_the_next_attempt_is_the_state_scheduled() {
    let broker = Broker::with_demo().await;
    let retry = json!({ "max_attempts": 2, "initial": "1h" });
    let job = broker.submit("demo/fail", json!({ "message": "later" }), json!({ "retry": retry })).await;
    let view = eventually("the first attempt to fail", async || {
        let view = broker.job(&job).await;
        (view["state"] == "scheduled").then_some(view)
    })
    .await;
    assert_eq!(view["attempt"], 1);
    assert_eq!(view["attempts"][0]["error"]["code"], "handler_error");
    assert!(view["run_at"].is_string(), "{view}");
}

#[tokio::test]
async fn what_the_policy_does_not_name_is_not_tried_again() {
    let broker = Broker::with_demo().await;
    let retry = json!({ "max_attempts": 5, "initial": "1ms", "on": ["timeout"] });
    let job = broker.submit("demo/fail", json!({ "message": "once" }), json!({ "retry": retry })).await;
    assert_eq!(ended(&broker, &job).await["attempt"], 1);
}

#[tokio::test]
async fn a_delayed_job_is_scheduled_and_not_run() {
    let broker = Broker::with_demo().await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({ "delay": "1h" })).await;
    let now = broker.submit("demo/add", json!([1, 2]), json!({ "delay": "10ms" })).await;
    assert_eq!(ended(&broker, &now).await["state"], "succeeded");
    let view = broker.job(&job).await;
    assert_eq!((&view["state"], &view["attempt"]), (&json!("scheduled"), &json!(0)));
}

#[tokio::test]
async fn higher_priority_goes_first_and_equals_keep_their_order() {
    let broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let mut socket = broker.socket().await;
    socket.value(json!({ "op": "sub.open", "topic": "job", "filter": { "handler": "demo/add" } })).await;
    broker.submit("demo/spin", json!({}), json!({ "run_timeout": "1s" })).await;
    let mut jobs = Vec::new();
    for priority in [0, -5, 100, 0, 7] {
        jobs.push(broker.submit("demo/add", json!([1, 2]), json!({ "priority": priority })).await);
    }
    let mut order = Vec::new();
    while order.len() < jobs.len() {
        let event = socket.receive().await;
        if event["data"]["state"] == "running" {
            order.extend(jobs.iter().position(|job| event["data"]["id"] == **job));
        }
    }
    assert_eq!(order, [2, 4, 0, 3, 1]);
}

#[tokio::test]
async fn patience_ends_the_wait_and_never_the_job() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job = socket.submit("demo/sleep", json!({ "millis": 1500 }), json!({})).await;
    let error = socket.refusal(json!({ "op": "job.wait", "job": job, "timeout": "50ms" }), "timed_out").await;
    let state = error["detail"]["state"].as_str().unwrap();
    assert!(["ready", "running"].contains(&state), "{error}");
    let reply = broker.get(&format!("/v1/jobs/{job}/result?wait=0s")).await.expect_status(202);
    assert!(!reply.header("retry-after").is_empty(), "{:?}", reply.headers);
    socket.value(json!({ "op": "job.wait", "job": job })).await;
    assert_eq!(broker.job(&job).await["state"], "succeeded");
}

#[tokio::test]
async fn a_log_is_kept_and_cut_at_its_limit() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let brief = socket.submit("demo/say", json!({ "line": "hello", "times": 2 }), json!({})).await;
    socket.ask(json!({ "op": "job.wait", "job": brief })).await;
    let log = socket.value(json!({ "op": "job.logs", "job": brief })).await.to_string();
    assert!(log.contains("hello\\nhello\\n"), "{log}");
    let reply = broker.get(&format!("/v1/jobs/{brief}/logs")).await.expect_status(200);
    assert!(reply.header("content-type").starts_with("text/plain"));
    assert!(reply.text().starts_with("hello\nhello\n"), "{}", reply.text());

    let line = "0123456789abcdef".repeat(64);
    let wordy = socket.submit("demo/say", json!({ "line": line, "times": 200 }), json!({})).await;
    socket.ask(json!({ "op": "job.wait", "job": wordy })).await;
    assert_eq!(broker.job(&wordy).await["state"], "succeeded", "a full log is no error to the guest");
    let log = broker.get(&format!("/v1/jobs/{wordy}/logs")).await.expect_status(200).text();
    assert!(log.len() < (64 << 10) + 256, "{} bytes were kept", log.len());
    assert!(log.contains("truncated"), "the end says so: {:?}", &log[log.len().saturating_sub(200)..]);
}

#[tokio::test]
async fn the_log_of_a_job_that_is_not_final_can_be_read() {
    let broker = Broker::with_demo().await;
    let retry = json!({ "max_attempts": 2, "initial": "1h" });
    let job =
        broker.submit("demo/panic", json!({ "message": "last words" }), json!({ "retry": retry })).await;
    eventually("the log of a job that is not final", async || {
        let text = broker.get(&format!("/v1/jobs/{job}/logs")).await.expect_status(200).text();
        text.contains("last words").then_some(())
    })
    .await;
    assert_eq!(broker.job(&job).await["state"], "scheduled");
}

#[tokio::test]
async fn listings_are_newest_first_in_pages_and_filtered() {
    let broker = Broker::with_demo().await;
    let mut jobs = Vec::new();
    for n in 0..7 {
        let queue = if n % 2 == 0 { "even" } else { "odd" };
        jobs.push(broker.submit("demo/add", json!([n, 1]), json!({ "queue": queue, "delay": "1h" })).await);
    }
    jobs.reverse();
    assert_eq!(listed(&broker, "limit=3").await, jobs);
    let even: Vec<_> = jobs.iter().step_by(2).cloned().collect();
    assert_eq!(listed(&broker, "limit=2&queue=even").await, even);
    assert_eq!(listed(&broker, "limit=2&state=succeeded").await, Vec::<String>::new());
    assert_eq!(listed(&broker, "limit=100&state=scheduled&handler=demo/add").await, jobs);
}

/// The ids of all jobs a query finds, page by page.
async fn listed(broker: &Broker, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = broker.get(&format!("/v1/jobs?{query}{cursor}")).await.expect_status(200).json();
        let items = page["items"].as_array().unwrap();
        assert!(items.iter().all(|view| view["args"].is_null()), "arguments are left out of lists: {page}");
        ids.extend(items.iter().map(|view| view["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn a_retried_job_is_a_new_one_and_the_old_one_keeps_its_result() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let opts = json!({ "queue": "mail", "tags": { "who": "test" } });
    let old = socket.submit("demo/add", json!({ "x": 1, "y": 2 }), opts).await;
    ended(&broker, &old).await;
    let before = broker.job(&old).await;
    let accepted = socket.ask(json!({ "op": "job.retry", "job": old })).await;
    assert_eq!(accepted["op"], "accepted", "{accepted}");
    let first = accepted["job"].as_str().unwrap().to_owned();
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": first })).await, 3);
    let view = broker.job(&first).await;
    for kept in ["handler", "queue", "tags", "args", "retry", "run_timeout_millis"] {
        assert_eq!(view[kept], before[kept], "{kept}");
    }
    assert_eq!(view["retry_of"], json!(old));
    let retry = broker.request("POST", &format!("/v1/jobs/{old}/retry")).send().await.expect_status(201);
    let second = retry.json()["job"].as_str().unwrap().to_owned();
    assert_eq!(retry.header("location"), format!("/v1/jobs/{second}"));
    let mut after = broker.job(&old).await;
    assert_eq!(after["retried_as"], json!(second), "the newest is named");
    after.as_object_mut().unwrap().remove("retried_as");
    assert_eq!(after, before, "nothing else has changed");
}

#[tokio::test]
async fn only_a_job_that_has_ended_can_be_retried() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let job = socket.submit("demo/add", json!({ "x": 1, "y": 2 }), json!({ "delay": "1h" })).await;
    let error = socket.refusal(json!({ "op": "job.retry", "job": job }), "bad_state").await;
    assert_eq!(error["detail"]["state"], "scheduled");
    broker.request("POST", &format!("/v1/jobs/{job}/retry")).send().await.expect_problem(409, "bad_state");
    broker.request("POST", &format!("/v1/jobs/{job}/cancel")).send().await.expect_status(200);
    broker
        .request("POST", &format!("/v1/jobs/{job}/retry?version=ffff"))
        .send()
        .await
        .expect_problem(404, "not_found");
    let nobody = "0".repeat(32);
    socket.refusal(json!({ "op": "job.retry", "job": nobody }), "not_found").await;
}
