//! Plugins and their versions: what may be uploaded, which version runs, and how a name leads to a handler.
//!
//! An upload goes through four gates, each dearer than the one before: name and size, structure, compilation in
//! a capped child process, a first start in the sandbox. Then component and interface are kept as blobs, and
//! one durable change makes the version the active one. A version never changes; jobs name the one they run on.

use std::path::Path;
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard, Semaphore};
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
pub use self::catalog::Resolved;
use self::catalog::{Catalog, chosen};
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
/// Versions of a plugin that were active before and are remembered for rollbacks.
pub const FORMER_VERSIONS_MAX: usize = 32;
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
    revision: AtomicU64,
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
        let (writing, revision) = (Mutex::default(), AtomicU64::default());
        Ok(Self(Arc::new(Shared { store, loader, catalog, writing, revision, uploads })))
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
        tokio::spawn(async move { registry.install(name, version).await }).await.map_err(interrupted)?
    }

    /// The plugin of that name.
    pub fn plugin(&self, name: &str) -> Option<Arc<Plugin>> {
        self.catalog().plugins.get(name).cloned()
    }

    /// The plugin of that name, or the refusal that says there is none.
    pub fn find(&self, name: &str) -> Result<Arc<Plugin>, Problem> {
        self.plugin(name).ok_or_else(|| {
            Problem::new(ErrorCode::NotFound, format!("there is no plugin `{name}`"))
                .with_hint("`windlass plugin ls` lists all plugins")
        })
    }

    /// Grows with every change of a plugin, so that whoever watches need not compare.
    pub fn revision(&self) -> u64 {
        self.0.revision.load(Relaxed)
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

    /// Makes an uploaded version the active one. Not cancel safe.
    async fn install(&self, name: String, version: Arc<Version>) -> Result<Upload, Problem> {
        let only = self.0.writing.lock().await;
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
        let plugin = self.publish(&only, &before, plugin).await?;
        Ok(Upload { created, digest, plugin })
    }

    /// Makes one of a plugin's versions the active one; durable when it answers. `version` is a digest or the
    /// unique beginning of one. A version that cannot be loaded is not made active.
    ///
    /// Cancel safety: the plugin is either as before or as after the activation.
    pub async fn activate(&self, name: &str, version: &str) -> Result<Arc<Plugin>, Problem> {
        let version = Arc::clone(chosen(&*self.find(name)?, version)?);
        drop(version.program().await?);
        let (registry, name) = (self.clone(), name.to_owned());
        let activated = tokio::spawn(async move {
            let only = registry.0.writing.lock().await;
            let (before, plugin) = (registry.catalog(), registry.find(&name)?);
            if plugin.active.digest == version.digest {
                return Ok(plugin);
            }
            let (plugin, _) = plugin.with_active(version, now());
            registry.publish(&only, &before, plugin).await
        });
        activated.await.map_err(interrupted)?
    }

    /// Makes the version active that was active before; durable when it answers. The next rollback goes one
    /// step further back.
    ///
    /// Cancel safety: the plugin is either as before or as after the rollback.
    pub async fn rollback(&self, name: &str) -> Result<Arc<Plugin>, Problem> {
        let plugin = self.find(name)?;
        let version = Arc::clone(plugin.rollback_to().ok_or_else(|| {
            Problem::new(ErrorCode::BadState, format!("no other version of `{name}` was active before"))
                .with_hint(format!("choose one with `windlass plugin activate {name} DIGEST`"))
        })?);
        drop(version.program().await?);
        let (registry, name) = (self.clone(), name.to_owned());
        let rolled_back = tokio::spawn(async move {
            let only = registry.0.writing.lock().await;
            let (before, plugin) = (registry.catalog(), registry.find(&name)?);
            match plugin.rolled_back() {
                Some(plugin) if plugin.active.digest == version.digest => {
                    registry.publish(&only, &before, plugin).await
                }
                Some(_) | None => {
                    let message = format!("another version of `{name}` was made active at the same time");
                    Err(Problem::new(ErrorCode::Conflict, message).with_hint("look at it, then try again"))
                }
            }
        });
        rolled_back.await.map_err(interrupted)?
    }

    /// Makes a plugin as it shall be durable, then visible. Not cancel safe.
    async fn publish(
        &self,
        _only: &MutexGuard<'_, ()>,
        before: &Catalog,
        plugin: Plugin,
    ) -> Result<Arc<Plugin>, Problem> {
        let plugin = Arc::new(plugin);
        let after = before.with(&plugin);
        after.check_limits(&plugin)?;
        let change = remembered::activation(&after, &plugin).map_err(|error| unwritten(&error))?;
        self.0.store.committer().commit(vec![change]).await.map_err(|error| unwritten(&error))?;
        *self.0.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
        self.0.revision.fetch_add(1, Relaxed);
        tracing::info!(plugin = %plugin.name, version = %plugin.active.digest, "activated a plugin version");
        Ok(plugin)
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
    Problem::new(ErrorCode::Internal, format!("the change of the plugin was interrupted: {error}"))
}
