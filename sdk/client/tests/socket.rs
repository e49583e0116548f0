//! The client against a broker that does what the test says, frame by frame.

#![expect(clippy::expect_used, reason = "a test ends where something unexpected happens")]

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    },
};
use windlass_client::{CallOptions, Client, ClientError, SubmitOptions, Update};
use windlass_wire::{code::ErrorCode, id::JobId};

/// The broker's end of a connection.
struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    async fn receive(&mut self) -> Value {
        let frame = self.0.next().await.expect("the client is there").expect("a frame");
        serde_json::from_str(frame.to_text().expect("text")).expect("JSON")
    }

    async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.expect("the client is there");
    }
}

#[expect(clippy::result_large_err, clippy::unnecessary_wraps, reason = "the shape is given")]
fn upgrade(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    assert_eq!(request.uri().path(), "/v1/ws");
    assert_eq!(request.headers()["authorization"], "Bearer secret");
    let protocol = request.headers()["sec-websocket-protocol"].clone();
    assert_eq!(protocol, "windlass.v1.json");
    response.headers_mut().insert("sec-websocket-protocol", protocol);
    Ok(response)
}

async fn connected() -> (Client, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let accepting = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        Peer(accept_hdr_async(stream, upgrade).await.expect("an upgrade"))
    };
    let (client, peer) = tokio::join!(Client::connect(&url, Some("secret")), accepting);
    (client.expect("connected"), peer)
}

#[tokio::test]
async fn answers_may_overtake() {
    let (client, mut peer) = connected().await;
    let options = CallOptions::default();
    let calls = async {
        tokio::join!(
            client.call("a/one", json!({}), &options),
            client.call("a/two", json!({"x": 1}), &options)
        )
    };
    let broker = async {
        let (first, second) = (peer.receive().await, peer.receive().await);
        assert_eq!(second["args"], json!({"x": 1}));
        for frame in [second, first] {
            peer.send(json!({"op": "result", "id": frame["id"], "value": frame["op"]})).await;
        }
    };
    let ((one, two), ()) = tokio::join!(calls, broker);
    assert_eq!(one.expect("a value"), "a/one");
    assert_eq!(two.expect("a value"), "a/two");
}

#[tokio::test]
async fn a_dropped_call_is_cancelled() {
    let (client, mut peer) = connected().await;
    let call = tokio::spawn(async move { client.call("a/spin", json!({}), &CallOptions::default()).await });
    let asked = peer.receive().await;
    call.abort();
    let cancel = peer.receive().await;
    assert_eq!(cancel, json!({"op": "call.cancel", "call": asked["id"], "reply": false}));
}

#[tokio::test]
async fn a_refusal_keeps_its_code() {
    let (client, mut peer) = connected().await;
    let broker = async {
        let asked = peer.receive().await;
        let error = json!({"code": "unknown_handler", "message": "no `a/b`", "retryable": false});
        peer.send(json!({"op": "error", "id": asked["id"], "error": error})).await;
    };
    let options = SubmitOptions::default();
    let (refused, ()) = tokio::join!(client.submit("a/b", json!({}), &options), broker);
    let error = refused.expect_err("a refusal");
    assert_eq!(error.problem().expect("a problem").code, ErrorCode::UnknownHandler);
}

#[tokio::test]
async fn a_closed_connection_fails_what_waits_and_ends_subscriptions() {
    let (client, mut peer) = connected().await;
    let job = JobId(7);
    let broker = async {
        let asked = peer.receive().await;
        assert_eq!(asked["filter"], json!({ "job": job }));
        peer.send(json!({"op": "result", "id": asked["id"], "value": {"sub": 3}})).await;
        peer.send(json!({"op": "event", "sub": 3, "seq": 1, "topic": "job", "data": {"state": "ready"}}))
            .await;
        let waiting = peer.receive().await;
        assert_eq!(waiting["op"], "job.wait");
        peer.0.close(None).await.expect("closed");
    };
    let asking = async {
        let mut subscription = client.subscribe(job).await.expect("subscribed");
        let update = subscription.next().await;
        assert_eq!(update, Some(Update::Event { seq: 1, data: json!({"state": "ready"}) }));
        let error = client.wait(job, None).await.expect_err("the connection closed");
        assert!(matches!(error, ClientError::Closed(_)), "{error}");
        assert_eq!(subscription.next().await, None);
    };
    tokio::join!(asking, broker);
}

#[tokio::test]
async fn the_socket_closes_with_the_last_client() {
    let (client, mut peer) = connected().await;
    drop(client);
    let last = peer.0.next().await.expect("a frame").expect("a close");
    assert!(matches!(last, Message::Close(_)), "{last:?}");
}

#[tokio::test]
async fn a_refused_upgrade_tells_the_brokers_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let refusing = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        #[expect(clippy::result_large_err, reason = "the shape is given")]
        let refuse = |_: &Request, _: Response| {
            let problem = r#"{"type":"urn:windlass:unauthorized","title":"unauthorized","status":401,
                "detail":"the token is wrong","code":"unauthorized","retryable":false}"#;
            let mut response = ErrorResponse::new(Some(problem.to_owned()));
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Err(response)
        };
        assert!(accept_hdr_async(stream, refuse).await.is_err());
    };
    let (refused, ()) = tokio::join!(Client::connect(&url, Some("wrong")), refusing);
    let error = refused.expect_err("a refusal");
    let problem = error.problem().expect("a problem");
    assert_eq!((problem.code, problem.message.as_str()), (ErrorCode::Unauthorized, "the token is wrong"));
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = Client::connect(&url, None).await.expect_err("nobody");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}
