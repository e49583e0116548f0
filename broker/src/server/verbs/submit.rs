//! Jobs: submit one or many, retry.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use windlass_core::{
    command::Refusal,
    idempotency::Idempotency,
    job::{Job, State},
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    limits::{ARGS_TEXT_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX, SUBMIT_JOBS_MAX},
    problem::Problem,
    schema,
    submit::SubmitOptions,
};

use super::{
    super::{
        context::{Caller, Context},
        translate::{self, Terms, argument_error},
        typed::refused_at,
    },
    bring, damaged, find, find_pinned,
};
use crate::{
    driver::{NewJob, Refused},
    sandbox::arguments::check,
    store::blobs::digest_of,
};

/// A job to submit, as clients write it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Submission {
    /// `plugin/function`, or just the function where only one active plugin has it.
    pub(in crate::server) handler: String,
    /// Its arguments: an object by name, or an array in order.
    #[serde(default)]
    #[schemars(schema_with = "schema::args")]
    pub(in crate::server) args: Value,
    /// How it is to be run.
    #[serde(default)]
    pub(in crate::server) opts: SubmitOptions,
}

/// Accepts a job; it is durable when this answers. Its arguments are checked first.
///
/// Cancel safety: dropped before the answer, the job may have been accepted or not.
pub(in crate::server) async fn submit(
    context: &Context,
    caller: &Caller,
    submission: Submission,
) -> Result<JobId, Problem> {
    loop {
        let job = new_job(context, caller, submission.clone()).await?;
        match context.driver.submit(job).await {
            Err(Refused::Core(Refusal::Unsettled(job))) => settled(context, caller, job).await?,
            done => return done.map_err(translate::refused),
        }
    }
}

/// Accepts jobs, all of them or none; they are durable when this answers.
///
/// Cancel safety: dropped before the answer, all of them may have been accepted or none.
pub(in crate::server) async fn submit_many(
    context: &Context,
    caller: &Caller,
    submissions: Vec<Submission>,
) -> Result<Vec<JobId>, Problem> {
    if !(1..=SUBMIT_JOBS_MAX).contains(&submissions.len()) {
        return Err(refused_at("/jobs", format!("expected 1 to {SUBMIT_JOBS_MAX} jobs")));
    }
    loop {
        let mut jobs = Vec::with_capacity(submissions.len());
        for (index, submission) in submissions.iter().enumerate() {
            let job = new_job(context, caller, submission.clone()).await;
            jobs.push(job.map_err(|problem| within(problem, &format!("/jobs/{index}")))?);
        }
        match context.driver.submit_many(jobs).await {
            Err(Refused::Core(Refusal::Unsettled(job))) => settled(context, caller, job).await?,
            done => return done.map_err(translate::refused),
        }
    }
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
    let (original, pinned) = find_pinned(context, caller, id).await?;
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
    let spec = original.spec.again(id, resolved.version.digest, context.driver.clock().now());
    let (original, pinned) = (Some(original.into()), vec![pinned]);
    let job = NewJob { spec, ended: BTreeMap::new(), original, pinned };
    context.driver.submit(job).await.map_err(translate::refused)
}

/// Checks everything about a submission that can be checked without the driver.
pub(super) async fn new_job(
    context: &Context,
    caller: &Caller,
    submission: Submission,
) -> Result<NewJob, Problem> {
    let idempotency = idempotency(&submission)?;
    let Submission { handler, args, mut opts } = submission;
    let version = opts.version.take();
    opts.retention.get_or_insert(context.retention.default_span());
    let terms = Terms::new(opts, context.driver.clock().now())?;
    let resolved = context.registry.resolve(&handler, version.as_deref())?;
    check(&resolved.version.signatures[resolved.handler], &args)
        .map_err(|error| argument_error(error, "/args"))?;
    let args = args.to_string();
    check_args_size(args.len())?;
    if let Some(parent) = terms.parent() {
        named(context, caller, parent, "/opts/parent").await?;
    }
    let mut ended = BTreeMap::new();
    for job in terms.after() {
        let found = named(context, caller, job, "/opts/after").await?;
        if found.state.is_final() {
            ended.insert(job, matches!(found.state, State::Succeeded { .. }));
        }
    }
    let (args, pinned) = context.store.keep(args).await.map_err(|error| translate::store_error(&error))?;
    let mut spec = terms.spec(&caller.channel, &resolved, args);
    spec.idempotency = idempotency;
    Ok(NewJob { spec, ended, original: None, pinned: pinned.into_iter().collect() })
}

/// A job that the submission names.
async fn named(context: &Context, caller: &Caller, job: JobId, pointer: &str) -> Result<Job, Problem> {
    find(context, caller, job).await.map_err(|problem| {
        if problem.code == ErrorCode::NotFound {
            refused_at(pointer, problem.message)
        } else if problem.code == ErrorCode::Gone {
            within(problem, pointer)
        } else {
            problem
        }
    })
}

/// The submission's key, with a digest of everything else in it.
fn idempotency(submission: &Submission) -> Result<Option<Idempotency>, Problem> {
    let Submission { handler, args, opts } = submission;
    let Some(key) = opts.idempotency_key.clone() else { return Ok(None) };
    if !(1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) {
        let expected = format!("expected 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes");
        return Err(refused_at("/opts/idempotency_key", expected));
    }
    let opts = SubmitOptions { idempotency_key: None, ..opts.clone() };
    let request = json!({ "handler": handler, "args": args, "opts": opts }).to_string();
    Ok(Some(Idempotency { key, request: digest_of(request.as_bytes()) }))
}

/// Waits until the end of a job that the driver knows of is in the store too.
async fn settled(context: &Context, caller: &Caller, job: JobId) -> Result<(), Problem> {
    context.driver.wait(job, &caller.channel).await.map(drop).map_err(translate::refused)
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

/// A problem of one part of a request, pointing to it from the request's root.
fn within(mut problem: Problem, base: &str) -> Problem {
    let detail = problem.detail.take().unwrap_or_else(|| json!({}));
    let pointer = detail.get("pointer").and_then(Value::as_str).unwrap_or_default();
    let pointer = format!("{base}{pointer}");
    problem.message = format!("`{base}`: {}", problem.message);
    let mut placed = json!({ "pointer": pointer });
    if let (Value::Object(placed), Value::Object(detail)) = (&mut placed, detail) {
        placed.extend(detail.into_iter().filter(|(key, _)| key != "pointer"));
    }
    problem.detail = Some(placed);
    problem
}
