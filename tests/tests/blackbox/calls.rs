//! Calls: run a handler now and get its answer, over WebSocket and HTTP; the envelope of a frame.

use serde_json::{Value, json};
use windlass_tests::broker::Broker;

#[tokio::test]
async fn a_call_answers_its_value() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let answer = socket.ask(json!({ "op": "add", "x": 10, "y": 20 })).await;
    assert_eq!(answer, json!({ "op": "result", "value": 30 }));
}

#[tokio::test]
async fn flat_keys_args_and_full_names_mean_the_same() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    for frame in [
        json!({ "op": "add", "x": 10, "y": 20 }),
        json!({ "op": "demo/add", "x": 10, "y": 20 }),
        json!({ "op": "demo/add", "args": { "x": 10, "y": 20 } }),
        json!({ "op": "demo/add", "args": [10, 20] }),
        json!({ "op": "demo/add", "args": { "x": 10, "y": 20 }, "opts": { "timeout": "5s" } }),
    ] {
        assert_eq!(socket.value(frame.clone()).await, 30, "{frame}");
    }
}

#[tokio::test]
async fn http_answers_the_bare_value() {
    let broker = Broker::with_demo().await;
    let reply = broker.post("/v1/call/demo/add", &json!({ "x": 10, "y": 20 })).await.expect_status(200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.text(), "30");
}

#[tokio::test]
async fn every_type_of_wit_goes_in_and_comes_back() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let given = json!({
        "boolean": true, "int8": -128, "uint8": 255, "int16": -32768, "uint16": 65535,
        "int32": -2_147_483_648, "uint32": 4_294_967_295_u32,
        "int64": "-9223372036854775808", "uint64": "18446744073709551615",
        "float32": 0.5, "float64": -1e300, "character": "\u{1F980}", "text": "gr\u{fc}n",
        "bytes": "AAEC/w==", "names": ["a", ""], "pair": ["left", 7], "maybe": null, "outcome": { "err": "no" },
        "shape": { "case": "polygon", "value": [{ "x": 0.0, "y": 0.5 }] }, "colour": "green",
        "style": ["dashed", "shadowed"],
    });
    let got = socket.value(json!({ "op": "demo/shapes.everything", "args": { "v": given } })).await;
    assert_eq!(got, given);
}

#[tokio::test]
async fn names_are_taken_in_kebab_and_snake_case() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let shape = json!({ "case": "rectangle", "value": { "width": 2.0, "height": 3.0 } });
    assert_eq!(socket.value(json!({ "op": "demo/shapes.area", "shape": shape })).await, 6.0);
    let missing_option = socket.value(json!({ "op": "greet", "name": "Ada" })).await;
    let null_option = socket.value(json!({ "op": "greet", "name": "Ada", "greeting": null })).await;
    assert_eq!(missing_option, null_option);
}

#[tokio::test]
async fn an_err_result_is_a_typed_error_with_its_value() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let error = socket.refusal(json!({ "op": "divide", "a": 7.0, "b": 0.0 }), "handler_error").await;
    assert!(contains(&error["detail"], &json!({ "case": "by-zero", "value": 7.0 })), "{error}");
    assert_eq!(socket.value(json!({ "op": "divide", "a": 7.0, "b": 2.0 })).await, 3.5);
}

/// Whether a value occurs anywhere in another.
fn contains(whole: &Value, part: &Value) -> bool {
    whole == part
        || whole.as_object().is_some_and(|map| map.values().any(|value| contains(value, part)))
        || whole.as_array().is_some_and(|list| list.iter().any(|value| contains(value, part)))
}

#[tokio::test]
async fn without_ids_answers_keep_the_order_of_requests() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    socket.send(json!({ "op": "sleep", "millis": 300 })).await;
    socket.send(json!({ "op": "add", "x": 1, "y": 2 })).await;
    socket.send(json!({ "op": "ping" })).await;
    assert!(socket.receive().await["value"].as_u64().is_some_and(|slept| slept >= 300));
    assert_eq!(socket.receive().await["value"], 3);
    assert_eq!(socket.receive().await["op"], "result");
}

#[tokio::test]
async fn with_ids_answers_overtake() {
    let broker = Broker::with_demo_and(&["--workers", "2"]).await;
    let mut socket = broker.socket().await;
    socket.send(json!({ "op": "spin", "id": "slow", "opts": { "timeout": "2s" } })).await;
    socket.send(json!({ "op": "add", "id": "fast", "args": { "x": 1, "y": 2 } })).await;
    assert_eq!(socket.receive().await, json!({ "op": "result", "id": "fast", "value": 3 }));
    let slow = socket.receive().await;
    assert_eq!((&slow["id"], &slow["error"]["code"]), (&json!("slow"), &json!("timed_out")));
}

#[tokio::test]
async fn reply_false_answers_nothing() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    socket.send(json!({ "op": "add", "args": { "x": 1, "y": 2 }, "reply": false })).await;
    socket.send(json!({ "op": "add", "args": { "x": "wrong" }, "reply": false })).await;
    let answer = socket.ask(json!({ "op": "add", "id": 1, "x": 3, "y": 4 })).await;
    assert_eq!(answer, json!({ "op": "result", "id": 1, "value": 7 }));
}

#[tokio::test]
async fn close_true_closes_after_the_answer() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let answer = socket.ask(json!({ "op": "add", "args": { "x": 1, "y": 2 }, "close": true })).await;
    assert_eq!(answer["value"], 3);
    assert_eq!(socket.closed().await, Some(1000));
}

#[tokio::test]
async fn the_op_close_closes() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    socket.send(json!({ "op": "close" })).await;
    assert_eq!(socket.closed().await, Some(1000));
}

#[tokio::test]
async fn ids_of_any_form_are_echoed() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    for id in
        [json!(0), json!(-1), json!(1.5), json!(18_446_744_073_709_551_615_u64), json!(""), json!("a\u{0}b")]
    {
        assert_eq!(socket.ask(json!({ "op": "ping", "id": id })).await["id"], id);
    }
}

#[tokio::test]
async fn the_brokers_own_ops_answer() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    assert_eq!(socket.value(json!({ "op": "ping" })).await, "pong");
    assert_eq!(
        socket.value(json!({ "op": "echo", "args": { "a": [1, null] } })).await,
        json!({ "a": [1, null] })
    );
    let mut identity = socket.value(json!({ "op": "identity" })).await;
    assert!(identity.as_object_mut().unwrap().remove("connection").is_some(), "{identity}");
    assert_eq!(identity, broker.get("/v1/identity").await.expect_status(200).json());
    let ops = socket.value(json!({ "op": "session.ops" })).await.to_string();
    for op in ["ping", "job.submit", "job.wait", "call.cancel", "sub.open"] {
        assert!(ops.contains(&format!("\"{op}\"")), "`{op}` is listed: {ops}");
    }
}

#[tokio::test]
async fn a_connection_chooses_its_channel_and_its_name_once() {
    let broker = Broker::start().await;
    let mut socket = broker.socket().await;
    let hello = json!({ "op": "session.hello", "channel": "blue", "name": "tester" });
    assert_eq!(socket.value(hello.clone()).await["channel"], "blue");
    assert_eq!(socket.value(json!({ "op": "identity" })).await["channel"], "blue");
    socket.refusal(hello, "bad_state").await;
}
