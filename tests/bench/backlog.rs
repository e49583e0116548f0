//! A deep backlog against an empty queue, over the built broker: what a submission and a job cost, how much memory
//! the broker takes, and how long it takes to be ready again after SIGKILL.
//!
//! `WINDLASS_BACKLOG_JOBS=10000000` makes it deeper.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails on the first thing that is wrong, and prints its figures"
)]

use std::time::Instant;

use serde_json::{Value, json};
use windlass_tests::{
    broker::Broker,
    socket::Socket,
    stats::{median, percentile, rate},
};

const JOBS_DEFAULT: usize = 1_000_000;
/// Jobs of one frame while the backlog is made.
const FRAME_JOBS: usize = 1_000;
/// Frames on their way while the backlog is made.
const FRAMES_IN_FLIGHT: usize = 8;
/// Submissions and jobs of one round.
const ROUND_JOBS: usize = 5_000;
const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 5;

/// What one round found out.
#[derive(Default)]
struct Figures {
    submits: Vec<f64>,
    submit_millis: Vec<f64>,
    jobs: Vec<f64>,
}

#[tokio::main]
async fn main() {
    let backlog = std::env::var("WINDLASS_BACKLOG_JOBS");
    let backlog = backlog.map_or(JOBS_DEFAULT, |text| text.parse().expect("a number of jobs"));
    let mut broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let empty = measure(&mut socket).await;
    println!("empty queue:           {}; RSS {} MB", empty.text(), rss(&broker));

    pause(&mut socket, "deep").await;
    let begin = Instant::now();
    fill(&mut socket, backlog).await;
    println!("{backlog} jobs made:    {:.0}/s; RSS {} MB", rate(backlog, begin.elapsed()), rss(&broker));
    let deep = measure(&mut socket).await;
    println!("beside the backlog:    {}; RSS {} MB", deep.text(), rss(&broker));
    println!(
        "ratios to empty (target <= 1.5 the other way round): submit {:.2}, p50 of 1 in flight {:.2}, job {:.2}",
        median(&empty.submits) / median(&deep.submits),
        median(&deep.submit_millis) / median(&empty.submit_millis),
        median(&empty.jobs) / median(&deep.jobs),
    );

    drop(socket);
    broker.kill9().await;
    let begin = Instant::now();
    broker.restart().await;
    println!("ready after SIGKILL:   {:.2} s; RSS {} MB", begin.elapsed().as_secs_f64(), rss(&broker));
    let mut socket = broker.socket().await;
    let depth = depth(&mut socket, "deep").await;
    assert_eq!(depth, backlog, "every acknowledged job is there");
    let begin = Instant::now();
    resume(&mut socket, "deep").await;
    drain(&broker, backlog, ROUNDS * ROUND_JOBS).await;
    println!("from the backlog:      {:.0} jobs/s", rate(ROUNDS * ROUND_JOBS, begin.elapsed()));
}

impl Figures {
    fn text(&self) -> String {
        format!(
            "submit {:.0}/s at {IN_FLIGHT} in flight, p50 {:.3} ms at 1, p99 {:.3} ms; submit to result {:.0}/s",
            median(&self.submits),
            median(&self.submit_millis),
            percentile(&self.submit_millis, 0.99),
            median(&self.jobs),
        )
    }
}

/// Submits into a paused queue and purges it, and runs jobs of an open one.
async fn measure(socket: &mut Socket) -> Figures {
    let mut figures = Figures::default();
    pause(socket, "measured").await;
    for _ in 0..ROUNDS {
        let submit = |number| submit("measured", number);
        let begin = Instant::now();
        in_flight(socket, ROUND_JOBS, submit, "accepted").await;
        figures.submits.push(rate(ROUND_JOBS, begin.elapsed()));
        for number in 0..200 {
            let begin = Instant::now();
            let answer = socket.ask(submit(number)).await;
            assert_eq!(answer["op"], "accepted", "{answer}");
            figures.submit_millis.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        figures.jobs.push(run_jobs(socket).await);
    }
    socket.value(json!({ "op": "queue.purge", "queue": "measured" })).await;
    figures
}

/// Submits jobs and waits for each; answers how many a second.
async fn run_jobs(socket: &mut Socket) -> f64 {
    let begin = Instant::now();
    let (mut sent, mut done) = (0, 0);
    while done < ROUND_JOBS {
        while sent < ROUND_JOBS && sent - done < IN_FLIGHT {
            socket.send(submit("quick", sent)).await;
            sent += 1;
        }
        let answer = socket.receive().await;
        if answer["op"] == "accepted" {
            let wait = json!({ "op": "job.wait", "id": answer["id"], "job": answer["job"] });
            socket.send(wait).await;
        } else {
            assert_eq!(answer["value"], 3, "{answer}");
            done += 1;
        }
    }
    rate(ROUND_JOBS, begin.elapsed())
}

async fn fill(socket: &mut Socket, count: usize) {
    let frame = |number| {
        let jobs: Vec<_> = (0..FRAME_JOBS)
            .map(|job| json!({ "handler": "demo/add", "args": { "x": number * FRAME_JOBS + job, "y": 2 }, "opts": { "queue": "deep" } }))
            .collect();
        json!({ "op": "job.submit_many", "id": number, "jobs": jobs })
    };
    let (frames, mut sent) = (count / FRAME_JOBS, 0);
    for done in 0..frames {
        while sent < frames && sent - done < FRAMES_IN_FLIGHT {
            socket.send(frame(sent)).await;
            sent += 1;
        }
        let answer = socket.receive().await;
        assert_eq!(answer["op"], "result", "{}", answer["error"]);
    }
}

async fn in_flight(socket: &mut Socket, count: usize, frame: impl Fn(usize) -> Value, op: &str) {
    let mut sent = 0;
    for done in 0..count {
        while sent < count && sent - done < IN_FLIGHT {
            socket.send(frame(sent)).await;
            sent += 1;
        }
        let answer = socket.receive().await;
        assert_eq!(answer["op"], op, "{answer}");
    }
}

fn submit(queue: &str, number: usize) -> Value {
    json!({ "op": "job.submit", "id": number, "handler": "demo/add", "args": { "x": 1, "y": 2 }, "opts": { "queue": queue } })
}

async fn pause(socket: &mut Socket, queue: &str) {
    socket.value(json!({ "op": "queue.pause", "queue": queue })).await;
}

async fn resume(socket: &mut Socket, queue: &str) {
    socket.value(json!({ "op": "queue.resume", "queue": queue })).await;
}

/// How many jobs of a queue are ready.
async fn depth(socket: &mut Socket, queue: &str) -> usize {
    let value = socket.value(json!({ "op": "queue.get", "queue": queue })).await;
    value["ready"].as_u64().and_then(|ready| usize::try_from(ready).ok()).unwrap_or_default()
}

/// Waits until so many of the backlog have gone.
async fn drain(broker: &Broker, backlog: usize, count: usize) {
    let mut socket = broker.socket().await;
    while depth(&mut socket, "deep").await > backlog - count {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Resident memory of the broker's process, in megabytes.
fn rss(broker: &Broker) -> u64 {
    broker.memory_bytes() / 1_000_000
}
