//! The record of a job.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};

use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    job::Usage,
    name::{DEFAULT_CHANNEL, DEFAULT_QUEUE},
    state::JobState,
};

use crate::{
    dependency::After,
    idempotency::Idempotency,
    limits::{
        ATTEMPTS_KEPT_MAX, RETENTION_MILLIS_DEFAULT, RUN_TIMEOUT_MILLIS_DEFAULT, WORKER_DEATHS_DEFAULT,
    },
    retry::RetryPolicy,
    schedule::Origin,
};

/// Milliseconds since 1970 in UTC. Deadlines are stored and cross machines, so never an `Instant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time so many milliseconds later.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// A worker's hold on one job, strictly increasing over all grants of all starts: the high bits are the
/// broker's start number, the low ones count grants. A fence the broker does not know changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// A worker, within one start of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub u64);

/// SHA-256 of a plugin version or a blob.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub [u8; 32]);

impl core::fmt::Display for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Arguments or a result: JSON text, in the record itself or beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// JSON text.
    Inline(Arc<str>),
    /// JSON text kept as a blob.
    Blob(Digest),
}

/// What was asked for at submission; it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The channel the job belongs to.
    pub channel: String,
    /// The queue it waits in.
    pub queue: String,
    /// The handler, `plugin/function`.
    pub handler: String,
    /// The plugin version its arguments were checked against, and which runs.
    pub version: Digest,
    /// The arguments.
    pub args: Payload,
    /// -100 to 100, higher goes first.
    pub priority: i8,
    /// When it is tried again.
    pub retry: RetryPolicy,
    /// Workers it may lose before it is quarantined.
    pub max_worker_deaths: u32,
    /// The time one attempt may take, in milliseconds; none = no limit.
    pub run_timeout_millis: Option<u64>,
    /// The time it may wait for other jobs and for a slot before each attempt, in milliseconds; none = no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout_millis: Option<u64>,
    /// It does not start before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Timestamp>,
    /// It does not start before it is released.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hold: bool,
    /// It does not start before other jobs have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// Of the jobs of a channel with the same key one runs at a time, in the order in which they were accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_key: Option<String>,
    /// The job it is a child of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
    /// What makes it the same job when it is submitted twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// How long it is kept once it is final, in milliseconds; none = until it is purged.
    #[serde(default = "retention_default")]
    pub retention_millis: Option<u64>,
    /// Names to find it by.
    pub tags: BTreeMap<String, String>,
    /// The schedule that submitted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Origin>,
    /// When it was accepted.
    pub submitted_at: Timestamp,
    /// The final job it tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id, which is also its place in line: see [`compose_id`].
    pub id: JobId,
    /// Grows with every change.
    pub revision: u32,
    /// What was asked for.
    pub spec: Arc<Spec>,
    /// Where it is in its life.
    pub state: State,
    /// Runs begun so far.
    pub attempt: u32,
    /// Runs that ended in a way that counts against `max_attempts`.
    pub failures: u32,
    /// Workers lost while they ran it.
    pub worker_deaths: u32,
    /// The last ended runs, oldest first.
    pub attempts: Vec<Attempt>,
    /// When its waiting ends, while it waits for other jobs or for a slot; none = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The newest job that tries this one again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_as: Option<JobId>,
    /// Parents above it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
}

/// Where a job is in its life, with what belongs to that state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a time.
    Scheduled {
        /// When it becomes ready.
        due: Timestamp,
    },
    /// Waits to be released.
    Held,
    /// Waits for other jobs.
    Blocked {
        /// Those that have not ended.
        left: BTreeSet<JobId>,
        /// Whether it waits to be released after that.
        held: bool,
    },
    /// Waits for a free slot.
    Ready,
    /// A worker holds it.
    Running(Lease),
    /// Ended with a result.
    Succeeded {
        /// When.
        at: Timestamp,
        /// The result.
        result: Payload,
    },
    /// Ended without one.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        failure: Failure,
    },
    /// Ended because somebody asked for it, or because of another job.
    Cancelled {
        /// When.
        at: Timestamp,
        /// Its parent, which was cancelled, or the job it was to come after and that ended otherwise than it needs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because_of: Option<JobId>,
    },
    /// Ended because it waited too long.
    Expired {
        /// When.
        at: Timestamp,
    },
}

/// A worker's hold on a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Whoever reports about this run must name it.
    pub fence: Fence,
    /// Who runs it.
    pub worker: WorkerId,
    /// Since when.
    pub since: Timestamp,
}

/// Why a run did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind.
    pub code: ErrorCode,
    /// One sentence.
    pub message: String,
    /// JSON text for programs: the handler's `err` value, a trap's kind and frames.
    pub detail: Option<String>,
}

/// One ended run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// Who ran it.
    pub worker: WorkerId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why it did not succeed; none if it did.
    pub failure: Option<Failure>,
    /// What it used.
    pub usage: Usage,
}

impl Spec {
    /// A job of the default channel and queue, with the defaults of every option.
    pub fn new(handler: impl Into<String>, version: Digest, args: Payload, submitted_at: Timestamp) -> Self {
        Self {
            channel: DEFAULT_CHANNEL.into(),
            queue: DEFAULT_QUEUE.into(),
            handler: handler.into(),
            version,
            args,
            priority: 0,
            retry: RetryPolicy::default(),
            max_worker_deaths: WORKER_DEATHS_DEFAULT,
            run_timeout_millis: Some(RUN_TIMEOUT_MILLIS_DEFAULT),
            queue_timeout_millis: None,
            run_at: None,
            hold: false,
            after: None,
            serial_key: None,
            parent: None,
            idempotency: None,
            retention_millis: retention_default(),
            tags: BTreeMap::new(),
            schedule: None,
            submitted_at,
            retry_of: None,
        }
    }

    /// Whether a job of this may be plain: see [`Job::is_plain`].
    pub fn is_plain(&self) -> bool {
        let hangs = self.after.is_some() || self.parent.is_some() || self.schedule.is_some();
        !hangs && !self.hold && self.serial_key.is_none() && self.queue_timeout_millis.is_none()
    }

    /// Where a job stands that waits for no other job.
    pub(crate) fn free_state(&self, held: bool, now: Timestamp) -> State {
        match self.run_at.filter(|at| *at > now) {
            _ if held => State::Held,
            Some(due) => State::Scheduled { due },
            None => State::Ready,
        }
    }

    /// The same job once more, to be started as soon as it can: a retry of `retry_of`, and nobody's child.
    #[must_use]
    pub fn again(&self, retry_of: JobId, version: Digest, submitted_at: Timestamp) -> Self {
        Self {
            version,
            run_at: None,
            hold: false,
            after: None,
            parent: None,
            idempotency: None,
            // It belongs to the schedule still, but is no job of the tick.
            schedule: self.schedule.clone().map(|origin| Origin { tick: None, ..origin }),
            submitted_at,
            retry_of: Some(retry_of),
            ..self.clone()
        }
    }
}

/// What jobs have that were accepted before there was a choice.
#[expect(clippy::unnecessary_wraps, reason = "serde asks for the type of the field")]
const fn retention_default() -> Option<u64> {
    Some(RETENTION_MILLIS_DEFAULT)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl State {
    /// The state's name for clients.
    pub const fn name(&self) -> JobState {
        match self {
            Self::Scheduled { .. } | Self::Held => JobState::Scheduled,
            Self::Blocked { .. } => JobState::Blocked,
            Self::Ready => JobState::Ready,
            Self::Running(_) => JobState::Running,
            Self::Succeeded { .. } => JobState::Succeeded,
            Self::Failed { .. } => JobState::Failed,
            Self::Cancelled { .. } => JobState::Cancelled,
            Self::Expired { .. } => JobState::Expired,
        }
    }

    /// The jobs it waits for.
    pub fn left(&self) -> impl Iterator<Item = &JobId> {
        let left = if let Self::Blocked { left, .. } = self { Some(left) } else { None };
        left.into_iter().flatten()
    }

    /// Whether it never changes again.
    pub const fn is_final(&self) -> bool {
        self.name().is_final()
    }
}

impl Job {
    /// A job just submitted, which waits for the jobs `left` to end, if there are any.
    pub fn new(id: JobId, spec: Arc<Spec>, left: BTreeSet<JobId>, now: Timestamp) -> Self {
        let held = spec.hold;
        let state = if left.is_empty() { spec.free_state(held, now) } else { State::Blocked { left, held } };
        let waits = matches!(state, State::Blocked { .. } | State::Ready);
        let expires_at = spec.queue_timeout_millis.filter(|_| waits).map(|millis| now.plus_millis(millis));
        Self {
            id,
            revision: 1,
            spec,
            state,
            attempt: 0,
            failures: 0,
            worker_deaths: 0,
            attempts: Vec::new(),
            expires_at,
            retried_as: None,
            depth: 0,
        }
    }

    /// The lease, while it runs.
    pub const fn lease(&self) -> Option<Lease> {
        match self.state {
            State::Running(lease) => Some(lease),
            State::Scheduled { .. }
            | State::Held
            | State::Blocked { .. }
            | State::Ready
            | State::Succeeded { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Expired { .. } => None,
        }
    }

    /// Whether it has nothing but its place in a line: it was never started, hangs on no other job and only waits for
    /// its time or its turn. Such a job may be parked. Once it is not plain it never is again.
    pub fn is_plain(&self) -> bool {
        // A run that was handed back leaves no attempt, but a revision. Coming due is one, too.
        let revision = if self.spec.run_at.is_some() { 2 } else { 1 };
        let is_waiting = matches!(self.state, State::Ready | State::Scheduled { .. });
        is_waiting && self.attempt == 0 && self.revision <= revision && self.spec.is_plain()
    }

    /// When it became final.
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Succeeded { at, .. }
            | State::Failed { at, .. }
            | State::Cancelled { at, .. }
            | State::Expired { at } => Some(at),
            State::Scheduled { .. }
            | State::Held
            | State::Blocked { .. }
            | State::Ready
            | State::Running(_) => None,
        }
    }

    /// Until when it is kept; none = it is live, or is kept until it is purged.
    pub fn kept_until(&self) -> Option<Timestamp> {
        Some(self.ended_at()?.plus_millis(self.spec.retention_millis?))
    }

    /// The arguments and the result, as far as they are not in the record itself.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        let result = if let State::Succeeded { result, .. } = &self.state { Some(result) } else { None };
        [Some(&self.spec.args), result].into_iter().flatten().filter_map(|payload| match payload {
            Payload::Inline(_) => None,
            Payload::Blob(digest) => Some(*digest),
        })
    }

    pub(crate) fn remember(&mut self, attempt: Attempt) {
        if self.attempts.len() >= ATTEMPTS_KEPT_MAX {
            self.attempts.remove(0);
        }
        self.attempts.push(attempt);
    }
}

/// Makes the id of a job from its place in line, so that the record's key is the ready index:
/// queue (3 bytes), 255 - (priority + 128) (1), sequence (8), shard (1, always 0 here), salt (3).
pub fn compose_id(queue: u32, priority: i8, sequence: u64, salt: u32) -> JobId {
    let level = 127_i16.abs_diff(i16::from(priority));
    JobId(
        u128::from(queue & 0xff_ffff) << 104
            | u128::from(level) << 96
            | u128::from(sequence) << 32
            | u128::from(salt & 0xff_ffff),
    )
}

/// All ids of a queue.
pub(crate) fn ids_of_queue(queue: u32) -> RangeInclusive<JobId> {
    let first = u128::from(queue & 0xff_ffff) << 104;
    JobId(first)..=JobId(first | ((1 << 104) - 1))
}

/// Where the ids of a queue and level begin.
pub(crate) fn first_of(queue: u32, level: u8) -> JobId {
    JobId(u128::from(queue & 0xff_ffff) << 104 | u128::from(level) << 96)
}

/// The priority an id was made for, as it stands in the id: 0 goes first.
pub fn level(id: JobId) -> u8 {
    id.to_bytes()[3]
}

/// The number of the queue an id was made for.
pub fn queue_number(id: JobId) -> u32 {
    let bytes = id.to_bytes();
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

/// The sequence number of an id: it grows over all queues of one broker, over all its starts.
pub fn sequence(id: JobId) -> u64 {
    let bytes = id.to_bytes();
    u64::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9], bytes[10], bytes[11]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_queue_then_priority_then_submission() {
        let ids = [
            compose_id(0, 100, 9, 1),
            compose_id(0, 0, 3, 7),
            compose_id(0, 0, 4, 0),
            compose_id(0, -100, 1, 0),
            compose_id(1, 100, 0, 0),
        ];
        assert!(ids.is_sorted());
        assert_eq!(queue_number(ids[4]), 1);
        assert_eq!(sequence(ids[2]), 4);
    }
}
