//! Jobs and their outputs, written and read back.

use windlass_core::{
    job::{Attempt, Failure, Payload, Spec, State, Timestamp, WorkerId, compose_id},
    limits::ATTEMPTS_KEPT_MAX,
};
use windlass_wire::{
    code::ErrorCode,
    job::Usage,
    limits::{TAG_BYTES_MAX, TAGS_MAX},
};

use super::*;
use crate::store::{
    INLINE_BYTES_MAX,
    engine::Engine,
    listing::tests::{job, stored},
    memory::MemoryEngine,
};

#[test]
fn a_job_is_read_as_it_was_written() {
    let job = job(compose_id(1, 5, 7, 9), State::Ready);
    assert_eq!(stored(&[&job]).job(job.id).unwrap(), Some(job));
}

#[test]
fn a_final_job_is_no_longer_live() {
    let mut job = job(compose_id(1, 0, 7, 9), State::Ready);
    let engine = MemoryEngine::default();
    engine.commit(&[Change::default().set_job(&job).unwrap()]).unwrap();
    job.state = State::Cancelled { at: Timestamp(3), because_of: None };
    engine.commit(&[Change::default().set_job(&job).unwrap()]).unwrap();
    let store = Store::new(engine).unwrap();
    assert_eq!(store.live_jobs(None, 9).unwrap(), []);
    assert_eq!(store.job(job.id).unwrap(), Some(job));
}

#[test]
fn live_jobs_are_read_in_pages() {
    let jobs: Vec<_> = (1..=5).map(|sequence| job(compose_id(0, 0, sequence, 0), State::Ready)).collect();
    let store = stored(&jobs.iter().collect::<Vec<_>>());
    let first = store.live_jobs(None, 3).unwrap();
    let rest = store.live_jobs(Some(first[2].id), 3).unwrap();
    assert_eq!([first, rest].concat(), jobs);
}

#[test]
fn outputs_of_a_job_are_read_in_order_and_on_from_a_piece() {
    let (own, other) = (compose_id(0, 0, 1, 0), compose_id(0, 0, 2, 0));
    let key = |job, attempt, chunk| Key::Output { job, attempt, chunk };
    let keys = [key(own, 1, 0), key(own, 1, 1), key(own, 2, 0), key(other, 1, 0)];
    let change =
        keys.iter().fold(Change::default(), |change, key| change.set(key, &format!("{key:?}")).unwrap());
    let engine = MemoryEngine::default();
    engine.commit(&[change]).unwrap();
    let store = Store::new(engine).unwrap();
    let read = |after| -> Vec<Key> {
        let outputs = store.outputs::<String>(own, after, 9).unwrap();
        outputs
            .into_iter()
            .map(|(key, text)| {
                assert_eq!(text, format!("{key:?}"));
                key
            })
            .collect()
    };
    assert_eq!(read(None), keys[..3]);
    assert_eq!(read(Some(&keys[1])), keys[2..3]);
}

#[tokio::test]
async fn a_closed_store_has_written_what_nobody_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let job = job(compose_id(0, 0, 1, 0), State::Ready);
    let store = Store::new(crate::store::SledEngine::open(dir.path()).unwrap()).unwrap();
    store.committer().write_lazily(vec![Change::default().set_job(&job).unwrap()]).unwrap();
    store.close().await.unwrap();
    assert_eq!(store.job(job.id).unwrap(), Some(job));
}

#[test]
fn a_job_with_everything_at_its_limit_is_written() {
    let failure = Failure {
        code: ErrorCode::HandlerError,
        message: "m".repeat(2_100),
        detail: Some("d".repeat(16 << 10)),
    };
    let mut job = job(compose_id(0, 0, 1, 0), State::Failed { at: Timestamp(9), failure: failure.clone() });
    let attempt = |number| Attempt {
        number,
        worker: WorkerId(1),
        started_at: Timestamp(1),
        ended_at: Timestamp(2),
        failure: Some(failure.clone()),
        usage: Usage::default(),
    };
    job.attempts = (1..).take(ATTEMPTS_KEPT_MAX).map(attempt).collect();
    let mut spec = Spec::clone(&job.spec);
    spec.args = Payload::Inline("a".repeat(INLINE_BYTES_MAX).into());
    let tag = |number| (format!("{number:0TAG_BYTES_MAX$}"), "t".repeat(TAG_BYTES_MAX));
    spec.tags = (0..TAGS_MAX).map(tag).collect();
    job.spec = spec.into();
    assert_eq!(stored(&[&job]).job(job.id).unwrap(), Some(job));
}
