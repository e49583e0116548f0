//! Durable, then visible: what the driver tells before and after a commit, over an engine the test holds back.

use std::{
    path::PathBuf,
    pin::pin,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender},
    },
};

use futures_util::FutureExt;
use windlass_core::job::{Digest, Payload, Spec, State, Timestamp};
use windlass_wire::{code::ErrorCode, state::JobState};

use super::*;
use crate::{
    registry::{CompileLimits, Compiler, Registry},
    sandbox::Engines,
    store::gated::{GatedEngine, Verdict},
};

/// A driver whose commits wait for the test. No plugin is known to it, so every job it runs fails.
struct World {
    handle: Handle,
    begun: Receiver<usize>,
    verdicts: Sender<Verdict>,
    driver: tokio::task::JoinHandle<Result<(), StoreError>>,
    behind: Arc<AtomicBool>,
    _dir: tempfile::TempDir,
}

impl World {
    fn start(slots: u32) -> Self {
        let (engine, begun, verdicts) = GatedEngine::new();
        let behind = engine.behind();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(engine).unwrap();
        let compiler = Compiler::new(PathBuf::new(), CompileLimits::default());
        let engines = Arc::new(Engines::new(1).unwrap());
        let registry = Registry::open(store.clone(), engines, dir.path(), compiler).unwrap();
        let (worker, reports) = LocalWorker::start(slots, registry, store.clone()).unwrap();
        let metrics = Arc::new(Metrics::default());
        let (driver, handle, _) =
            Driver::restore(store, Arc::new(worker), reports, metrics, Clock::start()).unwrap();
        Self { handle, begun, verdicts, driver: tokio::spawn(driver.run()), behind, _dir: dir }
    }

    /// Waits until a commit has begun and lets it succeed.
    async fn let_one_commit(&self) {
        self.commit_begins().await;
        self.verdicts.send(Ok(())).unwrap();
    }

    async fn commit_begins(&self) {
        while self.begun.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
    }

    async fn submit(&self) -> JobId {
        let (submitted, ()) = tokio::join!(self.handle.submit(new_job()), self.let_one_commit());
        submitted.unwrap()
    }
}

fn new_job() -> NewJob {
    let spec = Spec::new("nobody/home", Digest([0; 32]), Payload::Inline("{}".into()), Timestamp(0));
    NewJob::new(spec)
}

#[tokio::test]
async fn a_submit_is_answered_after_its_commit_and_not_before() {
    let world = World::start(0);
    let mut submit = pin!(world.handle.submit(new_job()));
    assert!((&mut submit).now_or_never().is_none());
    world.commit_begins().await;
    assert!((&mut submit).now_or_never().is_none(), "the commit has only begun");
    world.verdicts.send(Ok(())).unwrap();
    submit.await.unwrap();
}

#[tokio::test]
async fn while_the_disk_is_behind_submits_are_refused_and_cancels_are_not() {
    let world = World::start(0);
    let job = world.submit().await;
    world.behind.store(true, Ordering::Relaxed);
    assert_eq!(world.handle.submit(new_job()).await, Err(Refused::Behind));
    assert_eq!(world.handle.submit_many(vec![new_job()]).await, Err(Refused::Behind));
    let (cancelled, ()) = tokio::join!(world.handle.cancel(job, "0"), world.let_one_commit());
    cancelled.unwrap();
}

#[tokio::test]
async fn a_job_does_not_start_before_its_submission_is_durable() {
    let world = World::start(1);
    let mut events = world.handle.events();
    let mut submit = pin!(world.handle.submit(new_job()));
    assert!((&mut submit).now_or_never().is_none());
    world.commit_begins().await;
    assert_eq!(world.handle.stats().await.unwrap().held_slots, 1, "it is granted");
    assert!(world.begun.try_recv().is_err(), "a run would end at once and ask for another commit");
    assert!(events.try_recv().is_err(), "nobody has heard of it");
    world.verdicts.send(Ok(())).unwrap();
    submit.await.unwrap();
    world.let_one_commit().await;
    let states: Vec<_> = [events.recv().await, events.recv().await, events.recv().await]
        .map(|event| event.unwrap().job.state.name())
        .into();
    assert_eq!(states, [JobState::Ready, JobState::Running, JobState::Failed]);
}

#[tokio::test]
async fn a_failed_commit_answers_nothing_and_ends_the_driver() {
    let world = World::start(0);
    let fail = async {
        world.commit_begins().await;
        world.verdicts.send(Err(StoreError::Full)).unwrap();
    };
    let (submitted, ()) = tokio::join!(world.handle.submit(new_job()), fail);
    assert_eq!(submitted, Err(Refused::Stopped));
    assert!(matches!(world.driver.await.unwrap(), Err(StoreError::Full)));
}

#[tokio::test]
async fn a_cancelled_job_is_final_when_the_cancel_is_answered() {
    let world = World::start(0);
    let job = world.submit().await;
    let mut waiting = pin!(world.handle.wait(job, "0"));
    assert!((&mut waiting).now_or_never().is_none());
    let (cancelled, ()) = tokio::join!(world.handle.cancel(job, "0"), world.let_one_commit());
    cancelled.unwrap();
    let Some(Ok(Some(record))) = waiting.now_or_never() else { panic!("who waits is told first") };
    assert!(matches!(record.state, State::Cancelled { .. }));
}

#[tokio::test]
async fn a_job_of_another_channel_is_unknown() {
    let world = World::start(0);
    let job = world.submit().await;
    assert_eq!(world.handle.cancel(job, "other").await, Err(Refused::Core(Refusal::Unknown)));
    assert!(world.handle.wait(job, "other").await.unwrap().is_none());
}

#[tokio::test]
async fn waiting_for_a_job_that_just_ended_outlasts_its_commit() {
    let world = World::start(1);
    let mut submit = pin!(world.handle.submit(new_job()));
    assert!((&mut submit).now_or_never().is_none());
    world.let_one_commit().await;
    let job = submit.await.unwrap();
    world.commit_begins().await;
    let mut waiting = pin!(world.handle.wait(job, "0"));
    assert!((&mut waiting).now_or_never().is_none(), "its end is decided and not yet durable");
    world.verdicts.send(Ok(())).unwrap();
    assert!(waiting.await.unwrap().is_none(), "the store has it now");
}

#[tokio::test]
async fn a_job_without_its_plugin_fails_with_a_reason() {
    let world = World::start(1);
    let mut events = world.handle.events();
    let job = world.submit().await;
    world.let_one_commit().await;
    let failed = loop {
        let event = events.recv().await.unwrap();
        if event.job.id == job && event.job.state.is_final() {
            break event.job;
        }
    };
    let State::Failed { failure, .. } = &failed.state else { panic!("{failed:?}") };
    assert_eq!(failure.code, ErrorCode::UnknownHandler);
}

#[tokio::test]
async fn draining_ends_when_everything_is_durable() {
    let world = World::start(0);
    let mut submit = pin!(world.handle.submit(new_job()));
    assert!((&mut submit).now_or_never().is_none());
    world.commit_begins().await;
    let mut drain = pin!(world.handle.drain());
    assert!((&mut drain).now_or_never().is_none());
    world.verdicts.send(Ok(())).unwrap();
    drain.await.unwrap();
    submit.await.unwrap();
    world.driver.await.unwrap().unwrap();
}
