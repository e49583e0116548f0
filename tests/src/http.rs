//! A plain HTTP/1.1 client: one connection for each request, nothing retried, nothing followed.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request, Response,
    body::Incoming,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::within;

/// A request that was not sent yet.
#[derive(Debug)]
pub struct Call {
    address: SocketAddr,
    request: Request<Full<Bytes>>,
}

impl Call {
    /// A request without a body, and without any header but `host`.
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path).header(HOST, address.to_string());
        Self { address, request: request.body(Full::default()).expect("the test's request is well formed") }
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref().parse().expect("the test's header is well formed");
        self.request.headers_mut().insert(name, value);
        self
    }

    /// Removes a header.
    #[must_use]
    pub fn without(mut self, name: &'static str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, kind: &'static str, bytes: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(bytes.into());
        self.header("content-type", kind)
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Reply {
        let what = format!("the answer to {} {}", self.request.method(), self.request.uri());
        within(&what, async {
            let (head, mut body) = self.begin().await.into_parts();
            let mut bytes = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.unwrap_or_else(|error| panic!("{what} broke off: {error}"));
                bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
            Reply { status: head.status.as_u16(), headers: head.headers, body: bytes.into() }
        })
        .await
    }

    /// Sends it and answers an open stream of server-sent events.
    pub async fn events(self) -> Events {
        let response = within("the head of an event stream", self.begin()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        Events { body: response.into_body(), text: String::new() }
    }

    async fn begin(self) -> Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.expect("the broker accepts connections");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("a new connection is usable");
        tokio::spawn(connection);
        sender.send_request(self.request).await.unwrap_or_else(|error| panic!("no answer: {error}"))
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Reply {
    /// Fails the test unless this is the status.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "often the status is all a test wants to know")]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Fails the test unless this is a problem document with the code; answers it.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        let reply = self.expect_status(status);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        let problem = reply.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        problem
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("the header is text"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.text()))
    }
}

/// Server-sent events.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    text: String,
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `event:`, or nothing.
    pub name: String,
    /// `id:`, or nothing.
    pub id: String,
    /// `data:`, lines joined.
    pub data: String,
}

impl Events {
    /// The next event that has data; none when the broker ended the stream.
    pub async fn next(&mut self) -> Option<Event> {
        within("an event", async {
            loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let event = parse(block);
                    self.text = rest.into();
                    if !event.data.is_empty() {
                        return Some(event);
                    }
                    continue;
                }
                let frame = self.body.frame().await?.expect("an event stream ends in order");
                self.text.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap_or_default()));
            }
        })
        .await
    }
}

fn parse(block: &str) -> Event {
    let mut event = Event { name: String::new(), id: String::new(), data: String::new() };
    for line in block.lines() {
        match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
            Some(("event", value)) => value.clone_into(&mut event.name),
            Some(("id", value)) => value.clone_into(&mut event.id),
            Some(("data", value)) => event.data.push_str(value),
            Some(_) | None => {}
        }
    }
    event
}

/// The value of a metric in Prometheus' text format, summed over its labels.
pub fn metric(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labelled) => labelled.split_once("} ")?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.split(' ').next()?.parse::<f64>().ok()
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}
