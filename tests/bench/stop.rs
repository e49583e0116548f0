//! How long an endless loop runs on after its deadline or its cancel. The broker has one slot, so the answer of a
//! call that waits for it tells, from outside, when the slot was free again; its own time is part of the figure.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_tests::{broker::Broker, socket::Socket, stats::percentile};

const RUNS: usize = 200;
const DEADLINE: Duration = Duration::from_millis(20);
const P50_MILLIS_MAX: f64 = 50.0;
const P99_MILLIS_MAX: f64 = 100.0;

#[tokio::main]
async fn main() {
    let broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let (mut spinner, mut next) = (broker.socket().await, broker.socket().await);
    println!(
        "overrun of an endless loop until its slot is free, {RUNS} runs; targets: p50 <= {P50_MILLIS_MAX} ms, p99 <= {P99_MILLIS_MAX} ms"
    );
    let (mut deadlines, mut cancels) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        deadlines.push(deadline(&mut spinner, &mut next).await);
        cancels.push(cancel(&mut spinner, &mut next).await);
    }
    for (what, overruns) in [("deadline", deadlines), ("cancel", cancels)] {
        let (p50, p99) = (percentile(&overruns, 0.5), percentile(&overruns, 0.99));
        println!("{what:>8}: p50 {p50:.2} ms   p99 {p99:.2} ms   max {:.2} ms", percentile(&overruns, 1.0));
    }
}

/// Milliseconds from a call's deadline to the answer of the call behind it.
async fn deadline(spinner: &mut Socket, next: &mut Socket) -> f64 {
    let begin = Instant::now();
    let timeout = format!("{}ms", DEADLINE.as_millis());
    spinner.send(json!({ "op": "demo/spin", "id": 1, "opts": { "timeout": timeout } })).await;
    let freed = freed(spinner, next).await;
    assert_eq!(spinner.receive().await["error"]["code"], "timed_out");
    freed.saturating_duration_since(begin + DEADLINE).as_secs_f64() * 1e3
}

/// Milliseconds from a cancel to the answer of the call behind the cancelled one.
async fn cancel(spinner: &mut Socket, next: &mut Socket) -> f64 {
    spinner.send(json!({ "op": "demo/spin", "id": 1, "opts": { "timeout": "never" } })).await;
    assert_eq!(spinner.ask(json!({ "op": "ping", "id": 2 })).await["value"], "pong");
    next.send(json!({ "op": "demo/add", "x": 1, "y": 2 })).await;
    let begin = Instant::now();
    spinner.send(json!({ "op": "call.cancel", "call": 1, "reply": false })).await;
    assert_eq!(next.receive().await["value"], 3);
    let overrun = begin.elapsed();
    assert_eq!(spinner.receive().await["error"]["code"], "cancelled");
    overrun.as_secs_f64() * 1e3
}

/// When a call that waits behind the spinning one is answered.
async fn freed(spinner: &mut Socket, next: &mut Socket) -> Instant {
    // The answer to the ping says that the spinning call was taken in first.
    assert_eq!(spinner.ask(json!({ "op": "ping", "id": 2 })).await["value"], "pong");
    assert_eq!(next.ask(json!({ "op": "demo/add", "x": 1, "y": 2 })).await["value"], 3);
    Instant::now()
}
