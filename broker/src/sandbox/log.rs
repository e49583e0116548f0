//! What a guest writes to standard output and standard error: one log in the order written, cut at a limit.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::control::Control;

/// How much a guest is told it may write at once.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// A bounded log. What comes after it is full is counted, not kept, and the guest is never told.
#[derive(Debug)]
pub struct Log {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    dropped_bytes: u64,
}

/// A piece of a [`Log`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// What was written from the asked place on; not always whole characters.
    pub bytes: Vec<u8>,
    /// How many bytes came after the log was full.
    pub dropped_bytes: u64,
}

impl Log {
    pub(super) fn new(bytes_max: usize) -> Log {
        Log { bytes_max, kept: Mutex::default() }
    }

    /// What was written from byte `from` on.
    pub fn read(&self, from: usize) -> LogPart {
        let kept = self.kept();
        LogPart {
            bytes: kept.bytes.get(from..).unwrap_or_default().to_vec(),
            dropped_bytes: kept.dropped_bytes,
        }
    }

    /// The whole log as text, with a last line that tells what was cut off, if anything was.
    pub fn text(&self) -> String {
        let LogPart { bytes, dropped_bytes } = self.read(0);
        let text = String::from_utf8_lossy(&bytes);
        if dropped_bytes == 0 {
            return text.into_owned();
        }
        format!("{text}\n[log truncated: {dropped_bytes} more bytes were not kept]\n")
    }

    fn write(&self, bytes: &[u8]) {
        let mut kept = self.kept();
        let (keep, drop) = bytes.split_at(bytes.len().min(self.bytes_max - kept.bytes.len()));
        kept.bytes.extend_from_slice(keep);
        kept.dropped_bytes += drop.len() as u64;
    }

    /// A panic while the lock is held leaves at worst a line half written, so poison is ignored.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The guest's end of the log.
#[derive(Clone)]
pub(super) struct LogStream(pub(super) Control);

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.log().write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.0.log().write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_counted_and_told() {
        let log = Log::new(4);
        log.write(b"abc");
        log.write(b"def");
        log.write(b"gh");
        assert_eq!(log.read(0), LogPart { bytes: b"abcd".to_vec(), dropped_bytes: 4 });
        assert_eq!(log.text(), "abcd\n[log truncated: 4 more bytes were not kept]\n");
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped() {
        let log = Log::new(10);
        log.write(b"one");
        log.write(b"two");
        assert_eq!(log.read(3).bytes, b"two");
        assert_eq!(log.read(99).bytes, b"");
    }
}
