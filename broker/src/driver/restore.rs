//! Reading back what was live when the last broker ended.

use windlass_core::{decision::Decision, job::Timestamp, scheduler::Scheduler};

use crate::store::{Store, StoreError};

/// Jobs read at a time.
const PAGE_JOBS: usize = 1024;

/// The scheduler as it was, with the decisions that follow from the workers having gone.
pub(super) fn scheduler(store: &Store, now: Timestamp) -> Result<(Scheduler, Vec<Decision>), StoreError> {
    let queues = store.queues()?;
    let mut jobs = Vec::new();
    loop {
        let page = store.live_jobs(jobs.last().map(|job: &windlass_core::job::Job| job.id), PAGE_JOBS)?;
        let read = page.len();
        jobs.extend(page);
        if read < PAGE_JOBS {
            break;
        }
    }
    tracing::info!(
        jobs = jobs.len(),
        queues = queues.len(),
        start = store.start_number(),
        "live jobs restored"
    );
    Ok(Scheduler::restore(store.start_number(), queues, jobs, now))
}
