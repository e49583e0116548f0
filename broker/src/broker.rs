//! A whole broker: the one place where all parts meet.

use std::{fs, io, net::SocketAddr, num::NonZero, path::PathBuf, pin::pin, sync::Arc, thread};

use thiserror::Error;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use windlass_wire::problem::Problem;

use crate::{
    auth::{AuthError, Token},
    config::{Settings, StoreKind},
    driver::{Clock, Driver, Handle},
    metrics::Metrics,
    registry::{Compiler, Registry, RegistryError},
    retention::{Policy, Retention},
    sandbox::{Engines, SandboxError},
    server::{self, Context, Doors, Parts, ServeError},
    shutdown::Requests,
    store::{JournalEngine, MemoryEngine, SledEngine, Store, StoreError},
    worker::LocalWorker,
};

/// Plugins that `windlass dev` installs: name and component. The first is there before the first request.
const DEMO_PLUGINS: [(&str, &[u8]); 2] = [
    ("demo", include_bytes!(env!("WINDLASS_PLUGIN_DEMO"))),
    ("thumbnail", include_bytes!(env!("WINDLASS_PLUGIN_THUMBNAIL"))),
];

/// Why a broker could not start, or did not end in order.
#[derive(Debug, Error)]
pub enum RunError {
    /// The token.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The address.
    #[error(
        "cannot listen on {address}: {error}; is another broker running there? choose another with --bind"
    )]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A demo plugin.
    #[error("cannot install the plugin `{0}`: {1}")]
    Demo(&'static str, Problem),
    /// The data directory.
    #[error("cannot use the data directory `{}`: {error}", path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The driver panicked, which it does rather than break a promise.
    #[error("the driver ended unexpectedly: {0}")]
    Driver(#[from] tokio::task::JoinError),
    /// The plugins.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The store. Nothing was acknowledged after it failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system.
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
}

/// Runs a broker until the first request to stop, and then for at most `settings.drain` longer. `ready` is told
/// the address once requests are answered there.
pub async fn run(
    settings: Settings,
    ready: impl FnOnce(SocketAddr) -> io::Result<()>,
    mut requests: Requests,
) -> Result<(), RunError> {
    let store = open_store(&settings)?;
    let token = Token::load_or_create(&settings.data)?;
    let slots = slots(&settings);
    let engines = Arc::new(Engines::new(slots as usize)?);
    let registry = Registry::open(store.clone(), engines, &settings.data, Compiler::of_this_program()?)?;
    let metrics = Arc::new(Metrics::default());
    let (worker, reports) = LocalWorker::start(slots, registry.clone(), store.clone())?;
    let clock = Clock::start();
    let policy = Policy { retention: settings.retention, jobs_max: settings.retention_jobs_max };
    let retention = Retention::new(store.clone(), Arc::clone(&metrics), clock, policy);
    let (driver, handle, ticks) =
        Driver::restore(store.clone(), Arc::new(worker), reports, Arc::clone(&metrics), clock)?;
    if settings.demo {
        install_demo(&registry).await?;
    }

    let address = settings.bind;
    let bound = TcpListener::bind(address).await.map_err(|error| RunError::Bind { address, error })?;
    let address = bound.local_addr()?;
    let doors = Doors::new(address, &settings.allowed_hosts, &settings.allowed_origins);
    let driver_handle = handle.clone();
    let parts = Parts {
        driver: driver_handle,
        store: store.clone(),
        registry: registry.clone(),
        retention: Arc::clone(&retention),
        token,
        doors,
        metrics,
    };
    let stopping = CancellationToken::new();
    let serving = tokio::spawn(server::serve(
        bound,
        Context::new(parts)?,
        ticks,
        settings.drain,
        stopping.clone().cancelled_owned(),
    ));
    let mut driving = tokio::spawn(driver.run());
    let retaining = tokio::spawn(retention.run(stopping.clone()));
    drop(tokio::spawn(async move { registry.warm().await }));
    ready(address)?;

    // Both branches are cancel safe: a request stays where it is, and the driver goes on by itself.
    tokio::select! {
        () = requests.next() => {}
        ended = &mut driving => return Ok(ended??),
    }
    tracing::info!("stopping: nothing more is granted, what runs may end");
    stopping.cancel();
    end_in_order(&settings, &handle, driving, &mut requests).await?;
    serving.await?;
    retaining.await?;
    store.close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Lets what runs end; what has not after the drain time or the next request is handed back.
async fn end_in_order(
    settings: &Settings,
    handle: &Handle,
    driving: JoinHandle<Result<(), StoreError>>,
    requests: &mut Requests,
) -> Result<(), RunError> {
    let mut drained = pin!(handle.drain());
    let in_time = async {
        tokio::select! {
            drained = timeout(settings.drain, &mut drained) => drained.is_ok(),
            () = requests.next() => false,
        }
    };
    if !in_time.await {
        tracing::warn!("handing back what did not end in time");
        handle.cut().await;
        if drained.await.is_err() {
            tracing::debug!("the driver ended without an answer; its own result says why");
        }
    }
    Ok(driving.await??)
}

fn open_store(settings: &Settings) -> Result<Store, RunError> {
    let path = settings.data.clone();
    fs::create_dir_all(&path).map_err(|error| RunError::Data { path, error })?;
    let store = match settings.store {
        StoreKind::Memory => Store::new(MemoryEngine::default())?,
        StoreKind::Sled => {
            let state = SledEngine::open(&settings.data)?;
            Store::new(JournalEngine::open(&settings.data.join("journal"), state)?)?
        }
    };
    store.complete_index()?;
    Ok(store)
}

fn slots(settings: &Settings) -> u32 {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    if settings.workers == 0 { u32::try_from(cores).unwrap_or(u32::MAX) } else { settings.workers }
}

/// Installs the demo plugins that are not there yet: the first at once, the others while requests are served.
async fn install_demo(registry: &Registry) -> Result<(), RunError> {
    let mut missing = DEMO_PLUGINS.into_iter().filter(|(name, _)| registry.plugin(name).is_none());
    if let Some((name, component)) = missing.next() {
        registry.upload(name, component.into()).await.map_err(|problem| RunError::Demo(name, problem))?;
    }
    let (registry, missing) = (registry.clone(), missing.collect::<Vec<_>>());
    drop(tokio::spawn(async move {
        for (name, component) in missing {
            if let Err(problem) = registry.upload(name, component.into()).await {
                tracing::error!(name, %problem, "a demo plugin could not be installed");
            }
        }
    }));
    Ok(())
}
