//! `windlass backup`: a copy of everything the broker remembers, taken while it runs.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context;
use bytes::{Buf, Bytes};
use clap::Args;
use serde::Serialize;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{broker::BrokerFlags, failure::Usage, output::Output, progress::Progress};
use crate::backup::{BackupError, Counts, check_file};

/// Pieces of the answer that may wait for the disk.
const PIECES_MAX: usize = 8;

/// Who may read and write a backup: its owner.
const BACKUP_MODE: u32 = 0o600;

/// Where it goes.
#[derive(Debug, Args)]
#[command(
    after_help = "The file has all jobs with their payloads, results and logs, queues, schedules and plugins, \
                        as they were at one moment.\nIt has no token: a broker on the restored store makes one."
)]
pub(crate) struct BackupFlags {
    /// The file to write, or - for standard output
    file: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

/// What was written.
#[derive(Debug, Serialize)]
struct BackupView<'a> {
    file: &'a Path,
    bytes: u64,
    groups: u64,
    blobs: u64,
}

pub(crate) async fn run(flags: &BackupFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let path = flags.file.as_path();
    if path == Path::new("-") {
        if output.is_terminal() {
            return Err(
                Usage("a backup is no text for a terminal: name a file, or redirect".to_owned()).into()
            );
        }
        download(broker, output, io::stdout()).await?;
        return Ok(());
    }
    if path.exists() && !flags.force {
        let reason = format!("`{}` is there already; --force writes over it", path.display());
        return Err(Usage(reason).into());
    }
    let part = Unfinished(with_suffix(path, ".part"));
    // What jobs were given is nobody else's business.
    let file = File::options().write(true).create(true).truncate(true).mode(BACKUP_MODE).open(&part.0);
    let file = file.with_context(|| format!("cannot write `{}`", part.0.display()))?;
    let counts = download(broker, output, file.try_clone()?).await?;
    file.sync_all()?;
    fs::rename(&part.0, path)?;
    let parent = std::path::absolute(path)?;
    File::open(parent.parent().unwrap_or(Path::new("/")))?.sync_all()?;
    let Counts { groups, blobs, bytes } = counts;
    let view = BackupView { file: path, bytes, groups, blobs };
    let fields =
        [("file", path.display().to_string()), ("bytes", bytes.to_string()), ("blobs", blobs.to_string())];
    Ok(output.record(&path.display().to_string(), &view, &fields)?)
}

/// Takes a backup, writes it to `to`, and answers what it has once it was found to be whole.
async fn download(
    broker: &BrokerFlags,
    output: Output,
    to: impl Write + Send + 'static,
) -> anyhow::Result<Counts> {
    let progress = Progress::begin(output, "taking a backup");
    let mut download = broker.find()?.http()?.post_for_stream("/v1/backup").await?;
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let checked = spawn_blocking(move || {
        let mut tee = Tee { pieces, piece: Bytes::new(), to };
        let counts = check_file(&mut tee)?;
        tee.to.flush()?;
        Ok::<_, BackupError>(counts)
    });
    let mut received = 0_u64;
    while let Some(piece) = download.next().await? {
        received += piece.len() as u64;
        progress.tell(format!("taking a backup, {} MiB", received >> 20));
        // Who checks has found that something is wrong, and tells.
        if sender.send(piece).await.is_err() {
            break;
        }
    }
    drop(sender);
    Ok(checked.await??)
}

/// Reads pieces, and writes what was read somewhere else.
struct Tee<W> {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
    to: W,
}

impl<W: Write> Read for Tee<W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => {
                    self.to.write_all(&piece)?;
                    self.piece = piece;
                }
                None => return Ok(0),
            }
        }
        let read = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A file that is gone when this is dropped, unless it has another name by then.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is not there any more if everything went well.
        drop(fs::remove_file(&self.0));
    }
}
