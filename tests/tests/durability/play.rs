//! A process that plays a history on a store under the shim, and what it was told meanwhile.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use windlass::store::{Engine as _, JournalEngine, SledEngine, StoreError};

use crate::{history::History, plant, trace::Trace};

/// The variable that tells the process what to do.
const ORDERS: &str = "WINDLASS_TEST_PLAY";
/// So many groups between two checkpoints, as the seed is even or odd: after few, much is begun anew; after many,
/// much of sled's log is written without one.
const CHECKPOINT_GROUPS: [u32; 2] = [9, 40];
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of the segments of sled's log: as few as long values leave, so that segments are written to again.
const SEGMENT_BYTES: usize = 512 * 1024;

/// A store's engine as the broker has it.
pub(crate) type Store = JournalEngine<SledEngine>;

pub(crate) fn open(data: &Path) -> Result<Store, StoreError> {
    JournalEngine::open(&data.join("journal"), SledEngine::open_with_segments(data, SEGMENT_BYTES)?)
}

/// Groups from one number to another, in one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    pub(crate) seed: u64,
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// The store is closed and opened again after this group.
    pub(crate) reopened_after: u32,
    /// At the end it is closed; otherwise the process just ends.
    pub(crate) is_closed: bool,
    /// Checkpoints are made beside the groups; otherwise between them, so that the order is always the same.
    pub(crate) is_concurrent: bool,
}

/// Where a play takes place.
pub(crate) struct Stage {
    pub(crate) home: PathBuf,
    pub(crate) bug: Option<&'static str>,
}

/// How it ended.
pub(crate) struct Ended {
    /// None = it had to be stopped.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) stderr: String,
}

/// What was acknowledged: a group, and the length of the trace when that was known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) group: u32,
    pub(crate) position: u64,
}

impl Stage {
    pub(crate) fn new(home: &Path) -> Self {
        fs::create_dir_all(home.join("root")).unwrap();
        Self { home: home.to_owned(), bug: None }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.home.join("root")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    fn trace_path(&self) -> PathBuf {
        self.home.join("trace")
    }

    fn ledger_path(&self) -> PathBuf {
        self.home.join("ledger")
    }

    pub(crate) fn trace(&self) -> Trace {
        Trace::read(&self.trace_path())
    }

    /// What was acknowledged, and how often after a failure had been seen.
    pub(crate) fn ledger(&self) -> (Vec<Acknowledged>, usize) {
        let text = fs::read_to_string(self.ledger_path()).unwrap_or_default();
        let (mut acknowledged, mut after_failure, mut has_failed) = (Vec::new(), 0, false);
        for line in text.lines() {
            match line.split_once(' ') {
                Some((group, position)) => {
                    let (group, position) = (group.parse().unwrap(), position.parse().unwrap());
                    acknowledged.push(Acknowledged { group, position });
                    after_failure += usize::from(has_failed);
                }
                None => has_failed = true,
            }
        }
        (acknowledged, after_failure)
    }

    /// Plays in a process of its own, in which something may be made to fail.
    pub(crate) fn play(&self, play: Play, fail: Option<&str>) -> Ended {
        let Play { seed, first, last, reopened_after, is_closed, is_concurrent } = play;
        let orders = json!({
            "data": self.data(), "trace": self.trace_path(), "ledger": self.ledger_path(), "bug": self.bug,
            "seed": seed, "first": first, "last": last, "reopened_after": reopened_after, "is_closed": is_closed,
            "is_concurrent": is_concurrent,
        });
        let log = self.home.join("stderr");
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["play::a_history", "--exact", "--ignored", "--nocapture"])
            .env(ORDERS, orders.to_string())
            .env("LD_PRELOAD", shim())
            .env("WINDLASS_SHIM_ROOT", self.root())
            .env("WINDLASS_SHIM_TRACE", self.trace_path())
            .stdout(fs::File::create(self.home.join("stdout")).unwrap())
            .stderr(fs::File::create(&log).unwrap());
        if let Some(fail) = fail {
            command.env("WINDLASS_SHIM_FAIL", fail);
        }
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut status = child.try_wait().unwrap();
        while status.is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
            status = child.try_wait().unwrap();
        }
        if status.is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        Ended { status, stderr: fs::read_to_string(log).unwrap_or_default() }
    }
}

/// The built shim: the one in the target directory this test was built into.
pub(crate) fn shim() -> PathBuf {
    let this = env::current_exe().unwrap();
    let mut candidates = this.ancestors().map(|directory| directory.join("libwindlass_shim.so"));
    candidates.find(|path| path.is_file()).expect("no shim: run `cargo build --release` first")
}

#[test]
#[ignore = "the body of the processes that other tests start"]
fn a_history() {
    let orders: Value = serde_json::from_str(&env::var(ORDERS).unwrap()).unwrap();
    plant::plant(orders["bug"].as_str());
    let number = |name: &str| orders[name].as_u64().unwrap();
    let path = |name: &str| PathBuf::from(orders[name].as_str().unwrap());
    let ledger = fs::File::options().create(true).append(true).open(path("ledger")).unwrap();
    let mut player = Player {
        store: None,
        data: path("data"),
        trace: path("trace"),
        ledger,
        has_failed: false,
        is_concurrent: orders["is_concurrent"].as_bool().unwrap(),
        checkpoint_groups: CHECKPOINT_GROUPS[usize::from(number("seed") % 2 == 1)],
    };
    player.open();
    let mut history = History::new(number("seed"));
    for group in 1..=number("last") {
        if group < number("first") {
            history.next_group();
            continue;
        }
        player.commit(&mut history);
        if group == number("reopened_after") && !player.has_failed {
            player.close();
        }
        if group == number("reopened_after") && !player.has_failed {
            player.open();
        }
    }
    if orders["is_closed"].as_bool().unwrap() {
        player.close();
    }
    // Without closing anything, as in a kill.
    std::process::exit(i32::from(player.has_failed));
}

struct Player {
    store: Option<Arc<Store>>,
    data: PathBuf,
    trace: PathBuf,
    ledger: fs::File,
    has_failed: bool,
    is_concurrent: bool,
    checkpoint_groups: u32,
}

impl Player {
    fn open(&mut self) {
        match open(&self.data) {
            Ok(store) => self.store = Some(Arc::new(store)),
            Err(error) => self.failed(&error),
        }
    }

    fn close(&mut self) {
        let Some(store) = self.store.take() else { return };
        if let Err(error) = store.checkpoint() {
            self.failed(&error);
        }
        // A checkpoint beside the groups may still hold it.
        let mut store = Some(store);
        while let Some(shared) = store.take() {
            store = Arc::try_unwrap(shared).err();
            thread::yield_now();
        }
    }

    fn commit(&mut self, history: &mut History) {
        let steps = history.next_group();
        let Some(store) = self.store.clone() else { return };
        for step in &steps {
            let blob = step.after.and_then(|after| history.blob(step.record, after));
            let Some(bytes) = blob else { continue };
            if let Err(error) = store.put_blob(&windlass::store::blobs::digest_of(&bytes), &bytes) {
                // Nothing may point to a blob that is not there.
                return self.failed(&error);
            }
        }
        let group: Vec<_> = steps.iter().map(|step| history.change(*step)).collect();
        match store.commit(&group) {
            Ok(()) => {
                let position = fs::metadata(&self.trace).unwrap().len();
                writeln!(self.ledger, "{} {position}", history.groups).unwrap();
            }
            Err(error) => return self.failed(&error),
        }
        for step in &steps {
            let left = step.before.and_then(|before| history.blob_digest(step.record, before));
            // One that stays does no harm.
            drop(left.map(|digest| store.remove_blob(&digest)));
        }
        if history.groups.is_multiple_of(self.checkpoint_groups) {
            self.checkpoint(store);
        }
    }

    fn checkpoint(&mut self, store: Arc<Store>) {
        if self.is_concurrent {
            thread::spawn(move || drop(store.checkpoint()));
        } else if let Err(error) = store.checkpoint() {
            self.failed(&error);
        }
    }

    #[expect(clippy::print_stderr, reason = "it says so, and its parent looks")]
    fn failed(&mut self, error: &StoreError) {
        self.has_failed = true;
        writeln!(self.ledger, "failed").unwrap();
        eprintln!("the store failed: {error}");
    }
}
