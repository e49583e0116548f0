//! What the broker says about itself.

use windlass_wire::{
    code::ErrorCode,
    connection::{ConnectionList, IdentityView},
    frame::SUBPROTOCOLS,
    problem::Problem,
};

use crate::server::{
    context::{Caller, Context, draining},
    translate::{refused, time},
};

/// Who answers here, to whom.
pub(in crate::server) fn identity(
    context: &Context,
    caller: &Caller,
    connection: Option<&str>,
) -> IdentityView {
    IdentityView {
        broker: "windlass".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        start: context.store.start_number(),
        started_at: time(context.started_at),
        protocols: SUBPROTOCOLS.map(str::to_owned).to_vec(),
        channel: caller.channel.clone(),
        connection: connection.map(str::to_owned),
    }
}

/// The WebSockets of the caller's channel, open and gone.
pub(in crate::server) fn connections(context: &Context, caller: &Caller) -> ConnectionList {
    context.connections.view(&caller.channel)
}

/// Whether the broker takes requests: it is not going down, and its driver answers.
pub(in crate::server) async fn ready(context: &Context) -> Result<(), Problem> {
    if context.draining.is_cancelled() {
        return Err(draining());
    }
    context.driver.stats().await.map(|_| ()).map_err(refused)
}

/// Every counter as text.
pub(in crate::server) async fn metrics(context: &Context) -> Result<String, Problem> {
    let stats = context.driver.stats().await.map_err(refused)?;
    let health = context.with_store(|store| Ok(store.health())).await?;
    context
        .traffic
        .render(&stats, &health)
        .map_err(|error| Problem::new(ErrorCode::Internal, error.to_string()))
}
