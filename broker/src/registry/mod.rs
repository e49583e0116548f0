//! Plugins and their versions: what may be uploaded, which version runs, and how a name leads to a handler.
//!
//! An upload goes through four gates, each dearer than the one before: name and size, structure, compilation in
//! a capped child process, a first start in the sandbox. Then component and interface are kept as blobs, and
//! one durable change makes the version the active one. A version never changes; jobs name the one they run on.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::{JoinError, spawn_blocking};
use windlass_core::job::{Digest, Timestamp};
use windlass_wire::{code::ErrorCode, problem::Problem};

mod accept;
mod artefact;
mod catalog;
mod compile;
mod error;
mod load;
mod plugin;
mod refused;
mod remembered;

use self::accept::Candidate;
use self::catalog::Catalog;
pub use self::catalog::Resolved;
pub use self::compile::child::{COMMAND as COMPILE_WORKER, compile_worker};
pub use self::compile::{CompileLimits, Compiler};
pub use self::error::RegistryError;
use self::load::Loader;
use self::plugin::Interface;
pub use self::plugin::{Plugin, Upload, Uploaded, Version};
use crate::sandbox::Engines;
use crate::store::{Store, StoreError};

/// Plugins of one broker.
pub const PLUGINS_MAX: usize = 1_000;
/// Versions of one plugin.
pub const VERSIONS_MAX: usize = 1_000;
/// Plugins that may have the same component as a version.
pub const NAMES_MAX: usize = 64;
/// Uploads being worked on at once; each may hold its whole component in memory.
pub const UPLOADS_MAX: usize = 8;

/// All plugins. Clones are the same registry.
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    store: Store,
    loader: Arc<Loader>,
    /// Replaced as a whole by whoever holds `writing`; never held for longer than that takes.
    catalog: RwLock<Arc<Catalog>>,
    writing: Mutex<()>,
    uploads: Semaphore,
}

impl Registry {
    /// Opens the registry and lists what the store remembers, without loading any code. Compiled versions lie
    /// below `data`. Blocks on the disk.
    pub fn open(
        store: Store,
        engines: Arc<Engines>,
        data: &Path,
        compiler: Compiler,
    ) -> Result<Self, RegistryError> {
        let loader = Loader::open(store.clone(), engines, data, compiler)
            .map_err(|error| RegistryError::Artefacts { path: data.to_owned(), error })?;
        let loader = Arc::new(loader);
        let catalog = RwLock::new(Arc::new(remembered::read_all(&store, &loader)?));
        let uploads = Semaphore::new(UPLOADS_MAX);
        Ok(Self(Arc::new(Shared { store, loader, catalog, writing: Mutex::new(()), uploads })))
    }

    /// Makes a component the active version of a plugin; durable when it answers. The bytes of the active
    /// version change nothing, those of an older version make it active again.
    ///
    /// Cancel safety: the plugin is either as before or as after the upload; a compilation is given up.
    pub async fn upload(&self, name: &str, component: Bytes) -> Result<Upload, Problem> {
        accept::check_outside(name, &component)?;
        let _place = self.0.uploads.try_acquire().map_err(|_| {
            Problem::new(ErrorCode::Overloaded, format!("{UPLOADS_MAX} uploads are being worked on"))
                .with_hint("try again in a moment")
        })?;
        let bytes = component.clone();
        let digest = spawn_blocking(move || accept::digest(&bytes)).await.map_err(interrupted)?;
        let version = match self.version(&digest) {
            Some(version) if version.program().await.is_ok() => version,
            _ => self.admit(digest, component).await?,
        };
        let (registry, name) = (self.clone(), name.to_owned());
        // What is durable and what is seen must not part when the caller goes away in between.
        tokio::spawn(async move { registry.activate(name, version).await }).await.map_err(interrupted)?
    }

    /// The plugin of that name.
    pub fn plugin(&self, name: &str) -> Option<Arc<Plugin>> {
        self.catalog().plugins.get(name).cloned()
    }

    /// All plugins, sorted by name.
    pub fn plugins(&self) -> Vec<Arc<Plugin>> {
        self.catalog().plugins.values().cloned().collect()
    }

    /// The version with that digest, of whatever plugin.
    pub fn version(&self, digest: &Digest) -> Option<Arc<Version>> {
        self.catalog().version(digest).cloned()
    }

    /// Finds a handler by its full name, or by its short one where only one active plugin has it. `version` is
    /// a digest or the unique beginning of one; without it the active version is meant.
    pub fn resolve(&self, name: &str, version: Option<&str>) -> Result<Resolved, Problem> {
        self.catalog().resolve(name, version)
    }

    /// Loads the active versions, so that their first runs need not wait. Failures are logged, and told again
    /// to whoever runs such a plugin. Cancel safe.
    pub async fn warm(&self) {
        for plugin in self.plugins() {
            drop(plugin.active.program().await);
        }
    }

    /// Compilations begun since the registry was opened.
    pub fn compilations(&self) -> u64 {
        self.0.loader.compiler().begun()
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a component in as a version of no plugin yet.
    async fn admit(&self, digest: Digest, component: Bytes) -> Result<Arc<Version>, Problem> {
        let Candidate { kind, imports } = spawn_blocking({
            let component = component.clone();
            move || accept::check_inside(&component)
        })
        .await
        .map_err(interrupted)??;
        let loader = &self.0.loader;
        let program = loader.compile(digest, kind, &component).await.map_err(|error| error.problem())?;
        let bytes = component.len() as u64;
        let interface = Interface::read(&program, imports);
        let store = self.0.store.clone();
        let (interface, place) = spawn_blocking(move || {
            let place = remembered::keep(&store, &component, &interface)?;
            Ok((interface, place))
        })
        .await
        .map_err(interrupted)?
        .map_err(|error| unwritten(&error))?;
        let version = Version::new(digest, bytes, kind, (interface, place), Arc::clone(loader));
        Ok(Arc::new(version.with_program(&program)))
    }

    /// Makes a version the active one. Not cancel safe.
    async fn activate(&self, name: String, version: Arc<Version>) -> Result<Upload, Problem> {
        let _only = self.0.writing.lock().await;
        let before = self.catalog();
        let digest = version.digest;
        // Another upload of the same bytes may have come first.
        let known = before.version(&digest).filter(|known| known.signatures == version.signatures);
        let version = known.cloned().unwrap_or(version);
        let plugin = before.plugins.get(&name);
        if let Some(plugin) = plugin.filter(|plugin| Arc::ptr_eq(&plugin.active, &version)) {
            return Ok(Upload { created: false, digest, plugin: Arc::clone(plugin) });
        }
        let (plugin, created) = match plugin {
            Some(plugin) => plugin.with_active(version, now()),
            None => (Plugin::new(name, version, now()), true),
        };
        let plugin = Arc::new(plugin);
        let after = before.with(&plugin);
        after.check_limits(&plugin)?;
        let change = remembered::activation(&after, &plugin).map_err(|error| unwritten(&error))?;
        self.0.store.committer().commit(vec![change]).await.map_err(|error| unwritten(&error))?;
        *self.0.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
        tracing::info!(plugin = %plugin.name, version = %digest, created, "activated a plugin version");
        Ok(Upload { created, digest, plugin })
    }
}

fn now() -> Timestamp {
    Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0))
}

fn unwritten(error: &StoreError) -> Problem {
    Problem::new(ErrorCode::Internal, format!("the plugin could not be kept: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn interrupted(error: JoinError) -> Problem {
    Problem::new(ErrorCode::Internal, format!("the upload was interrupted: {error}"))
}
