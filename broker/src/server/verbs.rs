//! What can be asked of the broker, once for HTTP and WebSocket alike.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use windlass_core::job::Payload;
use windlass_wire::{code::ErrorCode, problem::Problem};

use super::context::Context;
use crate::store::INLINE_BYTES_MAX;

mod about;
mod calls;
mod jobs;
mod plugins;
mod watch;

pub(super) use self::{
    about::{identity, metrics, ready},
    calls::call,
    jobs::{
        Filter, Submission, Waited, cancel, check_args_size, find, get, list, logs, result, submit, wait,
    },
    plugins::{plugin, plugins, schemas},
    watch::{Notice, Watch, WatchFilter},
};

/// A value as JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    to_raw_value(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        Problem::new(ErrorCode::Internal, "the answer cannot be written as JSON")
    })
}

/// Keeps JSON text: short text in the record of its job, long text beside it.
async fn keep(context: &Context, text: String) -> Result<Payload, Problem> {
    if text.len() <= INLINE_BYTES_MAX {
        return Ok(Payload::Inline(text.into()));
    }
    context.with_store(move |store| store.put_blob(text.as_bytes())).await.map(Payload::Blob)
}

/// Brings back the JSON text that was kept.
async fn bring(context: &Context, payload: &Payload) -> Result<Box<RawValue>, Problem> {
    let damaged = |what: String| {
        tracing::error!(what, "kept JSON is gone or damaged");
        Problem::new(ErrorCode::Internal, "what was kept is gone or damaged; the broker's log tells more")
    };
    match payload {
        Payload::Inline(text) => serde_json::from_str(text).map_err(|error| damaged(error.to_string())),
        Payload::Blob(digest) => {
            let digest = *digest;
            let bytes = context.with_store(move |store| store.blob(&digest)).await?;
            let bytes = bytes.ok_or_else(|| damaged(digest.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
            RawValue::from_string(text).map_err(|error| damaged(error.to_string()))
        }
    }
}
