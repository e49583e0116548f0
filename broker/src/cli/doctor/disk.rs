//! Is the data directory writable, has its disk room, and how fast does it make things durable?

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::fs::statvfs;

use super::{Finding, store::size};

/// Writes that are measured, at most.
const SAMPLES_MAX: usize = 200;
/// The time the measurement may take.
const MEASURING_TIME_MAX: Duration = Duration::from_secs(2);
/// One write.
const WRITE_BYTES: usize = 4096;
/// A disk whose slow syncs take longer makes every submit slow.
pub(super) const SYNC_TIME_GOOD: Duration = Duration::from_millis(20);
/// A disk with less room is nearly full.
const FREE_BYTES_GOOD: u64 = 1024 * 1024 * 1024;
/// The same as a part of the disk.
const FREE_PERCENT_GOOD: u64 = 5;
/// No disk is faster than this; what is, does not write to one.
const SYNC_TIME_BELIEVABLE: Duration = Duration::from_micros(8);

/// The data directory, and its disk if it can be written to.
pub(super) fn checks(data: &Path) -> Vec<Finding> {
    let directory = existing(data);
    match measure(&directory) {
        Ok(syncs) => {
            vec![Finding::ok("data directory", writable(data, &directory)), room(&directory), disk(syncs)]
        }
        Err(error) => vec![Finding::fail(
            "data directory",
            format!("{} cannot be written to: {error}", directory.display()),
            "choose another one with --data, or change who owns it",
        )],
    }
}

fn writable(data: &Path, existing: &Path) -> String {
    if data == existing {
        format!("{} is writable", data.display())
    } else {
        format!("{} is not there yet; {} is writable", data.display(), existing.display())
    }
}

/// The directory itself, or the nearest one above it that exists.
fn existing(data: &Path) -> PathBuf {
    let found = data.ancestors().find(|path| path.is_dir() && !path.as_os_str().is_empty());
    found.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// How much room there is for who is not root.
fn room(directory: &Path) -> Finding {
    match statvfs(directory) {
        Ok(disk) => free(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize),
        Err(error) => Finding::warn(
            "disk space",
            format!("the file system of {} does not tell: {error}", directory.display()),
            "watch it by other means: a broker stops when its disk is full",
        ),
    }
}

fn free(free_bytes: u64, all_bytes: u64) -> Finding {
    let found = format!("{} of {} free", size(free_bytes), size(all_bytes));
    if free_bytes < FREE_BYTES_GOOD || free_bytes < all_bytes / 100 * FREE_PERCENT_GOOD {
        return Finding::warn(
            "disk space",
            found,
            "a broker stops when its disk is full: purge jobs that have ended, keep them for less time with \
             --retention, or use a larger disk",
        );
    }
    Finding::ok("disk space", found)
}

fn disk(mut syncs: Vec<Duration>) -> Finding {
    syncs.sort_unstable();
    let (p50, p99) = (syncs[syncs.len() / 2], syncs[syncs.len() * 99 / 100]);
    let seconds: f64 = syncs.iter().map(Duration::as_secs_f64).sum();
    let rate = syncs.iter().map(|_| 1.0).sum::<f64>() / seconds;
    let found = format!("{rate:.0} fdatasync/s of 4 KiB, p50 {p50:.1?}, p99 {p99:.1?}");
    if p50 < SYNC_TIME_BELIEVABLE {
        return Finding::warn(
            "disk",
            found,
            "this is faster than any disk: it may be memory, or ignore fsync; then a power cut loses jobs",
        );
    }
    if p99 > SYNC_TIME_GOOD {
        return Finding::warn("disk", found, "submits will be slow; choose a faster disk with --data");
    }
    Finding::ok("disk", found)
}

/// How long each of some appended blocks took to become durable, at least one.
fn measure(directory: &Path) -> io::Result<Vec<Duration>> {
    let mut probe = Probe::create(directory)?;
    let begun = Instant::now();
    let mut syncs = Vec::with_capacity(SAMPLES_MAX);
    loop {
        let at = Instant::now();
        probe.file.write_all(&[0x5a; WRITE_BYTES])?;
        probe.file.sync_data()?;
        syncs.push(at.elapsed());
        if syncs.len() == SAMPLES_MAX || begun.elapsed() > MEASURING_TIME_MAX {
            return Ok(syncs);
        }
    }
}

/// A file that goes away again.
struct Probe {
    file: File,
    path: PathBuf,
}

impl Probe {
    fn create(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!(".windlass-doctor-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // Nothing better can be done about an empty file that stays.
        drop(fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn a_directory_that_is_not_there_is_tried_where_it_would_be() {
        let home = tempfile::tempdir().unwrap();
        let findings = checks(&home.path().join("a/b"));
        assert_eq!(findings[0].verdict, Verdict::Ok);
        assert!(findings[0].found.contains("is not there yet"), "{}", findings[0].found);
        assert!(findings[1].found.contains(" free"), "{}", findings[1].found);
        assert!(findings[2].found.contains("fdatasync/s"), "{}", findings[2].found);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing stays behind");
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_told() {
        const GIB: u64 = 1024 * 1024 * 1024;
        assert_eq!(free(2 * GIB, 20 * GIB).verdict, Verdict::Ok);
        assert_eq!(free(GIB - 1, 2 * GIB).verdict, Verdict::Warn, "too few bytes");
        assert_eq!(free(4 * GIB, 100 * GIB).verdict, Verdict::Warn, "too small a part");
    }

    #[test]
    fn a_sync_faster_than_any_disk_is_not_believed() {
        assert_eq!(disk(vec![Duration::from_micros(1); 100]).verdict, Verdict::Warn);
        assert_eq!(disk(vec![Duration::from_millis(1); 100]).verdict, Verdict::Ok);
        assert_eq!(disk(vec![Duration::from_millis(80); 100]).verdict, Verdict::Warn);
    }
}
