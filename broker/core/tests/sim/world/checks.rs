//! What a world looks at while it goes on.

use std::sync::Arc;

use windlass_core::{
    dependency::After,
    job::{Attempt, Job, State, Timestamp},
    queue::Queue,
    rate::Rate,
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    state::JobState,
    submit::{EndedAs, Need},
};

use super::{TAG_VALUES, World};
use crate::{broker::Change, judge::Guarantee};

/// The jobs of a queue that share a limit: all, or those with the same value of a tag.
#[derive(Debug)]
struct Shared(Option<(String, String)>);

impl Shared {
    fn is_of(&self, job: &Job) -> bool {
        self.0.as_ref().is_none_or(|(tag, value)| job.spec.tags.get(tag) == Some(value))
    }
}

/// Who shares which concurrency and rate.
fn limits(queue: &Queue) -> Vec<(Shared, Option<u32>, Option<Rate>)> {
    let mut limits = vec![(Shared(None), queue.limits.concurrency, queue.limits.rate)];
    if let Some(limit) = &queue.limits.per_tag {
        let shared = |value: &&str| Shared(Some((limit.tag.clone(), (*value).to_owned())));
        limits.extend(TAG_VALUES.iter().map(|value| (shared(value), limit.concurrency, limit.rate)));
    }
    limits
}

impl World {
    pub(super) fn check_start(&mut self, job: &Job) {
        if let Some(at) = job.spec.run_at {
            let story = || format!("{} at {:?} instead of {at:?}", job.id, self.latest);
            self.verdict.judge(Guarantee::NeverEarly, at <= self.latest, story);
        }
        let Some(After { jobs, need, ended }) = &job.spec.after else { return };
        let counts = |id: &JobId| {
            let state = self.state_of(*id);
            state == Some(JobState::Succeeded)
                || state.is_some_and(JobState::is_final) && *ended == EndedAs::Finished
        };
        let met = match need {
            Need::All => jobs.iter().all(counts),
            Need::Any => jobs.iter().any(counts),
        };
        self.verdict.judge(Guarantee::AfterItsJobs, met, || format!("{job:?} starts too early"));
    }

    /// A record goes to the disk: it must go with the one before it.
    pub(super) fn check_written(&mut self, change: &Change) {
        self.check_purged(change);
        let Change::Job(job, key, schedule) = change else { return };
        self.check_tick_written(job, schedule.as_deref());
        let was_plain = self.disk.jobs.get(&job.id).is_none_or(|before| before.is_plain());
        let story = || format!("{job:?} is plain again");
        self.verdict.judge(Guarantee::PlainOnce, was_plain || !job.is_plain(), story);
        let max_attempts = job.spec.retry.max_attempts.max(1);
        let counted = job.failures <= max_attempts && job.worker_deaths <= job.spec.max_worker_deaths;
        let failed = |attempt: &&Attempt| {
            attempt.failure.as_ref().is_some_and(|failure| failure.code == ErrorCode::Trap)
        };
        let seen = u32::try_from(job.attempts.iter().filter(failed).count()).unwrap_or(u32::MAX);
        let exact = job.attempts.len() >= 10 || job.failures == seen;
        let deaths = job.attempts.iter().filter_map(|attempt| attempt.failure.as_ref());
        let deaths = deaths.filter(|failure| failure.code == ErrorCode::WorkerLost).count();
        let exact = exact && (job.attempts.len() >= 10 || job.worker_deaths as usize == deaths);
        self.verdict.judge(Guarantee::AttemptsBounded, counted && exact, || format!("{job:?}"));
        if job.revision == 1 && job.spec.idempotency.is_some() {
            self.verdict
                .judge(Guarantee::WholeOrNothing, key.is_some(), || format!("{} without its key", job.id));
        }
        if job.state.is_final() {
            let first = self.finals.entry(job.id).or_insert_with(|| job.state.clone()).clone();
            let same = first == job.state;
            self.verdict.judge(Guarantee::FinalForGood, same, || format!("{first:?} became {:?}", job.state));
        }
    }

    /// After a loss of power: what was promised is there.
    pub(super) fn check_survivors(&mut self) {
        for id in &self.accepted {
            let there = self.state_on_disk(*id).is_some();
            self.verdict.judge(Guarantee::AcceptedSurvives, there, || format!("{id} is lost"));
        }
        for id in &self.cancelled {
            let state = self.state_on_disk(*id);
            let cancelled = state == Some(JobState::Cancelled);
            self.verdict.judge(Guarantee::CancelIsFinal, cancelled, || format!("{id} is {state:?}"));
        }
    }

    /// Jobs of a lane begin in the order in which they stand in it.
    pub(super) fn check_order(&mut self) {
        for (job, overtaken) in std::mem::take(&mut self.broker.granted) {
            let story = || format!("{job} overtakes {overtaken:?}");
            self.verdict.judge(Guarantee::LaneOrder, overtaken.is_none(), story);
        }
    }

    /// A cancel that was answered holds at once.
    pub(super) fn check_stored_finals(&mut self) {
        for id in &self.cancelled {
            let state = self.state_of(*id);
            let cancelled = state == Some(JobState::Cancelled);
            self.verdict.judge(Guarantee::CancelIsFinal, cancelled, || format!("{id} is {state:?}"));
        }
    }

    pub(super) fn check_running(&mut self) {
        let running = || self.broker.jobs.values().filter(|job| job.lease().is_some());
        let serial = running().filter(|job| job.spec.serial_key.is_some()).count();
        let begun = self
            .broker
            .jobs
            .values()
            .filter(|job| job.spec.serial_key.is_some() && job.attempt > 0 && !job.state.is_final());
        let (begun, story) = (begun.count(), || format!("{serial} run at once"));
        self.verdict.judge(Guarantee::SerialKey, serial <= 1 && begun <= 1, story);
        for queue in self.broker.queues.values() {
            let limited = self.limited_at.get(&queue.name).copied().unwrap_or_default();
            let later = |job: &&Arc<Job>| job.lease().is_some_and(|lease| lease.since > limited);
            for (shared, concurrency, _) in limits(queue) {
                let alike = || running().filter(|job| job.spec.queue == queue.name && shared.is_of(job));
                // What ran before the limit was set may go on, but counts for what starts later.
                let (started, count) = (alike().filter(later).count(), alike().count());
                let most = concurrency.map_or(usize::MAX, |most| most as usize);
                let held = started == 0 || count <= most && !queue.limits.is_paused;
                let story = || format!("{count} run of {shared:?} in {queue:?}");
                self.verdict.judge(Guarantee::QueueLimits, held, story);
            }
        }
    }

    /// A run was granted: as many as may have started in the span that ends with it.
    pub(super) fn check_rates(&mut self, job: &Arc<Job>) {
        let Some(lease) = job.lease() else { return };
        self.started.push((lease.since, Arc::clone(job)));
        let limited = self.limited_at.get(&job.spec.queue).copied().unwrap_or_default();
        let queue = self.broker.queues.values().find(|queue| queue.name == job.spec.queue);
        let Some(queue) = queue.filter(|_| lease.since > limited) else { return };
        for (shared, _, rate) in limits(queue).into_iter().filter(|(shared, ..)| shared.is_of(job)) {
            let Some(Rate { count, per_millis }) = rate else { continue };
            let counts = |since: Timestamp| {
                since > limited && since <= lease.since && since.plus_millis(per_millis) > lease.since
            };
            let alike = |other: &Job| other.spec.queue == queue.name && shared.is_of(other);
            let starts = self.started.iter().filter(|(since, other)| counts(*since) && alike(other)).count();
            let story = || format!("{starts} starts of {shared:?} in {queue:?}");
            self.verdict.judge(Guarantee::QueueRates, starts <= count as usize, story);
        }
    }

    /// A child that was cancelled with its parent was told so; one whose parent was cancelled does not live.
    pub(super) fn check_children(&mut self) {
        for job in self.broker.jobs.values() {
            let Some(parent) = job.spec.parent.and_then(|id| self.broker.jobs.get(&id)) else { continue };
            let is_cancelled = parent.state.name() == JobState::Cancelled;
            let blames =
                matches!(job.state, State::Cancelled { because_of, .. } if because_of == Some(parent.id));
            let waits = job.spec.after.as_ref().is_some_and(|after| after.jobs.contains(&parent.id));
            let held = if is_cancelled { job.state.is_final() } else { waits || !blames };
            self.verdict.judge(Guarantee::NoOrphans, held, || format!("{job:?} of {parent:?}"));
        }
    }

    /// Nothing runs under a lease that has ended.
    pub(super) fn check_leases(&mut self) {
        for job in self.broker.jobs.values() {
            let Some(lease) = job.lease() else { continue };
            let held = !self.is_over(lease.worker);
            self.verdict.judge(Guarantee::Leases, held, || format!("{job:?} at {:?}", self.now));
        }
    }

    pub(super) fn check_expired(&mut self) {
        for job in self.broker.jobs.values().filter(|job| !job.state.is_final()) {
            if let Some(at) = job.expires_at {
                self.verdict
                    .judge(Guarantee::Expires, at > self.now, || format!("{job:?} at {:?}", self.now));
            }
        }
    }
}
