//! How a run ended, and what it used.

use std::time::Duration;

use serde_json::Value;

/// The message of a failure; the detail has all of it.
const MESSAGE_CHARS_MAX: usize = 500;

/// The end of one run.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The function returned; its value as JSON text. A `result`'s `ok` is the value itself.
    Succeeded(String),
    /// The function returned the `err` of its `result`.
    Failed {
        /// The `err` value.
        detail: Value,
        /// The same for people: the text of the error where it has one.
        message: String,
    },
    /// The guest did something it cannot go on from.
    Trapped {
        /// The trap's name in snake case, such as `unreachable` or `integer_divide_by_zero`.
        kind: &'static str,
        /// What happened, in words.
        message: String,
        /// The guest's functions that were active, innermost first.
        backtrace: Vec<String>,
    },
    /// The guest asked for more memory than its limit and could not go on without.
    OutOfMemory {
        /// The limit that was refused to be passed.
        memory_bytes_max: usize,
    },
    /// The time limit passed; the guest was stopped.
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// [`Control::cancel`](super::control::Control::cancel) was called; the guest was stopped.
    Cancelled,
    /// The function returned more than its limit.
    TooLarge {
        /// The limit.
        result_bytes_max: usize,
    },
    /// The plugin cannot be run as it is: no such handler, or it breaks the rules of components.
    BadPlugin {
        /// What is wrong, in words.
        message: String,
    },
}

impl Outcome {
    /// The failure whose error value is `json`.
    pub(super) fn failed(json: &str) -> Outcome {
        let detail: Value = serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()));
        Outcome::Failed { message: message(&detail), detail }
    }
}

/// What a person should read first of an error value: the text it is, its `message`, or the name of its case.
fn message(detail: &Value) -> String {
    let text = match detail {
        Value::String(text) => Some(text.as_str()),
        Value::Object(fields) => fields.get("message").or_else(|| fields.get("case")).and_then(Value::as_str),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    };
    match text {
        Some(text) => text.chars().take(MESSAGE_CHARS_MAX).collect(),
        None => "the handler returned an error".to_owned(),
    }
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From the start of the run to its end.
    pub wall: Duration,
    /// Time on a processor, of the guest and of the host on its behalf.
    pub cpu: Duration,
    /// The largest sum of the guest's memories.
    pub memory_bytes_peak: usize,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
}
