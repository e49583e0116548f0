//! A thousand schedules of the same second: how late their jobs are accepted, against a thousand submissions that one
//! WebSocket sends at once. Each second is counted, too: a job of each schedule, and none twice.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures, and fails when it cannot"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, eventually, socket::Socket, stats::percentile};

const SCHEDULES: u32 = 1000;
const SECONDS: u32 = 3;

#[tokio::main]
async fn main() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let submitted = submissions(&mut socket).await;
    for number in 0..SCHEDULES {
        let put = json!({ "op": "schedule.put", "id": number, "name": format!("s{number}"), "cron": "*/5 * * * * *",
            "handler": "demo/add", "args": { "x": 1, "y": 2 }, "opts": { "queue": "beats" } });
        socket.send(put).await;
    }
    all(&mut socket).await;
    let count = async || broker.metric("windlass_ticks_submitted_total").await;
    let enough = count().await + f64::from(SECONDS + 1) * f64::from(SCHEDULES);
    eventually("ticks", async || (count().await >= enough).then_some(())).await;
    let seconds = seconds(&mut socket).await;
    let whole: Vec<_> =
        seconds.values().filter(|second| second.schedules.len() == SCHEDULES as usize).collect();
    println!("{SCHEDULES} schedules of the same second, {} whole seconds; in milliseconds", whole.len());
    for second in &whole {
        let late = |part| percentile(&second.late_millis, part);
        let doubled = second.late_millis.len() - SCHEDULES as usize;
        println!(
            "late: p50 {:.0}   p99 {:.0}   all {:.0}   doubled {doubled}",
            late(0.5),
            late(0.99),
            late(1.0)
        );
    }
    let ours = whole.iter().map(|second| percentile(&second.late_millis, 1.0)).fold(0.0, f64::max);
    println!("slowest {ours:.0}   as many submissions {submitted:.0}   ratio {:.2}", ours / submitted);
}

#[derive(Default)]
struct Second {
    schedules: BTreeSet<String>,
    late_millis: Vec<f64>,
}

/// Milliseconds until as many submissions are accepted.
async fn submissions(socket: &mut Socket) -> f64 {
    let begin = Instant::now();
    for number in 0..SCHEDULES {
        let submit =
            json!({ "op": "job.submit", "id": number, "handler": "demo/add", "args": { "x": 1, "y": 2 } });
        socket.send(submit).await;
    }
    all(socket).await;
    begin.elapsed().as_secs_f64() * 1e3
}

async fn all(socket: &mut Socket) {
    for _ in 0..SCHEDULES {
        let answer = socket.receive().await;
        assert_ne!(answer["op"], "error", "{answer}");
    }
}

/// Every job of a schedule, by its second.
async fn seconds(socket: &mut Socket) -> BTreeMap<String, Second> {
    let (mut seconds, mut cursor) = (BTreeMap::<String, Second>::new(), Value::Null);
    loop {
        let query = json!({ "op": "job.query", "filter": { "queue": "beats" }, "limit": 1000, "cursor": cursor,
            "fields": ["schedule", "scheduled_for", "submitted_at"] });
        let page = socket.value(query).await;
        for job in page["items"].as_array().expect("a page has jobs") {
            let text = |key: &str| job[key].as_str().expect("a job of a schedule says so");
            let at = |key| text(key).parse::<jiff::Timestamp>().expect("times are RFC 3339");
            let second = seconds.entry(text("scheduled_for").to_owned()).or_default();
            second.schedules.insert(text("schedule").to_owned());
            second
                .late_millis
                .push(at("submitted_at").duration_since(at("scheduled_for")).as_secs_f64() * 1e3);
        }
        cursor = page["next"].clone();
        if cursor.is_null() {
            return seconds;
        }
    }
}
