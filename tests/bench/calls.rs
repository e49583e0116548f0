//! Calls over one WebSocket, each in a fresh sandbox, against the same server answering `echo` without one.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench fails if the broker does, and prints its figures"
)]

use std::time::Instant;

use windlass_tests::{
    broker::Broker,
    socket::Socket,
    stats::{median, rate},
};

const ROUNDS: usize = 5;
/// In flight at once, and how many in all.
const LOADS: [(usize, usize); 2] = [(1, 4_000), (64, 60_000)];
const RATIO_MIN: f64 = 0.5;

#[tokio::main]
async fn main() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    println!(
        "calls over one WebSocket, {ROUNDS} interleaved rounds, medians; target at 64 in flight: >= {RATIO_MIN} x echo"
    );
    for (in_flight, count) in LOADS {
        let (mut ours, mut reference) = (Vec::new(), Vec::new());
        round(&mut socket, "demo/add", in_flight, count / 10).await;
        for _ in 0..ROUNDS {
            reference.push(round(&mut socket, "echo", in_flight, count).await);
            ours.push(round(&mut socket, "demo/add", in_flight, count).await);
        }
        let (ours, reference) = (median(&ours), median(&reference));
        println!(
            "in flight {in_flight:>2}: demo/add {ours:>8.0}/s   echo {reference:>8.0}/s   ratio {:.2}",
            ours / reference
        );
    }
}

/// Sends `count` requests of one op, at most `in_flight` of them unanswered, and answers how many a second.
async fn round(socket: &mut Socket, op: &str, in_flight: usize, count: usize) -> f64 {
    let begin = Instant::now();
    let (mut sent, mut answered) = (0, 0);
    while answered < count {
        while sent < count && sent - answered < in_flight {
            let frame = format!(r#"{{"op":"{op}","id":{sent},"args":{{"x":10,"y":20}}}}"#);
            socket.feed_text(frame).await.unwrap_or_else(|error| panic!("the broker went away: {error}"));
            sent += 1;
        }
        socket.flush().await.unwrap_or_else(|error| panic!("the broker went away: {error}"));
        let answer = socket.next_text().await.unwrap_or_else(|end| panic!("the broker closed: {end:?}"));
        assert!(answer.starts_with(r#"{"op":"result""#), "{answer}");
        answered += 1;
    }
    rate(count, begin.elapsed())
}
