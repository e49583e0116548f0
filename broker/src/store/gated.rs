//! An engine for tests of durability: a commit waits until the test says what becomes of it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
    mpsc::{self, Receiver, Sender},
};

use windlass_core::job::Digest;

use super::{
    engine::{Change, Direction, Engine, Entry, KeyRange},
    error::StoreError,
    health::Health,
    memory::MemoryEngine,
};

/// What becomes of a commit.
pub(crate) type Verdict = Result<(), StoreError>;

/// An engine whose commits wait for the test to say what becomes of them.
pub(crate) struct GatedEngine {
    memory: MemoryEngine,
    begun: Sender<usize>,
    verdicts: Mutex<Receiver<Verdict>>,
    is_behind: Arc<AtomicBool>,
}

impl GatedEngine {
    /// The engine, the changes in each group told when its commit begins, and the way to let commits go on.
    pub(crate) fn new() -> (Self, Receiver<usize>, Sender<Verdict>) {
        let (begun, told) = mpsc::channel();
        let (verdicts, awaited) = mpsc::channel();
        let (memory, is_behind) = (MemoryEngine::default(), Arc::default());
        (Self { memory, begun, verdicts: Mutex::new(awaited), is_behind }, told, verdicts)
    }

    /// Whether it is to say that it does not keep up.
    pub(crate) fn behind(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_behind)
    }
}

impl Engine for GatedEngine {
    fn commit(&self, group: &[Change]) -> Result<(), StoreError> {
        self.begun.send(group.len()).unwrap();
        self.verdicts.lock().unwrap().recv().expect("the test has given this commit up")?;
        self.memory.commit(group)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(key)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.memory.scan(range, direction, limit)
    }

    fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        self.memory.put_blob(digest, bytes)
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.blob(digest)
    }

    fn remove_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        self.memory.remove_blob(digest)
    }

    fn blobs(&self, first: u8) -> Result<Vec<Digest>, StoreError> {
        self.memory.blobs(first)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.memory.checkpoint()
    }

    fn start_number(&self) -> u32 {
        self.memory.start_number()
    }

    fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    fn health(&self) -> Health {
        self.memory.health()
    }
}
