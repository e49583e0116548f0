//! Jobs and their outputs, written and read back.

use windlass_core::{
    dependency::After,
    job::{Attempt, Digest, Failure, Payload, Spec, State, Timestamp, WorkerId, compose_id},
    limits::ATTEMPTS_KEPT_MAX,
    schedule::{Origin, ScheduleId},
};
use windlass_wire::{
    code::ErrorCode,
    job::Usage,
    limits::{AFTER_JOBS_MAX, TAG_BYTES_MAX, TAGS_MAX},
    submit::{EndedAs, Need},
};

use super::*;
use crate::store::{
    INLINE_BYTES_MAX, Target,
    engine::{Engine, Op},
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
    job.revision += 1;
    engine.commit(&[Change::default().set_job(&job).unwrap()]).unwrap();
    let store = Store::new(engine).unwrap();
    assert_eq!(store.plain_job(job.id).unwrap(), None);
    assert_eq!(store.job(job.id).unwrap(), Some(job));
}

#[test]
fn live_jobs_are_read_in_pages() {
    let jobs: Vec<_> = (1..=5).map(|sequence| job(compose_id(0, 0, sequence, 0), State::Held)).collect();
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
    spec.after = Some(after((0..AFTER_JOBS_MAX as u128).map(JobId)));
    job.spec = spec.into();
    let store = stored(&[&job]);
    assert_eq!(store.job(job.id).unwrap().as_ref(), Some(&job));
    store.engine.commit(&store.without_job(&job).unwrap()).unwrap();
    assert_eq!(keys(store.engine.as_ref()), []);
}

fn after(jobs: impl IntoIterator<Item = JobId>) -> After {
    After { jobs: jobs.into_iter().collect(), need: Need::All, ended: EndedAs::Success }
}

/// A job that has everything a final job can have, as it was before and as it is.
fn final_job() -> [Job; 2] {
    let first = job(compose_id(1, 0, 7, 9), State::Scheduled { due: Timestamp(1) });
    let spec = Spec {
        args: Payload::Blob(Digest([1; 32])),
        tags: [("who".into(), "ada".into()), ("what".into(), "mail".into())].into(),
        after: Some(after([JobId(1), JobId(2)])),
        parent: Some(JobId(3)),
        schedule: Some(Origin { schedule: ScheduleId(1), name: "nightly".into(), tick: None }),
        ..Spec::clone(&first.spec)
    };
    let first = Job { spec: spec.into(), revision: 1, ..first };
    let ready = Job { state: State::Ready, revision: 2, ..first.clone() };
    [first, ready]
}

/// The ways in which it may have ended.
fn ends() -> [State; 4] {
    let at = Timestamp(9);
    let failure = Failure { code: ErrorCode::Trap, message: String::new(), detail: None };
    [
        State::Succeeded { at, result: Payload::Blob(Digest([2; 32])) },
        State::Failed { at, failure },
        State::Cancelled { at, because_of: None },
        State::Expired { at },
    ]
}

/// A store with a job that has ended, and one with the same blobs that has not.
fn store_with(end: State) -> (MemoryEngine, Job) {
    let engine = MemoryEngine::default();
    let [first, ready] = final_job();
    let last = Job { state: end, revision: 3, ..ready.clone() };
    for job in [&first, &ready, &last] {
        engine.commit(&[Change::default().set_job(job).unwrap()]).unwrap();
    }
    let said = "said ".repeat(5_000);
    let log = Change::default().set_log(last.id, 1, &said).unwrap().set_log(last.id, 2, "again").unwrap();
    engine.commit(&[log]).unwrap();
    (engine, last)
}

/// Everything that is stored.
fn keys(engine: &dyn Engine) -> Vec<Key> {
    let entries = engine.scan(&KeyRange::prefix(&[]), Direction::Forward, SCAN_ENTRIES_MAX).unwrap();
    entries.iter().map(|(key, _)| Key::from_bytes(key).unwrap()).collect()
}

#[test]
fn a_purged_job_leaves_nothing_in_any_key_space() {
    for end in ends() {
        let (engine, job) = store_with(end);
        assert!(keys(&engine).len() > 10, "there was something to remove");
        let store = Store::new(engine).unwrap();
        store.engine.commit(&store.without_job(&job).unwrap()).unwrap();
        assert_eq!(keys(store.engine.as_ref()), [], "{}", job.state.name());
    }
}

/// The bug that would be planted here is one thing forgotten, whichever: the test above finds each.
#[test]
fn whatever_a_purge_forgot_would_be_seen() {
    let (engine, job) = store_with(ends()[0].clone());
    let changes = Store::new(engine).unwrap().without_job(&job).unwrap();
    let ops: Vec<_> = changes.iter().flat_map(Change::ops).cloned().collect();
    for forgotten in 0..ops.len() {
        let (engine, _) = store_with(ends()[0].clone());
        let others = ops.iter().enumerate().filter(|(place, _)| *place != forgotten);
        let change = others.fold(Change::default(), |change, (_, op)| match op.clone() {
            Op::Delete(key) => change.delete(key).unwrap(),
            Op::Put(key, value) => change.put(key, value).unwrap(),
        });
        let before = keys(&engine);
        engine.commit(&[change]).unwrap();
        let (Op::Delete(key) | Op::Put(key, _)) = &ops[forgotten];
        let was_there = before.contains(&Key::from_bytes(key).unwrap());
        assert_eq!(!keys(&engine).is_empty(), was_there, "{:?}", ops[forgotten]);
    }
}

#[test]
fn a_blob_goes_with_the_last_job_that_points_to_it() {
    let (engine, job) = store_with(ends()[0].clone());
    let other = Job { id: compose_id(1, 0, 8, 9), ..final_job()[0].clone() };
    engine.commit(&[Change::default().set_job(&other).unwrap()]).unwrap();
    let (args, result) = (Digest([1; 32]), Digest([2; 32]));
    for blob in [args, result] {
        engine.put_blob(&blob, b"kept").unwrap();
    }
    let store = Store::new(engine).unwrap();
    assert!(!store.remove_unused_blob(&args).unwrap() && !store.remove_unused_blob(&result).unwrap());
    store.engine.commit(&store.without_job(&job).unwrap()).unwrap();
    let pinned = store.pin(Target::Blob(result));
    assert!(!store.remove_unused_blob(&result).unwrap(), "it is in use");
    drop(pinned);
    assert!(store.remove_unused_blob(&result).unwrap());
    assert_eq!(store.blob(&result).unwrap(), None);
    assert!(!store.remove_unused_blob(&args).unwrap(), "another job points to it");
    assert!(store.blob(&args).unwrap().is_some());
}

#[test]
fn jobs_leave_in_the_order_in_which_their_time_ends() {
    let engine = MemoryEngine::default();
    let ended = |sequence, at, retention_millis| {
        let first = job(compose_id(0, 0, sequence, 0), State::Expired { at: Timestamp(at) });
        Job { spec: Spec { retention_millis, ..Spec::clone(&first.spec) }.into(), ..first }
    };
    let jobs = [ended(1, 5, Some(10)), ended(2, 6, Some(2)), ended(3, 7, None), ended(4, 8, Some(u64::MAX))];
    for job in &jobs {
        engine.commit(&[Change::default().set_job(job).unwrap()]).unwrap();
    }
    let store = Store::new(engine).unwrap();
    let next = store.leaves_next(9).unwrap();
    let expected = [(8, 1), (15, 0), (u64::MAX, 3)];
    assert_eq!(next, expected.map(|(until, place): (u64, usize)| (Timestamp(until), jobs[place].id)));
    assert_eq!(store.leaves_next(1).unwrap(), next[..1]);
    for (before, count) in [(5, 0), (6, 1), (9, 3)] {
        assert_eq!(store.count_leaving(Timestamp(before)).unwrap(), count, "before {before}");
    }
}
