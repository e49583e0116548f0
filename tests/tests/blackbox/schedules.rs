//! Schedules: jobs that are submitted again and again, over every door, and through crashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, eventually};

/// A schedule that comes at every second.
fn every_second() -> Value {
    json!({ "cron": "* * * * * *", "handler": "demo/add", "args": { "x": 1, "y": 2 } })
}

/// A schedule that does not come while a test runs.
fn yearly() -> Value {
    json!({ "cron": "@yearly", "handler": "demo/add", "args": { "x": 1, "y": 2 } })
}

fn with(mut schedule: Value, more: &Value) -> Value {
    schedule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    schedule
}

async fn submitted(broker: &Broker) -> f64 {
    broker.metric("windlass_ticks_submitted_total").await
}

async fn put(broker: &Broker, name: &str, schedule: &Value) -> Value {
    let reply = broker.request("PUT", &format!("/v1/schedules/{name}")).json(schedule).send().await;
    assert!([200, 201].contains(&reply.status), "{}", reply.text());
    reply.json()
}

async fn shown(broker: &Broker, name: &str) -> Value {
    broker.get(&format!("/v1/schedules/{name}")).await.expect_status(200).json()
}

/// What came of the last ticks, once there are so many.
async fn ticks(broker: &Broker, name: &str, count: usize) -> Vec<Value> {
    eventually("ticks of the schedule", async || {
        let recent = shown(broker, name).await["recent"].as_array().unwrap().clone();
        (recent.len() >= count).then_some(recent)
    })
    .await
}

/// All jobs of a schedule.
async fn jobs(broker: &Broker, name: &str) -> Vec<Value> {
    let page = broker.get(&format!("/v1/jobs?schedule={name}&limit=1000")).await.expect_status(200).json();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_schedule_submits_a_job_at_each_tick() {
    let broker = Broker::with_demo().await;
    put(
        &broker,
        "steady",
        &with(every_second(), &json!({ "opts": { "queue": "beats", "tags": { "a": "b" } } })),
    )
    .await;
    let recent = ticks(&broker, "steady", 2).await;
    for tick in &recent {
        assert!(tick["at"].as_str() >= tick["scheduled_for"].as_str(), "never early: {tick}");
        let job = broker.job(tick["job"].as_str().unwrap()).await;
        assert_eq!((&job["schedule"], &job["queue"]), (&json!("steady"), &json!("beats")));
        assert_eq!(job["scheduled_for"], tick["scheduled_for"]);
        let result = broker.get(&format!("/v1/jobs/{}/result?wait=30s", job["id"].as_str().unwrap())).await;
        assert_eq!(result.json(), 3);
    }
    assert_ne!(recent[0]["scheduled_for"], recent[1]["scheduled_for"]);
    assert!(submitted(&broker).await >= 2.0);
}

#[tokio::test]
async fn a_schedule_is_told_in_words_and_with_its_next_times() {
    let broker = Broker::with_demo().await;
    let schedule = json!({
        "cron": "30 2 * * MON-FRI", "timezone": "europe/berlin", "handler": "add", "args": [1, 2],
        "opts": { "priority": 5 }, "overlap": "skip", "catch_up": "skip", "jitter": "5m", "paused": false,
    });
    let created = broker.request("PUT", "/v1/schedules/nightly").json(&schedule).send().await;
    let view = created.expect_status(201).json();
    assert_eq!(view["description"], "At 02:30, on Monday, Tuesday, Wednesday, Thursday, and Friday.");
    assert_eq!((&view["timezone"], &view["handler"]), (&json!("Europe/Berlin"), &json!("demo/add")));
    assert_eq!((&view["args"], &view["opts"]), (&json!([1, 2]), &json!({ "priority": 5 })));
    assert_eq!(
        (&view["overlap"], &view["catch_up"], &view["jitter"]),
        (&json!("skip"), &json!("skip"), &json!("5m"))
    );
    let next = view["next"].as_array().unwrap();
    assert_eq!(next.len(), 5);
    assert!(next.iter().all(|at| at.as_str().unwrap().ends_with("30:00.000Z")), "{next:?}");
    let changed = broker.request("PUT", "/v1/schedules/nightly").json(&schedule).send().await;
    assert_eq!(changed.expect_status(200).json()["created_at"], view["created_at"]);
    let paused = broker.request("POST", "/v1/schedules/nightly/pause").send().await.expect_status(200).json();
    assert_eq!((&paused["paused"], &paused["next"]), (&json!(true), &json!([])));
    let resumed =
        broker.request("POST", "/v1/schedules/nightly/resume").send().await.expect_status(200).json();
    assert_eq!(resumed["next"], view["next"]);
}

#[tokio::test]
async fn every_op_works_over_a_websocket() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    for name in ["a", "b", "c"] {
        let put = with(yearly(), &json!({ "op": "schedule.put", "name": name }));
        assert_eq!(socket.value(put).await["name"], name);
    }
    let page = socket.value(json!({ "op": "schedule.list", "limit": 2 })).await;
    let names = |page: &Value| {
        page["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["a", "b"]);
    assert!(page["items"][0].get("args").is_none(), "lists are short");
    let rest = socket.value(json!({ "op": "schedule.list", "limit": 2, "cursor": page["next"] })).await;
    assert_eq!((names(&rest), rest.get("next")), (vec![json!("c")], None));
    let of = |op: &str| json!({ "op": op, "name": "a" });
    assert_eq!(socket.value(of("schedule.pause")).await["paused"], true);
    assert_eq!(socket.value(of("schedule.resume")).await["paused"], false);
    let job = socket.ask(of("schedule.trigger")).await;
    assert_eq!(job["op"], "accepted");
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": job["job"] })).await, 3);
    let seen = socket.value(of("schedule.get")).await;
    assert_eq!((&seen["last"]["job"], seen["last"].get("scheduled_for")), (&job["job"], None));
    assert_eq!(socket.value(of("schedule.delete")).await, json!({ "name": "a" }));
    for op in ["schedule.get", "schedule.delete", "schedule.pause", "schedule.resume", "schedule.trigger"] {
        socket.refusal(of(op), "not_found").await;
    }
    let left = broker.job(job["job"].as_str().unwrap()).await;
    assert_eq!(left["schedule"], "a", "its jobs stay");
}

#[tokio::test]
async fn mistakes_are_pointed_to() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    for (more, code, pointer) in [
        (json!({ "cron": "now and then" }), "bad_request", "/cron"),
        (json!({ "cron": "0 0 30 2 *" }), "bad_request", "/cron"),
        (json!({ "cron": "* ".repeat(200) }), "bad_request", "/cron"),
        (json!({ "timezone": "Mars/Olympus" }), "bad_request", "/timezone"),
        (json!({ "overlap": "queue" }), "bad_request", "/overlap"),
        (json!({ "catch_up": "all" }), "bad_request", "/catch_up"),
        (json!({ "jitter": "2h" }), "bad_request", "/jitter"),
        (json!({ "colour": "red" }), "bad_request", "/colour"),
        (json!({ "opts": { "queue": "" } }), "bad_request", "/opts/queue"),
        (json!({ "opts": { "delay": "1s" } }), "bad_request", "/opts/delay"),
        (json!({ "opts": { "run_at": "2030-01-01T00:00:00Z" } }), "bad_request", "/opts/run_at"),
        (json!({ "opts": { "hold": true } }), "bad_request", "/opts/hold"),
        (json!({ "opts": { "after": ["00000000000000000000000000000007"] } }), "bad_request", "/opts/after"),
        (json!({ "opts": { "idempotency_key": "k" } }), "bad_request", "/opts/idempotency_key"),
        (json!({ "opts": { "parent": "00000000000000000000000000000007" } }), "bad_request", "/opts/parent"),
        (json!({ "args": { "x": "one", "y": 2 } }), "bad_arguments", "/args/x"),
    ] {
        let schedule = with(yearly(), &more);
        let put = with(schedule.clone(), &json!({ "op": "schedule.put", "name": "wrong" }));
        assert_eq!(socket.refusal(put, code).await["detail"]["pointer"], pointer, "{more}");
        let reply = broker.request("PUT", "/v1/schedules/wrong").json(&schedule).send().await;
        assert_eq!(reply.expect_problem(400, code)["info"]["pointer"], pointer, "{more}");
    }
    let unknown = with(yearly(), &json!({ "op": "schedule.put", "name": "wrong", "handler": "nobody/home" }));
    socket.refusal(unknown, "unknown_handler").await;
    socket.refusal(with(yearly(), &json!({ "op": "schedule.put", "name": "a b" })), "bad_request").await;
    let page = socket.refusal(json!({ "op": "schedule.list", "limit": 0 }), "bad_request").await;
    assert_eq!(page["detail"]["pointer"], "/limit");
    let page = broker.get("/v1/schedules?cursor=a%20b").await.expect_problem(400, "bad_request");
    assert_eq!(page["info"]["query"], "cursor");
    broker.get("/v1/schedules/wrong").await.expect_problem(404, "not_found");
    assert_eq!(broker.get("/v1/schedules").await.json(), json!({ "items": [] }));
}

#[tokio::test]
async fn schedules_belong_to_a_channel() {
    let broker = Broker::with_demo().await;
    put(&broker, "mine", &yearly()).await;
    let other = broker.request("GET", "/v1/schedules/mine").header("windlass-channel", "other").send().await;
    other.expect_problem(404, "not_found");
    let trigger = broker.request("POST", "/v1/schedules/mine/trigger").header("windlass-channel", "other");
    trigger.send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_tick_is_skipped_while_a_job_before_is_live_or_cancels_it() {
    let broker = Broker::with_demo_and(&["--workers", "2"]).await;
    let sleeps = with(every_second(), &json!({ "handler": "demo/sleep", "args": { "millis": 60_000 } }));
    put(&broker, "patient", &with(sleeps.clone(), &json!({ "overlap": "skip" }))).await;
    let recent = ticks(&broker, "patient", 2).await;
    let skipped: Vec<_> = recent.iter().map(|tick| tick["skipped"].as_str()).collect();
    assert_eq!((skipped.last(), skipped[0]), (Some(&None), Some("overlap")));
    assert!(broker.metric("windlass_ticks_overlapped_total").await >= 1.0);
    assert_eq!(jobs(&broker, "patient").await.len(), 1);

    put(&broker, "eager", &with(sleeps, &json!({ "overlap": "cancel" }))).await;
    let recent = ticks(&broker, "eager", 2).await;
    let [newest, older] = &recent[..2] else { panic!("{recent:?}") };
    assert_eq!(broker.job(older["job"].as_str().unwrap()).await["state"], "cancelled");
    assert!(newest["job"].is_string());
}

#[tokio::test]
async fn a_tick_whose_arguments_do_not_fit_any_more_is_remembered() {
    let broker = Broker::with_demo().await;
    broker.upload_bytes("words", shouting("text")).await.expect_status(201);
    let loud = json!({ "handler": "words/shout", "args": { "text": "a" } });
    put(&broker, "loud", &with(every_second(), &loud)).await;
    ticks(&broker, "loud", 1).await;
    broker.upload_bytes("words", shouting("line")).await.expect_status(201);
    let refused = eventually("a tick to be refused", async || {
        let recent = shown(&broker, "loud").await["recent"].as_array().unwrap().clone();
        recent.into_iter().find(|tick| tick["skipped"] == "refused")
    })
    .await;
    assert_eq!(refused["error"]["code"], "bad_arguments");
    assert!(broker.metric("windlass_ticks_refused_total").await >= 1.0);
}

/// A component whose one handler `shout` takes a text of this name.
fn shouting(parameter: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
                (func (export "shout") (param i32 i32)))
            (core instance $i (instantiate $m))
            (func (export "shout") (param "{parameter}" string)
                (canon lift (core func $i "shout")
                    (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn no_tick_is_doubled_by_crashes_and_what_was_missed_is_one_job_or_none() {
    let mut broker = Broker::with_demo().await;
    put(&broker, "once", &every_second()).await;
    put(&broker, "never", &with(every_second(), &json!({ "catch_up": "skip" }))).await;
    for _ in 0..4 {
        ticks(&broker, "once", 1).await;
        broker.kill9().await;
        let crashed = SystemTime::now();
        eventually("ticks to be missed", async || (crashed.elapsed().ok()?.as_secs() >= 2).then_some(()))
            .await;
        broker.restart().await;
        eventually("more ticks", async || (submitted(&broker).await >= 3.0).then_some(())).await;
    }
    for name in ["once", "never"] {
        broker.request("POST", &format!("/v1/schedules/{name}/pause")).send().await.expect_status(200);
        let jobs = jobs(&broker, name).await;
        let ticks: BTreeSet<_> = jobs.iter().map(|job| job["scheduled_for"].as_str().unwrap()).collect();
        assert_eq!(ticks.len(), jobs.len(), "two jobs of `{name}` for one tick");
        assert!(jobs.iter().all(|job| job["submitted_at"].as_str() >= job["scheduled_for"].as_str()));
    }
    assert!(broker.metric("windlass_ticks_missed_total").await >= 1.0);
    let missed = shown(&broker, "never").await;
    assert!(missed["recent"].as_array().unwrap().iter().any(|tick| tick["skipped"] == "missed"));
}

#[tokio::test]
async fn jobs_are_found_by_their_schedule() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    put(&broker, "found", &yearly()).await;
    let first = socket.ask(json!({ "op": "schedule.trigger", "name": "found" })).await["job"].clone();
    socket.value(json!({ "op": "job.wait", "job": first })).await;
    let again = socket.ask(json!({ "op": "job.retry", "job": first })).await["job"].clone();
    broker.submit("demo/add", json!([1, 2]), json!({})).await;
    let page = socket.value(json!({ "op": "job.query", "filter": { "schedule": "found" } })).await;
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect();
    assert_eq!(ids, [again, first]);
    let none = json!({ "op": "job.query", "filter": { "schedule": null }, "fields": ["schedule"] });
    assert_eq!(socket.value(none).await["items"].as_array().unwrap().len(), 1);
    assert_eq!(jobs(&broker, "found").await.len(), 2);
}

#[tokio::test]
async fn a_thousand_schedules_of_the_same_second_make_a_thousand_jobs_for_each() {
    const COUNT: usize = 1000;
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let schedule = with(every_second(), &json!({ "cron": "*/5 * * * * *", "opts": { "queue": "beats" } }));
    for number in 0..COUNT {
        let name = format!("s{number}");
        socket
            .send(with(schedule.clone(), &json!({ "op": "schedule.put", "id": number, "name": name })))
            .await;
    }
    for _ in 0..COUNT {
        let answer = socket.receive().await;
        assert_eq!(answer["op"], "result", "{answer}");
    }
    // Of three thousand more a thousand belong to a tick that was whole.
    let begun = submitted(&broker).await;
    eventually("two ticks of each", async || (submitted(&broker).await >= begun + 3000.0).then_some(()))
        .await;
    let mut by_tick: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut jobs, mut cursor) = (0, Value::Null);
    loop {
        let query = json!({ "op": "job.query", "filter": { "queue": "beats" }, "limit": 1000, "cursor": cursor,
            "fields": ["schedule", "scheduled_for"] });
        let page = socket.value(query).await;
        for job in page["items"].as_array().unwrap() {
            let text = |key: &str| job[key].as_str().unwrap().to_owned();
            by_tick.entry(text("scheduled_for")).or_default().insert(text("schedule"));
            jobs += 1;
        }
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(by_tick.values().map(BTreeSet::len).sum::<usize>(), jobs, "no tick made two jobs");
    let whole = by_tick.values().filter(|schedules| schedules.len() == COUNT).count();
    assert!(
        whole >= 1,
        "one second has a job of each: {:?}",
        by_tick.values().map(BTreeSet::len).collect::<Vec<_>>()
    );
}
