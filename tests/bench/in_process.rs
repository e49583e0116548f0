//! The broker of some benches: driver, store, worker and retention in this process, as `serve` puts them together.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass::{
    driver::{Clock, Driver, Handle},
    metrics::Metrics,
    registry::{CompileLimits, Compiler, Registry},
    retention::{Policy, Retention},
    sandbox::Engines,
    store::{JournalEngine, SledEngine, Store},
    worker::LocalWorker,
};
use windlass_core::job::{Payload, Spec, Timestamp};
use windlass_tests::fixtures;
use windlass_wire::span::Timeout;

/// How often it is looked whether final jobs have been forgotten.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Driver, store, worker and retention.
pub(crate) struct InProcess {
    pub(crate) driver: Handle,
    store: Store,
    registry: Registry,
    metrics: Arc<Metrics>,
    kept_max: u64,
    retaining: JoinHandle<()>,
    stop: CancellationToken,
}

impl InProcess {
    /// A broker on the state in `directory`, with so many slots, that keeps so many final jobs.
    pub(crate) fn start(directory: &Path, slots: u32, kept_max: u64) -> Self {
        let state = SledEngine::open(directory).expect("a store can be made");
        let engine = JournalEngine::open(&directory.join("journal"), state).expect("a journal can be made");
        let store = Store::new(engine).expect("it can be written to");
        let engines = Arc::new(Engines::new(slots as usize).expect("the engines can be made"));
        let compiler = Compiler::new(fixtures::binary(), CompileLimits::default());
        let registry =
            Registry::open(store.clone(), engines, directory, compiler).expect("an empty registry opens");
        let (worker, reports) =
            LocalWorker::start(slots, registry.clone(), store.clone()).expect("a worker can be started");
        let (metrics, clock, stop) = (Arc::new(Metrics::default()), Clock::start(), CancellationToken::new());
        let policy = Policy { retention: Timeout::Never, jobs_max: kept_max };
        let retention = Retention::new(store.clone(), Arc::clone(&metrics), clock, policy);
        let (driver, handle, _) =
            Driver::restore(store.clone(), Arc::new(worker), reports, Arc::clone(&metrics), clock)
                .expect("an empty store is restored at once");
        tokio::spawn(driver.run());
        let retaining = tokio::spawn(retention.run(stop.clone()));
        Self { driver: handle, store, registry, metrics, kept_max, retaining, stop }
    }

    /// What a job is that adds two numbers with the demo plugin.
    pub(crate) async fn addition(&self) -> Spec {
        let demo = fixtures::plugin_bytes("demo").into();
        let uploaded = self.registry.upload("demo", demo).await.expect("the demo plugin is accepted");
        let args = Payload::Inline(r#"{"x":10,"y":20}"#.into());
        Spec::new("demo/add", uploaded.digest, args, Timestamp(1_700_000_000_000))
    }

    /// Lets what is too much be forgotten, and ends in order.
    pub(crate) async fn close(self) {
        while u64::try_from(self.metrics.jobs_retained.get()).is_ok_and(|kept| kept > self.kept_max) {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        self.stop.cancel();
        self.retaining.await.expect("it ends in order");
        self.driver.drain().await.expect("nothing runs any more");
        self.store.close().await.expect("everything can be written");
    }
}
