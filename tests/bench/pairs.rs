//! Ours and the append log in turns, with as many at work as are in flight.

use std::{path::Path, sync::Arc, time::Instant};

use tokio::task::JoinSet;
use windlass::store::record;
use windlass_core::job::{Job, Spec, Timestamp, compose_id};
use windlass_tests::stats::{median, rate};

use crate::append_log::sync_millis;

/// How often both are measured at each load.
pub(crate) const PAIRS: usize = 5;

/// Something that does one thing after the other.
pub(crate) trait Work: Clone + Send + 'static {
    fn once(&self) -> impl Future<Output = ()> + Send;
}

/// Measures ours and the log in turns, at each load: in flight at once, and how many in all. `what` ours does is
/// printed with the medians.
pub(crate) async fn compare(
    what: &str,
    ours: &impl Work,
    log: &impl Work,
    loads: [(usize, usize); 2],
    directory: &Path,
) {
    let mut syncs = Vec::new();
    for (in_flight, count) in loads {
        let (mut rates, mut references, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            syncs.append(&mut sync_millis(&directory.join("syncs.log")).expect("a file can be synced"));
            references.push(round(log, in_flight, count).await.0);
            let (rate, mut millis) = round(ours, in_flight, count).await;
            rates.push(rate);
            waits.append(&mut millis);
        }
        let (rate, reference) = (median(&rates), median(&references));
        println!(
            "in flight {in_flight:>2}: {what} {rate:>7.0}/s (p50 {:.3} ms)   append log {reference:>7.0}/s   ratio {:.2}",
            median(&waits),
            rate / reference
        );
    }
    println!("disk: append and fdatasync p50 {:.3} ms", median(&syncs));
}

/// Lets `count` be done, `in_flight` at once; answers how many a second, and how many milliseconds each took.
async fn round(work: &impl Work, in_flight: usize, count: usize) -> (f64, Vec<f64>) {
    let begin = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..in_flight {
        let work = work.clone();
        workers.spawn(async move {
            let mut millis = Vec::new();
            for _ in 0..count / in_flight {
                let begin = Instant::now();
                work.once().await;
                millis.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            millis
        });
    }
    let millis = workers.join_all().await.concat();
    (rate(millis.len(), begin.elapsed()), millis)
}

/// The bytes of a job as the store keeps it.
pub(crate) fn record_of(spec: Arc<Spec>) -> Arc<[u8]> {
    let job = Job::new(compose_id(0, 0, 1 << 40, 1), spec, [].into(), Timestamp(0));
    record::encode(&job).expect("a job can be written").into()
}
