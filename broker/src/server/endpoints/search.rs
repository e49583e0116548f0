//! Searching for jobs over HTTP, and acting on those that are found.

use std::fmt::Display;

use hyper::StatusCode;
use serde_json::{Map, Value, json};
use windlass_core::{job::Timestamp, query::Path};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    limits::{PAGE_JOBS_DEFAULT, PAGE_JOBS_MAX},
    problem::Problem,
    query::{BulkRequest, JobQuery},
    span::Span,
    state::JobState,
};

use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    query::{self, Query},
    translate::{text_time, time},
    verbs::{self, Search},
};

/// A page of jobs that are found by a few parameters: a filter in other words.
pub(in crate::server) async fn list(mut exchange: Exchange) -> Result<Answer, Problem> {
    let now = exchange.context.driver.clock().now();
    let query = &mut exchange.query;
    let limit = query.take("limit")?.unwrap_or(PAGE_JOBS_DEFAULT);
    if !(1..=PAGE_JOBS_MAX).contains(&limit) {
        return Err(query::refused("limit", format!("expected 1 to {PAGE_JOBS_MAX}")));
    }
    let cursor = query.take("cursor")?;
    let filter = filter(query, now)?;
    exchange.query.finish()?;
    let found = JobQuery { filter, limit: Some(limit), cursor, ..JobQuery::default() };
    let search = Search::new(found).map_err(of_parameter)?;
    answer::json(StatusCode::OK, &verbs::query(&exchange.context, &exchange.caller, search).await?)
}

pub(in crate::server) async fn query(exchange: Exchange) -> Result<Answer, Problem> {
    let (context, caller, query) = exchange.json::<JobQuery>().await?;
    answer::json(StatusCode::OK, &verbs::query(&context, &caller, Search::new(query)?).await?)
}

pub(in crate::server) async fn bulk(exchange: Exchange) -> Result<Answer, Problem> {
    let (context, caller, request) = exchange.json::<BulkRequest>().await?;
    answer::json(StatusCode::OK, &verbs::bulk(&context, &caller, request).await?)
}

/// The filter that the parameters mean.
fn filter(query: &mut Query, now: Timestamp) -> Result<Map<String, Value>, Problem> {
    let mut filter = Map::new();
    if let Some(states) = query.take::<String>("state")? {
        let states = states.split(',').map(|state| state.parse::<JobState>().map(JobState::name));
        let states = states.collect::<Result<Vec<_>, _>>().map_err(|error| query::refused("state", error))?;
        filter.insert("state".to_owned(), json!({ "$in": states }));
    }
    for name in ["queue", "handler", "schedule"] {
        filter.extend(query.take::<String>(name)?.map(|value| (name.to_owned(), Value::from(value))));
    }
    let parent = query.take::<JobId>("parent")?;
    filter.extend(parent.map(|parent| ("parent".to_owned(), json!(parent))));
    filter.extend(query.take::<String>("tag")?.as_deref().map(tag));
    let mut bounds = Map::new();
    for (name, operator) in [("since", "$gte"), ("until", "$lt")] {
        if let Some(text) = query.take::<String>(name)? {
            let at = moment(&text, now).map_err(|error| query::refused(name, error))?;
            bounds.insert(operator.to_owned(), Value::from(at));
        }
    }
    if !bounds.is_empty() {
        filter.insert("submitted_at".to_owned(), Value::Object(bounds));
    }
    filter.extend(query.take::<String>("text")?.map(|text| ("$text".to_owned(), Value::from(text))));
    Ok(filter)
}

/// `key:value`, or `key` alone for any value.
fn tag(text: &str) -> (String, Value) {
    let (key, value) = match text.split_once(':') {
        Some((key, value)) => (key, Value::from(value)),
        None => (text, json!({ "$exists": true })),
    };
    (Path::of(["tags", key]).to_string(), value)
}

/// A time, or how long ago it was.
fn moment(text: &str, now: Timestamp) -> Result<String, impl Display> {
    match text.parse::<Span>() {
        Ok(ago) => Ok(time(Timestamp(now.0.saturating_sub(ago.millis())))),
        Err(_) => text_time(text).map_err(|error| format!("{error}; or a span like `15m`, that long ago")),
    }
}

/// A mistake in the filter is one in the parameter it was made of.
fn of_parameter(problem: Problem) -> Problem {
    let pointer = problem.detail.as_ref().and_then(|detail| detail["pointer"].as_str()).unwrap_or_default();
    let parameter = match pointer {
        pointer if pointer.starts_with("/cursor") => "cursor",
        pointer if pointer.starts_with("/filter/tags") => "tag",
        pointer if pointer.starts_with("/filter/$text") => "text",
        _ => return problem,
    };
    Problem::new(ErrorCode::BadRequest, problem.message).with_detail(json!({ "query": parameter }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Value, Problem> {
        filter(&mut Query::parse(text)?, Timestamp(3_600_000)).map(Value::Object)
    }

    #[test]
    fn parameters_are_a_filter_in_other_words() {
        assert_eq!(parsed("").unwrap(), json!({}));
        assert_eq!(
            parsed("state=failed,ready&queue=mail&handler=demo%2Fadd&text=ada%20post").unwrap(),
            json!({
                "state": { "$in": ["failed", "ready"] },
                "queue": "mail",
                "handler": "demo/add",
                "$text": "ada post",
            })
        );
        let parent = JobId(7).to_string();
        assert_eq!(parsed(&format!("parent={parent}")).unwrap(), json!({ "parent": parent }));
        assert_eq!(parsed("tag=user:a:b").unwrap(), json!({ "tags.user": "a:b" }));
        assert_eq!(parsed("tag=app.name").unwrap(), json!({ "tags.app\\.name": { "$exists": true } }));
        assert_eq!(
            parsed("since=15m&until=1970-01-01T02:00:00%2B01:00").unwrap(),
            json!({ "submitted_at": { "$gte": "1970-01-01T00:45:00.000Z", "$lt": "1970-01-01T01:00:00.000Z" } })
        );
    }

    #[test]
    fn mistakes_name_their_parameter() {
        for (text, parameter) in
            [("state=failed,lost", "state"), ("since=yesterday", "since"), ("until=", "until")]
        {
            assert_eq!(parsed(text).unwrap_err().detail, Some(json!({ "query": parameter })), "{text}");
        }
    }
}
