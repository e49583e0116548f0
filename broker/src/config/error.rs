//! What can be wrong with settings.

use std::path::PathBuf;

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value is not one of those allowed.
    #[error("{place} is `{value}`, expected {expected}")]
    Invalid {
        /// The flag, variable, or key and file it was given by.
        place: String,
        /// What was given.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// The file is not TOML, or a value in it has a shape no setting has.
    #[error("the configuration file `{path}` cannot be understood: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// The file has a key that no setting has.
    #[error("`{key}` in `{path}` is not a setting; {advice}")]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The nearest one, or all there are.
        advice: String,
    },
    /// The file cannot be read.
    #[error("the configuration file `{path}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}
