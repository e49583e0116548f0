//! One WebSocket: a task that reads, a task that writes, and the requests between them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{SinkExt, StreamExt, stream::SplitSink, stream::SplitStream};
use serde_json::{Map, Value, json};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue, header},
        protocol::WebSocketConfig,
    },
};
use windlass_wire::{
    frame::{Received, SUBPROTOCOL_JSON},
    limits::MESSAGE_BYTES_MAX,
    problem::Problem,
};

use crate::{
    ClientError, Update,
    answers::{Answer, Answers},
    endpoint::Endpoint,
};

/// Requests of one connection that may be unanswered at once; further ones wait their turn.
const REQUESTS_MAX: usize = 512;
/// Frames between the callers and the task that writes them.
const FRAMES_MAX: usize = 64;

type Socket = WebSocketStream<TcpStream>;

/// The callers' end of a WebSocket. The tasks end when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    answers: Arc<Answers>,
    frames: mpsc::Sender<Message>,
    turns: Semaphore,
    next_id: AtomicU64,
}

impl Connection {
    pub(crate) async fn open(endpoint: &Endpoint) -> Result<Arc<Self>, ClientError> {
        let request = upgrade(endpoint)?;
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MESSAGE_BYTES_MAX);
        config.max_frame_size = Some(MESSAGE_BYTES_MAX);
        let stream = endpoint.connect().await?;
        let (socket, _) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(|error| upgrade_error(endpoint, error))?;
        let (sink, source) = socket.split();
        let (frames, queue) = mpsc::channel(FRAMES_MAX);
        let answers = Arc::new(Answers::default());
        tokio::spawn(read(source, Arc::clone(&answers)));
        tokio::spawn(write(sink, queue, Arc::clone(&answers)));
        Ok(Arc::new(Self {
            answers,
            frames,
            turns: Semaphore::new(REQUESTS_MAX),
            next_id: AtomicU64::new(1),
        }))
    }

    /// Sends a frame and waits for its answer. `frame` has an `op`; the id is added here.
    pub(crate) async fn request(
        &self,
        frame: Map<String, Value>,
        abandon: Abandon,
        events: Option<mpsc::Sender<Update>>,
    ) -> Result<Answer, ClientError> {
        let Ok(_turn) = self.turns.acquire().await else { return Err(self.reason()) };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let message = text(frame, id)?;
        let receiver = self.answers.expect(id, events)?;
        let mut unanswered = Unanswered { connection: self, id, abandon, sent: false };
        self.frames.send(message).await.map_err(|_| self.reason())?;
        unanswered.sent = true;
        receiver.await.unwrap_or_else(|_| Err(self.reason()))
    }

    /// Tells the broker that nobody listens any more. Best effort: if the line is busy, events simply arrive
    /// and are dropped until the connection closes.
    pub(crate) fn close_subscription(&self, sub: u64) {
        self.answers.forget_subscription(sub);
        self.notify(&json!({"op": "sub.close", "sub": sub, "reply": false}));
    }

    fn notify(&self, frame: &Value) {
        // A full or closed line is all right: see the callers.
        drop(self.frames.try_send(Message::text(frame.to_string())));
    }

    fn reason(&self) -> ClientError {
        self.answers.closed().unwrap_or_else(|| ClientError::Closed("it ended without a reason".to_owned()))
    }
}

/// What happens to a request whose caller stops waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abandon {
    /// The broker is asked to stop it.
    Cancel,
    /// It goes on; only the answer is dropped.
    Ignore,
}

/// A request that may be dropped before its answer came.
struct Unanswered<'a> {
    connection: &'a Connection,
    id: u64,
    abandon: Abandon,
    sent: bool,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let unanswered = self.connection.answers.forget_request(self.id);
        if unanswered && self.sent && self.abandon == Abandon::Cancel {
            // Best effort: if the line is busy, the call runs into its own timeout.
            self.connection.notify(&json!({"op": "call.cancel", "call": self.id, "reply": false}));
        }
    }
}

fn text(mut frame: Map<String, Value>, id: u64) -> Result<Message, ClientError> {
    frame.insert("id".to_owned(), Value::from(id));
    let text = Value::Object(frame).to_string();
    if text.len() > MESSAGE_BYTES_MAX {
        let code = windlass_wire::code::ErrorCode::TooLarge;
        let message = format!("the request has {} bytes, a frame at most {MESSAGE_BYTES_MAX}", text.len());
        return Err(ClientError::Refused(Box::new(Problem::new(code, message))));
    }
    Ok(Message::text(text))
}

fn upgrade(endpoint: &Endpoint) -> Result<tungstenite::handshake::client::Request, ClientError> {
    let wrong = |error: String| ClientError::InvalidUrl { url: endpoint.url(), reason: error };
    let mut request = format!("ws://{}/v1/ws", endpoint.authority)
        .into_client_request()
        .map_err(|error| wrong(error.to_string()))?;
    let mut set = |name: HeaderName, value: &str| -> Result<(), ClientError> {
        let value = HeaderValue::from_str(value).map_err(|error| wrong(error.to_string()))?;
        request.headers_mut().insert(name, value);
        Ok(())
    };
    set(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL_JSON)?;
    if let Some(authorization) = endpoint.authorization() {
        set(header::AUTHORIZATION, &authorization)?;
    }
    Ok(request)
}

fn upgrade_error(endpoint: &Endpoint, error: tungstenite::Error) -> ClientError {
    if let tungstenite::Error::Http(response) = error {
        let body = response.body().as_deref().unwrap_or_default();
        return crate::http::refusal(response.status(), body);
    }
    if matches!(error, tungstenite::Error::Protocol(_)) {
        return ClientError::Protocol(error.to_string());
    }
    endpoint.unreachable(error)
}

async fn read(mut source: SplitStream<Socket>, answers: Arc<Answers>) {
    let reason = loop {
        let frame = match source.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                break ClientError::Closed(frame.map_or_else(
                    || "the broker closed it".to_owned(),
                    |frame| format!("the broker closed it with {}: {}", frame.code, frame.reason),
                ));
            }
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                continue;
            }
            Some(Err(error)) => break ClientError::Closed(error.to_string()),
            None => break ClientError::Closed("the broker closed it".to_owned()),
        };
        let delivered = serde_json::from_str::<Received>(&frame)
            .map_err(|error| ClientError::Protocol(error.to_string()))
            .and_then(|frame| answers.deliver(frame));
        if let Err(error) = delivered {
            break error;
        }
    };
    answers.close(&reason);
}

async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut queue: mpsc::Receiver<Message>,
    answers: Arc<Answers>,
) {
    while let Some(message) = queue.recv().await {
        if let Err(error) = write_all_ready(&mut sink, message, &mut queue).await {
            answers.close(&ClientError::Closed(error.to_string()));
            return;
        }
    }
    // The peer may be gone already; then nobody is left to be told.
    drop(sink.close().await);
}

/// Writes whatever is ready, and then flushes once.
async fn write_all_ready(
    sink: &mut SplitSink<Socket, Message>,
    first: Message,
    queue: &mut mpsc::Receiver<Message>,
) -> Result<(), tungstenite::Error> {
    sink.feed(first).await?;
    while let Ok(message) = queue.try_recv() {
        sink.feed(message).await?;
    }
    sink.flush().await
}
