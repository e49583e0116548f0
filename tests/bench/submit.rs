//! Durable submits through the driver and the store, against a raw append log with the same group commit: the same
//! record bytes, the same file system, submitters in the same process, interleaved.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails on the first thing that is wrong, and prints its figures"
)]

use std::{path::Path, sync::Arc};

use windlass::driver::{Handle, NewJob};
use windlass_core::job::{Spec, Timestamp};
use windlass_tests::fixtures;

mod append_log;
mod in_process;
mod pairs;

use append_log::AppendLog;
use in_process::InProcess;
use pairs::{PAIRS, Work, compare, record_of};

/// In flight at once, and how many in all.
const LOADS: [(usize, usize); 2] = [(1, 500), (64, 20_000)];
const RATIO_MIN: f64 = 0.5;
/// Far ahead, so that no job runs.
const DUE: Timestamp = Timestamp(u64::MAX >> 16);

#[tokio::main]
async fn main() {
    let target = fixtures::binary().parent().map(Path::to_owned).expect("the binary lies in a folder");
    let directory = tempfile::tempdir_in(target).expect("the target directory can be written to");
    let broker = InProcess::start(&directory.path().join("store"), 1, u64::MAX);
    let due = Arc::new(Spec { run_at: Some(DUE), ..broker.addition().await });
    let ours = Broker(broker.driver.clone(), Arc::clone(&due));
    let log = AppendLog::create(&directory.path().join("append.log")).expect("a file can be made");
    let log = Log(log, record_of(due));
    println!(
        "durable submit of records of {} bytes, {PAIRS} interleaved pairs, medians; target at 64 in flight: \
         >= {RATIO_MIN} x append log",
        log.1.len()
    );
    compare("submit", &ours, &log, LOADS, directory.path()).await;
    broker.close().await;
}

/// Ours: the driver over the store that `serve` uses.
#[derive(Clone)]
struct Broker(Handle, Arc<Spec>);

impl Work for Broker {
    async fn once(&self) {
        self.0.submit(NewJob::new(Spec::clone(&self.1))).await.expect("the driver accepts jobs");
    }
}

/// The reference, and what it writes.
#[derive(Clone)]
struct Log(AppendLog, Arc<[u8]>);

impl Work for Log {
    async fn once(&self) {
        self.0.append(&self.1).await;
    }
}
