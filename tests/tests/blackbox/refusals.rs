//! What is refused, with which typed error, and that the connection or the broker goes on afterwards.

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, socket::Socket};

async fn goes_on(socket: &mut Socket) {
    assert_eq!(socket.value(json!({ "op": "add", "id": "next", "x": 1, "y": 2 })).await, 3);
}

/// Calls and submits with the arguments; both must be refused alike, with a pointer to the culprit.
async fn refuses_args(handler: &str, args: Value, pointer: &str) {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let called = socket.refusal(json!({ "op": handler, "args": args }), "bad_arguments").await;
    assert_eq!(called["detail"]["pointer"], pointer, "{called}");
    goes_on(&mut socket).await;
    let submit = json!({ "op": "job.submit", "handler": handler, "args": args });
    let submitted = socket.refusal(submit, "bad_arguments").await;
    assert_eq!(submitted["detail"]["pointer"], pointer, "{submitted}");
    goes_on(&mut socket).await;
    let over_http =
        broker.post(&format!("/v1/call/{handler}"), &args).await.expect_problem(400, "bad_arguments");
    assert_eq!(over_http["retryable"], false);
}

#[tokio::test]
async fn an_argument_of_the_wrong_type() {
    refuses_args("demo/add", json!({ "x": "ten", "y": 20 }), "/args/x").await;
}

#[tokio::test]
async fn a_missing_argument() {
    refuses_args("demo/add", json!({ "x": 10 }), "/args/y").await;
}

#[tokio::test]
async fn an_unknown_argument() {
    refuses_args("demo/add", json!({ "x": 10, "y": 20, "z": 30 }), "/args/z").await;
}

#[tokio::test]
async fn an_argument_out_of_range() {
    refuses_args("demo/add", json!({ "x": 2_147_483_648_i64, "y": 20 }), "/args/x").await;
}

#[tokio::test]
async fn a_wrong_value_deep_inside_an_argument() {
    let args = json!({ "shape": { "case": "rectangle", "value": { "width": 2.0, "height": "tall" } } });
    refuses_args("demo/shapes.area", args, "/args/shape/value/height").await;
}

#[tokio::test]
async fn an_unknown_handler_names_the_nearest() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    for op in ["demo/ad", "ad"] {
        let error = socket.refusal(json!({ "op": op, "x": 1, "y": 2 }), "unknown_handler").await;
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("add")), "{error}");
    }
    goes_on(&mut socket).await;
    broker.post("/v1/call/demo/ad", &json!({})).await.expect_problem(404, "unknown_handler");
    broker.post("/v1/call/nobody/add", &json!({})).await.expect_problem(404, "unknown_handler");
    let submit = json!({ "handler": "demo/ad", "args": {} });
    broker.post("/v1/jobs", &submit).await.expect_problem(404, "unknown_handler");
}

#[tokio::test]
async fn an_unknown_op_names_the_nearest() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let error = socket.refusal(json!({ "op": "job.submitt" }), "unknown_op").await;
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("job.submit")), "{error}");
    goes_on(&mut socket).await;
}

#[tokio::test]
async fn unknown_parameters_options_and_fields() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    socket.refusal(json!({ "op": "job.get", "jobb": "1" }), "bad_request").await;
    socket
        .refusal(
            json!({ "op": "add", "args": { "x": 1, "y": 2 }, "opts": { "timout": "1s" } }),
            "bad_request",
        )
        .await;
    socket.refusal(json!({ "op": "add", "args": { "x": 1 }, "y": 2 }), "bad_request").await;
    let submit =
        json!({ "op": "job.submit", "handler": "add", "args": [1, 2], "opts": { "retry": { "max": -1 } } });
    socket.refusal(submit, "bad_request").await;
    goes_on(&mut socket).await;
    let body = json!({ "handler": "demo/add", "args": [1, 2], "opts": { "queu": "mail" } });
    let problem = broker.post("/v1/jobs", &body).await.expect_problem(400, "bad_request");
    assert!(problem.to_string().contains("queu"), "{problem}");
    broker.get("/v1/jobs?stat=failed").await.expect_problem(400, "bad_request");
    broker.get("/v1/jobs/not-an-id").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn options_out_of_range() {
    let broker = Broker::with_demo().await;
    for opts in [
        json!({ "priority": 101 }),
        json!({ "queue": "no spaces" }),
        json!({ "delay": "1s", "run_at": "2030-01-01T00:00:00Z" }),
        json!({ "run_at": "tomorrow" }),
        json!({ "delay": "-1s" }),
        json!({ "retry": { "max_attempts": 1_000_000 } }),
    ] {
        let body = json!({ "handler": "demo/add", "args": [1, 2], "opts": opts });
        let problem = broker.post("/v1/jobs", &body).await.expect_problem(400, "bad_request");
        assert!(problem.to_string().contains("/opts/"), "the problem points at the option: {problem}");
    }
    assert_eq!(broker.get("/v1/jobs").await.expect_status(200).json()["items"], json!([]));
}

#[tokio::test]
async fn a_job_nobody_knows() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    let nobody = "00000000000000000000000000000000";
    for op in ["job.get", "job.result", "job.logs", "job.wait", "job.cancel", "job.retry"] {
        socket.refusal(json!({ "op": op, "job": nobody }), "not_found").await;
    }
    for path in ["", "/result", "/logs"] {
        broker.get(&format!("/v1/jobs/{nobody}{path}")).await.expect_problem(404, "not_found");
    }
    let cancel = broker.request("POST", &format!("/v1/jobs/{nobody}/cancel"));
    cancel.send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn bytes_that_are_no_json_frame() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    for text in ["{", "[1]", r#"{"id":7}"#, "\u{0}"] {
        socket.send_text(text).await;
        let answer = socket.receive().await;
        assert_eq!(answer["error"]["code"], "bad_frame", "{text}: {answer}");
        goes_on(&mut socket).await;
    }
}

#[tokio::test]
async fn a_bad_frame_keeps_its_id() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    let answer = socket.ask(json!({ "id": 7, "op": 1 })).await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!("bad_frame")));
}

#[tokio::test]
async fn three_bad_frames_in_a_row_close_the_connection() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    for _ in 0..3 {
        socket.send_text("{").await;
    }
    assert_eq!(socket.closed().await, Some(4400));
    goes_on(&mut broker.socket().await).await;
}

#[tokio::test]
async fn an_oversize_frame_closes_its_connection_only() {
    let broker = Broker::with_demo().await;
    let mut bystander = broker.socket().await;
    let mut socket = broker.socket().await;
    let frame = json!({ "op": "echo", "args": "a".repeat(8 << 20) }).to_string();
    socket.feed_text(frame).await.unwrap();
    // The broker may cut the connection while the frame is still on its way.
    drop(socket.flush().await);
    let code = socket.closed().await;
    assert!(matches!(code, Some(4413) | None), "{code:?}");
    goes_on(&mut bystander).await;
}

#[tokio::test]
async fn a_frame_just_below_the_limit_is_fine() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    let text = "a".repeat((8 << 20) - 1024);
    assert_eq!(socket.value(json!({ "op": "echo", "args": text })).await, text);
}

#[tokio::test]
async fn arguments_above_their_limit() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let bytes = "A".repeat(6 << 20);
    socket.refusal(json!({ "op": "demo/echo", "args": { "bytes": bytes } }), "too_large").await;
    goes_on(&mut socket).await;
    broker.post("/v1/call/demo/echo", &json!({ "bytes": bytes })).await.expect_problem(413, "too_large");
}

#[tokio::test]
async fn a_body_above_its_limit_is_refused_before_it_is_read() {
    let broker = Broker::with_demo().await;
    let reply =
        broker.request("POST", "/v1/jobs").body("application/json", vec![b' '; (8 << 20) + 1]).send().await;
    reply.expect_problem(413, "too_large");
    goes_on(&mut broker.socket().await).await;
}

#[tokio::test]
async fn paths_and_methods_nobody_serves() {
    let broker = Broker::start().await;
    broker.get("/v1/nothing").await.expect_problem(404, "not_found");
    let reply = broker.request("DELETE", "/v1/jobs").send().await;
    assert_eq!(reply.status, 405, "{}", reply.text());
    assert!(reply.header("allow").contains("POST"), "{:?}", reply.headers);
    let body = broker.request("POST", "/v1/jobs").body("application/json", "{").send().await;
    body.expect_problem(400, "bad_request");
}
