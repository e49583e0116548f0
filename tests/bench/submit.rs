//! Durable submits through the driver and the store, against a raw append log with the same group commit: the same
//! record bytes, the same file system, submitters in the same process, interleaved.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails on the first thing that is wrong, and prints its figures"
)]

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use tokio::{sync::oneshot, task::JoinSet};
use windlass::{
    driver::{Clock, Driver, Handle, NewJob},
    metrics::Metrics,
    registry::{CompileLimits, Compiler, Registry},
    sandbox::Engines,
    store::{JournalEngine, SledEngine, Store, record},
    worker::LocalWorker,
};
use windlass_core::job::{Digest, Job, Payload, Spec, Timestamp, compose_id};
use windlass_tests::{
    fixtures,
    stats::{median, rate},
};

const PAIRS: usize = 5;
/// In flight at once, and how many in all.
const LOADS: [(usize, usize); 2] = [(1, 500), (64, 20_000)];
/// Appends and syncs of the disk alone, before each pair.
const SYNCS: usize = 50;
/// Most records of one group of the append log.
const GROUP_RECORDS_MAX: usize = 512;
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
    let ours = Broker(driver(&directory.path().join("store")));
    let log = AppendLog::create(&directory.path().join("append.log")).expect("a file can be made");
    println!(
        "durable submit of records of {} bytes, {PAIRS} interleaved pairs, medians; target at 64 in flight: \
         >= {RATIO_MIN} x append log",
        log.record.len()
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
struct Broker(Handle);

impl Submit for Broker {
    async fn submit(&self) {
        self.0.submit(NewJob::new(due())).await.expect("the driver accepts jobs");
    }
}

fn driver(directory: &Path) -> Handle {
    let state = SledEngine::open(directory).expect("a store can be made");
    let engine = JournalEngine::open(&directory.join("journal"), state).expect("a journal can be made");
    let store = Store::new(engine).expect("it can be written to");
    let engines = Arc::new(Engines::new(1).expect("the engines can be made"));
    let compiler = Compiler::new(fixtures::binary(), CompileLimits::default());
    let registry =
        Registry::open(store.clone(), engines, directory, compiler).expect("an empty registry opens");
    let (worker, reports) = LocalWorker::start(1, registry, store.clone()).expect("a worker can be started");
    let metrics = Arc::new(Metrics::default());
    let (driver, handle, _) = Driver::restore(store, Arc::new(worker), reports, metrics, Clock::start())
        .expect("an empty store is restored at once");
    tokio::spawn(driver.run());
    handle
}

fn due() -> Spec {
    let args = Payload::Inline(r#"{"x":10,"y":20}"#.into());
    let spec = Spec::new("demo/add", Digest([7; 32]), args, Timestamp(1_700_000_000_000));
    Spec { run_at: Some(DUE), ..spec }
}

/// The reference: records appended to a file in groups, one fdatasync for each group.
#[derive(Clone)]
struct AppendLog {
    record: Arc<[u8]>,
    waiting: mpsc::SyncSender<(Arc<[u8]>, oneshot::Sender<()>)>,
}

impl Submit for AppendLog {
    async fn submit(&self) {
        let (done, durable) = oneshot::channel();
        self.waiting.send((Arc::clone(&self.record), done)).expect("the log's thread lives");
        durable.await.expect("the log's thread lives");
    }
}

impl AppendLog {
    fn create(path: &Path) -> io::Result<Self> {
        let job = Job::new(compose_id(0, 0, 1 << 40, 1), Arc::new(due()), [].into(), Timestamp(0));
        let record = record::encode(&job).expect("a job can be written").into();
        let mut file = File::create(path)?;
        let (waiting, requests) = mpsc::sync_channel::<(Arc<[u8]>, oneshot::Sender<()>)>(GROUP_RECORDS_MAX);
        thread::spawn(move || {
            let mut group = Vec::new();
            while let Ok((record, done)) = requests.recv() {
                let mut buffer = record.to_vec();
                group.push(done);
                while group.len() < GROUP_RECORDS_MAX
                    && let Ok((record, done)) = requests.try_recv()
                {
                    buffer.extend_from_slice(&record);
                    group.push(done);
                }
                file.write_all(&buffer).expect("the log can be written");
                file.sync_data().expect("the log can be synced");
                for done in group.drain(..) {
                    done.send(()).expect("a submitter waits");
                }
            }
        });
        Ok(Self { record, waiting })
    }
}

/// How many milliseconds appends with an fdatasync take.
fn sync_millis(path: &Path) -> io::Result<Vec<f64>> {
    let mut file = File::create(path)?;
    let mut millis = Vec::new();
    for _ in 0..SYNCS {
        let begin = Instant::now();
        file.write_all(&[0; 512])?;
        file.sync_data()?;
        millis.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(millis)
}
