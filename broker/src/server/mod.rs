//! What clients speak: HTTP/1.1 and WebSocket on one port.
//!
//! Reading order: `accept` (sockets) -> `http` (one request: who, from where, which route) -> `routes` (the table)
//! -> `endpoints` (the HTTP side) and `ws` (frames) -> `verbs` (what can be asked, once for both) -> `translate`
//! (the only place that knows the shapes of the wire and those of the core).
//!
//! `PROTOCOL.md` in `sdk/wire` describes it to whoever writes a client.

use thiserror::Error;

mod accept;
mod answer;
mod connections;
mod console;
mod context;
mod doors;
mod endpoints;
mod exchange;
mod http;
mod limits;
mod live;
mod openapi;
mod query;
mod routes;
mod socket;
mod sse;
mod stream;
mod ticks;
mod traffic;
mod translate;
mod typed;
mod verbs;
mod ws;

pub use self::{
    accept::serve,
    context::{Context, Parts},
    doors::Doors,
    routes::{Access, ROUTES, Route},
    ws::{OPS, Op},
};
use crate::store::StoreError;

/// Why the server cannot begin.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Two routes exclude each other.
    #[error("the table of routes is wrong: {0}")]
    Routes(#[from] matchit::InsertError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
