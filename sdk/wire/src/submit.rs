//! Options of calls and of submitted jobs.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    id::JobId,
    span::{Span, Timeout},
};
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
    /// Stays scheduled until `job.release`. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hold: bool,
    /// The time it may wait for other jobs and for a slot, before each attempt; then it is `expired`. Default
    /// never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout: Option<Timeout>,
    /// The time one attempt may take. Default 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_timeout: Option<Timeout>,
    /// When and how often to try again. Default: one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryOptions>,
    /// Workers this job may lose before it is quarantined. Default 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_worker_deaths: Option<u32>,
    /// Submitting twice with the same key within a day accepts one job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Starts only when other jobs have ended: their ids, or an object that says which ends count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<AfterOptions>,
    /// Of the jobs of a channel with the same key one runs at a time, in the order in which they were accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_key: Option<String>,
    /// How long it is kept once it is final; `never` = until it is purged. Default: as the broker is set up, 7 days
    /// unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Timeout>,
    /// A live job that this one is a child of: it is cancelled when its parent is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
    /// Names to find it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(transform = schema::tags))]
    pub tags: BTreeMap<String, String>,
    /// Digest, or unique beginning of one, of the plugin version to run. Default: the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = schema::VERSION)))]
    pub version: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// `opts.after`: what must have ended before the job may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AfterOptions {
    /// The jobs.
    pub jobs: Vec<JobId>,
    /// Whether all of them are needed or any one is enough. Default all.
    pub need: Need,
    /// Which ends count. Default success.
    pub ended: EndedAs,
}

/// How many of several jobs are needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// All of them.
    #[default]
    All,
    /// Any one of them.
    Any,
}

/// Which ends of a job count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndedAs {
    /// Only `succeeded`.
    #[default]
    Success,
    /// Any.
    Finished,
}

impl<'de> Deserialize<'de> for AfterOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AfterVisitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterObject {
    jobs: Vec<JobId>,
    #[serde(default)]
    need: Need,
    #[serde(default)]
    ended: EndedAs,
}

struct AfterVisitor;

impl<'de> de::Visitor<'de> for AfterVisitor {
    type Value = AfterOptions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of job ids, or an object with `jobs`, `need` and `ended`")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<AfterOptions, A::Error> {
        let jobs = Vec::deserialize(de::value::SeqAccessDeserializer::new(list))?;
        Ok(AfterOptions { jobs, need: Need::All, ended: EndedAs::Success })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<AfterOptions, A::Error> {
        let AfterObject { jobs, need, ended } =
            AfterObject::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(AfterOptions { jobs, need, ended })
    }
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
