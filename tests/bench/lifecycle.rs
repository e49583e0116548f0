//! Durable jobs from submission over a run in a fresh sandbox to their end, through driver, store and worker, against
//! a raw append log with the same group commit that is given two records for each: as it is submitted, and as it ended.
//! The same record bytes, the same file system, submitters in the same process, interleaved.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails on the first thing that is wrong, and prints its figures"
)]

use std::{num::NonZero, path::Path, sync::Arc, thread, time::Instant};

use tokio::task::JoinSet;
use windlass::{
    driver::{Handle, NewJob},
    store::record,
};
use windlass_core::job::{Job, Spec, Timestamp, compose_id};
use windlass_tests::{
    fixtures,
    stats::{median, rate},
};

mod append_log;
mod in_process;

use append_log::{AppendLog, sync_millis};
use in_process::InProcess;

const PAIRS: usize = 5;
/// In flight at once, and how many in all.
const LOADS: [(usize, usize); 2] = [(1, 500), (64, 10_000)];

/// Something through which jobs go.
trait Live: Clone + Send + 'static {
    fn live(&self) -> impl Future<Output = ()> + Send;
}

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
    let mut syncs = Vec::new();
    for (in_flight, count) in LOADS {
        let (mut rates, mut references, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            syncs
                .append(&mut sync_millis(&directory.path().join("syncs.log")).expect("a file can be synced"));
            references.push(round(&log, in_flight, count).await.0);
            let (rate, mut millis) = round(&ours, in_flight, count).await;
            rates.push(rate);
            waits.append(&mut millis);
        }
        let (rate, reference) = (median(&rates), median(&references));
        println!(
            "in flight {in_flight:>2}: jobs {rate:>7.0}/s (p50 {:.3} ms)   append log {reference:>7.0}/s   ratio {:.2}",
            median(&waits),
            rate / reference
        );
    }
    println!("disk: append and fdatasync p50 {:.3} ms", median(&syncs));
    broker.close().await;
}

/// Lets `count` jobs through, `in_flight` at once; answers how many a second, and how many milliseconds each took.
async fn round(through: &impl Live, in_flight: usize, count: usize) -> (f64, Vec<f64>) {
    let begin = Instant::now();
    let mut submitters = JoinSet::new();
    for _ in 0..in_flight {
        let through = through.clone();
        submitters.spawn(async move {
            let mut millis = Vec::new();
            for _ in 0..count / in_flight {
                let begin = Instant::now();
                through.live().await;
                millis.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            millis
        });
    }
    let millis = submitters.join_all().await.concat();
    (rate(millis.len(), begin.elapsed()), millis)
}

/// Ours: the driver over the store and the worker that `serve` uses.
#[derive(Clone)]
struct Broker(Handle, Arc<Spec>);

impl Live for Broker {
    async fn live(&self) {
        let Self(driver, spec) = self;
        let job = driver.submit(NewJob::new(Spec::clone(spec))).await.expect("the driver accepts jobs");
        // None = it has ended already.
        driver.wait(job, &spec.channel).await.expect("the driver tells of jobs");
    }
}

/// The reference, and what it writes twice.
#[derive(Clone)]
struct Log(AppendLog, Arc<[u8]>);

impl Live for Log {
    async fn live(&self) {
        self.0.append(&self.1).await;
        self.0.append(&self.1).await;
    }
}

/// The bytes of a job as the store keeps it.
fn record_of(spec: Arc<Spec>) -> Arc<[u8]> {
    let job = Job::new(compose_id(0, 0, 1 << 40, 1), spec, [].into(), Timestamp(0));
    record::encode(&job).expect("a job can be written").into()
}
