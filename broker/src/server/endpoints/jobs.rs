//! Jobs over HTTP.

use std::sync::Arc;

use hyper::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    job::{JobRef, JobStanding, JobsAccepted},
    limits::MESSAGE_BYTES_MAX,
    problem::Problem,
    span::{Span, Timeout},
    state::JobState,
};

use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    limits::RETRY_AFTER_SECONDS,
    sse::{self, End},
    typed,
    verbs::{self, Subject, Submission, Waited, WatchFilter},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// One JSON value a line.
const NDJSON: &str = "application/x-ndjson";
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Jobs that are submitted together.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Many {
    /// All of them are accepted or none.
    jobs: Vec<Submission>,
}

/// One job; many as `{"jobs":[…]}`, or as lines of JSON.
pub(in crate::server) async fn submit(exchange: Exchange) -> Result<Answer, Problem> {
    let key = idempotency_key(exchange.headers())?;
    let is_lines = exchange.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == NDJSON);
    let (context, caller, body) = exchange.body(MESSAGE_BYTES_MAX).await?;
    let jobs = if is_lines {
        typed::from_lines(&body)?
    } else if typed::is_object_with(&body, "jobs") {
        typed::from_text::<Many>(&body)?.jobs
    } else {
        let submission = with_key(typed::from_text(&body)?, key)?;
        return accepted(verbs::submit(&context, &caller, submission).await?);
    };
    if key.is_some() {
        return Err(wrong_key("it goes with one job; many carry theirs in `opts.idempotency_key`"));
    }
    let jobs = verbs::submit_many(&context, &caller, jobs).await?;
    answer::json(StatusCode::CREATED, &JobsAccepted { jobs })
}

/// The header's key: as it is, or as the quoted string of the header's draft standard.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().map_err(|_| wrong_key("expected visible ASCII"))?;
    let quoted = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    Ok(Some(quoted.unwrap_or(key).to_owned()))
}

fn with_key(mut submission: Submission, key: Option<String>) -> Result<Submission, Problem> {
    if key.is_some() && submission.opts.idempotency_key.as_ref().is_some_and(|own| Some(own) != key.as_ref())
    {
        return Err(wrong_key("`opts.idempotency_key` is another key"));
    }
    submission.opts.idempotency_key = key.or(submission.opts.idempotency_key);
    Ok(submission)
}

fn wrong_key(reason: &str) -> Problem {
    Problem::new(ErrorCode::BadRequest, format!("header `idempotency-key`: {reason}"))
        .with_detail(json!({ "header": IDEMPOTENCY_KEY.as_str() }))
}

pub(super) fn accepted(job: JobId) -> Result<Answer, Problem> {
    let mut answer = answer::json(StatusCode::CREATED, &JobRef { job })?;
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/jobs/{job}")) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

pub(in crate::server) async fn get(exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::get(&exchange.context, &exchange.caller, job).await?)
}

/// The result, or why there is none; 202 while the job may still get one.
pub(in crate::server) async fn result(mut exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    let patience = exchange.query.take("wait")?.unwrap_or(Timeout::After(Span::from_millis(0)));
    exchange.query.finish()?;
    let patience = patience.span().map(Span::duration);
    match verbs::wait(&exchange.context, &exchange.caller, job, patience).await? {
        Waited::Final(job, _pinned) => {
            verbs::result(&exchange.context, &job).await.map(|value| answer::raw(StatusCode::OK, value.json))
        }
        Waited::Still(state) => still(job, state),
    }
}

fn still(job: JobId, state: JobState) -> Result<Answer, Problem> {
    let mut answer = answer::json(StatusCode::ACCEPTED, &JobStanding { job, state })?;
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    Ok(answer)
}

pub(in crate::server) async fn logs(exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    exchange.query.finish()?;
    Ok(answer::text(verbs::logs(&exchange.context, &exchange.caller, job).await?))
}

pub(in crate::server) async fn cancel(exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    let (context, caller, body) = exchange.body(0).await?;
    debug_assert!(body.is_empty(), "a longer body was refused");
    verbs::cancel(&context, &caller, job).await?;
    answer::json(StatusCode::OK, &JobStanding { job, state: JobState::Cancelled })
}

pub(in crate::server) async fn release(exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    let (context, caller, body) = exchange.body(0).await?;
    debug_assert!(body.is_empty(), "a longer body was refused");
    verbs::release(&context, &caller, job).await?;
    answer::json(StatusCode::OK, &JobRef { job })
}

pub(in crate::server) async fn retry(mut exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    let version: Option<String> = exchange.query.take("version")?;
    let (context, caller, body) = exchange.body(0).await?;
    debug_assert!(body.is_empty(), "a longer body was refused");
    accepted(verbs::retry(&context, &caller, job, version.as_deref()).await?)
}

pub(in crate::server) async fn purge(exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    let (context, caller, body) = exchange.body(0).await?;
    debug_assert!(body.is_empty(), "a longer body was refused");
    verbs::purge(&context, &caller, job).await?;
    answer::json(StatusCode::OK, &JobRef { job })
}

pub(in crate::server) async fn status(exchange: Exchange) -> Result<Answer, Problem> {
    let (context, caller, body) = exchange.body(MESSAGE_BYTES_MAX).await?;
    let statuses = verbs::statuses(&context, &caller, typed::from_text(&body)?).await?;
    answer::json(StatusCode::OK, &statuses)
}

pub(in crate::server) async fn history(exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::history(&exchange.context, &exchange.caller, job).await?)
}

pub(in crate::server) async fn events(exchange: Exchange) -> Result<Answer, Problem> {
    let job = exchange.job()?;
    let is_resumed = exchange.headers().contains_key(LAST_EVENT_ID);
    exchange.query.finish()?;
    let filter = WatchFilter { job: Some(job), ..WatchFilter::default() };
    let draining = exchange.context.draining.clone();
    let subject = Subject::Job(filter);
    let notices = verbs::follow(exchange.context, Arc::new(exchange.caller), subject).await?;
    Ok(sse::events(notices, End::WithJob, is_resumed, draining))
}
