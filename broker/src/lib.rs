//! windlass: a job broker whose handlers are WebAssembly plugins.
//!
//! Reading order, along the walk of a job: `server` (what clients speak) -> `driver` (the one owner of live jobs,
//! which asks `windlass-core`) -> `store` (what is remembered) -> `worker` (slots) -> `sandbox` (where guests run).
//! `backup` copies what is remembered to a file and back. `registry` keeps the plugin versions that run there, `retention` forgets final jobs, `broker` wires the parts
//! together, and the rest is around them.

pub mod auth;
mod backup;
mod broker;
pub mod calendar;
pub mod cli;
pub mod config;
pub mod driver;
pub mod metrics;
pub mod registry;
pub mod retention;
pub mod sandbox;
pub mod server;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod worker;

pub use broker::{RunError, run};
