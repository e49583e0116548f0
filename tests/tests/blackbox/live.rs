//! What the broker tells of itself as a whole: figures, changed jobs, lists.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, eventually, socket::Socket};

/// Subscribes, and answers the subscription.
async fn follow(socket: &mut Socket, topic: &str) -> Value {
    socket.value(json!({ "op": "sub.open", "topic": topic })).await["sub"].clone()
}

/// Follows `topic` until an event satisfies `is_wanted`, and answers what it tells.
async fn told(socket: &mut Socket, topic: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let mut seq = None;
    loop {
        let event = socket.receive().await;
        assert_eq!((&event["op"], &event["topic"]), (&json!("event"), &json!(topic)), "{event}");
        let next = event["seq"].as_u64();
        assert!(next > seq, "numbers of events grow: {event}");
        seq = next;
        if is_wanted(&event["data"]) {
            return event["data"].clone();
        }
    }
}

fn tells_of(data: &Value, id: &str, state: &str) -> bool {
    data["items"].as_array().unwrap().iter().any(|job| job["id"] == id && job["state"] == state)
}

#[tokio::test]
async fn changed_jobs_are_told_as_they_are_now() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    follow(&mut socket, "jobs").await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({ "tags": { "for": "Ada" } })).await;
    let data = told(&mut socket, "jobs", |data| tells_of(data, &job, "succeeded")).await;
    let view = data["items"].as_array().unwrap().iter().find(|view| view["id"] == *job).unwrap();
    assert_eq!((&view["tags"]["for"], &view["args"]), (&json!("Ada"), &Value::Null), "{view}");
    assert_eq!(data["more"], 0);
}

#[tokio::test]
async fn a_window_tells_each_job_once_and_only_what_was_asked_for() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let open = json!({ "op": "sub.open", "topic": "jobs", "filter": { "queue": "mail" }, "every": "500ms" });
    socket.value(open).await;
    let mut last = String::new();
    for queue in ["mail", "other", "mail", "other", "mail"] {
        last = broker.submit("demo/add", json!([1, 2]), json!({ "queue": queue })).await;
    }
    told(&mut socket, "jobs", |data| {
        let jobs = data["items"].as_array().unwrap();
        let ids: BTreeSet<_> = jobs.iter().map(|job| job["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), jobs.len(), "each job is told once: {data}");
        assert!(jobs.iter().all(|job| job["queue"] == "mail"), "{data}");
        tells_of(data, &last, "succeeded")
    })
    .await;
}

#[tokio::test]
async fn figures_count_what_happened_and_why_it_failed() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    follow(&mut socket, "stats").await;
    let first = told(&mut socket, "stats", |_| true).await;
    assert_eq!(first["totals"]["submitted"], 0, "{first}");
    assert_eq!(first["history"]["step_seconds"], 1, "{first}");
    assert!(first["oldest_ready_at"].is_null(), "{first}");

    let added = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    let failed = broker.submit("demo/divide", json!([1, 0]), json!({})).await;
    broker.post("/v1/call/demo/add", &json!([1, 2])).await.expect_status(200);
    for job in [&added, &failed] {
        broker.get(&format!("/v1/jobs/{job}/result?wait=30s")).await;
    }
    let later =
        told(&mut socket, "stats", |data| data["totals"]["failed"] == 1 && data["totals"]["calls"] == 1)
            .await;
    assert_eq!(later["totals"]["submitted"], 2, "{later}");
    assert_eq!(later["totals"]["succeeded"], 1, "{later}");
    assert!(later["history"].is_null(), "only the first event has the last hour");
    let failure = &later["failures"][0];
    assert_eq!((&failure["handler"], &failure["code"]), (&json!("demo/divide"), &json!("handler_error")));
    assert_eq!((&failure["count"], &failure["job"]), (&json!(1), &json!(failed)));

    let history = eventually("the second to end", async || {
        let stats = broker.get("/v1/stats").await.expect_status(200).json();
        let sum: u64 = stats["history"]["submitted"].as_array()?.iter().filter_map(Value::as_u64).sum();
        (sum == 2).then(|| stats["history"].clone())
    })
    .await;
    let lengths = ["submitted", "calls"].map(|name| history[name].as_array().unwrap().len());
    assert_eq!(lengths[0], lengths[1], "every series has a number for each second");
    assert!(later["sync"]["count"].is_u64() && later["slots"]["total"].is_u64(), "{later}");
}

#[tokio::test]
async fn live_jobs_are_counted_by_state() {
    let broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let running = broker.submit("demo/sleep", json!({ "millis": 60_000 }), json!({})).await;
    broker.submit("demo/add", json!([1, 2]), json!({})).await;
    broker.submit("demo/add", json!([1, 2]), json!({ "delay": "1h" })).await;
    let stats = eventually("the first to run", async || {
        let stats = broker.get("/v1/stats").await.json();
        (stats["states"]["running"] == 1).then_some(stats)
    })
    .await;
    assert_eq!(stats["states"], json!({ "scheduled": 1, "blocked": 0, "ready": 1, "running": 1 }));
    assert!(stats["oldest_ready_at"].is_string(), "{stats}");
    assert_eq!(stats["slots"], json!({ "used": 1, "total": 1 }));
    broker.request("POST", &format!("/v1/jobs/{running}/cancel")).send().await.expect_status(200);
}

#[tokio::test]
async fn workers_show_what_they_run_to_whoever_may_see_it() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    follow(&mut socket, "workers").await;
    let job = broker.submit("demo/sleep", json!({ "millis": 60_000 }), json!({})).await;
    let data = told(&mut socket, "workers", |data| data["items"][0]["running"][0]["job"] == *job).await;
    let [worker] = data["items"].as_array().unwrap().as_slice() else { panic!("one worker: {data}") };
    assert_eq!((&worker["id"], &worker["kind"]), (&json!("local"), &json!("local")));
    assert_eq!(worker["running"][0]["handler"], "demo/sleep");
    let listed = broker.get("/v1/workers").await.expect_status(200).json();
    assert_eq!(listed["items"][0]["running"], worker["running"]);

    let elsewhere = broker.request("GET", "/v1/workers").header("windlass-channel", "ci").send().await.json();
    assert_eq!(elsewhere["items"][0]["running"], json!([]), "jobs of other channels are not shown");
    assert_eq!(elsewhere["items"][0]["used"], 1, "but that a slot is taken is");
    broker.request("POST", &format!("/v1/jobs/{job}/cancel")).send().await.expect_status(200);
    told(&mut socket, "workers", |data| data["items"][0]["used"] == 0).await;
    assert_eq!(
        broker.job(&job).await["attempts"][0]["worker"],
        json!("local"),
        "attempts name the worker so"
    );
}

#[tokio::test]
async fn plugins_are_told_again_only_when_they_changed() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    follow(&mut socket, "plugins").await;
    assert_eq!(told(&mut socket, "plugins", |_| true).await, json!({ "items": [] }));
    let upload = broker.upload("demo").await;
    let data = told(&mut socket, "plugins", |_| true).await;
    assert_eq!(data, json!({ "items": [upload["plugin"]] }), "the next event is the next change");
}

#[tokio::test]
async fn connections_are_told_when_one_comes() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    follow(&mut socket, "connections").await;
    let first = told(&mut socket, "connections", |_| true).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 1, "{first}");
    let mut other = broker.socket().await;
    other.value(json!({ "op": "session.hello", "name": "visitor" })).await;
    told(&mut socket, "connections", |data| {
        data["items"].as_array().unwrap().iter().any(|connection| connection["name"] == "visitor")
    })
    .await;
    let listed = other.value(json!({ "op": "connection.list" })).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
}

#[tokio::test]
async fn everything_is_told_as_server_sent_events_too() {
    let broker = Broker::with_demo().await;
    let mut jobs = broker.request("GET", "/v1/events?topic=jobs&queue=mail&every=100ms").events().await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({ "queue": "mail" })).await;
    let event = jobs.next().await.unwrap();
    assert_eq!(event.name, "jobs");
    assert!(event.id.parse::<u64>().is_ok(), "{event:?}");
    let data: Value = serde_json::from_str(&event.data).unwrap();
    assert_eq!(data["items"][0]["id"], *job);

    let mut stats = broker.request("GET", "/v1/events?topic=stats").events().await;
    let (first, second) = (stats.next().await.unwrap(), stats.next().await.unwrap());
    assert_eq!((first.name.as_str(), first.id.as_str()), ("stats", ""));
    assert_eq!((second.name.as_str(), second.id.as_str()), ("stats", "1"));
}

#[tokio::test]
async fn what_a_topic_does_not_take_is_refused_with_its_place() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    for (frame, pointer) in [
        (json!({ "op": "sub.open", "topic": "stats", "filter": {} }), "/filter"),
        (json!({ "op": "sub.open", "topic": "jobs", "every": "1ms" }), "/every"),
        (json!({ "op": "sub.open", "topic": "job", "every": "1s" }), "/every"),
        (json!({ "op": "sub.open", "topic": "jobs", "filter": { "state": "asleep" } }), "/filter/state"),
        (json!({ "op": "sub.open", "topic": "weather" }), "/topic"),
    ] {
        let error = socket.refusal(frame.clone(), "bad_request").await;
        assert_eq!(error["detail"]["pointer"], pointer, "{frame}: {error}");
    }
    for (query, key) in
        [("", "topic"), ("?topic=jobs&every=1h", "every"), ("?topic=stats&colour=red", "colour")]
    {
        let reply = broker.get(&format!("/v1/events{query}")).await.expect_problem(400, "bad_request");
        assert_eq!(reply["info"]["query"], key, "{query}: {reply}");
    }
}

#[tokio::test]
async fn jobs_of_another_channel_are_not_told() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    socket.value(json!({ "op": "session.hello", "channel": "ci" })).await;
    follow(&mut socket, "jobs").await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    broker.get(&format!("/v1/jobs/{job}/result?wait=30s")).await.expect_status(200);
    let ours = socket.submit("demo/add", json!([1, 2]), json!({})).await;
    let data = told(&mut socket, "jobs", |_| true).await;
    let ids: Vec<_> = data["items"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect();
    assert_eq!(ids, [json!(ours)]);
}
