//! Groups, their order and their failures, over an engine that commits when the test says so.

use std::sync::mpsc::{self, Sender};

use super::*;
use crate::store::{
    engine::VALUE_BYTES_MAX,
    gated::{GatedEngine, Verdict},
};

/// The number of a request and what became of it.
type Outcome = (u32, Verdict);

struct Gate {
    committer: Committer,
    engine: Arc<dyn Engine>,
    /// The changes in each group, told when its commit begins.
    begun: Receiver<usize>,
    verdicts: Sender<Verdict>,
    outcomes: (Sender<Outcome>, Receiver<Outcome>),
}

impl Gate {
    fn new() -> Self {
        let (gated, begun, verdicts) = GatedEngine::new();
        let engine: Arc<dyn Engine> = Arc::new(gated);
        let committer = Committer::start(Arc::clone(&engine)).unwrap();
        Self { committer, engine, begun, verdicts, outcomes: mpsc::channel() }
    }

    fn submit(&self, number: u32) {
        let outcomes = self.outcomes.0.clone();
        let done = move |outcome| outcomes.send((number, outcome)).unwrap();
        self.committer.submit(vec![put(&number.to_string())], done).unwrap();
    }

    /// Hands one request in and waits until the thread is busy with it.
    fn occupy(&self) {
        self.submit(0);
        assert_eq!(self.begun.recv(), Ok(1));
    }

    fn outcome(&self) -> Outcome {
        self.outcomes.1.recv().unwrap()
    }
}

fn put(key: &str) -> Change {
    Change::default().put(key.into(), b"value".to_vec()).unwrap()
}

fn broken() -> StoreError {
    std::io::Error::other("the disk is broken").into()
}

#[test]
fn what_waits_is_one_group() {
    let gate = Gate::new();
    gate.occupy();
    (1..=10).for_each(|number| gate.submit(number));
    gate.verdicts.send(Ok(())).unwrap();
    assert_eq!(gate.begun.recv(), Ok(10));
    gate.verdicts.send(Ok(())).unwrap();
}

#[test]
fn acknowledgements_follow_the_commit_in_order() {
    let gate = Gate::new();
    gate.occupy();
    (1..=3).for_each(|number| gate.submit(number));
    assert!(gate.outcomes.1.try_recv().is_err(), "nothing is acknowledged before its commit");
    gate.verdicts.send(Ok(())).unwrap();
    gate.verdicts.send(Ok(())).unwrap();
    for number in 0..=3 {
        assert!(matches!(gate.outcome(), (acknowledged, Ok(())) if acknowledged == number));
    }
}

#[test]
fn a_lazy_write_rides_with_the_next_group() {
    let gate = Gate::new();
    gate.occupy();
    gate.committer.write_lazily(vec![put("lazy")]).unwrap();
    gate.submit(1);
    gate.verdicts.send(Ok(())).unwrap();
    assert_eq!(gate.begun.recv(), Ok(2));
    gate.verdicts.send(Ok(())).unwrap();
}

#[test]
fn a_lazy_write_alone_is_written() {
    let gate = Gate::new();
    gate.committer.write_lazily(vec![put("lazy")]).unwrap();
    assert_eq!(gate.begun.recv(), Ok(1));
    gate.verdicts.send(Ok(())).unwrap();
}

#[tokio::test]
async fn an_empty_commit_waits_for_everything_before_it() {
    let gate = Gate::new();
    gate.committer.write_lazily(vec![put("lazy")]).unwrap();
    gate.verdicts.send(Ok(())).unwrap();
    gate.committer.commit(Vec::new()).await.unwrap();
    assert!(gate.engine.get(b"lazy").unwrap().is_some());
}

#[tokio::test]
async fn after_a_failure_nothing_is_acknowledged() {
    let gate = Gate::new();
    gate.occupy();
    gate.submit(1);
    gate.verdicts.send(Err(broken())).unwrap();
    assert!(matches!(gate.committer.failed().await, StoreError::Unavailable(_)));
    for _ in 0..=1 {
        assert!(matches!(gate.outcome(), (_, Err(StoreError::Unavailable(_)))));
    }
    let later = gate.committer.commit(vec![put("later")]).await;
    assert!(matches!(later, Err(StoreError::Unavailable(_))));
    assert!(gate.begun.try_recv().is_err(), "the engine is asked for nothing more");
}

#[tokio::test]
async fn a_thread_that_dies_is_a_failure() {
    let gate = Gate::new();
    drop(gate.verdicts);
    assert!(matches!(gate.committer.commit(vec![put("key")]).await, Err(StoreError::Stopped)));
    assert!(matches!(gate.committer.failed().await, StoreError::Stopped));
    assert!(matches!(gate.committer.write_lazily(vec![put("key")]), Err(StoreError::Stopped)));
}

#[test]
fn too_much_waiting_is_refused_until_there_is_room() {
    let gate = Gate::new();
    gate.occupy();
    let large: Vec<_> = (0..REQUEST_BYTES_MAX / (VALUE_BYTES_MAX + 2 * OP_OVERHEAD_BYTES))
        .map(|number| Change::default().put(number.to_string().into(), vec![0; VALUE_BYTES_MAX]).unwrap())
        .collect();
    let mut taken = 0;
    while gate.committer.write_lazily(large.clone()).is_ok() {
        taken += 1;
        assert!(taken <= WAITING_BYTES_MAX / REQUEST_BYTES_MAX + 1, "nothing limits what may wait");
    }
    assert!(matches!(gate.committer.write_lazily(large.clone()), Err(StoreError::Busy)));

    (0..=taken).for_each(|_| gate.verdicts.send(Ok(())).unwrap());
    assert_eq!(gate.begun.iter().take(taken).sum::<usize>(), taken * large.len());
    assert!(matches!(gate.outcome(), (0, Ok(()))));
}

#[test]
fn a_request_above_the_limit_is_refused() {
    let gate = Gate::new();
    let value = vec![0; VALUE_BYTES_MAX];
    let changes =
        vec![Change::default().put(b"key".to_vec(), value).unwrap(); REQUEST_BYTES_MAX / VALUE_BYTES_MAX + 1];
    let refused = gate.committer.write_lazily(changes);
    assert!(matches!(refused, Err(StoreError::TooLarge { limit: Limit::Request, .. })));
}
