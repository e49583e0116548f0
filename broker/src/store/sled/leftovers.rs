//! What an interrupted start leaves beside sled's file.
//!
//! sled takes every `snap.*` for a finished snapshot, so one that was cut off keeps it from opening for
//! ever, although the log holds everything.

use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
};

/// Removes snapshots that were never finished: `snap.*.generating` and empty ones.
pub(super) fn remove_unfinished(path: &Path) -> io::Result<()> {
    for snapshot in snapshots(path)? {
        let unfinished = snapshot.path().extension().is_some_and(|extension| extension == "generating");
        if unfinished || snapshot.metadata()?.len() == 0 {
            tracing::warn!(path = %snapshot.path().display(), "removing an unfinished snapshot of sled");
            fs::remove_file(snapshot.path())?;
        }
    }
    Ok(())
}

/// Moves all snapshots into the folder `set-aside`, for somebody to look at, and answers its path.
pub(super) fn set_snapshots_aside(path: &Path) -> io::Result<PathBuf> {
    let folder = path.join("set-aside");
    fs::create_dir_all(&folder)?;
    for snapshot in snapshots(path)? {
        fs::rename(snapshot.path(), folder.join(snapshot.file_name()))?;
    }
    Ok(folder)
}

fn snapshots(path: &Path) -> io::Result<Vec<DirEntry>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let is_snapshot = |entry: &DirEntry| entry.file_name().to_string_lossy().starts_with("snap.");
    entries.filter(|entry| entry.as_ref().map_or(true, is_snapshot)).collect()
}
