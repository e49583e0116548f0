//! A plain WebSocket client: frames go out as given and come back as they are.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use hyper::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message, Utf8Bytes,
        client::IntoClientRequest,
        handshake::client::Request,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use crate::within;

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

/// The upgrade request for the broker's WebSocket, to add headers to.
pub fn upgrade(address: SocketAddr) -> Request {
    format!("ws://{address}/v1/ws").into_client_request().expect("the address makes a URL")
}

impl Socket {
    /// Opens a WebSocket with a token.
    pub async fn open(address: SocketAddr, token: &str) -> Self {
        let mut request = upgrade(address);
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).expect("a token fits a header");
        request.headers_mut().insert(AUTHORIZATION, bearer);
        Self::try_open(address, request)
            .await
            .unwrap_or_else(|error| panic!("the broker refused a WebSocket: {error}"))
    }

    /// Opens a WebSocket with a token that speaks a subprotocol.
    pub async fn speaking(address: SocketAddr, token: &str, subprotocol: &'static str) -> Self {
        let mut request = upgrade(address);
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).expect("a token fits a header");
        request.headers_mut().insert(AUTHORIZATION, bearer);
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        Self::try_open(address, request)
            .await
            .unwrap_or_else(|error| panic!("the broker refused a WebSocket: {error}"))
    }

    /// Opens a WebSocket by any upgrade request.
    ///
    /// # Errors
    /// What the broker answered instead of upgrading.
    pub async fn try_open(address: SocketAddr, request: Request) -> Result<Self, Box<Error>> {
        let stream = TcpStream::connect(address).await.map_err(Error::from)?;
        stream.set_nodelay(true).map_err(Error::from)?;
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let opened = within("the upgrade", client_async_with_config(request, stream, Some(config))).await;
        Ok(Self { stream: opened?.0 })
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.send_text(frame.to_string()).await;
    }

    /// Sends text as it is.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        let sent = self.stream.send(Message::text(text.into())).await;
        sent.unwrap_or_else(|error| panic!("the connection is gone: {error}"));
    }

    /// Queues text without flushing, for senders of many frames.
    ///
    /// # Errors
    /// Whatever ended the connection.
    pub async fn feed_text(&mut self, text: String) -> Result<(), Box<Error>> {
        self.stream.feed(Message::text(text)).await.map_err(Box::new)
    }

    /// Sends what was queued.
    ///
    /// # Errors
    /// Whatever ended the connection.
    pub async fn flush(&mut self) -> Result<(), Box<Error>> {
        self.stream.flush().await.map_err(Box::new)
    }

    /// Sends bytes as a binary message.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.stream
            .send(Message::binary(bytes))
            .await
            .unwrap_or_else(|error| panic!("the connection is gone: {error}"));
    }

    /// The next frame; fails the test if the connection ends instead.
    pub async fn receive(&mut self) -> Value {
        match within("a frame", self.next()).await {
            Ok(frame) => frame,
            Err(end) => panic!("the connection ended instead of answering: {end:?}"),
        }
    }

    /// The next frame, or the close frame that ended the connection (none if it just broke).
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        let text = self.next_text().await?;
        Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON: {error}: {text}")))
    }

    /// The next frame as it came, or the close frame that ended the connection.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn next_text(&mut self) -> Result<Utf8Bytes, Option<CloseFrame>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(other)) => panic!("not a text frame: {other:?}"),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Sends bytes and answers those of the next binary message.
    pub async fn ask_binary(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.send_binary(bytes).await;
        within("a frame", async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Binary(bytes))) => return bytes.to_vec(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("not a binary frame: {other:?}"),
                }
            }
        })
        .await
    }

    /// Sends a frame and answers the next one.
    pub async fn ask(&mut self, frame: Value) -> Value {
        self.send(frame).await;
        self.receive().await
    }

    /// Sends a request and answers its value; fails the test on an error.
    pub async fn value(&mut self, frame: Value) -> Value {
        let answer = self.ask(frame).await;
        assert_eq!(answer["op"], "result", "{answer}");
        answer["value"].clone()
    }

    /// Sends a request and answers its error; fails the test unless that is the code.
    pub async fn refusal(&mut self, frame: Value, code: &str) -> Value {
        let answer = self.ask(frame).await;
        assert_eq!(answer["op"], "error", "{answer}");
        assert_eq!(answer["error"]["code"], code, "{answer}");
        answer["error"].clone()
    }

    /// Submits a job and answers its id.
    pub async fn submit(&mut self, handler: &str, args: Value, opts: Value) -> String {
        let frame = serde_json::json!({ "op": "job.submit", "handler": handler, "args": args, "opts": opts });
        let answer = self.ask(frame).await;
        assert_eq!(answer["op"], "accepted", "{answer}");
        answer["job"].as_str().expect("an accepted job has an id").to_owned()
    }

    /// Waits for the broker to close the connection and answers its close code.
    pub async fn closed(&mut self) -> Option<u16> {
        within("the connection to close", async {
            loop {
                if let Err(frame) = self.next().await {
                    return frame.map(|frame| frame.code.into());
                }
            }
        })
        .await
    }

    /// Closes the connection in order.
    pub async fn close(mut self) {
        self.stream.close(None).await.expect("an open connection can be closed");
        self.closed().await;
    }
}
