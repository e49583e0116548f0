//! What the broker says about itself over HTTP.

use hyper::StatusCode;
use windlass_wire::problem::Problem;

use crate::server::{
    answer::{self, Answer},
    exchange::Exchange,
    openapi,
    traffic::METRICS_MEDIA_TYPE,
    verbs,
};

const FRONT: &str = concat!(
    "windlass ",
    env!("CARGO_PKG_VERSION"),
    ": a job broker whose handlers are WebAssembly plugins

  WebSocket   /v1/ws
  HTTP        /v1/call/{plugin}/{function}  /v1/jobs  /v1/plugins  /v1/connections  /v1/identity
  health      /healthz  /readyz  /metrics

Everything but /healthz and /readyz asks for `Authorization: Bearer TOKEN`; `windlass token` prints the token.

  windlass run demo/add x=10 y=20
  windlass submit demo/add x=10 y=20 --wait
  windlass plugin push mine.wasm
"
);

pub(in crate::server) async fn front(exchange: Exchange) -> Result<Answer, Problem> {
    exchange.query.finish()?;
    Ok(answer::text(FRONT))
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
