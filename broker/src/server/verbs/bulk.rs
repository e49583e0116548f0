//! One action on many jobs.

use futures_util::{StreamExt as _, stream};
use windlass_core::{
    job::{Job, State},
    query::Filter,
};
use windlass_wire::{
    id::JobId,
    limits::{BULK_FAILURES_MAX, BULK_JOBS_MAX},
    problem::Problem,
    query::{BulkAction, BulkFailure, BulkOutcome, BulkRequest},
};

use super::{
    jobs::{cancel, purge, release},
    search::{Scope, filter, running},
    submit::retry,
};
use crate::{
    server::context::{Caller, Context},
    store::listing::Life,
};

/// Jobs acted on at once: enough to share each write to the disk.
const IN_FLIGHT_MAX: usize = 256;

/// Does something to every job that is meant, the newest first; durable when this answers.
///
/// Cancel safety: dropped before the answer, it was done to some of them.
pub(in crate::server) async fn bulk(
    context: &Context,
    caller: &Caller,
    request: BulkRequest,
) -> Result<BulkOutcome, Problem> {
    let BulkRequest { filter: meant, action, dry_run } = request;
    let (jobs, cut) = find_all(context, caller, filter(meant)?, action).await?;
    let mut outcome = BulkOutcome { matched: jobs.len(), cut, ..BulkOutcome::default() };
    if dry_run {
        return Ok(outcome);
    }
    let acts = jobs.into_iter().map(|job| async move { (job, act(context, caller, job, action).await) });
    let mut acts = stream::iter(acts).buffered(IN_FLIGHT_MAX);
    while let Some((job, done)) = acts.next().await {
        match done {
            Ok(()) => outcome.changed += 1,
            Err(problem) if outcome.failed.len() < BULK_FAILURES_MAX => {
                outcome.failed.push(BulkFailure { job, code: problem.code, message: problem.message });
            }
            Err(_) => {}
        }
    }
    Ok(outcome)
}

async fn act(context: &Context, caller: &Caller, job: JobId, action: BulkAction) -> Result<(), Problem> {
    match action {
        BulkAction::Cancel => cancel(context, caller, job).await,
        BulkAction::Retry => retry(context, caller, job, None).await.map(drop),
        BulkAction::Release => release(context, caller, job).await,
        BulkAction::Purge => purge(context, caller, job).await,
    }
}

/// A job that was retried is left alone, so that the same request again retries none of them twice.
fn can_act(action: BulkAction, job: &Job) -> bool {
    match action {
        BulkAction::Cancel => !job.state.is_final(),
        BulkAction::Retry => job.state.is_final() && job.retried_as.is_none(),
        BulkAction::Release => matches!(job.state, State::Held | State::Blocked { held: true, .. }),
        BulkAction::Purge => job.state.is_final(),
    }
}

/// The jobs the filter means and the action can be done to, and whether there may be more of them.
async fn find_all(
    context: &Context,
    caller: &Caller,
    filter: Filter,
    action: BulkAction,
) -> Result<(Vec<JobId>, bool), Problem> {
    let life = match action {
        BulkAction::Cancel | BulkAction::Release => Life::Live,
        BulkAction::Retry | BulkAction::Purge => Life::Final,
    };
    let (mut jobs, mut cursor, running) = (Vec::new(), None, running(context, &filter));
    loop {
        let running = running.clone();
        let (channel, filter, left) = (caller.channel.clone(), filter.clone(), BULK_JOBS_MAX - jobs.len());
        let page = context.search(move |store| {
            let scope = Scope::new(store, &channel, &filter)?.narrowed(life).among(running);
            store.jobs(&scope.listing(left, cursor), |job| {
                Ok(can_act(action, job) && scope.document(job)?.is_some())
            })
        });
        let page = page.await?;
        jobs.extend(page.jobs.iter().map(|job| job.id));
        cursor = page.next;
        if cursor.is_none() || jobs.len() == BULK_JOBS_MAX {
            return Ok((jobs, cursor.is_some()));
        }
    }
}
