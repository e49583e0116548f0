//! Tests of the built binary from outside: each starts a broker of its own and talks to it as anyone would.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken assumption of a test fails that test"
)]

mod backup;
mod benches;
mod calls;
mod children;
mod cli;
mod console;
mod doors;
mod faults;
mod formats;
mod jobs;
mod live;
mod many;
mod msgpack;
mod openapi;
mod plugins;
mod refusals;
mod restarts;
mod retention;
mod schedules;
mod search;
mod stopping;
mod submitting;
mod thumbnails;
mod waiting;
mod watching;
