//! Calls over HTTP.

use hyper::StatusCode;
use serde_json::Value;
use windlass_wire::{limits::ARGS_TEXT_BYTES_MAX, problem::Problem, submit::CallOptions};

use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    typed, verbs,
};

/// Answers the bare value. The body has the arguments; an empty one has none.
pub(in crate::server) async fn call(mut exchange: Exchange) -> Result<Answer, Problem> {
    let handler = format!("{}/{}", exchange.param("plugin"), exchange.param("function"));
    let options =
        CallOptions { timeout: exchange.query.take("timeout")?, version: exchange.query.take("version")? };
    let (context, _, body) = exchange.body(ARGS_TEXT_BYTES_MAX).await?;
    let args = if body.is_empty() { Value::Null } else { typed::from_text(&body)? };
    let value = verbs::call(&context, &handler, args, "", options).await?;
    Ok(answer::raw(StatusCode::OK, value.json))
}
