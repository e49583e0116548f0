//! `windlass run`: call a handler now and print its value.

use std::path::PathBuf;

use clap::Args;
use windlass_client::CallOptions;
use windlass_wire::span::Timeout;

use super::{
    broker::BrokerFlags,
    handler::{self, HandlerFlags},
    output::Output,
    progress::Progress,
};

/// What to call, and how.
#[derive(Debug, Args)]
pub(crate) struct RunFlags {
    #[command(flatten)]
    handler: HandlerFlags,
    /// The time for waiting and running, like 5s, or never [default: 30s]
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Timeout>,
    /// Digest of the plugin version to run, or the beginning of one [default: the active one]
    #[arg(long = "version", value_name = "DIGEST")]
    plugin_version: Option<String>,
    /// Save the value instead of printing it; bytes are saved as they are
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(flags: &RunFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let client = broker.find()?.connect().await?;
    let args = flags.handler.arguments(&client).await?;
    let options = CallOptions { timeout: flags.timeout, version: flags.plugin_version.clone() };
    let value = {
        let _progress = Progress::begin(output, format!("running {}", flags.handler.name()));
        client.call(flags.handler.name(), args, &options).await?
    };
    match &flags.out {
        Some(path) => handler::save(&client, flags.handler.name(), &value, path).await,
        None => Ok(output.value(&value)?),
    }
}
