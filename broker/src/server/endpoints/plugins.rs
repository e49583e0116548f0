//! Plugins over HTTP.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;
use windlass_wire::{limits::PLUGIN_BYTES_MAX, problem::Problem};

use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    verbs,
};

pub(in crate::server) async fn list(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &json!({ "items": verbs::plugins(&exchange.context) }))
}

pub(in crate::server) async fn get(exchange: Exchange) -> Result<Answer, Problem> {
    let plugin = verbs::plugin(&exchange.context, exchange.param("name"))?;
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &plugin)
}

/// 201 if the bytes were new, 200 if the plugin had them before.
pub(in crate::server) async fn upload(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("name").to_owned();
    let (context, _, body) = exchange.body(PLUGIN_BYTES_MAX).await?;
    let upload = context.registry.upload(&name, body).await?;
    let status = if upload.created { StatusCode::CREATED } else { StatusCode::OK };
    answer::json(status, &upload.view())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activation {
    version: String,
}

pub(in crate::server) async fn activate(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("name").to_owned();
    let (context, _, Activation { version }) = exchange.json().await?;
    answer::json(StatusCode::OK, &verbs::activate(&context, &name, &version).await?)
}

pub(in crate::server) async fn rollback(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("name").to_owned();
    let (context, _, body) = exchange.body(0).await?;
    debug_assert!(body.is_empty(), "a longer body was refused");
    answer::json(StatusCode::OK, &verbs::rollback(&context, &name).await?)
}

pub(in crate::server) async fn schemas(exchange: Exchange) -> Result<Answer, Problem> {
    let schemas = verbs::schemas(&exchange.context, exchange.param("name"), exchange.param("digest"))?;
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &schemas)
}
