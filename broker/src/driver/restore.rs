//! Reading back what was live when the last broker ended.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::{
    decision::Decision,
    job::{Job, Timestamp},
    limits::WINDOW_JOBS,
    scheduler::{Remembered, Scheduler},
};
use windlass_wire::{id::JobId, state::JobState};

use crate::{
    calendar::Calendar,
    store::{Store, StoreError},
};

/// Jobs read at a time.
const PAGE_JOBS: usize = 1024;

/// The scheduler as it was, with the decisions that follow from the workers having gone.
pub(super) fn scheduler(store: &Store, now: Timestamp) -> Result<(Scheduler, Vec<Decision>), StoreError> {
    let (queues, keys, schedules) = (store.queues()?, store.idempotency_keys()?, store.schedules()?);
    let mut jobs = Vec::new();
    loop {
        let page = store.live_jobs(jobs.last().map(|job: &Job| job.id), PAGE_JOBS)?;
        let read = page.len();
        jobs.extend(page);
        if read < PAGE_JOBS {
            break;
        }
    }
    let named: BTreeSet<_> =
        jobs.iter().flat_map(|job| job.state.left().chain(&job.spec.parent)).copied().collect();
    let parked = store.parked(named.iter().copied())?;
    let ended = ended(store, &named)?;
    let plain: usize = parked.counts.iter().map(|(_, plain)| plain.ready + plain.scheduled).sum();
    tracing::info!(
        jobs = jobs.len(),
        plain,
        queues = queues.len(),
        keys = keys.len(),
        schedules = schedules.len(),
        start = store.start_number(),
        "live jobs restored"
    );
    let remembered = Remembered { queues, jobs, parked, ended, keys, schedules };
    let calendar = Box::new(Calendar::default());
    Ok(Scheduler::restore(store.start_number(), remembered, WINDOW_JOBS, calendar, now))
}

/// Of the jobs that others wait for, or are children of, those that are final: their states.
fn ended(store: &Store, named: &BTreeSet<JobId>) -> Result<BTreeMap<JobId, JobState>, StoreError> {
    let mut ended = BTreeMap::new();
    for id in named {
        if let Some(job) = store.final_job(*id)? {
            ended.insert(*id, job.state.name());
        }
    }
    Ok(ended)
}
