//! What can go wrong in the registry: at start, and with one version of a plugin.

use std::{io, path::PathBuf};

use serde_json::{Value, json};
use windlass_core::job::Digest;
use windlass_wire::{code::ErrorCode, problem::Problem};

use super::compile::CompileError;
use crate::sandbox::SandboxError;
use crate::store::StoreError;

/// Why the registry could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The directory of compiled versions cannot be used.
    #[error("`{}` cannot keep compiled plugins: {error}; check its owner and free space", path.display())]
    Artefacts {
        /// The data directory.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The store names something that it does not have.
    #[error("the store has lost {what}; restore the data directory from a backup")]
    Lost {
        /// What is missing.
        what: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a version could not be made ready to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("compiled plugins cannot be kept: {0}")]
    Artefacts(#[from] io::Error),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("the component `{0}` is missing from the store")]
    Lost(Digest),
    #[error("{0}")]
    Refused(Problem),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("the functions of version `{0}` read differently than when it was uploaded")]
    Stale(Digest),
    #[error("the loading of the plugin was interrupted")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LoadError {
    /// Whether the same bytes would fail in the same way at every later try.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Compile(error) => error.rule().is_some(),
            Self::Sandbox(error) => matches!(error, SandboxError::Link(_) | SandboxError::Load(_)),
            Self::Artefacts(_)
            | Self::Lost(_)
            | Self::Refused(_)
            | Self::Stale(_)
            | Self::Stopped
            | Self::Store(_) => false,
        }
    }

    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Compile(error) => error.problem(),
            Self::Sandbox(error) => match sandbox_rule(error) {
                Some(rule) => rejected(rule, error.to_string(), None),
                None => Problem::new(ErrorCode::Internal, error.to_string()),
            },
            Self::Refused(problem) => problem.clone(),
            Self::Stale(_) => Problem::new(ErrorCode::Internal, self.to_string())
                .with_hint("upload the same component again"),
            Self::Artefacts(_) | Self::Lost(_) | Self::Stopped | Self::Store(_) => {
                Problem::new(ErrorCode::Internal, self.to_string())
            }
        }
    }
}

/// The rule a component broke when it was loaded; none where the broker is at fault.
fn sandbox_rule(error: &SandboxError) -> Option<&'static str> {
    match error {
        SandboxError::Link(_) => Some("link"),
        SandboxError::Load(_) => Some("load"),
        SandboxError::Start(_) => Some("start"),
        SandboxError::TooManySlots { .. } | SandboxError::Engine(_) | SandboxError::Compile(_) => None,
    }
}

/// The refusal of a component: which rule, and where in the file if that is known.
pub(crate) fn rejected(rule: &str, message: impl Into<String>, offset: Option<usize>) -> Problem {
    let place = offset.map_or(Value::Null, |offset| json!({ "offset": offset }));
    Problem::new(ErrorCode::PluginRejected, message).with_detail(json!({ "rule": rule, "where": place }))
}
