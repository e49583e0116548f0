//! One place settings come from: each as the text it was written as, and where that was.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A setting that can be given as a flag, in the environment and in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `allowed_hosts`
    AllowedHosts,
    /// `allowed_origins`
    AllowedOrigins,
    /// `bind`
    Bind,
    /// `data`
    Data,
    /// `drain`
    Drain,
    /// `log`
    Log,
    /// `log_format`
    LogFormat,
    /// `retention`
    Retention,
    /// `retention_jobs_max`
    RetentionJobsMax,
    /// `store`
    Store,
    /// `workers`
    Workers,
}

impl Key {
    /// Every setting.
    pub const ALL: [Self; 11] = [
        Self::AllowedHosts,
        Self::AllowedOrigins,
        Self::Bind,
        Self::Data,
        Self::Drain,
        Self::Log,
        Self::LogFormat,
        Self::Retention,
        Self::RetentionJobsMax,
        Self::Store,
        Self::Workers,
    ];

    /// Its name in the file; with dashes that of the flag, in capitals and with `WINDLASS_` that of the variable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllowedHosts => "allowed_hosts",
            Self::AllowedOrigins => "allowed_origins",
            Self::Bind => "bind",
            Self::Data => "data",
            Self::Drain => "drain",
            Self::Log => "log",
            Self::LogFormat => "log_format",
            Self::Retention => "retention",
            Self::RetentionJobsMax => "retention_jobs_max",
            Self::Store => "store",
            Self::Workers => "workers",
        }
    }
}

/// Settings from one place, not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    origin: Origin,
    texts: BTreeMap<Key, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Environment,
    File(PathBuf),
    Flags,
}

impl Layer {
    /// What the command line gives.
    pub fn from_flags(flags: impl IntoIterator<Item = (Key, Option<String>)>) -> Self {
        let texts = flags.into_iter().filter_map(|(key, text)| Some((key, text?))).collect();
        Self { origin: Origin::Flags, texts }
    }

    /// What the environment gives; `lookup` reads a variable.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let texts = Key::ALL.into_iter().filter_map(|key| Some((key, lookup(&variable(key))?))).collect();
        Self { origin: Origin::Environment, texts }
    }

    pub(super) fn of_file(path: &Path, texts: BTreeMap<Key, String>) -> Self {
        Self { origin: Origin::File(path.to_owned()), texts }
    }

    pub(super) fn text(&self, key: Key) -> Option<&str> {
        self.texts.get(&key).map(String::as_str)
    }

    /// Where the setting stands, for an error message.
    pub(super) fn place(&self, key: Key) -> String {
        match &self.origin {
            Origin::Environment => format!("`{}`", variable(key)),
            Origin::File(path) => format!("`{}` in `{}`", key.name(), path.display()),
            Origin::Flags => format!("`--{}`", key.name().replace('_', "-")),
        }
    }
}

fn variable(key: Key) -> String {
    format!("WINDLASS_{}", key.name().to_ascii_uppercase())
}
