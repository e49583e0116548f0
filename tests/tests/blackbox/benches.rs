//! `windlass bench`: what it counts is what the broker did, and nothing that went wrong is hidden.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use windlass_tests::{
    broker::{Broker, command},
    eventually, within,
};

use crate::cli::ends;

/// Runs a bench that must end with this code, and answers its figures.
async fn bench(broker: &Broker, code: i32, line: &str) -> Value {
    let args: Vec<_> = ["bench", "-o", "json"].into_iter().chain(line.split_whitespace()).collect();
    serde_json::from_str(&ends(broker, code, &args).await).unwrap()
}

/// Begins a bench that ends when it is told to, and waits until the broker feels it.
async fn endless(broker: &Broker) -> Child {
    let mut bench: Command = command();
    bench.args(["bench", "-o", "json", "--warmup", "0s", "--duration", "1h"]).stdout(Stdio::piped());
    bench.env("WINDLASS_URL", broker.url()).env("WINDLASS_TOKEN", broker.token());
    let bench = bench.stderr(Stdio::null()).spawn().unwrap();
    eventually("jobs of the bench", async || (submitted(broker).await > 100.0).then_some(())).await;
    bench
}

async fn submitted(broker: &Broker) -> f64 {
    broker.metric("windlass_jobs_submitted_total").await
}

#[tokio::test]
async fn a_closed_loop_counts_what_it_sent_and_times_each() {
    let broker = Broker::with_demo().await;
    let figures = bench(&broker, 0, "--count 300 --warmup 0s --in-flight 8 --connections 2").await;
    assert_eq!(figures["operation"], "submit");
    assert_eq!((&figures["sent"], &figures["ok"]), (&json!(300), &json!(300)));
    assert_eq!((&figures["errors"], &figures["unanswered"]), (&json!({}), &json!(0)));
    let counts =
        figures["buckets"].as_array().unwrap().iter().map(|bucket| bucket["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 300);
    let times =
        ["p50", "p90", "p99", "p99_9", "max"].map(|name| figures["latency_micros"][name].as_u64().unwrap());
    assert!(times.is_sorted() && times[0] > 0, "{times:?}");
    assert!(submitted(&broker).await.eq(&300.0), "the broker counts the same");
}

#[tokio::test]
async fn jobs_are_found_by_the_tag_of_their_bench_and_purged_with_it() {
    let broker = Broker::with_demo().await;
    let line = "job --count 20 --warmup 0s --in-flight 4 --queue mail";
    let kept = bench(&broker, 0, line).await;
    assert_eq!(kept["ok"], 20);
    let tag = format!("bench:{}", kept["run"].as_str().unwrap());
    let found =
        ends(&broker, 0, &["-o", "id", "job", "ls", "--tag", &tag, "--queue", "mail", "--limit", "50"]).await;
    assert_eq!(found.lines().count(), 20);
    // A paused queue leaves jobs behind that have not ended.
    ends(&broker, 0, &["queue", "pause", "mail"]).await;
    let purged = bench(&broker, 0, "submit --count 20 --warmup 0s --queue mail --purge").await;
    assert_eq!(purged["purged"], 20);
    let tag = format!("bench:{}", purged["run"].as_str().unwrap());
    assert_eq!(ends(&broker, 0, &["-o", "id", "job", "ls", "--tag", &tag]).await, "");
}

#[tokio::test]
async fn an_open_loop_sends_no_faster_than_its_rate() {
    let broker = Broker::with_demo().await;
    let figures = bench(&broker, 0, "call --rate 200/s --count 41 --warmup 0s").await;
    assert_eq!((&figures["ok"], &figures["wanted_per_second"]), (&json!(41), &json!(200.0)));
    // The last one is due 40 spans after the first.
    assert!(figures["seconds"].as_f64().unwrap() >= 0.2, "{figures}");
}

#[tokio::test]
async fn an_open_loop_times_an_answer_from_when_its_request_was_due() {
    let broker = Broker::with_demo().await;
    let line =
        "call --handler demo/sleep --args {\"millis\":100} --rate 100/s --in-flight 1 --count 5 --warmup 0s";
    let figures = bench(&broker, 0, line).await;
    // The fifth is due after 40 ms and cannot be sent before four others took 100 ms each.
    assert!(figures["latency_micros"]["max"].as_u64().unwrap() >= 455_000, "{figures}");
}

#[tokio::test]
async fn a_warm_up_is_not_counted() {
    let broker = Broker::with_demo().await;
    let figures = bench(&broker, 0, "--count 5 --warmup 100ms").await;
    assert_eq!(figures["sent"], 5);
    assert!(submitted(&broker).await > 5.0);
}

#[tokio::test]
async fn a_bench_that_measured_nothing_says_so() {
    let broker = Broker::with_demo().await;
    let line = "call --handler demo/sleep --args {\"millis\":500} --warmup 1ms --duration 1ms --in-flight 1";
    assert_eq!(bench(&broker, 1, line).await["latency_micros"], Value::Null);
}

#[tokio::test]
async fn errors_are_counted_by_their_code_and_fail_the_bench() {
    let broker = Broker::with_demo().await;
    let refused = bench(&broker, 1, "--handler nobody/add --args {} --count 7 --warmup 0s").await;
    assert_eq!((&refused["ok"], &refused["errors"]), (&json!(0), &json!({ "unknown_handler": 7 })));
    let failing = "job --handler demo/fail --args {\"message\":\"no\"} --count 3 --warmup 0s";
    assert_eq!(bench(&broker, 1, failing).await["errors"], json!({ "handler_error": 3 }));
}

#[tokio::test]
async fn what_cannot_be_measured_is_a_mistake_of_usage() {
    let broker = Broker::start().await;
    for line in
        ["everything", "--rate fast", "call --queue mail", "--in-flight 513", "--count 1 --duration 1s"]
    {
        let args: Vec<_> = ["bench"].into_iter().chain(line.split_whitespace()).collect();
        ends(&broker, 2, &args).await;
    }
    ends(&broker, 6, &["--url", "http://127.0.0.1:9", "bench"]).await;
}

#[tokio::test]
async fn an_interrupted_bench_tells_what_it_measured() {
    let broker = Broker::with_demo().await;
    let bench = endless(&broker).await;
    let pid = Pid::from_raw(bench.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = within("the bench to end", bench.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(figures["ok"].as_u64().unwrap() > 0, "{figures}");
}

#[tokio::test]
async fn a_bench_ends_with_its_broker_and_tells_what_it_measured() {
    let mut broker = Broker::with_demo().await;
    let bench = endless(&broker).await;
    broker.kill9().await;
    let output = within("the bench to end", bench.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(6));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(figures["errors"]["connection_lost"].as_u64().unwrap() > 0, "{figures}");
}
