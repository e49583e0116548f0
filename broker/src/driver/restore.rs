//! Reading back what was live when the last broker ended.

use std::collections::BTreeMap;

use windlass_core::{
    decision::Decision,
    job::{Job, State, Timestamp},
    scheduler::{Remembered, Scheduler},
};
use windlass_wire::id::JobId;

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
    tracing::info!(
        jobs = jobs.len(),
        queues = queues.len(),
        keys = keys.len(),
        schedules = schedules.len(),
        start = store.start_number(),
        "live jobs restored"
    );
    let ended = ended(store, &jobs)?;
    let remembered = Remembered { queues, jobs, ended, keys, schedules };
    Ok(Scheduler::restore(store.start_number(), remembered, Box::new(Calendar::default()), now))
}

/// Of the jobs that others wait for those that are final: whether they have succeeded.
fn ended(store: &Store, jobs: &[Job]) -> Result<BTreeMap<JobId, bool>, StoreError> {
    let mut ended = BTreeMap::new();
    for id in jobs.iter().flat_map(|job| job.state.left()) {
        if !ended.contains_key(id)
            && let Some(job) = store.final_job(*id)?
        {
            ended.insert(*id, matches!(job.state, State::Succeeded { .. }));
        }
    }
    Ok(ended)
}
