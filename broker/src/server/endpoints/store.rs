//! The whole store over HTTP: a copy of it, and whether it is what it should be.

use windlass_wire::problem::Problem;

use crate::server::{answer::Answer, exchange::Exchange, stream, verbs};

const OCTETS: &str = "application/octet-stream";
const JSON_LINES: &str = "application/x-ndjson";

pub(in crate::server) async fn backup(exchange: Exchange) -> Result<Answer, Problem> {
    let (context, _, body) = exchange.body(0).await?;
    debug_assert!(body.is_empty(), "a longer body was refused");
    let backup = verbs::begin_backup(&context).await?;
    Ok(stream::written(OCTETS, move |out| backup.write(out)))
}

pub(in crate::server) async fn verify(exchange: Exchange) -> Result<Answer, Problem> {
    let (context, _, body) = exchange.body(0).await?;
    debug_assert!(body.is_empty(), "a longer body was refused");
    let verification = verbs::begin_verification(&context)?;
    Ok(stream::written(JSON_LINES, move |out| verification.write(out)))
}
