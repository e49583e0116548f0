//! What waits to be written to a WebSocket. Everything that is ready is written, then flushed once.

use std::{collections::VecDeque, future::poll_fn};

use bytes::Bytes;
use futures_util::{SinkExt as _, stream::SplitSink};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use crate::server::{limits::FRAGMENT_BYTES_MAX, socket::Socket};

/// A message, and how many bytes it counts for.
struct Waiting {
    message: Message,
    bytes: usize,
}

/// The writing half of a WebSocket, with what waits for it.
pub(super) struct Outbox {
    sink: SplitSink<WebSocketStream<Socket>, Message>,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    is_flushed: bool,
}

impl Outbox {
    pub(super) fn new(sink: SplitSink<WebSocketStream<Socket>, Message>) -> Self {
        Self { sink, waiting: VecDeque::new(), bytes: 0, is_flushed: true }
    }

    /// Adds a frame: text, or bytes. A long one is cut into fragments, which tungstenite's buffer then need not
    /// grow for.
    pub(super) fn push_frame(&mut self, frame: Message) {
        let bytes = frame.len();
        if bytes <= FRAGMENT_BYTES_MAX {
            self.push(frame, bytes);
            return;
        }
        let mut opcode = OpCode::Data(if frame.is_text() { Data::Text } else { Data::Binary });
        let mut rest = frame.into_data();
        while !rest.is_empty() {
            let fragment = rest.split_to(rest.len().min(FRAGMENT_BYTES_MAX));
            let bytes = fragment.len();
            self.push(Message::Frame(Frame::message(fragment, opcode, rest.is_empty())), bytes);
            opcode = OpCode::Data(Data::Continue);
        }
    }

    /// Adds a ping.
    pub(super) fn push_ping(&mut self) {
        self.push(Message::Ping(Bytes::new()), 0);
    }

    /// Adds the close frame, after which nothing can be written.
    pub(super) fn push_close(&mut self, frame: CloseFrame) {
        self.push(Message::Close(Some(frame)), 0);
    }

    fn push(&mut self, message: Message, bytes: usize) {
        self.bytes += bytes;
        self.waiting.push_back(Waiting { message, bytes });
    }

    /// Forgets what has not been handed to the socket.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
    }

    /// Bytes of frames that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether everything was written and flushed.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.is_flushed
    }

    /// Writes everything that waits, then flushes. Cancel safe: what was not handed over goes on waiting.
    pub(super) async fn drain(&mut self) -> Result<(), Error> {
        while !self.waiting.is_empty() {
            poll_fn(|cx| self.sink.poll_ready_unpin(cx)).await?;
            let Some(Waiting { message, bytes }) = self.waiting.pop_front() else { break };
            self.bytes -= bytes;
            self.is_flushed = false;
            self.sink.start_send_unpin(message)?;
        }
        poll_fn(|cx| self.sink.poll_flush_unpin(cx)).await?;
        self.is_flushed = true;
        Ok(())
    }

    /// The writing half, to be put together with the reading one.
    pub(super) fn into_sink(self) -> SplitSink<WebSocketStream<Socket>, Message> {
        self.sink
    }
}
