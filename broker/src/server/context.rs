//! What a request may reach.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use windlass_core::job::Timestamp;
use windlass_wire::{
    code::ErrorCode,
    name::{DEFAULT_CHANNEL, is_name},
    problem::Problem,
};

use super::{
    ServeError, connections::Connections, doors::Doors, limits::SEARCHES_AT_ONCE_MAX, live::Live,
    routes::Router, traffic::Traffic, translate,
};
use crate::{
    auth::Token,
    driver::Handle,
    metrics::Metrics,
    registry::Registry,
    retention::Retention,
    store::{Store, StoreError},
};

/// The parts of the broker that the server speaks for.
pub struct Parts {
    /// The way to live jobs and calls.
    pub driver: Handle,
    /// What is remembered.
    pub store: Store,
    /// The plugins.
    pub registry: Registry,
    /// What forgets final jobs.
    pub retention: Arc<Retention>,
    /// The token to ask for.
    pub token: Token,
    /// The names and origins to let in.
    pub doors: Doors,
    /// The counters to show.
    pub metrics: Arc<Metrics>,
}

/// What every request shares.
pub struct Context {
    pub(super) driver: Handle,
    pub(super) store: Store,
    pub(super) registry: Registry,
    pub(super) retention: Arc<Retention>,
    pub(super) token: Token,
    pub(super) doors: Doors,
    pub(super) router: Router,
    pub(super) traffic: Traffic,
    pub(super) connections: Arc<Connections>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) live: Live,
    pub(super) started_at: Timestamp,
    searches: Semaphore,
    /// The turn of whoever reads the whole store.
    pub(super) whole_reads: Arc<Semaphore>,
    /// Cancelled when the broker begins to go down: what runs may end, nothing new begins.
    pub(super) draining: CancellationToken,
    /// Cancelled when the time for that is over.
    pub(super) cut: CancellationToken,
}

impl Context {
    /// Reads the store: call it where blocking is allowed.
    pub fn new(parts: Parts) -> Result<Arc<Self>, ServeError> {
        let clock = parts.driver.clock();
        Ok(Arc::new(Self {
            router: Router::new()?,
            traffic: Traffic::new(&parts.metrics),
            connections: Arc::new(Connections::restore(parts.store.clone(), clock)?),
            live: Live::default(),
            started_at: clock.now(),
            searches: Semaphore::new(SEARCHES_AT_ONCE_MAX),
            whole_reads: Arc::new(Semaphore::new(1)),
            draining: CancellationToken::new(),
            cut: CancellationToken::new(),
            driver: parts.driver,
            store: parts.store,
            registry: parts.registry,
            retention: parts.retention,
            token: parts.token,
            doors: parts.doors,
            metrics: parts.metrics,
        }))
    }

    /// Searches the store where that may block, once it is this search's turn.
    ///
    /// Cancel safety: dropped before the answer, what was begun is finished for nobody.
    pub(super) async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let _turn = self.searches.acquire().await.map_err(|_| draining())?;
        self.with_store(work).await
    }

    /// Reads or writes the store where that may block.
    pub(super) async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(done) => done.map_err(|error| translate::store_error(&error)),
            Err(error) => {
                tracing::error!(%error, "a read of the store did not end");
                Err(Problem::new(ErrorCode::Internal, "a read of the store did not end"))
            }
        }
    }
}

/// The refusal of a broker that goes down.
pub(super) fn draining() -> Problem {
    Problem::new(ErrorCode::Draining, "the broker is shutting down").with_hint("ask again once it is back")
}

/// Whoever asks, as far as the broker knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The channel everything it asks for belongs to.
    pub(super) channel: String,
}

impl Caller {
    /// Somebody of the channel `channel`, or of the default one.
    pub(super) fn new(channel: Option<&str>) -> Result<Self, Problem> {
        let channel = channel.unwrap_or(DEFAULT_CHANNEL);
        if is_name(channel) {
            Ok(Self { channel: channel.to_owned() })
        } else {
            let expected = "1 to 128 letters, digits and `._:-@`, beginning with a letter or digit";
            Err(Problem::new(
                ErrorCode::BadRequest,
                format!("`{channel}` is not a channel: expected {expected}"),
            ))
        }
    }
}
