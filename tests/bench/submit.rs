//! Durable submits through the driver and the store, against a raw append log with the same group commit: the same
//! record bytes, the same file system, submitters in the same process, interleaved.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails on the first thing that is wrong, and prints its figures"
)]

use std::{path::Path, sync::Arc, time::Instant};

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
const LOADS: [(usize, usize); 2] = [(1, 500), (64, 20_000)];
const RATIO_MIN: f64 = 0.5;
/// Far ahead, so that no job runs.
const DUE: Timestamp = Timestamp(u64::MAX >> 16);

/// Something that makes one record durable and says so.
trait Submit: Clone + Send + 'static {
    fn submit(&self) -> impl Future<Output = ()> + Send;
}

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
            "in flight {in_flight:>2}: submit {rate:>7.0}/s (p50 {:.3} ms)   append log {reference:>7.0}/s   ratio {:.2}",
            median(&waits),
            rate / reference
        );
    }
    println!("disk: append and fdatasync p50 {:.3} ms", median(&syncs));
    broker.close().await;
}

/// Lets `in_flight` submitters submit `count` records; answers how many a second, and how many milliseconds each took.
async fn round(to: &impl Submit, in_flight: usize, count: usize) -> (f64, Vec<f64>) {
    let begin = Instant::now();
    let mut submitters = JoinSet::new();
    for _ in 0..in_flight {
        let to = to.clone();
        submitters.spawn(async move {
            let mut millis = Vec::new();
            for _ in 0..count / in_flight {
                let begin = Instant::now();
                to.submit().await;
                millis.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            millis
        });
    }
    let millis = submitters.join_all().await.concat();
    (rate(millis.len(), begin.elapsed()), millis)
}

/// Ours: the driver over the store that `serve` uses.
#[derive(Clone)]
struct Broker(Handle, Arc<Spec>);

impl Submit for Broker {
    async fn submit(&self) {
        self.0.submit(NewJob::new(Spec::clone(&self.1))).await.expect("the driver accepts jobs");
    }
}

/// The reference, and what it writes.
#[derive(Clone)]
struct Log(AppendLog, Arc<[u8]>);

impl Submit for Log {
    async fn submit(&self) {
        self.0.append(&self.1).await;
    }
}

/// The bytes of a job as the store keeps it.
fn record_of(spec: Arc<Spec>) -> Arc<[u8]> {
    let job = Job::new(compose_id(0, 0, 1 << 40, 1), spec, [].into(), Timestamp(0));
    record::encode(&job).expect("a job can be written").into()
}
