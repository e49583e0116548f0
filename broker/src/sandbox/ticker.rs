//! The thread that advances the epoch, the clock by which running guests look up from their work.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// A guest notices a deadline or a cancel one tick late at most, and two guests on one thread take turns of
/// this length. Shorter ticks wake an idle machine more often and make busy guests yield more.
const TICK: Duration = Duration::from_millis(5);

/// Ends its thread when dropped. Engines are held weakly: it keeps none alive.
#[derive(Debug)]
pub(super) struct Ticker {
    engines: Option<SyncSender<EngineWeak>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start() -> std::io::Result<Ticker> {
        let (engines, added) = mpsc::sync_channel::<EngineWeak>(0);
        let thread = thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            let mut engines = Vec::new();
            loop {
                match added.recv_timeout(TICK) {
                    Ok(engine) => engines.push(engine),
                    Err(RecvTimeoutError::Timeout) => {
                        for engine in engines.iter().filter_map(EngineWeak::upgrade) {
                            engine.increment_epoch();
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        })?;
        Ok(Ticker { engines: Some(engines), thread: Some(thread) })
    }

    /// Ticks for one engine more.
    pub(super) fn add(&self, engine: &Engine) {
        if let Some(engines) = &self.engines
            && engines.send(engine.weak()).is_err()
        {
            tracing::error!("the epoch thread is gone: guests can no longer be stopped");
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.engines.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the epoch thread panicked");
        }
    }
}
