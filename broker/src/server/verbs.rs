//! What can be asked of the broker, once for HTTP and WebSocket alike.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use windlass_core::job::Payload;
use windlass_wire::{code::ErrorCode, problem::Problem};

use super::{context::Context, translate};
use crate::{registry::Version, sandbox::ValueType};

mod about;
mod bulk;
mod calls;
mod follow;
mod jobs;
mod plugins;
mod queues;
mod schedules;
mod search;
mod stats;
mod statuses;
mod store;
mod submit;
mod watch;
mod workers;

pub(super) use self::{
    about::{connections, identity, metrics, ready},
    bulk::bulk,
    calls::call,
    follow::{Notice, Notices, Subject, follow},
    jobs::{Waited, cancel, find, find_pinned, get, history, logs, purge, release, result, wait},
    plugins::{activate, plugin, plugins, rollback, schemas},
    queues::{limit_queue, pause_queue, purge_queue, queue, queues},
    schedules::{delete_schedule, pause_schedule, put_schedule, schedule, scheduled_job, schedules, trigger},
    search::{Search, query},
    stats::stats,
    statuses::{StatusRequest, statuses},
    store::{begin_backup, begin_verification},
    submit::{Submission, check_args_size, retry, submit, submit_many},
    watch::WatchFilter,
    workers::workers,
};

/// What a handler gave.
#[derive(Debug)]
pub(super) struct HandlerValue {
    pub(super) json: Box<RawValue>,
    /// The version that gave it, if it is still there, and the handler's number.
    handler: Option<(Arc<Version>, usize)>,
}

impl HandlerValue {
    /// Its type, for encodings that have more types than JSON.
    pub(super) fn ty(&self) -> Option<&ValueType> {
        let (version, handler) = self.handler.as_ref()?;
        version.signatures[*handler].value_type()
    }
}

/// A value as JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    to_raw_value(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        Problem::new(ErrorCode::Internal, "the answer cannot be written as JSON")
    })
}

/// Brings back the JSON text that was kept.
async fn bring(context: &Context, payload: &Payload) -> Result<Box<RawValue>, Problem> {
    let text = context.store.bring(payload).await.map_err(|error| translate::store_error(&error))?;
    serde_json::from_str(&text).map_err(|error| damaged(&error))
}

/// What was kept as JSON is not JSON.
fn damaged(error: &serde_json::Error) -> Problem {
    tracing::error!(%error, "kept JSON is damaged");
    Problem::new(ErrorCode::Internal, "what was kept is damaged; the broker's log tells more")
}
