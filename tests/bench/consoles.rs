//! What a hundred open consoles cost: jobs a second while nobody watches, and while a hundred follow `stats` and
//! `jobs`, in turns, on one broker.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench fails if the broker does, and prints its figures"
)]

use std::time::Instant;

use serde_json::json;
use tokio::{task::JoinSet, time::Duration};
use windlass_tests::{
    broker::Broker,
    socket::Socket,
    stats::{median, rate},
};

const PAIRS: usize = 7;
const CONSOLES: usize = 100;
const IN_FLIGHT: usize = 64;
const JOBS: usize = 6_000;
const COST_MAX_PERCENT: f64 = 2.0;
/// What consoles that were opened or closed cause by themselves is over by then.
const SETTLE: Duration = Duration::from_millis(500);

/// What a round came to.
struct Round {
    jobs_per_second: f64,
    cpu_micros_per_job: f64,
}

#[tokio::main]
async fn main() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    println!(
        "jobs submitted and waited for over one WebSocket, {IN_FLIGHT} in flight, {PAIRS} interleaved pairs of {JOBS} jobs, \
         medians; target with {CONSOLES} consoles: <= {COST_MAX_PERCENT} % less"
    );
    round(&broker, &mut socket, JOBS / 4).await;
    let (mut alone, mut watched) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Every other pair begins watched, so that a drift of the machine hits both alike.
        for is_watched in [pair % 2 == 1, pair % 2 == 0] {
            let consoles = if is_watched { open(&broker, CONSOLES).await } else { JoinSet::new() };
            tokio::time::sleep(SETTLE).await;
            let done = round(&broker, &mut socket, JOBS).await;
            if is_watched {
                watched.push(done);
            } else {
                alone.push(done);
            }
            drop(consoles);
            tokio::time::sleep(SETTLE).await;
        }
    }
    let rates = |round: &Round| round.jobs_per_second;
    show("jobs a second", &alone, &watched, rates, |alone, watched| 1.0 - watched / alone);
    // On a machine that does other work too, only this is worth reading.
    let cpu = |round: &Round| round.cpu_micros_per_job;
    show("broker's CPU us a job", &alone, &watched, cpu, |alone, watched| watched / alone - 1.0);
}

fn show(
    what: &str,
    alone: &[Round],
    watched: &[Round],
    figure: impl Fn(&Round) -> f64,
    cost: impl Fn(f64, f64) -> f64,
) {
    let (alone, watched): (Vec<_>, Vec<_>) =
        (alone.iter().map(&figure).collect(), watched.iter().map(&figure).collect());
    let costs: Vec<_> =
        alone.iter().zip(&watched).map(|(alone, watched)| 100.0 * cost(*alone, *watched)).collect();
    println!(
        "{what:<22} alone {:>6.0}   with {CONSOLES} consoles {:>6.0}   cost {:.1} % (median of the pairs; {:.1} to {:.1} %)",
        median(&alone),
        median(&watched),
        median(&costs),
        costs.iter().copied().fold(f64::INFINITY, f64::min),
        costs.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
}

/// Opens consoles that read whatever comes until they are dropped.
async fn open(broker: &Broker, count: usize) -> JoinSet<()> {
    let mut consoles = JoinSet::new();
    for _ in 0..count {
        let mut socket = broker.socket().await;
        for topic in ["stats", "jobs"] {
            socket.send(json!({ "op": "sub.open", "topic": topic, "reply": false })).await;
        }
        // The first event tells that the console is open.
        let first = socket.receive().await;
        assert_eq!(first["topic"], "stats", "{first}");
        consoles.spawn(async move { while socket.next_text().await.is_ok() {} });
    }
    consoles
}

/// Submits jobs and waits for each, at most [`IN_FLIGHT`] at once.
async fn round(broker: &Broker, socket: &mut Socket, count: usize) -> Round {
    let (begin, used_before) = (Instant::now(), broker.cpu_time());
    let (mut sent, mut ended) = (0, 0);
    while ended < count {
        while sent < count && sent - ended < IN_FLIGHT {
            let frame = r#"{"op":"job.submit","id":1,"handler":"demo/add","args":{"x":10,"y":20}}"#;
            socket.feed_text(frame.to_owned()).await.expect("the broker stays");
            sent += 1;
        }
        socket.flush().await.expect("the broker stays");
        let answer = socket.next_text().await.unwrap_or_else(|end| panic!("the broker closed: {end:?}"));
        if let Some(job) = answer.strip_prefix(r#"{"op":"accepted","id":1,"job":""#) {
            let job = job.trim_end_matches("\"}");
            let frame = format!(r#"{{"op":"job.wait","id":2,"job":"{job}"}}"#);
            socket.feed_text(frame).await.expect("the broker stays");
        } else {
            assert!(answer.starts_with(r#"{"op":"result","id":2"#), "{answer}");
            ended += 1;
        }
    }
    let used = broker.cpu_time().saturating_sub(used_before);
    Round { jobs_per_second: rate(count, begin.elapsed()), cpu_micros_per_job: 1e6 / rate(count, used) }
}
