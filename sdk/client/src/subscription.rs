//! The events of a subscription.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::connection::Connection;

/// Updates of one subscription kept for a reader that is busy; what comes on top becomes a gap.
pub(crate) const UPDATES_MAX: usize = 1024;

/// One thing a subscription tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// Something happened.
    Event {
        /// Grows with every event of the broker.
        seq: u64,
        /// What happened.
        data: Value,
    },
    /// Events are missing here, because the reader or the network was too slow.
    Gap {
        /// How many.
        missed: u64,
    },
}

impl Update {
    /// How many events are lost when this update is.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Event { .. } => 1,
            Self::Gap { missed } => *missed,
        }
    }
}

/// A stream of updates. It ends when the connection does; dropping it closes the subscription.
#[derive(Debug)]
pub struct Subscription {
    sub: u64,
    updates: mpsc::Receiver<Update>,
    connection: Arc<Connection>,
}

impl Subscription {
    pub(crate) fn new(sub: u64, updates: mpsc::Receiver<Update>, connection: Arc<Connection>) -> Self {
        Self { sub, updates, connection }
    }

    /// The next update, or none once the connection is closed.
    ///
    /// Cancel safety: dropping the future loses no update.
    pub async fn next(&mut self) -> Option<Update> {
        self.updates.recv().await
    }
}

impl Stream for Subscription {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Update>> {
        self.updates.poll_recv(context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.connection.close_subscription(self.sub);
    }
}
