//! Plugins over HTTP.

use hyper::StatusCode;
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

pub(in crate::server) async fn schemas(exchange: Exchange) -> Result<Answer, Problem> {
    let schemas = verbs::schemas(&exchange.context, exchange.param("name"), exchange.param("digest"))?;
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &schemas)
}
