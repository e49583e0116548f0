//! Many jobs through a queue that stays about a thousand deep, of which the last ten thousand are kept: how many go
//! through in a second, first and last, and how much disk is taken in the end beside what is alive on it.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails on the first thing that is wrong, and prints its figures"
)]

use std::{
    env, fs,
    num::NonZero,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use tokio::task::JoinSet;
use windlass::{
    driver::{Handle, NewJob},
    store::{
        Engine, SledEngine,
        engine::{Direction, KeyRange, SCAN_ENTRIES_MAX},
    },
};
use windlass_core::job::Spec;
use windlass_tests::{eventually, fixtures, stats::rate};

mod in_process;

use in_process::InProcess;

/// Jobs that go through, unless the environment says otherwise.
const JOBS: usize = 2_000_000;
const DEPTH: usize = 1_000;
/// Final jobs that are kept.
const KEPT: u64 = 10_000;
/// Parts of which each tells its rate.
const PARTS: usize = 10;
const RATIO_MAX: u64 = 3;
const SLACK_BYTES: u64 = 256 * 1024 * 1024;

#[tokio::main]
async fn main() {
    let jobs = env::var("WINDLASS_CHURN_JOBS").map_or(JOBS, |count| count.parse().expect("a number of jobs"));
    let target = fixtures::binary().parent().map(Path::to_owned).expect("the binary lies in a folder");
    let directory = tempfile::tempdir_in(target).expect("the target directory can be written to");
    println!("{jobs} jobs through a queue {DEPTH} deep, the last {KEPT} are kept; rates of each tenth:");
    churn(directory.path(), jobs).await;

    // Threads of the broker that was closed may hold it for moments longer.
    let open = async || SledEngine::open(directory.path()).ok();
    let store = eventually("the store to be let go", open).await;
    let (disk, live) = (disk_bytes(directory.path()), live_bytes(&store));
    println!(
        "disk {} MB   live {} MB   ratio {:.1}   target <= {RATIO_MAX} x live + {} MB: {} MB",
        disk >> 20,
        live >> 20,
        per(disk, live),
        SLACK_BYTES >> 20,
        (RATIO_MAX * live + SLACK_BYTES) >> 20
    );
}

/// Lets the jobs through a broker that is closed again.
async fn churn(directory: &Path, jobs: usize) {
    let slots = thread::available_parallelism().map_or(1, NonZero::get);
    let slots = u32::try_from(slots).expect("a machine has not that many processors");
    let broker = InProcess::start(directory, slots, KEPT);
    let spec = Arc::new(broker.addition().await);
    for _ in 0..PARTS {
        let begin = Instant::now();
        part(&broker.driver, &spec, jobs / PARTS).await;
        println!("  {:>7.0}/s", rate(jobs / PARTS, begin.elapsed()));
    }
    let begin = Instant::now();
    broker.close().await;
    println!("  {:.1?} until the others were forgotten", begin.elapsed());
}

/// Lets some of the jobs through: whoever sees one end submits another.
async fn part(driver: &Handle, spec: &Arc<Spec>, jobs: usize) {
    let left = Arc::new(AtomicUsize::new(jobs));
    let mut submitters = JoinSet::new();
    for _ in 0..DEPTH {
        let (driver, spec, left) = (driver.clone(), Arc::clone(spec), Arc::clone(&left));
        submitters.spawn(async move {
            let take = |left: usize| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                let job = driver.submit(NewJob::new(Spec::clone(&spec))).await.expect("jobs are accepted");
                // None = it has ended already.
                driver.wait(job, &spec.channel).await.expect("the driver tells of jobs");
            }
        });
    }
    submitters.join_all().await;
}

/// Bytes of all keys and values in the store.
fn live_bytes(store: &SledEngine) -> u64 {
    let (mut range, mut bytes) = (KeyRange::prefix(&[]), 0);
    loop {
        let page = store.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX).expect("the store can be read");
        let Some((last, _)) = page.last() else { return bytes };
        bytes += page.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>();
        range = range.above(last);
    }
}

/// Bytes the file system uses for what is in a directory.
fn disk_bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let sizes = entries.map(|entry| {
        let entry = entry.expect("the directory can be read");
        let metadata = entry.metadata().expect("nobody else removes anything");
        if metadata.is_dir() { disk_bytes(&entry.path()) } else { metadata.blocks() * 512 }
    });
    sizes.sum()
}

#[expect(clippy::cast_precision_loss, reason = "sizes of a bench are far below 2^53")]
fn per(bytes: u64, others: u64) -> f64 {
    bytes as f64 / others as f64
}
