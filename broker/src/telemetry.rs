//! Where log events go: to stderr, as many as the filter lets through.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{
    filter::{ParseError, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::LogFormat;

/// Starts logging for the whole process. Later calls change nothing.
pub fn start(filter: &str, format: LogFormat) -> Result<(), ParseError> {
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let targets: Targets = filter.parse()?;
    let events = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(colour);
    let registry = tracing_subscriber::registry().with(targets);
    let started = match format {
        LogFormat::Json => registry.with(events.json()).try_init(),
        LogFormat::Text => registry.with(events).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
    Ok(())
}
