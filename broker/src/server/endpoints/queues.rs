//! Queues over HTTP.

use hyper::StatusCode;
use serde_json::{Map, Value};
use windlass_wire::{
    problem::Problem,
    queue::{LimitOptions, QueueList},
};

use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    typed, verbs,
};

pub(in crate::server) async fn list(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    let queues = verbs::queues(&exchange.context, &exchange.caller).await?;
    answer::json(StatusCode::OK, &QueueList { items: queues })
}

pub(in crate::server) async fn get(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("queue").to_owned();
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::queue(&exchange.context, &exchange.caller, &name).await?)
}

pub(in crate::server) async fn limit(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("queue").to_owned();
    // A list would do for a struct.
    let (context, caller, limits) = exchange.json::<Map<String, Value>>().await?;
    let limits: LimitOptions = typed::from_value("", Value::Object(limits))?;
    answer::json(StatusCode::OK, &verbs::limit_queue(&context, &caller, &name, limits).await?)
}

pub(in crate::server) async fn pause(exchange: Exchange) -> Result<Answer, Problem> {
    set_paused(exchange, true).await
}

pub(in crate::server) async fn resume(exchange: Exchange) -> Result<Answer, Problem> {
    set_paused(exchange, false).await
}

async fn set_paused(exchange: Exchange, is_paused: bool) -> Result<Answer, Problem> {
    let name = exchange.param("queue").to_owned();
    let (context, caller, _) = exchange.body(0).await?;
    answer::json(StatusCode::OK, &verbs::pause_queue(&context, &caller, &name, is_paused).await?)
}

pub(in crate::server) async fn purge(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("queue").to_owned();
    let (context, caller, _) = exchange.body(0).await?;
    answer::json(StatusCode::OK, &verbs::purge_queue(&context, &caller, &name).await?)
}
