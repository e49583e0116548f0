//! A job as clients see it.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    code::ErrorCode,
    id::JobId,
    problem::Problem,
    state::JobState,
    submit::{AfterOptions, RetryOptions},
};

/// The record of a job. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// The handler, `plugin/function`.
    pub handler: String,
    /// Digest of the plugin version it runs on.
    pub version: String,
    /// The channel it belongs to.
    pub channel: String,
    /// The queue it waits or waited in.
    pub queue: String,
    /// Higher goes first.
    pub priority: i8,
    /// Where it is in its life.
    pub state: JobState,
    /// Runs begun so far.
    pub attempt: u32,
    /// Attempts allowed.
    pub max_attempts: u32,
    /// When it was accepted.
    pub submitted_at: String,
    /// When it becomes ready; only while scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<String>,
    /// When the running attempt began; only while running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it became final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Why it failed or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// The ended attempts, oldest first; only the last ten are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptView>,
    /// When and how often it is tried again.
    pub retry: RetryOptions,
    /// The time one attempt may take, in milliseconds; none = no limit.
    pub run_timeout_millis: Option<u64>,
    /// The time it may wait before each attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout_millis: Option<u64>,
    /// When its waiting ends and it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Whether it waits for `job.release`, now or once the jobs it comes after have ended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub held: bool,
    /// What must have ended before it may start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<AfterOptions>,
    /// Of the jobs with the same key one runs at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_key: Option<String>,
    /// The job it is a child of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
    /// Its children; only where one job is asked for, and if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<ChildrenView>,
    /// What makes it the same job when it is submitted twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// How long it is kept once it is final, in milliseconds; none = until it is purged.
    pub retention_millis: Option<u64>,
    /// Until when it is kept; only once it is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// Why it does not run yet; only where one job is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingView>,
    /// Names to find it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The schedule it was submitted by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The tick of the schedule it was submitted for; none if that was triggered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<String>,
    /// The final job it tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// The newest job that tries this one again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_as: Option<JobId>,
    /// Its arguments; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Box<RawValue>>,
}

impl JobView {
    /// Every field that lists show and filters may name.
    pub const FIELDS: [&str; 31] = [
        "id",
        "handler",
        "version",
        "channel",
        "queue",
        "priority",
        "state",
        "attempt",
        "max_attempts",
        "submitted_at",
        "run_at",
        "started_at",
        "ended_at",
        "error",
        "attempts",
        "retry",
        "run_timeout_millis",
        "queue_timeout_millis",
        "expires_at",
        "held",
        "after",
        "serial_key",
        "parent",
        "idempotency_key",
        "retention_millis",
        "kept_until",
        "tags",
        "schedule",
        "scheduled_for",
        "retry_of",
        "retried_as",
    ];
    /// Those among them that are times.
    pub const TIMES: [&str; 7] =
        ["submitted_at", "run_at", "started_at", "ended_at", "expires_at", "kept_until", "scheduled_for"];
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// How many children of a job are in which state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChildrenView {
    /// Children by their state.
    pub states: BTreeMap<JobState, usize>,
    /// Whether there are more; then only the newest were counted.
    pub cut: bool,
}

/// What a job waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum WaitingView {
    /// Other jobs to end.
    Jobs {
        /// Those that have not ended.
        jobs: Vec<JobId>,
    },
    /// As many jobs of its queue run as may.
    QueueConcurrency,
    /// Its queue to be resumed.
    QueuePaused,
    /// As many jobs of its queue have started as may.
    QueueRate {
        /// When the next may.
        until: String,
    },
    /// `job.release`.
    Release,
    /// A job with the same serial key, which goes first.
    SerialKey {
        /// That job.
        job: JobId,
    },
    /// A free slot, behind whoever comes before it.
    Slot,
    /// As many jobs of its queue with the same value of a tag run as may.
    TagConcurrency {
        /// The tag.
        tag: String,
        /// Its value.
        value: String,
    },
    /// As many jobs of its queue with the same value of a tag have started as may.
    TagRate {
        /// The tag.
        tag: String,
        /// Its value.
        value: String,
        /// When the next may.
        until: String,
    },
    /// A time: its own, or that of its next attempt.
    Time {
        /// When.
        until: String,
    },
}

/// One ended run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptView {
    /// 1 for the first.
    pub number: u32,
    /// The worker that ran it.
    pub worker: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: String,
    /// Why it failed; none if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// What it used.
    pub usage: Usage,
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// Wall time in microseconds.
    pub wall_micros: u64,
    /// Processor time in microseconds.
    pub cpu_micros: u64,
    /// The most memory the guest had at once, in bytes.
    pub memory_bytes_peak: u64,
}

/// Jobs were accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobsAccepted {
    /// Their ids, in the order of the request.
    pub jobs: Vec<JobId>,
}

/// A job by its id: what is answered where nothing else is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobRef {
    /// The job.
    pub job: JobId,
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobStanding {
    /// The job.
    pub job: JobId,
    /// Its state.
    pub state: JobState,
}

/// How many jobs stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobStatuses {
    /// One for each job asked about, in their order.
    pub items: Vec<JobStatus>,
}

/// Where a job is in its life, or why it cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobStatus {
    /// The job.
    pub job: JobId,
    /// Its state; that in which it ended if it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// `gone` or `not_found`; none = it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// When it was purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged_at: Option<String>,
}

/// A page of jobs, newest first unless another order was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobPage<T = JobView> {
    /// The jobs, or the fields asked for of each.
    pub items: Vec<T>,
    /// Where the next page begins; none = this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the search stopped at its row budget, so that more may match further on.
    #[serde(default)]
    pub cut: bool,
}

/// An event of topic `jobs`: the jobs that changed lately.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangedJobs {
    /// The last that changed, as they are now, in the order of their changes.
    pub items: Vec<JobView>,
    /// How many more changed.
    pub more: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submit::{EndedAs, Need};
    use alloc::{borrow::ToOwned, vec};

    #[test]
    fn every_field_of_a_job_can_be_searched() {
        let time = || "2030-01-01T00:00:00.000Z".to_owned();
        let usage = Usage::default();
        let attempt = AttemptView {
            number: 1,
            worker: "local".to_owned(),
            started_at: time(),
            ended_at: time(),
            error: None,
            usage,
        };
        let view = JobView {
            id: JobId(1),
            handler: "demo/add".to_owned(),
            version: String::new(),
            channel: "0".to_owned(),
            queue: "default".to_owned(),
            priority: 0,
            state: JobState::Failed,
            attempt: 1,
            max_attempts: 1,
            submitted_at: time(),
            run_at: Some(time()),
            started_at: Some(time()),
            ended_at: Some(time()),
            error: Some(Problem::new(ErrorCode::Trap, "")),
            attempts: vec![attempt],
            retry: RetryOptions::default(),
            run_timeout_millis: None,
            queue_timeout_millis: Some(1),
            expires_at: Some(time()),
            held: true,
            after: Some(AfterOptions { jobs: Vec::new(), need: Need::All, ended: EndedAs::Success }),
            serial_key: Some(String::new()),
            parent: Some(JobId(4)),
            children: None,
            idempotency_key: Some(String::new()),
            retention_millis: Some(1),
            kept_until: Some(time()),
            waiting: None,
            tags: [("a".to_owned(), "b".to_owned())].into(),
            schedule: Some(String::new()),
            scheduled_for: Some(time()),
            retry_of: Some(JobId(2)),
            retried_as: Some(JobId(3)),
            args: None,
        };
        let shown = serde_json::to_value(view).unwrap();
        let mut fields = JobView::FIELDS;
        fields.sort_unstable();
        assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), fields);
    }
}
