//! A whole broker in this process, with a memory store and the demo plugin, and bare clients for it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};
use tokio_util::sync::CancellationToken;
use windlass::{
    auth::Token,
    driver::{Clock, Driver},
    metrics::Metrics,
    registry::{CompileLimits, Compiler, Registry},
    retention::{Policy, Retention},
    sandbox::Engines,
    server::{Context, Doors, Parts, serve},
    store::{MemoryEngine, Store},
    worker::LocalWorker,
};
use windlass_wire::span::Timeout;

/// A broker on a port of its own.
pub(crate) struct House {
    pub(crate) addr: SocketAddr,
    pub(crate) token: String,
    pub(crate) served: JoinHandle<()>,
    pub(crate) shutdown: oneshot::Sender<()>,
    _data: TempDir,
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

impl House {
    /// Starts a broker that has the demo plugin.
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let store = Store::new(MemoryEngine::default()).expect("a store");
        let compiler = Compiler::new(env!("CARGO_BIN_EXE_windlass").into(), CompileLimits::default());
        let engines = Arc::new(Engines::new(2).expect("engines"));
        let registry = Registry::open(store.clone(), engines, data.path(), compiler).expect("a registry");
        let demo = std::fs::read(env!("WINDLASS_PLUGIN_DEMO")).expect("the demo plugin");
        registry.upload("demo", demo.into()).await.expect("the demo plugin is accepted");
        let (worker, reports) = LocalWorker::start(2, registry.clone(), store.clone()).expect("a worker");
        let metrics = Arc::new(Metrics::default());
        let worker = Arc::new(worker);
        let clock = Clock::start();
        let policy = Policy { retention: Timeout::Never, jobs_max: u64::MAX };
        let retention = Retention::new(store.clone(), Arc::clone(&metrics), clock, policy);
        tokio::spawn(Arc::clone(&retention).run(CancellationToken::new()));
        let (driver, handle, ticks) =
            Driver::restore(store.clone(), worker, reports, Arc::clone(&metrics), clock).expect("a driver");
        tokio::spawn(driver.run());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("its address");
        let token = Token::load_or_create(data.path()).expect("a token");
        let shown = token.secret().expose().to_owned();
        let doors = Doors::new(addr, &[], &[]);
        let parts = Parts { driver: handle, store, registry, retention, token, doors, metrics };
        let context = Context::new(parts).expect("a server");
        let (shutdown, asked) = oneshot::channel();
        let shutting_down = async move { drop(asked.await) };
        let served = tokio::spawn(serve(listener, context, ticks, Duration::from_secs(20), shutting_down));
        Self { addr, token: shown, served, shutdown, _data: data }
    }

    /// Sends a request with the token.
    pub(crate) async fn http(&self, line: &str, body: &str) -> Answer {
        let token = format!("Authorization: Bearer {}\r\n", self.token);
        self.send(line, &token, body).await
    }

    /// Sends a request with headers of the test's choice.
    pub(crate) async fn send(&self, line: &str, headers: &str, body: &str) -> Answer {
        let host = if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.addr) };
        let head = format!(
            "{line} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(self.addr).await.expect("the broker listens");
        stream.write_all(head.as_bytes()).await.expect("the head is sent");
        stream.write_all(body.as_bytes()).await.expect("the body is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head[9..12].parse().expect("a status");
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Opens a WebSocket that showed the token.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_with(Some(&self.token)).await
    }

    /// Opens a WebSocket, with a token or without.
    pub(crate) async fn connect_with(&self, token: Option<&str>) -> Client {
        let mut request = format!("ws://{}/v1/ws", self.addr).into_client_request().expect("a request");
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
            request.headers_mut().insert("authorization", value);
        }
        Client(connect_async(request).await.expect("an upgrade").0)
    }
}

/// A bare WebSocket.
pub(crate) struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn send(&mut self, frame: impl ToString) {
        self.0.send(Message::text(frame.to_string())).await.expect("a frame is sent");
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).expect("a frame is JSON"),
            other => panic!("expected a frame, found {other:?}"),
        }
    }

    /// The answer to a frame, when nothing else is on its way.
    pub(crate) async fn ask(&mut self, frame: impl ToString) -> Value {
        self.send(frame).await;
        self.next().await
    }

    /// The code the broker closes with.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("expected a close frame, found {other:?}"),
            }
        }
    }
}
