//! Names and shapes other programs see: frames, ids, states, error codes, options.
//!
//! `PROTOCOL.md` beside this crate tells the same to whoever writes a client; a test keeps the two together.
//! Nothing here decides or does anything, so guests, browsers' generators and hosts can all link it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod code;
pub mod connection;
pub mod frame;
pub mod id;
pub mod job;
pub mod limits;
pub mod name;
pub mod plugin;
pub mod problem;
pub mod query;
pub mod queue;
pub mod schedule;
#[cfg(feature = "schema")]
pub mod schema;
pub mod span;
pub mod state;
pub mod stats;
pub mod submit;
pub mod topic;
pub mod verify;
pub mod worker;
