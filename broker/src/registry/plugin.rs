//! A plugin and its versions, in memory and as clients see them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use windlass_core::job::{Digest, Timestamp};
use windlass_wire::plugin::{HandlerView, ParamView, PluginView, UncallableView, UploadView, VersionView};
use windlass_wire::problem::Problem;

use super::FORMER_VERSIONS_MAX;
use super::error::LoadError;
use super::load::Loader;
use super::remembered::Place;
use crate::sandbox::schema::{arguments_schema, result_schema};
use crate::sandbox::{EngineKind, Program, Signature};

/// A named plugin as it was at one moment; a change makes another one.
#[derive(Debug)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// The version that runs where none is asked for.
    pub active: Arc<Version>,
    /// The versions that were active before and can be rolled back to, the last one last.
    pub former: Vec<Digest>,
    /// All its versions, the last uploaded first.
    pub versions: Vec<Uploaded>,
}

/// A version as part of a plugin.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The version.
    pub version: Arc<Version>,
    /// When it first was uploaded to this plugin.
    pub at: Timestamp,
}

/// One component. It is the same one under whatever plugins' names it was uploaded.
#[derive(Debug)]
pub struct Version {
    /// SHA-256 of the component.
    pub digest: Digest,
    /// Size of the component.
    pub bytes: u64,
    /// The engine it runs on.
    pub kind: EngineKind,
    /// Its handlers; their place here is their number.
    pub signatures: Vec<Signature>,
    /// Exports that are no handlers, with the reason.
    pub uncallable: Vec<UncallableView>,
    /// What it imports.
    pub imports: Vec<String>,
    /// Where its [`Interface`] is kept.
    pub(crate) place: Place,
    numbers: HashMap<String, usize>,
    loader: Arc<Loader>,
    program: Mutex<Weak<Program>>,
}

/// What a component offers and asks for. Kept with the version, so that a start lists it without loading it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interface {
    pub(crate) signatures: Vec<Signature>,
    pub(crate) uncallable: Vec<UncallableView>,
    pub(crate) imports: Vec<String>,
}

impl Interface {
    pub(crate) fn read(program: &Program, imports: Vec<String>) -> Self {
        let uncallable = program.uncallable().iter();
        Self {
            signatures: program.handlers().iter().map(|handler| handler.signature.clone()).collect(),
            uncallable: uncallable
                .map(|export| UncallableView { name: export.name.clone(), reason: export.reason.clone() })
                .collect(),
            imports,
        }
    }
}

impl Version {
    pub(crate) fn new(
        digest: Digest,
        bytes: u64,
        kind: EngineKind,
        (interface, place): (Interface, Place),
        loader: Arc<Loader>,
    ) -> Self {
        let Interface { signatures, uncallable, imports } = interface;
        let names = signatures.iter().map(|signature| signature.name.clone());
        let numbers = names.zip(0..).collect();
        let program = Mutex::default();
        Self { digest, bytes, kind, signatures, uncallable, imports, place, numbers, loader, program }
    }

    /// The version, with its program loaded already.
    pub(crate) fn with_program(mut self, program: &Arc<Program>) -> Self {
        *self.program.get_mut() = Arc::downgrade(program);
        self
    }

    /// The number of the handler `name` (without the plugin's name, in kebab or snake case).
    pub fn handler(&self, name: &str) -> Option<usize> {
        self.numbers.get(kebab(name).as_ref()).copied()
    }

    /// The program to run. It is loaded when it is first asked for, and compiled again if need be.
    ///
    /// Cancel safety: others that wait for the same program go on; a compilation is given up.
    pub async fn program(&self) -> Result<Arc<Program>, Problem> {
        let mut program = self.program.lock().await;
        if let Some(program) = program.upgrade() {
            return Ok(program);
        }
        let loaded = self.load().await.map_err(|error| {
            tracing::error!(version = %self.digest, %error, "a plugin cannot be loaded");
            error.problem()
        })?;
        *program = Arc::downgrade(&loaded);
        Ok(loaded)
    }

    async fn load(&self) -> Result<Arc<Program>, LoadError> {
        let program = self.loader.load(self.digest, self.kind).await?;
        // Jobs were checked against the signatures of the record, and another broker may read them differently.
        let same = program.handlers().iter().map(|handler| &handler.signature).eq(&self.signatures);
        if same { Ok(program) } else { Err(LoadError::Stale(self.digest)) }
    }

    /// Its handlers as clients see them under a plugin's name.
    pub fn handler_views(&self, plugin: &str) -> Vec<HandlerView> {
        self.signatures.iter().map(|signature| handler_view(plugin, signature)).collect()
    }
}

impl Plugin {
    pub(crate) fn new(name: String, version: Arc<Version>, at: Timestamp) -> Self {
        let versions = vec![Uploaded { version: Arc::clone(&version), at }];
        Self { name, versions, former: Vec::new(), active: version }
    }

    /// The plugin with another active version, and whether the version is new to it.
    pub(crate) fn with_active(&self, version: Arc<Version>, now: Timestamp) -> (Self, bool) {
        let mut plugin = self.with_version(&version);
        let created = !plugin.has(&version.digest);
        if created {
            // Later than the one before, whatever the clock says: the order is read from the times.
            let at = plugin.versions.first().map_or(now, |last| now.max(last.at.plus_millis(1)));
            plugin.versions.insert(0, Uploaded { version: Arc::clone(&version), at });
        }
        plugin.former.push(plugin.active.digest);
        if plugin.former.len() > FORMER_VERSIONS_MAX {
            plugin.former.remove(0);
        }
        plugin.active = version;
        (plugin, created)
    }

    /// The version a rollback leads to; none if no other one was active before.
    pub(crate) fn rollback_to(&self) -> Option<&Arc<Version>> {
        let last = self.former.last()?;
        self.versions.iter().map(|uploaded| &uploaded.version).find(|version| version.digest == *last)
    }

    /// The plugin with the version that was active before; none if there was none.
    pub(crate) fn rolled_back(&self) -> Option<Self> {
        let active = Arc::clone(self.rollback_to()?);
        let mut former = self.former.clone();
        former.pop();
        Some(Self { name: self.name.clone(), active, former, versions: self.versions.clone() })
    }

    /// The plugin with `version` in place of the one with the same digest, if it has such a one.
    pub(crate) fn with_version(&self, version: &Arc<Version>) -> Self {
        let current =
            |known: &Arc<Version>| Arc::clone(if known.digest == version.digest { version } else { known });
        let versions = self.versions.iter();
        Self {
            name: self.name.clone(),
            active: current(&self.active),
            former: self.former.clone(),
            versions: versions
                .map(|known| Uploaded { version: current(&known.version), at: known.at })
                .collect(),
        }
    }

    pub(crate) fn has(&self, version: &Digest) -> bool {
        self.versions.iter().any(|uploaded| uploaded.version.digest == *version)
    }

    /// The plugin as clients see it.
    pub fn view(&self) -> PluginView {
        PluginView {
            name: self.name.clone(),
            active: self.active.digest.to_string(),
            rollback_to: self.rollback_to().map(|version| version.digest.to_string()),
            versions: self.versions.iter().map(Uploaded::view).collect(),
            handlers: self.active.handler_views(&self.name),
            uncallable: self.active.uncallable.clone(),
            imports: self.active.imports.clone(),
        }
    }
}

impl Uploaded {
    fn view(&self) -> VersionView {
        let millis = i64::try_from(self.at.0).unwrap_or(i64::MAX);
        VersionView {
            digest: self.version.digest.to_string(),
            bytes: self.version.bytes,
            uploaded_at: jiff::Timestamp::from_millisecond(millis)
                .unwrap_or(jiff::Timestamp::MAX)
                .to_string(),
        }
    }
}

/// What an upload came to.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Whether these bytes were new to the plugin.
    pub created: bool,
    /// The digest of the bytes, now the active version.
    pub digest: Digest,
    /// The plugin after the upload.
    pub plugin: Arc<Plugin>,
}

impl Upload {
    /// The answer as clients see it.
    pub fn view(&self) -> UploadView {
        UploadView { created: self.created, digest: self.digest.to_string(), plugin: self.plugin.view() }
    }
}

/// The kebab-case form of a name that may be in snake case.
pub(crate) fn kebab(name: &str) -> Cow<'_, str> {
    if name.contains('_') { Cow::Owned(name.replace('_', "-")) } else { Cow::Borrowed(name) }
}

fn handler_view(plugin: &str, signature: &Signature) -> HandlerView {
    let written = signature.to_string();
    HandlerView {
        name: format!("{plugin}/{}", signature.name),
        wit: format!("func{}", written.strip_prefix(&signature.name).unwrap_or(&written)),
        params: signature
            .params
            .iter()
            .map(|param| ParamView { name: param.name.clone(), wit: param.ty.to_string() })
            .collect(),
        result: signature.result.as_ref().map(ToString::to_string),
        args_schema: arguments_schema(signature),
        result_schema: result_schema(signature),
    }
}
