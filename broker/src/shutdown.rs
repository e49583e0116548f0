//! Requests to stop: the first asks for an orderly end, the second for a quick one.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// Requests to stop, one after the other.
#[derive(Debug)]
pub struct Requests(mpsc::Receiver<()>);

impl Requests {
    /// Requests made by whoever holds the sender. Once it is dropped, no further request can come.
    pub fn new() -> (mpsc::Sender<()>, Self) {
        let (sender, receiver) = mpsc::channel(2);
        (sender, Self(receiver))
    }

    /// Requests made by `SIGTERM` and `SIGINT`.
    pub fn by_signals() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (sender, requests) = Self::new();
        drop(tokio::spawn(async move {
            loop {
                // Both branches are cancel safe: a signal that was not received stays pending.
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if sender.send(()).await.is_err() {
                    return;
                }
            }
        }));
        Ok(requests)
    }

    /// Waits for the next request. Cancel safe.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
