//! From a version's digest to a program ready to run: the artefact if it is ours, else the compiler.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use windlass_core::job::Digest;

use super::artefact::{ArtefactDir, Found};
use super::compile::Compiler;
use super::error::LoadError;
use super::refused::Refused;
use crate::sandbox::{EngineKind, Engines, Program};
use crate::store::Store;

/// Programs kept ready beyond their last run. Each takes memory mappings, of which a process has some ten
/// thousand; one that was let go is loaded again in milliseconds.
const PROGRAMS_KEPT_MAX: usize = 256;

/// What makes programs.
pub(crate) struct Loader {
    engines: Arc<Engines>,
    artefacts: ArtefactDir,
    compiler: Compiler,
    refused: Refused,
    store: Store,
    kept: Mutex<VecDeque<Arc<Program>>>,
}

impl Loader {
    pub(crate) fn open(
        store: Store,
        engines: Arc<Engines>,
        data: &Path,
        compiler: Compiler,
    ) -> io::Result<Self> {
        let artefacts = ArtefactDir::open(data)?;
        Ok(Self { engines, artefacts, compiler, refused: Refused::default(), store, kept: Mutex::default() })
    }

    pub(crate) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// Loads a version that is in the store, compiling it again if its artefact is missing, foreign or of
    /// another engine. Cancel safe; a compilation is given up.
    pub(crate) async fn load(
        self: &Arc<Self>,
        digest: Digest,
        kind: EngineKind,
    ) -> Result<Arc<Program>, LoadError> {
        if let Some(program) = self.load_artefact(digest, kind).await? {
            return Ok(program);
        }
        let loader = Arc::clone(self);
        let component = blocking(move || Ok(loader.store.blob(&digest)?)).await?;
        self.compile(digest, kind, &component.ok_or(LoadError::Lost(digest))?).await
    }

    /// Compiles and loads a component, unless somebody else just did. Cancel safe; a compilation is given up.
    pub(crate) async fn compile(
        self: &Arc<Self>,
        digest: Digest,
        kind: EngineKind,
        component: &[u8],
    ) -> Result<Arc<Program>, LoadError> {
        if let Some(problem) = self.refused.get(&digest) {
            return Err(LoadError::Refused(problem));
        }
        let compiled = self.compile_in_turn(digest, kind, component).await;
        if let Err(error) = &compiled
            && error.is_lasting()
        {
            self.refused.remember(digest, error.problem());
        }
        compiled
    }

    async fn compile_in_turn(
        self: &Arc<Self>,
        digest: Digest,
        kind: EngineKind,
        component: &[u8],
    ) -> Result<Arc<Program>, LoadError> {
        let turn = self.compiler.turn().await;
        if let Some(program) = self.load_artefact(digest, kind).await? {
            return Ok(program);
        }
        let (written, file) = self.artefacts.incoming()?;
        turn.compile(component, kind, file).await?;
        let loader = Arc::clone(self);
        let start = blocking(move || {
            let program = Program::load(&loader.engines, kind, written.path())?;
            loader.artefacts.install(&written, &digest, &loader.engines.key(kind)?)?;
            Ok(program)
        });
        // The next in line finds the artefact, so the turn ends only now.
        let program = start.await?;
        drop(turn);
        tracing::info!(version = %digest, bytes = component.len(), "compiled a plugin");
        Ok(self.keep(program))
    }

    async fn load_artefact(
        self: &Arc<Self>,
        digest: Digest,
        kind: EngineKind,
    ) -> Result<Option<Arc<Program>>, LoadError> {
        let loader = Arc::clone(self);
        let program = blocking(move || match loader.artefacts.find(&digest, &loader.engines.key(kind)?)? {
            Found::Ours(path) => Ok(Some(Program::load(&loader.engines, kind, &path)?)),
            Found::Missing => Ok(None),
            Found::Foreign => {
                tracing::warn!(version = %digest, "a compiled plugin was not written by this broker, or has been \
                     changed; it is not loaded but compiled again");
                Ok(None)
            }
        })
        .await?;
        Ok(program.map(|program| self.keep(program)))
    }

    fn keep(&self, program: Arc<Program>) -> Arc<Program> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == PROGRAMS_KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&program));
        program
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(LoadError::Stopped))
}
