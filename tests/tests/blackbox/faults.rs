//! Guests that misbehave: each ends as a distinct, typed failure, and the broker goes on.

use serde_json::{Value, json};
use windlass_tests::broker::Broker;

/// Calls and submits the handler; answers the error, which must be the same kind both ways.
async fn fails(handler: &str, args: Value, code: &str) -> Value {
    let broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let mut socket = broker.socket().await;
    let called = socket.refusal(json!({ "op": handler, "args": args }), code).await;
    let job = socket.submit(handler, args, json!({})).await;
    let waited = socket.refusal(json!({ "op": "job.wait", "job": job }), code).await;
    assert_eq!(called["message"], waited["message"]);
    assert_eq!(broker.job(&job).await["error"], waited, "the record keeps what the waiter was told");
    assert_eq!(socket.value(json!({ "op": "add", "x": 1, "y": 2 })).await, 3, "the slot is free again");
    waited
}

#[tokio::test]
async fn a_trap_names_its_kind_and_the_guests_functions() {
    let error = fails("demo/panic", json!({ "message": "on purpose" }), "trap").await;
    assert_eq!(error["detail"]["trap"], "unreachable", "{error}");
    assert!(error["detail"]["frames"].to_string().contains("panic"), "the frames name functions: {error}");
}

#[tokio::test]
async fn an_overflow_traps() {
    fails("demo/add", json!({ "x": 2_147_483_647, "y": 1 }), "trap").await;
}

#[tokio::test]
async fn endless_recursion_traps() {
    let error = fails("demo/recurse", json!({ "depth": 4_000_000_000_u32 }), "trap").await;
    assert!(error.to_string().contains("stack"), "{error}");
}

#[tokio::test]
async fn memory_beyond_the_cap_is_out_of_memory() {
    let error = fails("demo/allocate", json!({ "mib": 100 }), "out_of_memory").await;
    assert!(error["message"].as_str().unwrap().contains("64"), "the message names the limit: {error}");
}

#[tokio::test]
async fn memory_below_the_cap_is_fine() {
    let broker = Broker::with_demo().await;
    assert_eq!(broker.socket().await.value(json!({ "op": "allocate", "mib": 40 })).await, 40);
}

#[tokio::test]
async fn a_result_beyond_its_limit_is_too_large() {
    fails("demo/big", json!({ "bytes": (4 << 20) + 1 }), "too_large").await;
}

#[tokio::test]
async fn a_result_at_its_limit_is_fine() {
    let broker = Broker::with_demo().await;
    let value = broker.socket().await.value(json!({ "op": "big", "bytes": 4 << 20 })).await;
    let bytes = base64_simd::STANDARD.decode_to_vec(value.as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 4 << 20);
}

#[tokio::test]
async fn a_handler_that_fails_in_order_is_no_trap() {
    let error = fails("demo/fail", json!({ "message": "sorry" }), "handler_error").await;
    assert!(error.to_string().contains("sorry"), "{error}");
}
