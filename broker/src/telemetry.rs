//! Where log events go: to stderr, as many as the filter lets through.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter::ParseError};

use crate::config::LogFormat;

/// Starts logging for the whole process. Later calls change nothing.
pub fn start(filter: &str, format: LogFormat) -> Result<(), ParseError> {
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let events = tracing_subscriber::fmt()
        .with_env_filter(filter.parse::<EnvFilter>()?)
        .with_writer(stderr)
        .with_ansi(colour);
    let started = match format {
        LogFormat::Json => events.json().try_init(),
        LogFormat::Text => events.try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
    Ok(())
}
