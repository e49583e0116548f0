//! Jobs: wait, look, cancel, release, purge.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::json;
use windlass_core::{
    command::Refusal,
    job::{Job, State},
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    job::{ChildrenView, JobView},
    limits::CHILDREN_COUNTED_MAX,
    problem::Problem,
    query::JobHistory,
    state::JobState,
};

use super::{
    super::{
        context::{Caller, Context, draining},
        translate::{self, job_error, job_view, waiting_view},
    },
    HandlerValue, bring,
};
use crate::{
    driver::Refused,
    store::{Pinned, Store, StoreError, Target, Tombstone},
};

/// What became of waiting.
#[derive(Debug)]
pub(in crate::server) enum Waited {
    /// The job is final. It is not purged while this is there, so that its result outlives whoever waited for it.
    Final(Arc<Job>, Option<Pinned>),
    /// Patience ended first.
    Still(JobState),
}

/// Waits until a job is final or `patience` has passed; none = as long as it takes. The job does not notice.
///
/// Cancel safety: dropping it only ends the waiting.
pub(in crate::server) async fn wait(
    context: &Context,
    caller: &Caller,
    id: JobId,
    patience: Option<Duration>,
) -> Result<Waited, Problem> {
    let pinned = context.store.try_pin(Target::Job(id));
    let waiting = async {
        match patience {
            Some(patience) => {
                tokio::time::timeout(patience, context.driver.wait(id, &caller.channel)).await.ok()
            }
            None => Some(context.driver.wait(id, &caller.channel).await),
        }
    };
    let waited = tokio::select! {
        biased;
        waited = waiting => waited.transpose().map_err(translate::refused)?.flatten(),
        () = context.draining.cancelled() => return Err(draining()),
    };
    let job = match waited {
        Some(job) => job,
        None => Arc::new(find(context, caller, id).await?),
    };
    if job.state.is_final() { Ok(Waited::Final(job, pinned)) } else { Ok(Waited::Still(job.state.name())) }
}

/// A job with its arguments.
pub(in crate::server) async fn get(
    context: &Context,
    caller: &Caller,
    id: JobId,
) -> Result<JobView, Problem> {
    let (job, _pinned) = find_pinned(context, caller, id).await?;
    let args = bring(context, &job.spec.args).await?;
    let waiting = context.driver.waiting(id).await.map_err(translate::refused)?;
    // The record is durable and the reason is of now: it is left out where the two do not fit.
    let waiting = waiting.filter(|_| !job.state.is_final() && job.lease().is_none()).map(waiting_view);
    let children = children(context, &job).await?;
    Ok(JobView { waiting, children, ..job_view(&job, Some(args)) })
}

/// How many children of a job are in which state; none = it has none.
async fn children(context: &Context, job: &Job) -> Result<Option<ChildrenView>, Problem> {
    let (id, channel) = (job.id, job.spec.channel.clone());
    let children = context.with_store(move |store| store.children(&channel, id, CHILDREN_COUNTED_MAX + 1));
    let children = children.await?;
    let mut view = ChildrenView { states: BTreeMap::new(), cut: children.len() > CHILDREN_COUNTED_MAX };
    for child in children.iter().take(CHILDREN_COUNTED_MAX) {
        *view.states.entry(child.state.name()).or_default() += 1;
    }
    Ok((!children.is_empty()).then_some(view))
}

/// The result of a final job, or why it has none.
pub(in crate::server) async fn result(context: &Context, job: &Job) -> Result<HandlerValue, Problem> {
    match &job.state {
        State::Succeeded { result, .. } => {
            let json = bring(context, result).await?;
            let function = job.spec.handler.split_once('/').map_or("", |(_, function)| function);
            let version = context.registry.version(&job.spec.version);
            let handler = version.as_ref().and_then(|version| version.handler(function));
            Ok(HandlerValue { json, handler: version.zip(handler) })
        }
        state @ (State::Scheduled { .. }
        | State::Held
        | State::Blocked { .. }
        | State::Ready
        | State::Running(_)
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }) => Err(job_error(job).unwrap_or_else(|| not_final(state.name()))),
    }
}

/// What the attempts of a job logged, the oldest first, that in progress last.
pub(in crate::server) async fn logs(
    context: &Context,
    caller: &Caller,
    id: JobId,
) -> Result<String, Problem> {
    // The attempt in progress is read first: if it ends meanwhile, its log is seen twice rather than never.
    let running = context.driver.running_log(id);
    let job = find(context, caller, id).await?;
    let ended = context.with_store(move |store| store.logs(id)).await?;
    let is_running = job.lease().is_some();
    let mut text: String = ended.into_iter().map(|log| log.text).collect();
    text.extend(running.filter(|_| is_running));
    Ok(text)
}

/// Cancels a job; it is final and durable when this answers. Cancelling a cancelled job changes nothing.
pub(in crate::server) async fn cancel(context: &Context, caller: &Caller, id: JobId) -> Result<(), Problem> {
    match context.driver.cancel(id, &caller.channel).await {
        Ok(()) => Ok(()),
        Err(Refused::Core(Refusal::Unknown)) => {
            let job = find(context, caller, id).await?;
            let state = job.state.name();
            let is_done = state == JobState::Cancelled;
            if is_done { Ok(()) } else { Err(translate::refused(Refused::Core(Refusal::Final(state)))) }
        }
        Err(refused) => Err(translate::refused(refused)),
    }
}

/// Lets a job go on that was held; durable when this answers.
pub(in crate::server) async fn release(context: &Context, caller: &Caller, id: JobId) -> Result<(), Problem> {
    match context.driver.release(id, &caller.channel).await {
        Err(Refused::Core(Refusal::Unknown)) => {
            let state = find(context, caller, id).await?.state.name();
            Err(translate::refused(Refusal::Final(state).into()))
        }
        done => done.map_err(translate::refused),
    }
}

/// What is known of a job's life.
pub(in crate::server) async fn history(
    context: &Context,
    caller: &Caller,
    id: JobId,
) -> Result<JobHistory, Problem> {
    find(context, caller, id).await.map(|job| translate::history(&job))
}

/// Forgets a final job with everything that is kept of it; durable when this answers.
///
/// Cancel safety: dropped before the answer, the job may have been forgotten or not.
pub(in crate::server) async fn purge(context: &Context, caller: &Caller, id: JobId) -> Result<(), Problem> {
    let job = find(context, caller, id).await?;
    if !job.state.is_final() {
        let state = job.state.name();
        return Err(Problem::new(
            ErrorCode::BadState,
            format!("the job is {state}; only final jobs are purged"),
        )
        .with_detail(json!({ "state": state }))
        .with_hint("cancel it first"));
    }
    if context.retention.purge(id).await.map_err(|error| translate::store_error(&error))? {
        return Ok(());
    }
    // Somebody else has purged it meanwhile, or uses it.
    find(context, caller, id).await?;
    Err(Problem::new(ErrorCode::Conflict, "the job is still in use: its run has not ended yet")
        .with_hint("try again in a moment"))
}

/// A job of the caller's channel; those of others do not exist for it.
pub(in crate::server) async fn find(context: &Context, caller: &Caller, id: JobId) -> Result<Job, Problem> {
    let channel = caller.channel.clone();
    context.with_store(move |store| look_up(store, &channel, id)).await?.map_err(|lost| missing(id, lost))
}

/// The same, not to be purged before the pin is dropped: for what needs more of the job than its record.
pub(in crate::server) async fn find_pinned(
    context: &Context,
    caller: &Caller,
    id: JobId,
) -> Result<(Job, Pinned), Problem> {
    let channel = caller.channel.clone();
    let found = context.with_store(move |store| {
        let pinned = store.pin(Target::Job(id));
        Ok(look_up(store, &channel, id)?.map(|job| (job, pinned)))
    });
    found.await?.map_err(|lost| missing(id, lost))
}

/// A job of a channel, or else what is known of it if it was purged.
pub(super) fn look_up(
    store: &Store,
    channel: &str,
    id: JobId,
) -> Result<Result<Job, Option<Tombstone>>, StoreError> {
    Ok(match store.job(id)? {
        Some(job) if job.spec.channel == channel => Ok(job),
        Some(_) => Err(None),
        None => Err(store.tombstone(channel, id)?),
    })
}

fn missing(id: JobId, tombstone: Option<Tombstone>) -> Problem {
    let unknown = || Problem::new(ErrorCode::NotFound, format!("there is no job `{id}`"));
    tombstone.map_or_else(unknown, |tombstone| translate::gone(&tombstone))
}

fn not_final(state: JobState) -> Problem {
    Problem::new(ErrorCode::BadState, format!("the job is {state} and has no result yet"))
        .with_detail(json!({ "state": state }))
        .with_hint("`job.wait` waits for it")
}
