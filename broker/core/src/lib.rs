//! What windlass decides.
//!
//! [`scheduler::Scheduler`] takes a [`command::Command`] and the time, and answers [`decision::Decision`]s:
//! records to save and effects that follow once they are durable. It has no clock, no chance and no IO; being
//! `no_std`, the compiler says so. Time, ids' salt and everything else from outside arrive as arguments, so the
//! same history always leads to the same state.
//!
//! Reading order: `job` (the record), `lifecycle` (the one state machine), `retry`, `dependency`, `queue`, `ready`,
//! `rate`, `tags`, `serial`, `links`, `idempotency`, `schedule` and `schedules`, `slots`, `calls`, `census`, `scheduler`
//! (the owner of live jobs), `command` and `decision` (what goes in and out), `groups` (durable, then visible),
//! `retention` and `pins` (how final jobs are forgotten), `limits`.
//! Beside them stands `query`: which documents a filter means.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod calls;
pub mod census;
pub mod command;
pub mod decision;
pub mod dependency;
pub mod groups;
pub mod idempotency;
pub mod job;
pub mod lifecycle;
pub mod limits;
mod links;
pub mod parked;
pub mod pins;
pub mod planted;
pub mod query;
pub mod queue;
pub mod rate;
mod ready;
pub mod retention;
pub mod retry;
pub mod schedule;
pub mod scheduler;
mod schedules;
mod serial;
pub mod slots;
mod tags;
mod window;
