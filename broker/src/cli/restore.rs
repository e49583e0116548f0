//! `windlass restore`: a data directory from a backup.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use windlass_core::job::Timestamp;

use super::{output::Output, progress::Progress};
use crate::backup::{About, Restored, restore};

/// What is restored, and where to.
#[derive(Debug, Args)]
#[command(
    after_help = "Jobs that had not ended when the backup was made run again, also those that ended after it.\n\
                        The broker on the restored store makes a token of its own: see `windlass token --data DIR`."
)]
pub(crate) struct RestoreFlags {
    /// The backup, or - for standard input
    file: PathBuf,
    /// The data directory to make; it must not be there yet, or be empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// What was restored.
#[derive(Debug, Serialize)]
struct RestoreView<'a> {
    data: &'a Path,
    made_at: String,
    windlass: &'a str,
    blobs: u64,
    bytes: u64,
}

pub(crate) fn run(flags: &RestoreFlags, output: Output) -> anyhow::Result<()> {
    let RestoreFlags { file, data } = flags;
    let restored = {
        let _progress = Progress::begin(output, format!("restoring to {}", data.display()));
        restore(open(file)?, data, now())?
    };
    let Restored { about: About { windlass, made_at, .. }, counts } = &restored;
    let made_at = jiff::Timestamp::from_millisecond(i64::try_from(*made_at)?)?.to_string();
    let fields = [
        ("data", data.display().to_string()),
        ("backup of", made_at.clone()),
        ("next", format!("windlass serve --data {}", data.display())),
    ];
    let view = RestoreView { data, made_at, windlass, blobs: counts.blobs, bytes: counts.bytes };
    Ok(output.record(&data.display().to_string(), &view, &fields)?)
}

/// Opens a backup.
pub(super) fn open(file: &Path) -> anyhow::Result<Box<dyn Read>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 20, opened)))
}

fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Timestamp(u64::try_from(millis).unwrap_or(u64::MAX))
}
