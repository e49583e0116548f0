//! Jobs: submit, wait, look, cancel.

use std::{sync::Arc, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};
use windlass_core::{
    command::Refusal,
    job::{Job, Spec, State},
};
use windlass_wire::{
    code::ErrorCode, id::JobId, job::JobView, limits::ARGS_TEXT_BYTES_MAX, problem::Problem,
    query::JobHistory, state::JobState, submit::SubmitOptions,
};

use super::{
    super::{
        context::{Caller, Context, draining},
        translate::{self, Terms, argument_error, job_error, job_view},
    },
    HandlerValue, bring, damaged,
};
use crate::{
    driver::{NewJob, Refused},
    sandbox::arguments::check,
};

/// A job to submit, as clients write it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Submission {
    /// `plugin/function`, or just the function where only one active plugin has it.
    handler: String,
    /// Its arguments: an object by name, or an array in order.
    #[serde(default)]
    #[schemars(schema_with = "args_schema")]
    args: Value,
    /// How it is to be run.
    #[serde(default)]
    opts: SubmitOptions,
}

fn args_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["object", "array", "null"] })
}

/// What became of waiting.
#[derive(Debug)]
pub(in crate::server) enum Waited {
    /// The job is final.
    Final(Arc<Job>),
    /// Patience ended first.
    Still(JobState),
}

/// Accepts a job; it is durable when this answers. Its arguments are checked first.
///
/// Cancel safety: dropped before the answer, the job may have been accepted or not.
pub(in crate::server) async fn submit(
    context: &Context,
    caller: &Caller,
    submission: Submission,
) -> Result<JobId, Problem> {
    let Submission { handler, args, mut opts } = submission;
    let version = opts.version.take();
    let terms = Terms::new(opts, context.driver.clock().now())?;
    let resolved = context.registry.resolve(&handler, version.as_deref())?;
    check(&resolved.version.signatures[resolved.handler], &args)
        .map_err(|error| argument_error(error, "/args"))?;
    let args = args.to_string();
    check_args_size(args.len())?;
    let args = context.store.keep(args).await.map_err(|error| translate::store_error(&error))?;
    context.driver.submit(terms.job(&caller.channel, &resolved, args)).await.map_err(translate::refused)
}

/// Submits a final job again, as a new one: on the active version of its handler, unless another is named. The
/// old job only remembers the new one's id.
///
/// Cancel safety: dropped before the answer, the new job may have been accepted or not.
pub(in crate::server) async fn retry(
    context: &Context,
    caller: &Caller,
    id: JobId,
    version: Option<&str>,
) -> Result<JobId, Problem> {
    let original = find(context, caller, id).await?;
    if !original.state.is_final() {
        let refusal = Refusal::WrongState(original.state.name());
        return Err(translate::refused(refusal.into()).with_hint("only a job that has ended can be retried"));
    }
    let resolved = context.registry.resolve(&original.spec.handler, version)?;
    let args = bring(context, &original.spec.args).await?;
    let args = serde_json::from_str(args.get()).map_err(|error| damaged(&error))?;
    check(&resolved.version.signatures[resolved.handler], &args).map_err(|error| {
        argument_error(error, "/args").with_hint("`version` names the version to run it on")
    })?;
    let spec = Spec {
        version: resolved.version.digest,
        submitted_at: context.driver.clock().now(),
        retry_of: Some(id),
        ..Spec::clone(&original.spec)
    };
    let job = NewJob { spec, due: None, original: Some(original.into()) };
    context.driver.submit(job).await.map_err(translate::refused)
}

/// Refuses arguments whose JSON text is too long.
pub(in crate::server) fn check_args_size(bytes: usize) -> Result<(), Problem> {
    if bytes <= ARGS_TEXT_BYTES_MAX {
        return Ok(());
    }
    let message =
        format!("the arguments are {bytes} bytes of JSON; at most {ARGS_TEXT_BYTES_MAX} are accepted");
    Err(Problem::new(ErrorCode::TooLarge, message).with_detail(json!({ "bytes_max": ARGS_TEXT_BYTES_MAX })))
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
    if job.state.is_final() { Ok(Waited::Final(job)) } else { Ok(Waited::Still(job.state.name())) }
}

/// A job with its arguments.
pub(in crate::server) async fn get(
    context: &Context,
    caller: &Caller,
    id: JobId,
) -> Result<JobView, Problem> {
    let job = find(context, caller, id).await?;
    let args = bring(context, &job.spec.args).await?;
    Ok(job_view(&job, Some(args)))
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
        | State::Ready
        | State::Running(_)
        | State::Failed { .. }
        | State::Cancelled { .. }) => Err(job_error(state).unwrap_or_else(|| not_final(state.name()))),
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
    let changes = context.with_store(move |store| store.without_job(&job)).await?;
    context.store.committer().commit(changes).await.map_err(|error| translate::store_error(&error))
}

/// A job of the caller's channel; those of others do not exist for it.
pub(in crate::server) async fn find(context: &Context, caller: &Caller, id: JobId) -> Result<Job, Problem> {
    let job = context.with_store(move |store| store.job(id)).await?;
    job.filter(|job| job.spec.channel == caller.channel).ok_or_else(|| unknown(id))
}

fn unknown(id: JobId) -> Problem {
    Problem::new(ErrorCode::NotFound, format!("there is no job `{id}`"))
}

fn not_final(state: JobState) -> Problem {
    Problem::new(ErrorCode::BadState, format!("the job is {state} and has no result yet"))
        .with_detail(json!({ "state": state }))
        .with_hint("`job.wait` waits for it")
}
