//! The caller's hand on a running guest: stop it, and read what it writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::limits::Limits;
use super::log::Log;

/// Made by the caller for one run and shared with it. Clones are the same control.
#[derive(Clone, Debug)]
pub struct Control(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cancelled: AtomicBool,
    stop: Notify,
    log: Log,
}

impl Control {
    /// A control for one run under `limits`.
    pub fn new(limits: &Limits) -> Control {
        Control(Arc::new(Shared {
            cancelled: AtomicBool::new(false),
            stop: Notify::new(),
            log: Log::new(limits.log_bytes_max),
        }))
    }

    /// Stops the guest, now or at the start of its run. Returns at once; the run ends within milliseconds.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.stop.notify_one();
    }

    /// Whether [`Control::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// What the guest has written so far, readable while it runs.
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// Waits for [`Control::cancel`]. For the one run of this control; cancel safe.
    pub(super) async fn cancelled(&self) {
        while !self.is_cancelled() {
            self.0.stop.notified().await;
        }
    }
}
