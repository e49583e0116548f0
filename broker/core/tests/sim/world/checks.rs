//! What a world looks at while it goes on.

use std::sync::Arc;

use windlass_core::{
    dependency::After,
    job::{Attempt, Job},
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    state::JobState,
    submit::{EndedAs, Need},
};

use super::World;
use crate::{broker::Change, judge::Guarantee};

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
            let in_queue = |job: &&Arc<Job>| job.spec.queue == queue.name;
            let limits = queue.limits;
            let limited = self.limited_at.get(&queue.name).copied().unwrap_or_default();
            let later = |job: &&Arc<Job>| job.lease().is_some_and(|lease| lease.since > limited);
            let started = running().filter(in_queue).filter(later).count();
            let most = limits.concurrency.map_or(usize::MAX, |most| most as usize);
            let held = started <= most && (started == 0 || !limits.is_paused);
            self.verdict.judge(Guarantee::QueueLimits, held, || format!("{started} run in {queue:?}"));
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
