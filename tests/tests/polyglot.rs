//! Plugins in other languages than Rust: built by their own toolchains, uploaded, and run like any other.
//!
//! Compiling an interpreter takes the broker a quarter of a minute, so each plugin is uploaded once and tells its
//! facts one after the other.
#![expect(clippy::unwrap_used, reason = "a broken assumption of a test fails that test")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, polyglot, socket::Socket};

/// A broker with one plugin, built by `build`, whose handlers are exactly these.
async fn broker_with(plugin: &str, build: fn(&Path) -> PathBuf, handlers: &[&str]) -> Broker {
    let broker = Broker::start().await;
    polyglot::push(&broker, plugin, &build(broker.scratch()));
    let view = broker.get(&format!("/v1/plugins/{plugin}")).await.expect_status(200).json();
    let listed = view["handlers"].as_array().unwrap().iter().map(|handler| &handler["name"]);
    assert_eq!(listed.collect::<Vec<_>>(), handlers);
    broker
}

/// Runs a job that is to succeed and answers its result.
async fn succeeds(socket: &mut Socket, handler: &str, args: Value) -> Value {
    let job = socket.submit(handler, args, json!({})).await;
    socket.value(json!({ "op": "job.wait", "job": job })).await
}

/// Runs a job that is to fail with this code and answers its id and error.
async fn fails(socket: &mut Socket, handler: &str, args: Value, opts: Value, code: &str) -> (String, Value) {
    let job = socket.submit(handler, args, opts).await;
    let error = socket.refusal(json!({ "op": "job.wait", "job": job }), code).await;
    (job, error)
}

#[tokio::test]
async fn a_plugin_in_python() {
    let broker = broker_with("words", polyglot::words, &["words/count", "words/find"]).await;
    let mut socket = broker.socket().await;

    // A call.
    let counted = json!({ "op": "words/count", "text": "Well, well: who is who?", "top": 2 });
    assert_eq!(
        socket.value(counted).await,
        json!({
            "characters": 23, "words": 5, "distinct": 3, "mean-length": 3.2,
            "top": [{ "word": "well", "times": 2 }, { "word": "who", "times": 2 }],
        })
    );

    // A job.
    let search = |pattern| json!({ "text": "one\ntwo, three", "pattern": pattern });
    let found =
        json!([{ "line": 2, "column": 1, "text": "two" }, { "line": 2, "column": 6, "text": "three" }]);
    assert_eq!(succeeds(&mut socket, "words/find", search(r"\bt\w+")).await, found);

    // What is raised as `Err` is the error of the job.
    let (_, error) = fails(&mut socket, "words/find", search("(t"), json!({}), "handler_error").await;
    let reason = json!({ "reason": "missing ), unterminated subpattern", "position": 0 });
    assert_eq!(error["detail"], reason, "{error}");

    // Any other exception is a trap, and its traceback is in the log.
    let (job, _) = fails(&mut socket, "words/count", json!({ "text": "…" }), json!({}), "trap").await;
    let log = broker.get(&format!("/v1/jobs/{job}/logs")).await.expect_status(200).text();
    assert!(log.contains("plugin.py") && log.contains("StatisticsError"), "{log}");

    // A search that would not end within years is stopped.
    let endless = json!({ "text": format!("{}!", "a".repeat(60)), "pattern": "(a+)+$" });
    fails(&mut socket, "words/find", endless, json!({ "run_timeout": "500ms" }), "timed_out").await;
    assert_eq!(succeeds(&mut socket, "words/find", search("x")).await, json!([]), "the slot is free again");
}

#[tokio::test]
async fn a_plugin_in_javascript() {
    let broker = broker_with("transform", polyglot::transform, &["transform/transform"]).await;
    let mut socket = broker.socket().await;
    let handler = "transform/transform";
    let args = |expression: &str, input: &str| json!({ "expression": expression, "input": input });

    // A call.
    let doubled = json!({ "op": handler, "args": args("input.map(n => n * 2)", "[1, 2, 3]") });
    assert_eq!(socket.value(doubled).await, "[2,4,6]");

    // A job; nothing of it is left for the next.
    for _ in 0..2 {
        let count = args("globalThis.count = (globalThis.count ?? 0) + 1", "null");
        assert_eq!(succeeds(&mut socket, handler, count).await, "1");
    }

    // What is thrown as a plain value is the error of the job.
    for (expression, input, case) in
        [("input", "{", "input"), ("input.a.b", "{}", "expression"), ("() => 1", "1", "output")]
    {
        let (_, error) =
            fails(&mut socket, handler, args(expression, input), json!({}), "handler_error").await;
        assert_eq!(error["detail"]["case"], case, "{error}");
    }

    // A loop without end is stopped.
    let endless = args("(() => { for (;;); })()", "null");
    fails(&mut socket, handler, endless, json!({ "run_timeout": "500ms" }), "timed_out").await;

    // More memory than a job may have is refused, which JavaScript throws as a plain value of its own.
    let hoard =
        args("(() => { for (const all = [];;) all.push(new Uint8Array(1 << 20).fill(1)); })()", "null");
    let (_, error) = fails(&mut socket, handler, hoard, json!({}), "handler_error").await;
    assert_eq!(error["detail"], json!({ "case": "expression", "value": "out of memory" }));
    assert_eq!(succeeds(&mut socket, handler, args("1", "1")).await, "1", "the slot is free again");
}
