//! Searching for jobs, acting on those that are found, and forgetting them.

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, eventually};

/// The ids on a page.
fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

/// What a query answers, which is the same at both doors.
async fn query(broker: &Broker, query: Value) -> Value {
    let page = broker.post("/v1/jobs/query", &query).await.expect_status(200).json();
    let mut frame = query;
    frame["op"] = json!("job.query");
    assert_eq!(broker.socket().await.value(frame).await, page, "both doors answer the same");
    page
}

/// The jobs a filter means, the newest first.
async fn found(broker: &Broker, filter: Value) -> Vec<String> {
    // Ids alone, because the jobs may change between the doors.
    ids(&query(broker, json!({ "filter": filter, "fields": ["id"] })).await)
}

/// Waits until the job is in the state.
async fn becomes(broker: &Broker, job: &str, state: &str) {
    eventually("a job to change", async || (broker.job(job).await["state"] == state).then_some(())).await;
}

/// Four jobs, the oldest first: two that wait, one that failed and one that succeeded.
struct World {
    broker: Broker,
    mail: String,
    print: String,
    failed: String,
    succeeded: String,
}

async fn world() -> World {
    let broker = Broker::with_demo().await;
    let tags = |who: &str| json!({ "who": who, "app.name": "post" });
    let opts = json!({ "queue": "mail", "delay": "1h", "priority": 5, "tags": tags("ada") });
    let mail = broker.submit("demo/add", json!([1, 2]), opts).await;
    let opts = json!({ "queue": "print", "delay": "1h", "priority": -5, "tags": tags("bob") });
    let print = broker.submit("demo/greet", json!({ "name": "Ada" }), opts).await;
    let failed = broker.submit("demo/fail", json!({ "message": "Disk on fire" }), json!({})).await;
    becomes(&broker, &failed, "failed").await;
    let succeeded = broker.submit("demo/add", json!([1, 2]), json!({ "tags": { "who": "ada" } })).await;
    becomes(&broker, &succeeded, "succeeded").await;
    World { broker, mail, print, failed, succeeded }
}

#[tokio::test]
async fn filters_find_jobs_by_any_field() {
    let World { broker, mail, print, failed, succeeded } = world().await;
    let all = [&succeeded, &failed, &print, &mail];
    for (filter, expected) in [
        (json!({}), &all[..]),
        (json!({ "state": "scheduled" }), &[&print, &mail]),
        (json!({ "state": { "$in": ["failed", "succeeded"] } }), &[&succeeded, &failed]),
        (json!({ "queue": "mail" }), &[&mail]),
        (json!({ "queue": { "$ne": "default" } }), &[&print, &mail]),
        (json!({ "handler": "demo/add", "tags.who": "ada" }), &[&succeeded, &mail]),
        (json!({ "tags.app\\.name": { "$exists": true } }), &[&print, &mail]),
        (json!({ "id": { "$in": [mail, failed] } }), &[&failed, &mail]),
        (json!({ "id": mail, "state": "failed" }), &[]),
        (json!({ "priority": { "$gt": 0 } }), &[&mail]),
        (json!({ "error.message": { "$regex": "disk", "$options": "i" } }), &[&failed]),
        (json!({ "attempts.error.code": "handler_error" }), &[&failed]),
        (json!({ "ended_at": null }), &[&print, &mail]),
        (json!({ "submitted_at": { "$gt": "2020-01-01T00:00:00Z", "$lt": "2020-01-02T00:00:00Z" } }), &[]),
        (json!({ "run_at": { "$gt": "2020-01-01T01:00:00+01:00" } }), &[&print, &mail]),
        (json!({ "$text": "FIRE disk" }), &[&failed]),
        (json!({ "$text": "bob" }), &[&print]),
        (json!({ "$or": [{ "queue": "mail" }, { "state": "failed" }] }), &[&failed, &mail]),
        (json!({ "$nor": [{ "state": "scheduled" }, { "tags.who": "ada" }] }), &[&failed]),
    ] {
        assert_eq!(found(&broker, filter.clone()).await.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
}

#[tokio::test]
async fn parameters_of_a_listing_are_a_filter_in_other_words() {
    let World { broker, mail, print, failed, succeeded } = world().await;
    for (parameters, expected) in [
        ("", &[&succeeded, &failed, &print, &mail][..]),
        ("state=failed,scheduled", &[&failed, &print, &mail]),
        ("queue=mail&state=scheduled", &[&mail]),
        ("handler=demo/add&tag=who:ada", &[&succeeded, &mail]),
        ("tag=app.name", &[&print, &mail]),
        ("text=fire", &[&failed]),
        ("since=1h", &[&succeeded, &failed, &print, &mail]),
        ("until=1h", &[]),
        ("since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z", &[]),
    ] {
        let page = broker.get(&format!("/v1/jobs?{parameters}")).await.expect_status(200).json();
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "{parameters}");
    }
    for (parameters, query) in [
        ("state=failed,lost", "state"),
        ("since=yesterday", "since"),
        ("cursor=x", "cursor"),
        ("limit=1001", "limit"),
        ("colour=red", "colour"),
        ("text=a+b+c+d+e+f+g+h+i", "text"),
    ] {
        let problem = broker.get(&format!("/v1/jobs?{parameters}")).await.expect_problem(400, "bad_request");
        assert_eq!(problem["info"]["query"], query, "{problem}");
    }
}

#[tokio::test]
async fn pages_follow_the_order_asked_for_and_show_the_fields_asked_for() {
    let broker = Broker::with_demo().await;
    let mut expected = Vec::new();
    for n in 0..7 {
        let opts = json!({ "delay": "1h", "priority": n % 3, "tags": { "n": n.to_string() } });
        expected.push((n % 3, n, broker.submit("demo/add", json!([n, 1]), opts).await));
    }
    // The highest priority first; among equals the newest.
    expected.sort_by_key(|(priority, n, _)| (-priority, -n));
    let (mut found, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut asked = json!({ "sort": ["-priority"], "fields": ["priority", "tags.n"], "limit": 3 });
        if cursor.is_string() {
            asked["cursor"] = cursor;
        }
        let page = query(&broker, asked).await;
        found.extend(page["items"].as_array().unwrap().clone());
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let shown = expected
        .iter()
        .map(|(priority, n, id)| json!({ "id": id, "priority": priority, "tags": { "n": n.to_string() } }));
    assert_eq!(found, shown.collect::<Vec<_>>());
    let oldest = query(&broker, json!({ "sort": ["submitted_at"], "limit": 1 })).await;
    assert_eq!(oldest["items"][0]["tags"]["n"], "0");
}

#[tokio::test]
async fn mistakes_in_a_query_are_pointed_to() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    for (asked, pointer) in [
        (json!({ "filter": { "staet": "failed" } }), "/filter/staet"),
        (json!({ "filter": { "state": { "$or": 1 } } }), "/filter/state/$or"),
        (json!({ "filter": { "args.x": 1 } }), "/filter/args.x"),
        (json!({ "filter": { "ended_at": { "$lt": "now" } } }), "/filter/ended_at/$lt"),
        (json!({ "filter": [] }), "/filter"),
        (json!({ "sort": ["colour"] }), "/sort/0"),
        (json!({ "fields": ["colour"] }), "/fields/0"),
        (json!({ "limit": 1001 }), "/limit"),
        (json!({ "colour": "red" }), "/colour"),
    ] {
        let problem = broker.post("/v1/jobs/query", &asked).await.expect_problem(400, "bad_request");
        assert_eq!(problem["info"]["pointer"], pointer, "{problem}");
        let mut frame = asked;
        frame["op"] = json!("job.query");
        let error = socket.refusal(frame, "bad_request").await;
        assert_eq!(error["detail"]["pointer"], pointer, "{error}");
    }
    let misspelt = broker.post("/v1/jobs/query", &json!({ "filter": { "staet": 1 } })).await.text();
    assert!(misspelt.contains("`state`"), "the nearest field is named: {misspelt}");
}

#[tokio::test]
async fn many_jobs_are_counted_and_cancelled_at_once() {
    let World { broker, mail, print, failed, .. } = world().await;
    let mut waiting = Vec::new();
    for _ in 0..300 {
        waiting
            .push(broker.submit("demo/add", json!([1, 2]), json!({ "queue": "bulk", "delay": "1h" })).await);
    }
    let asked =
        json!({ "filter": { "queue": { "$in": ["bulk", "mail"] } }, "action": "cancel", "dry_run": true });
    let counted = broker.post("/v1/bulk", &asked).await.expect_status(200).json();
    assert_eq!(counted, json!({ "matched": 301, "changed": 0, "failed": [], "cut": false }));
    assert_eq!(broker.job(&mail).await["state"], "scheduled", "counting changes nothing");

    let mut frame = asked;
    (frame["op"], frame["dry_run"]) = (json!("job.bulk"), json!(false));
    let mut socket = broker.socket().await;
    let done = socket.value(frame.clone()).await;
    assert_eq!(done, json!({ "matched": 301, "changed": 301, "failed": [], "cut": false }));
    for job in [&mail, &waiting[0], &waiting[299]] {
        assert_eq!(broker.job(job).await["state"], "cancelled");
    }
    assert_eq!(broker.job(&print).await["state"], "scheduled");
    assert_eq!(socket.value(frame).await["matched"], 0, "what is final cannot be cancelled");
    let everything = json!({ "filter": { "id": { "$in": [failed, print] } }, "action": "cancel" });
    assert_eq!(broker.post("/v1/bulk", &everything).await.expect_status(200).json()["changed"], 1);
    assert_eq!(broker.job(&failed).await["state"], "failed");
}

#[tokio::test]
async fn a_running_job_is_stopped_by_a_bulk_cancel() {
    let broker = Broker::with_demo().await;
    let job = broker.submit("demo/spin", json!({}), json!({ "run_timeout": "never" })).await;
    becomes(&broker, &job, "running").await;
    assert_eq!(found(&broker, json!({ "state": "running" })).await, [job.as_str()]);
    let asked = json!({ "filter": { "state": "running" }, "action": "cancel" });
    assert_eq!(broker.post("/v1/bulk", &asked).await.expect_status(200).json()["changed"], 1);
    assert_eq!(broker.job(&job).await["state"], "cancelled");
}

#[tokio::test]
async fn failed_jobs_are_retried_at_once_and_none_of_them_twice() {
    let broker = Broker::with_demo().await;
    let mut failed = Vec::new();
    for _ in 0..3 {
        failed.push(broker.submit("demo/fail", json!({ "message": "no" }), json!({ "queue": "mail" })).await);
    }
    for job in &failed {
        becomes(&broker, job, "failed").await;
    }
    let asked = json!({ "filter": { "id": { "$in": failed } }, "action": "retry" });
    let done = broker.post("/v1/bulk", &asked).await.expect_status(200).json();
    assert_eq!(done, json!({ "matched": 3, "changed": 3, "failed": [], "cut": false }));
    let again = found(&broker, json!({ "retry_of": { "$in": failed } })).await;
    assert_eq!(again.len(), 3);
    let done = broker.post("/v1/bulk", &asked).await.expect_status(200).json();
    assert_eq!(done["matched"], 0, "{done}");
}

#[tokio::test]
async fn held_jobs_are_released_at_once_and_final_ones_purged() {
    let broker = Broker::with_demo().await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(broker.submit("demo/add", json!([1, 2]), json!({ "hold": true })).await);
    }
    let behind = json!({ "hold": true, "after": [&held[0]] });
    let behind = broker.submit("demo/add", json!([1, 2]), behind).await;
    let later = broker.submit("demo/add", json!([1, 2]), json!({ "delay": "1h" })).await;
    let act = |action: &str| json!({ "filter": { "handler": "demo/add" }, "action": action });
    let done = broker.post("/v1/bulk", &act("release")).await.expect_status(200).json();
    assert_eq!(done, json!({ "matched": 3, "changed": 3, "failed": [], "cut": false }));
    for job in held.iter().chain([&behind]) {
        becomes(&broker, job, "succeeded").await;
    }
    let mut frame = act("purge");
    frame["op"] = json!("job.bulk");
    let done = broker.socket().await.value(frame).await;
    assert_eq!(done, json!({ "matched": 3, "changed": 3, "failed": [], "cut": false }));
    assert_eq!(found(&broker, json!({})).await, [later], "what is live stays");
}

#[tokio::test]
async fn jobs_are_found_by_what_they_come_after() {
    let broker = Broker::with_demo().await;
    let first = broker.submit("demo/add", json!([1, 2]), json!({ "hold": true })).await;
    let behind = broker.submit("demo/add", json!([1, 2]), json!({ "after": [&first] })).await;
    let last = broker.submit("demo/add", json!([1, 2]), json!({ "after": [&first, &behind] })).await;
    assert_eq!(found(&broker, json!({ "after.jobs": first })).await, [last.clone(), behind.clone()]);
    assert_eq!(found(&broker, json!({ "after.jobs": { "$in": [behind, "none"] } })).await, [last.as_str()]);
    assert_eq!(found(&broker, json!({ "after.jobs": { "$all": [first, behind] } })).await, [last.as_str()]);
    broker.request("POST", &format!("/v1/jobs/{first}/release")).send().await.expect_status(200);
    becomes(&broker, &last, "succeeded").await;
    assert_eq!(found(&broker, json!({ "after.jobs": first, "state": "succeeded" })).await, [last, behind]);
}

#[tokio::test]
async fn bulk_asks_for_a_filter_and_an_action() {
    let broker = Broker::start().await;
    for (asked, pointer) in [
        (json!({ "filter": {}, "action": "destroy" }), "/action"),
        (json!({ "filter": { "nothing": 1 }, "action": "cancel" }), "/filter/nothing"),
        (json!({ "filter": {}, "action": "cancel", "force": true }), "/force"),
    ] {
        let problem = broker.post("/v1/bulk", &asked).await.expect_problem(400, "bad_request");
        assert_eq!(problem["info"]["pointer"], pointer, "{problem}");
    }
    broker.post("/v1/bulk", &json!({ "action": "cancel" })).await.expect_problem(400, "bad_request");
}

#[tokio::test]
async fn jobs_of_other_channels_are_neither_found_nor_touched() {
    let broker = Broker::with_demo().await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({ "delay": "1h" })).await;
    let elsewhere = async |path: &str, body: &Value| {
        let call = broker.request("POST", path).header("windlass-channel", "other").json(body);
        call.send().await.expect_status(200).json()
    };
    for filter in
        [json!({}), json!({ "id": job }), json!({ "channel": "0" }), json!({ "state": "scheduled" })]
    {
        let page = elsewhere("/v1/jobs/query", &json!({ "filter": filter })).await;
        assert_eq!(page["items"], json!([]), "{filter}");
        let done = elsewhere("/v1/bulk", &json!({ "filter": filter, "action": "cancel" })).await;
        assert_eq!(done["matched"], 0, "{filter}");
    }
    assert_eq!(broker.job(&job).await["state"], "scheduled");
}

#[tokio::test]
async fn the_history_of_a_job_tells_its_attempts() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let retry = json!({ "max_attempts": 2, "initial": "1ms", "jitter": 0.0 });
    let job = broker.submit("demo/fail", json!({ "message": "no" }), json!({ "retry": retry })).await;
    becomes(&broker, &job, "failed").await;
    let history = socket.value(json!({ "op": "job.history", "job": job })).await;
    assert_eq!(history, broker.get(&format!("/v1/jobs/{job}/history")).await.expect_status(200).json());
    let events: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["event"], &event["attempt"]))
        .collect();
    let told = json!([["submitted", null], ["granted", 1], ["failed", 1], ["granted", 2], ["failed", 2]]);
    assert_eq!(json!(events), told);
    assert_eq!(history["items"][2]["error"]["code"], "handler_error");
    let cancelled = broker.submit("demo/add", json!([1, 2]), json!({ "delay": "1h" })).await;
    socket.value(json!({ "op": "job.cancel", "job": cancelled })).await;
    let history = socket.value(json!({ "op": "job.history", "job": cancelled })).await;
    assert_eq!(history["items"][1]["event"], "cancelled");
    assert_eq!(history["cut"], false);
}

#[tokio::test]
async fn a_purged_job_is_gone_and_a_live_one_is_not_purged() {
    let mut broker = Broker::with_demo().await;
    let live = broker.submit("demo/add", json!([1, 2]), json!({ "delay": "1h" })).await;
    let mut socket = broker.socket().await;
    let error = socket.refusal(json!({ "op": "job.purge", "job": live }), "bad_state").await;
    assert_eq!(error["detail"]["state"], "scheduled");
    let path = format!("/v1/jobs/{live}/purge");
    broker.request("POST", &path).send().await.expect_problem(409, "bad_state");

    let said = broker.submit("demo/say", json!({ "line": "hello", "times": 1 }), json!({})).await;
    becomes(&broker, &said, "succeeded").await;
    let purged = broker.request("POST", &format!("/v1/jobs/{said}/purge")).send().await.expect_status(200);
    assert_eq!(purged.json(), json!({ "job": said }));
    drop(socket);
    broker.kill9().await;
    broker.restart().await;
    broker.get(&format!("/v1/jobs/{said}")).await.expect_problem(410, "gone");
    broker.get(&format!("/v1/jobs/{said}/logs")).await.expect_problem(410, "gone");
    assert_eq!(found(&broker, json!({})).await, [live]);
    let mut socket = broker.socket().await;
    socket.refusal(json!({ "op": "job.purge", "job": said }), "gone").await;
}
