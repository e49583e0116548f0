//! What the broker says about itself over HTTP.

use hyper::StatusCode;
use windlass_wire::{code::ErrorCode, problem::Problem};

use crate::server::{
    answer::{self, Answer},
    console,
    exchange::Exchange,
    openapi,
    traffic::METRICS_MEDIA_TYPE,
    verbs,
};

const FRONT: &str = concat!(
    "windlass ",
    env!("CARGO_PKG_VERSION"),
    ": a job broker whose handlers are WebAssembly plugins

  console     /  in a browser
  WebSocket   /v1/ws
  HTTP        /v1/call/{plugin}/{function}  /v1/jobs  /v1/plugins  /v1/stats  /v1/events
  health      /healthz  /readyz  /metrics

Everything but /healthz and /readyz asks for `Authorization: Bearer TOKEN`; `windlass token` prints the token.

  windlass run demo/add x=10 y=20
  windlass submit demo/add x=10 y=20 --wait
  windlass plugin push mine.wasm
"
);

/// The console for browsers, text for everybody else.
pub(in crate::server) async fn front(exchange: Exchange) -> Result<Answer, Problem> {
    let page = console::page(exchange.headers());
    exchange.query.finish()?;
    Ok(page.unwrap_or_else(|| answer::text(FRONT)))
}

pub(in crate::server) async fn asset(exchange: Exchange) -> Result<Answer, Problem> {
    let name = exchange.param("file");
    let found = console::asset(name, exchange.headers());
    let missing = || Problem::new(ErrorCode::NotFound, format!("the console has no file `{name}`"));
    let found = found.ok_or_else(missing)?;
    exchange.query.finish()?;
    Ok(found)
}

pub(in crate::server) async fn healthz(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    Ok(answer::text("ok\n"))
}

pub(in crate::server) async fn readyz(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    verbs::ready(&exchange.context).await?;
    Ok(answer::text("ready\n"))
}

pub(in crate::server) async fn metrics(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    let text = verbs::metrics(&exchange.context).await?;
    Ok(answer::bytes(StatusCode::OK, METRICS_MEDIA_TYPE, text))
}

pub(in crate::server) async fn identity(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::identity(&exchange.context, &exchange.caller, None))
}

pub(in crate::server) async fn openapi(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &openapi::document(&exchange.context.registry.plugins()))
}

pub(in crate::server) async fn connections(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::connections(&exchange.context, &exchange.caller))
}

pub(in crate::server) async fn workers(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    answer::json(StatusCode::OK, &verbs::workers(&exchange.context, &exchange.caller))
}
