//! What is acknowledged survives the loss of power, failing files, a full disk; and what is damaged is not believed.
//!
//! A library is preloaded into processes that write to stores. It records what they do to their files, in order, so
//! that a test can build what a disk may have kept at any moment; or it lets the n-th thing they do fail.
//! `WINDLASS_IMAGES` sets the number of power losses, `WINDLASS_FLIPS` that of flipped bits, `WINDLASS_SEED` replays.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a broken assumption of a test fails it"
)]

mod check;
mod disk;
mod failing;
mod flips;
mod history;
mod images;
mod jobs;
mod plant;
mod play;
mod power;
mod product;
mod promised;
#[path = "../../shim/src/record.rs"]
mod record;
mod trace;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    setting("WINDLASS_SEED").unwrap_or_else(|| getrandom::u64().unwrap())
}

/// Stores, images and traces together take less, in bytes.
const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;

/// A directory in memory where there is room: its syncs are quick, and they are not what is tested.
fn scratch() -> tempfile::TempDir {
    let shared = "/dev/shm";
    let room = rustix::fs::statvfs(shared).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    let made = if room < MEMORY_BYTES { tempfile::tempdir() } else { tempfile::tempdir_in(shared) };
    made.unwrap()
}
