//! Bodies that are written where that may block, as fast as the client takes them.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Response,
    body::Frame,
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    answer::Answer,
    limits::{BODY_PIECE_BYTES, BODY_PIECES_MAX},
};

/// The writing end of a body. Writing fails once the client has gone.
pub(super) struct BodyWriter {
    pieces: mpsc::Sender<Bytes>,
    gathered: BytesMut,
}

/// An answer whose body `write` writes.
pub(super) fn written(media_type: &'static str, write: impl FnOnce(BodyWriter) + Send + 'static) -> Answer {
    let (sender, pieces) = mpsc::channel(BODY_PIECES_MAX);
    let writer = BodyWriter { pieces: sender, gathered: BytesMut::new() };
    drop(spawn_blocking(move || write(writer)));
    let pieces = stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((Ok(Frame::data(piece)), pieces))
    });
    let mut answer = Response::new(StreamBody::new(pieces).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BODY_PIECE_BYTES - self.gathered.len();
        let taken = bytes.len().min(room);
        self.gathered.extend_from_slice(&bytes[..taken]);
        if taken == room {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let sent = self.pieces.blocking_send(self.gathered.split().freeze());
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"))
    }
}
