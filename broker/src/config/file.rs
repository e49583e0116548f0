//! The configuration file: TOML, each flag's twin by the same name with underscores.
//!
//! ```toml
//! bind = "127.0.0.1:7878"     # loopback only; port 0 takes a free one
//! data = "./.windlass"        # relative to the working directory
//! workers = 0                 # runs at once; 0 is one for each core
//! store = "sled"              # or "memory"
//! drain = "25s"               # how long running jobs may take to end
//! retention = "7d"            # how long final jobs are kept; or "never", until they are purged
//! retention_jobs_max = 1000000
//! allowed_hosts = ["jobs.example.org"]
//! allowed_origins = ["https://jobs.example.org"]
//! log = "info"
//! log_format = "text"         # or "json"
//! ```

use std::{collections::BTreeMap, fs, path::Path};

use super::{ConfigError, Key, Layer};

/// How alike a wrong key and a setting must be to be worth naming.
const LIKENESS_MIN: f64 = 0.7;

impl Layer {
    /// What the configuration file gives.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
        Self::from_toml(path, &text)
    }

    pub(super) fn from_toml(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let malformed = |reason| ConfigError::Malformed { path: path.to_owned(), reason };
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| malformed(error.to_string()))?;
        let mut texts = BTreeMap::new();
        for (name, value) in table {
            let key = Key::ALL.into_iter().find(|key| key.name() == name).ok_or_else(|| {
                ConfigError::UnknownKey { path: path.to_owned(), advice: advice(&name), key: name.clone() }
            })?;
            let text = words(&value).ok_or_else(|| {
                malformed(format!("`{name}` is neither a word, a number nor a list of words"))
            })?;
            texts.insert(key, text);
        }
        Ok(Self::of_file(path, texts))
    }
}

/// The value as it would stand on the command line, where all settings are understood.
fn words(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Array(entries) => {
            let words = entries.iter().map(toml::Value::as_str).collect::<Option<Vec<_>>>()?;
            Some(words.join(","))
        }
        toml::Value::Boolean(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn advice(name: &str) -> String {
    let likeness = |key: Key| strsim::jaro_winkler(name, key.name());
    match Key::ALL.into_iter().max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))) {
        Some(nearest) if likeness(nearest) >= LIKENESS_MIN => format!("did you mean `{}`?", nearest.name()),
        Some(_) | None => format!("settings are {}", Key::ALL.map(Key::name).join(", ")),
    }
}
