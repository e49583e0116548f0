//! How many jobs stand, in one answer.

use serde::Deserialize;
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    job::{JobStatus, JobStatuses},
    limits::STATUS_JOBS_MAX,
    problem::Problem,
};

use super::jobs::look_up;
use crate::server::{
    context::{Caller, Context},
    translate::time,
    typed::refused_at,
};

/// Which jobs are asked about.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct StatusRequest {
    /// Their ids.
    #[schemars(length(min = 1, max = STATUS_JOBS_MAX))]
    jobs: Vec<JobId>,
}

/// The state of each of these jobs, in their order; of those that are not there the reason.
pub(in crate::server) async fn statuses(
    context: &Context,
    caller: &Caller,
    request: StatusRequest,
) -> Result<JobStatuses, Problem> {
    let StatusRequest { jobs } = request;
    if !(1..=STATUS_JOBS_MAX).contains(&jobs.len()) {
        return Err(refused_at("/jobs", format!("expected 1 to {STATUS_JOBS_MAX} jobs")));
    }
    let channel = caller.channel.clone();
    let items = context.search(move |store| {
        let status = |job: JobId| {
            Ok(match look_up(store, &channel, job)? {
                Ok(found) => JobStatus { job, state: Some(found.state.name()), code: None, purged_at: None },
                Err(Some(gone)) => JobStatus {
                    job,
                    state: Some(gone.state),
                    code: Some(ErrorCode::Gone),
                    purged_at: Some(time(gone.purged_at)),
                },
                Err(None) => JobStatus { job, state: None, code: Some(ErrorCode::NotFound), purged_at: None },
            })
        };
        jobs.into_iter().map(status).collect()
    });
    Ok(JobStatuses { items: items.await? })
}
