//! Plain jobs are found in their lines, and only there.

use windlass_core::job::{Fence, Lease, Spec, State, WorkerId, compose_id};

use super::*;
use crate::store::{
    Engine, MemoryEngine,
    listing::tests::{job, stored},
};

const START: JobId = JobId((7 << 104) | (127 << 96));

fn ready(sequence: u64) -> Job {
    job(compose_id(7, 0, sequence, 0), State::Ready)
}

fn scheduled(sequence: u64, due: u64) -> Job {
    let due = Timestamp(due);
    let job = job(compose_id(7, 0, sequence, 0), State::Scheduled { due });
    let spec = Spec { run_at: Some(due), ..Spec::clone(&job.spec) };
    Job { spec: Arc::new(spec), ..job }
}

fn lane(after: JobId, jobs_max: usize) -> Load {
    Load { after: Place::Lane(after), jobs_max }
}

#[test]
fn a_lane_is_read_in_parts_and_ends() {
    let jobs: Vec<_> = (1..=3).map(ready).collect();
    let other = job(compose_id(7, 1, 9, 0), State::Ready);
    let store = stored(&[&jobs[0], &jobs[1], &jobs[2], &scheduled(4, 5), &other]);
    let first = store.load(lane(JobId(START.0 - 1), 2)).unwrap();
    assert_eq!((first.jobs.len(), first.is_end), (2, false));
    let rest = store.load(lane(first.jobs[1].id, 2)).unwrap();
    assert_eq!((rest.jobs, rest.is_end), (vec![Arc::new(jobs[2].clone())], true));
}

#[test]
fn the_timetable_is_read_by_time() {
    let jobs = [scheduled(1, 30), scheduled(2, 10), scheduled(3, 20)];
    let store = stored(&jobs.each_ref());
    let read = store.load(Load { after: Place::Timetable(Timestamp(10), jobs[1].id), jobs_max: 9 }).unwrap();
    let ids: Vec<_> = read.jobs.iter().map(|job| job.id).collect();
    assert_eq!((ids, read.is_end), (vec![jobs[2].id, jobs[0].id], true));
}

#[test]
fn a_job_leaves_each_line_as_it_moves_on() {
    let engine = MemoryEngine::default();
    let write = |job: &Job| engine.commit(&[Change::default().set_job(job).unwrap()]).unwrap();
    let plain = scheduled(1, 30);
    write(&plain);
    write(&Job { state: State::Ready, revision: 2, ..plain.clone() });
    let end = State::Cancelled { at: Timestamp(31), because_of: None };
    write(&Job { state: end, revision: 3, ..plain.clone() });
    let store = Store::new(engine).unwrap();
    assert!(store.load(lane(JobId(START.0 - 1), 9)).unwrap().jobs.is_empty());
    assert!(store.plain_job(plain.id).unwrap().is_none());
    let parked = store.parked([plain.id].into_iter()).unwrap();
    assert!(parked.lanes.is_empty() && !parked.has_timetable && parked.awaited.is_empty());
}

#[test]
fn a_job_that_was_handed_back_stands_in_no_line_again() {
    let engine = MemoryEngine::default();
    let write = |job: &Job| engine.commit(&[Change::default().set_job(job).unwrap()]).unwrap();
    let plain = ready(1);
    write(&plain);
    let lease = Lease { fence: Fence(1), worker: WorkerId(0), since: Timestamp(2) };
    write(&Job { state: State::Running(lease), revision: 2, attempt: 1, ..plain.clone() });
    let back = Job { revision: 3, ..plain };
    write(&back);
    let store = Store::new(engine).unwrap();
    assert!(store.load(lane(JobId(START.0 - 1), 9)).unwrap().jobs.is_empty());
    assert_eq!(store.live_jobs(None, 9).unwrap(), [back]);
}

#[test]
fn counts_are_read_back() {
    let plain = PlainJobs { ready: 3, scheduled: 1 << 40 };
    let engine = MemoryEngine::default();
    engine.commit(&[Change::default().set_plain_jobs(7, plain).unwrap()]).unwrap();
    assert_eq!(Store::new(engine).unwrap().parked([].into_iter()).unwrap().counts, [(7, plain)]);
}

#[test]
fn plain_jobs_of_an_older_broker_are_moved_and_counted_once() {
    let engine = MemoryEngine::default();
    let jobs = [ready(1), ready(2), scheduled(3, 5)];
    for job in &jobs {
        engine.commit(&[Change::default().set(&Key::LiveJob(job.id), job).unwrap()]).unwrap();
    }
    let store = Store::new(engine).unwrap();
    store.part_plain_jobs().unwrap();
    store.part_plain_jobs().unwrap();
    let parked = store.parked([jobs[0].id].into_iter()).unwrap();
    assert_eq!(parked.counts, [(7, PlainJobs { ready: 2, scheduled: 1 })]);
    assert_eq!(
        (parked.lanes, parked.has_timetable, parked.awaited),
        (vec![(7, 127)], true, vec![jobs[0].id])
    );
    assert_eq!(store.live_jobs(None, 9).unwrap(), []);
}
