//! The broker's clock: the time of day at its start, and from then on only time that passed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use windlass_core::job::Timestamp;

/// Tells the time in milliseconds since 1970. A later jump of the machine's clock does not move it, so no
/// deadline is early or late by one.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started_at: Duration,
    started: Instant,
}

impl Clock {
    /// A clock that goes on from the machine's time of day.
    pub fn start() -> Self {
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_at, started: Instant::now() }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        let millis = (self.started_at + self.started.elapsed()).as_millis();
        Timestamp(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// How long it is until `at`; zero if it has passed.
    pub fn until(&self, at: Timestamp) -> Duration {
        Duration::from_millis(at.0.saturating_sub(self.now().0))
    }
}
