//! What the tests share: a broker process of the built binary, and plain clients that hide nothing.
//!
//! The clients are raw on purpose: a test of the protocol should not pass because our own client is lenient.
#![expect(clippy::expect_used, clippy::panic, reason = "a broken assumption of a test fails that test")]

pub mod broker;
pub mod chance;
pub mod fixtures;
pub mod http;
pub mod numbered;
pub mod polyglot;
pub mod socket;
pub mod stats;

use std::{future::Future, time::Duration};

/// How long a test waits for anything before it gives up. Generous: it bounds hangs, it measures nothing.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Awaits `future`, or fails the test saying what it waited for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, future).await;
    waited.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Asks `probe` again and again until it answers. Only for states no event tells of.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
