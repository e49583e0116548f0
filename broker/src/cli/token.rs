//! `windlass token`: print the token of the broker whose data directory is here.

use std::path::PathBuf;

use clap::Args;

use super::{
    broker::{DATA_DEFAULT, TOKEN_FILE, read_line},
    failure::NoBroker,
    output::Output,
};

/// Whose token.
#[derive(Debug, Args)]
pub(crate) struct TokenFlags {
    /// The broker's data directory
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
}

pub(crate) fn run(flags: &TokenFlags, output: Output) -> anyhow::Result<()> {
    let path = flags.data.join(TOKEN_FILE);
    let token = read_line(&path).ok_or_else(|| NoBroker(path.display().to_string()))?;
    Ok(output.id("token", &token)?)
}
