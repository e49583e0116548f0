//! Schedules over HTTP.

use hyper::StatusCode;
use serde_json::{Map, Value};
use windlass_wire::{
    problem::Problem,
    schedule::{ScheduleOptions, ScheduleRef},
};

use super::jobs::accepted;
use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    query, typed, verbs,
};

pub(in crate::server) async fn list(mut exchange: Exchange) -> Result<Answer, Problem> {
    let (limit, cursor) = (exchange.query.take("limit")?, exchange.query.take("cursor")?);
    exchange.query.finish()?;
    let page = verbs::schedules(&exchange.context, &exchange.caller, limit, cursor).await;
    answer::json(StatusCode::OK, &page.map_err(|wrong| wrong.into_problem(query::refused))?)
}

pub(in crate::server) async fn get(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("schedule").to_owned();
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::schedule(&exchange.context, &exchange.caller, &name).await?)
}

pub(in crate::server) async fn put(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("schedule").to_owned();
    // A list would do for a struct.
    let (context, caller, options) = exchange.json::<Map<String, Value>>().await?;
    let options: ScheduleOptions = typed::from_value("", Value::Object(options))?;
    let (is_new, schedule) = verbs::put_schedule(&context, &caller, &name, options).await?;
    answer::json(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &schedule)
}

pub(in crate::server) async fn delete(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("schedule").to_owned();
    let (context, caller, _) = exchange.body(0).await?;
    verbs::delete_schedule(&context, &caller, &name).await?;
    answer::json(StatusCode::OK, &ScheduleRef { name })
}

pub(in crate::server) async fn pause(exchange: Exchange) -> Result<Answer, Problem> {
    set_paused(exchange, true).await
}

pub(in crate::server) async fn resume(exchange: Exchange) -> Result<Answer, Problem> {
    set_paused(exchange, false).await
}

async fn set_paused(exchange: Exchange, is_paused: bool) -> Result<Answer, Problem> {
    let name = exchange.param("schedule").to_owned();
    let (context, caller, _) = exchange.body(0).await?;
    answer::json(StatusCode::OK, &verbs::pause_schedule(&context, &caller, &name, is_paused).await?)
}

pub(in crate::server) async fn trigger(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("schedule").to_owned();
    let (context, caller, _) = exchange.body(0).await?;
    accepted(verbs::trigger(&context, &caller, &name).await?)
}
