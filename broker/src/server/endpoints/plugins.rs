//! Plugins over HTTP.

use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use windlass_wire::{limits::PLUGIN_BYTES_MAX, problem::Problem, schema::VERSION};

use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    verbs,
};

pub(in crate::server) async fn list(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::plugins(&exchange.context))
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

/// Which version is to be the active one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Activation {
    /// Digest of the version, or the unique beginning of one.
    #[schemars(extend("pattern" = VERSION))]
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
