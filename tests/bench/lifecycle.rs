//! Durable jobs from submission over a run in a fresh sandbox to their end, through driver, store and worker, against
//! a raw append log with the same group commit that is given two records for each: as it is submitted, and as it ended.
//! The same record bytes, the same file system, submitters in the same process, interleaved.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails on the first thing that is wrong, and prints its figures"
)]

use std::{num::NonZero, path::Path, sync::Arc, thread};

use windlass::driver::{Handle, NewJob};
use windlass_core::job::Spec;
use windlass_tests::fixtures;

mod append_log;
mod in_process;
mod pairs;

use append_log::AppendLog;
use in_process::InProcess;
use pairs::{PAIRS, Work, compare, record_of};

/// In flight at once, and how many in all.
const LOADS: [(usize, usize); 2] = [(1, 500), (64, 10_000)];

#[tokio::main]
async fn main() {
    let target = fixtures::binary().parent().map(Path::to_owned).expect("the binary lies in a folder");
    let directory = tempfile::tempdir_in(target).expect("the target directory can be written to");
    let slots = thread::available_parallelism().map_or(1, NonZero::get);
    let slots = u32::try_from(slots).expect("a machine has not that many processors");
    let broker = InProcess::start(&directory.path().join("store"), slots, u64::MAX);
    let spec = Arc::new(broker.addition().await);
    let ours = Broker(broker.driver.clone(), Arc::clone(&spec));
    let record = record_of(spec);
    let log = AppendLog::create(&directory.path().join("append.log")).expect("a file can be made");
    println!(
        "jobs to their ends, {slots} slots, {PAIRS} interleaved pairs, medians; reference: two records of {} bytes",
        record.len()
    );
    let log = Log(log, record);
    compare("jobs", &ours, &log, LOADS, directory.path()).await;
    broker.close().await;
}

/// Ours: the driver over the store and the worker that `serve` uses.
#[derive(Clone)]
struct Broker(Handle, Arc<Spec>);

impl Work for Broker {
    async fn once(&self) {
        let Self(driver, spec) = self;
        let job = driver.submit(NewJob::new(Spec::clone(spec))).await.expect("the driver accepts jobs");
        // None = it has ended already.
        driver.wait(job, &spec.channel).await.expect("the driver tells of jobs");
    }
}

/// The reference, and what it writes twice.
#[derive(Clone)]
struct Log(AppendLog, Arc<[u8]>);

impl Work for Log {
    async fn once(&self) {
        self.0.append(&self.1).await;
        self.0.append(&self.1).await;
    }
}
