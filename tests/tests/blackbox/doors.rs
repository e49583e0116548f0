//! Who is let in: tokens, origins and hosts, over HTTP and WebSocket.

use std::os::unix::fs::PermissionsExt;

use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;
use windlass_tests::{
    broker::Broker,
    http::Call,
    socket::{Socket, upgrade},
};

/// The status and body the broker answered instead of upgrading.
async fn refused(broker: &Broker, headers: &[(HeaderName, &str)]) -> (u16, String) {
    let mut request = upgrade(broker.address());
    let bearer = format!("Bearer {}", broker.token());
    request.headers_mut().insert(AUTHORIZATION, HeaderValue::try_from(bearer).unwrap());
    for (name, value) in headers {
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    let error =
        *Socket::try_open(broker.address(), request).await.expect_err("the broker refuses the upgrade");
    let Error::Http(response) = error else { panic!("the broker answers in HTTP: {error}") };
    let body = response.body().as_deref().unwrap_or_default();
    (response.status().as_u16(), String::from_utf8_lossy(body).into_owned())
}

/// A WebSocket whose token has yet to come.
async fn anonymous(broker: &Broker) -> Socket {
    Socket::try_open(broker.address(), upgrade(broker.address())).await.unwrap()
}

#[tokio::test]
async fn the_token_is_readable_by_its_owner_alone() {
    let broker = Broker::start().await;
    let mode = std::fs::metadata(broker.data().join("token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(broker.token().len() >= 32, "256 bits of chance take at least 32 characters");
}

#[tokio::test]
async fn without_the_token_only_health_is_answered() {
    let broker = Broker::start().await;
    for path in ["/healthz", "/readyz"] {
        let reply = Call::new(broker.address(), "GET", path).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    for path in ["/v1/jobs", "/v1/plugins", "/v1/connections", "/v1/identity", "/metrics"] {
        Call::new(broker.address(), "GET", path).send().await.expect_problem(401, "unauthorized");
        let wrong = Call::new(broker.address(), "GET", path).header("authorization", "Bearer nonsense");
        wrong.send().await.expect_problem(401, "unauthorized");
    }
    let upload = Call::new(broker.address(), "PUT", "/v1/plugins/demo").body("application/wasm", "x");
    upload.send().await.expect_problem(401, "unauthorized");
    broker.get("/v1/jobs").await.expect_status(200);
}

#[tokio::test]
async fn a_token_in_the_query_is_refused() {
    let broker = Broker::start().await;
    let path = format!("/v1/jobs?token={}", broker.token());
    let reply = Call::new(broker.address(), "GET", &path).send().await;
    assert!(matches!(reply.status, 400 | 401), "{}", reply.text());
    assert!(!reply.text().contains(&broker.token()), "the token is not echoed");
}

#[tokio::test]
async fn a_socket_may_bring_the_token_in_its_first_frame() {
    let broker = Broker::start().await;
    let mut socket = anonymous(&broker).await;
    let hello = json!({ "op": "session.hello", "token": broker.token(), "name": "browser" });
    assert_eq!(socket.ask(hello).await["op"], "result");
    assert_eq!(socket.value(json!({ "op": "ping" })).await, "pong");
}

#[tokio::test]
async fn a_socket_with_a_wrong_token_is_closed() {
    let broker = Broker::start().await;
    let mut socket = anonymous(&broker).await;
    socket.send(json!({ "op": "session.hello", "token": "nonsense" })).await;
    assert_eq!(socket.closed().await, Some(4401));
}

#[tokio::test]
async fn a_socket_that_works_before_it_says_who_it_is_is_closed() {
    let broker = Broker::start().await;
    let mut socket = anonymous(&broker).await;
    socket.send(json!({ "op": "ping" })).await;
    assert_eq!(socket.closed().await, Some(4401));
}

#[tokio::test]
async fn a_socket_that_never_says_who_it_is_is_closed() {
    let broker = Broker::start().await;
    assert_eq!(anonymous(&broker).await.closed().await, Some(4408));
    assert_eq!(broker.socket().await.value(json!({ "op": "ping" })).await, "pong");
}

#[tokio::test]
async fn a_big_frame_before_the_token_is_refused() {
    let broker = Broker::start().await;
    let mut socket = anonymous(&broker).await;
    let hello = json!({ "op": "session.hello", "token": broker.token(), "name": "a".repeat(64 << 10) });
    socket.send(hello).await;
    let code = socket.closed().await;
    assert!(matches!(code, Some(4413) | None), "{code:?}");
}

#[tokio::test]
async fn a_foreign_origin_is_refused() {
    let broker = Broker::start().await;
    let (status, body) = refused(&broker, &[(ORIGIN, "https://evil.example")]).await;
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("\"forbidden\""), "{body}");
    let request = broker.request("POST", "/v1/jobs").header("origin", "https://evil.example");
    request.json(&json!({})).send().await.expect_problem(403, "forbidden");
    assert_eq!(broker.socket().await.value(json!({ "op": "ping" })).await, "pong");
}

#[tokio::test]
async fn the_own_origin_is_let_in() {
    let broker = Broker::start().await;
    let mut request = upgrade(broker.address());
    request.headers_mut().insert(ORIGIN, HeaderValue::try_from(broker.url()).unwrap());
    let mut socket = Socket::try_open(broker.address(), request).await.unwrap();
    let hello = json!({ "op": "session.hello", "token": broker.token() });
    assert_eq!(socket.ask(hello).await["op"], "result");
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let broker = Broker::start().await;
    let request = broker.request("GET", "/v1/jobs").header("host", "rebound.example");
    request.send().await.expect_problem(403, "forbidden");
    let (status, _) = refused(&broker, &[(HOST, "rebound.example")]).await;
    assert_eq!(status, 403);
    let by_name = format!("localhost:{}", broker.address().port());
    assert_eq!(broker.request("GET", "/v1/jobs").header("host", by_name).send().await.status, 200);
}

#[tokio::test]
async fn an_unknown_subprotocol_is_refused_and_the_known_one_is_confirmed() {
    let broker = Broker::start().await;
    let (status, body) = refused(&broker, &[(SEC_WEBSOCKET_PROTOCOL, "soap")]).await;
    assert_eq!(status, 400);
    assert!(body.contains("windlass.v1.json"), "{body}");
    let mut request = upgrade(broker.address());
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("windlass.v1.json"));
    Socket::try_open(broker.address(), request).await.unwrap();
}

#[tokio::test]
async fn answers_carry_the_headers_that_keep_browsers_safe() {
    let broker = Broker::start().await;
    let reply = broker.get("/v1/jobs").await.expect_status(200);
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert!(reply.header("content-security-policy").contains("default-src 'none'"), "{:?}", reply.headers);
}

#[tokio::test]
async fn channels_do_not_see_each_others_jobs() {
    let broker = Broker::with_demo().await;
    let mut blue = broker.socket().await;
    blue.ask(json!({ "op": "session.hello", "channel": "blue" })).await;
    let job = blue.submit("demo/add", json!([1, 2]), json!({})).await;
    assert_eq!(blue.value(json!({ "op": "job.wait", "job": job })).await, 3);
    let mut red = broker.socket().await;
    red.ask(json!({ "op": "session.hello", "channel": "red" })).await;
    for op in ["job.get", "job.wait", "job.result", "job.logs", "job.cancel", "job.retry"] {
        red.refusal(json!({ "op": op, "job": job }), "not_found").await;
    }
    broker.get(&format!("/v1/jobs/{job}")).await.expect_problem(404, "not_found");
    let in_blue = broker.request("GET", &format!("/v1/jobs/{job}")).header("windlass-channel", "blue");
    assert_eq!(in_blue.send().await.expect_status(200).json()["channel"], "blue");
}
