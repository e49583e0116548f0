//! What is never parked has a limit, and so has what would have to be read because of a command.

use windlass_core::{
    command::{Command, LimitChange, Refusal},
    decision::Decision,
    job::Timestamp,
    limits::{UNPARKED_JOBS_MAX, WINDOW_JOBS},
    parked::{Parked, PlainJobs},
    queue::{Queue, QueueLimits, TagLimit},
    scheduler::{Remembered, Scheduler},
};

/// A scheduler whose queue `deep` has so many ready jobs in the store.
fn deep(ready: usize) -> (Scheduler, Vec<Decision>) {
    let name = "deep".into();
    let queue = Queue { channel: "0".into(), name, number: 1, limits: QueueLimits::default() };
    let counts = vec![(1, PlainJobs { ready, scheduled: 0 })];
    let parked = Parked { counts, lanes: vec![(1, 127)], ..Parked::default() };
    let remembered = Remembered { queues: vec![queue], parked, ..Remembered::default() };
    Scheduler::restore(1, remembered, WINDOW_JOBS, Box::new(()), Timestamp(0))
}

fn limit_tags(scheduler: &mut Scheduler) -> Result<(), Refusal> {
    let limit = TagLimit { tag: "customer".into(), concurrency: Some(1), rate: None };
    let change = LimitChange { per_tag: Some(Some(limit)), ..LimitChange::default() };
    let limit = Command::LimitQueue { channel: "0".into(), name: "deep".into(), change };
    scheduler.handle(limit, Timestamp(0)).0.map(drop)
}

#[test]
fn a_start_reads_the_beginning_of_a_line_and_counts_the_rest() {
    let (scheduler, decisions) = deep(5_000_000);
    let [Decision::Load(load)] = decisions.as_slice() else { panic!("{decisions:?}") };
    assert_eq!((load.jobs_max, scheduler.live_jobs()), (WINDOW_JOBS, 5_000_000));
}

#[test]
fn a_queue_too_deep_for_memory_cannot_limit_its_tags() {
    let (mut scheduler, _) = deep(UNPARKED_JOBS_MAX + 1);
    assert!(matches!(limit_tags(&mut scheduler), Err(Refusal::Full(_))));
    assert_eq!(scheduler.queue("0", "deep", Timestamp(0)).unwrap().queue.limits, QueueLimits::default());
    limit_tags(&mut deep(UNPARKED_JOBS_MAX).0).unwrap();
}
