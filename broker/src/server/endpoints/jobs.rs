//! Jobs over HTTP.

use std::sync::Arc;

use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use serde_json::json;
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    job::{JobRef, JobStanding},
    problem::Problem,
    span::{Span, Timeout},
    state::JobState,
};

use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    limits::RETRY_AFTER_SECONDS,
    sse::{self, End},
    verbs::{self, Subject, Submission, Waited, WatchFilter},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(in crate::server) async fn submit(exchange: Exchange) -> Result<Answer, Problem> {
    // Ignoring it would submit a job twice to whoever relies on it.
    if exchange.headers().contains_key(IDEMPOTENCY_KEY) {
        return Err(Problem::new(ErrorCode::BadRequest, "this broker does not keep idempotency keys yet")
            .with_detail(json!({ "header": IDEMPOTENCY_KEY.as_str() })));
    }
    let (context, caller, submission) = exchange.json::<Submission>().await?;
    accepted(verbs::submit(&context, &caller, submission).await?)
}

fn accepted(job: JobId) -> Result<Answer, Problem> {
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
        Waited::Final(job) => {
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
