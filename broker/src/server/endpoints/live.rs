//! The broker as a whole over HTTP: its figures, and what it tells to whoever follows it.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::json;
use windlass_wire::{code::ErrorCode, problem::Problem, topic::Topic};

use super::jobs::LAST_EVENT_ID;
use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    query,
    sse::{self, End},
    verbs::{self, Subject, WatchFilter},
};

pub(in crate::server) async fn stats(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::stats(&exchange.context, &exchange.caller, true).await?)
}

/// The twin of `sub.open`.
pub(in crate::server) async fn events(mut exchange: Exchange) -> Result<Answer, Problem> {
    let is_resumed = exchange.headers().contains_key(LAST_EVENT_ID);
    let query = &mut exchange.query;
    let topic: Topic = query.take("topic")?.ok_or_else(|| {
        Problem::new(ErrorCode::BadRequest, "query `topic`: it is missing")
            .with_detail(json!({ "query": "topic" }))
            .with_hint(format!("it is one of {}", Topic::ALL.map(Topic::name).join(", ")))
    })?;
    let filter = WatchFilter {
        job: query.take("job")?,
        queue: query.take("queue")?,
        handler: query.take("handler")?,
        state: query.take("state")?,
    };
    let every = query.take("every")?;
    exchange.query.finish()?;
    let filter = Some(filter).filter(|filter| *filter != WatchFilter::default());
    let subject = Subject::new(topic, filter, every).map_err(|(key, reason)| query::refused(key, reason))?;
    let draining = exchange.context.draining.clone();
    let notices = verbs::follow(exchange.context, Arc::new(exchange.caller), subject).await?;
    Ok(sse::events(notices, End::WithClient, is_resumed, draining))
}
