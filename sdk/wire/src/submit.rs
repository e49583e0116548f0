//! Options of calls and of submitted jobs.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::span::{Span, Timeout};
#[cfg(feature = "schema")]
use crate::{
    limits::{ATTEMPTS_MAX, NAME_BYTES_MAX, PRIORITY_MAX, PRIORITY_MIN},
    schema,
};

/// `opts` of a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CallOptions {
    /// The call's one clock, over waiting for a slot and running. Default 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timeout>,
    /// Digest, or unique beginning of one, of the plugin version to run. Default: the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = schema::VERSION)))]
    pub version: Option<String>,
}

/// `opts` of a submitted job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = schema::one_due_time))]
#[serde(deny_unknown_fields)]
pub struct SubmitOptions {
    /// The queue to wait in. Default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = NAME_BYTES_MAX), extend("pattern" = schema::NAME)))]
    pub queue: Option<String>,
    /// -100 to 100, higher first. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = PRIORITY_MIN, max = PRIORITY_MAX)))]
    pub priority: Option<i64>,
    /// Becomes ready after this span; not beside `run_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// Becomes ready at this time (RFC 3339); not beside `delay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub run_at: Option<String>,
    /// The time one attempt may take. Default 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_timeout: Option<Timeout>,
    /// When and how often to try again. Default: one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryOptions>,
    /// Workers this job may lose before it is quarantined. Default 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_worker_deaths: Option<u32>,
    /// Names to find it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(transform = schema::tags))]
    pub tags: BTreeMap<String, String>,
    /// Digest, or unique beginning of one, of the plugin version to run. Default: the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = schema::VERSION)))]
    pub version: Option<String>,
}

/// `opts.retry`: pauses grow as `initial * factor^n`, never above `max`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryOptions {
    /// Attempts in all. 0 and 1 both mean: no retry. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = ATTEMPTS_MAX)))]
    pub max_attempts: Option<u32>,
    /// The pause before the second attempt. Default 1 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Span>,
    /// What each further pause is multiplied with. Default 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub factor: Option<f64>,
    /// The longest pause. Default 1 h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
    /// The part of a pause that chance may take off, 0 to 1. Default 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub jitter: Option<f64>,
    /// What is tried again. Default: all four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<RetryOn>>,
}

/// A way an attempt can end that may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// The handler answered `err`.
    Error,
    /// The guest trapped or ran out of memory.
    Trap,
    /// The attempt ran longer than `run_timeout`.
    Timeout,
    /// The worker was lost. Bounded by `max_worker_deaths`, not by `max_attempts`.
    WorkerLost,
}

impl RetryOn {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Error, Self::Trap, Self::Timeout, Self::WorkerLost];
}
