//! Accepting jobs.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

use windlass_wire::{
    id::JobId,
    limits::{CHILDREN_LIVE_MAX, JOB_DEPTH_MAX},
};

use super::Scheduler;
use crate::{
    command::{Refusal, Submission},
    decision::Decision,
    dependency::Settled,
    job::{Digest, Job, Spec, Timestamp, compose_id},
    lifecycle::retried,
    limits::{LIVE_JOBS_MAX, UNPARKED_JOBS_MAX},
    planted::{Bug, planted},
    schedule::ScheduleId,
};

impl Scheduler {
    pub(super) fn submit(&mut self, submission: Submission, now: Timestamp) -> Result<JobId, Refusal> {
        if self.draining {
            return Err(Refusal::Draining);
        }
        if let Some(job) = self.known(&submission.spec)? {
            return Ok(job);
        }
        self.check(&submission, 1)?;
        self.check_parent(&submission.spec, 1)?;
        self.accept(submission, None, now)
    }

    /// Accepts all or none: nothing is accepted before all are checked.
    pub(super) fn submit_many(
        &mut self,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> Result<Vec<JobId>, Refusal> {
        if self.draining {
            return Err(Refusal::Draining);
        }
        let count = submissions.len();
        let mut keys: BTreeMap<&str, Digest> = BTreeMap::new();
        let mut siblings: BTreeMap<JobId, usize> = BTreeMap::new();
        for submission in &submissions {
            let job = self.known(&submission.spec)?;
            self.check(submission, count)?;
            if let (None, Some(parent)) = (job, submission.spec.parent) {
                let siblings = siblings.entry(parent).or_default();
                *siblings += 1;
                self.check_parent(&submission.spec, *siblings)?;
            }
            if let (None, Some(asked)) = (job, &submission.spec.idempotency)
                && keys.insert(&asked.key, asked.request).is_some_and(|request| request != asked.request)
            {
                return Err(Refusal::KeyTwice);
            }
        }
        submissions
            .into_iter()
            .map(|submission| match self.known(&submission.spec)? {
                Some(job) => Ok(job),
                None => self.accept(submission, None, now),
            })
            .collect()
    }

    /// The job that was accepted under the same idempotency key.
    fn known(&self, spec: &Spec) -> Result<Option<JobId>, Refusal> {
        spec.idempotency.as_ref().map_or(Ok(None), |asked| self.keys.find(&spec.channel, asked))
    }

    pub(super) fn check(&self, submission: &Submission, count: usize) -> Result<(), Refusal> {
        let Submission { spec, original, .. } = submission;
        if let Some(original) = original.as_ref().filter(|original| !original.state.is_final()) {
            return Err(Refusal::WrongState(original.state.name()));
        }
        if self.live_jobs().saturating_add(count) > LIVE_JOBS_MAX {
            return Err(Refusal::Full("the limit of live jobs"));
        }
        if self.live.len().saturating_add(count) > UNPARKED_JOBS_MAX {
            return Err(Refusal::Full("the limit of live jobs that wait for more than a time or a slot"));
        }
        self.indexes.check_queue(&spec.channel, &spec.queue)?;
        self.left(submission).map(drop)
    }

    /// Whether its parent may have so many children more.
    fn check_parent(&self, spec: &Spec, more: usize) -> Result<(), Refusal> {
        let Some(id) = spec.parent else { return Ok(()) };
        let parent = self.live.get(&id).filter(|parent| parent.spec.channel == spec.channel);
        let parent = parent.ok_or(Refusal::ParentEnded(id))?;
        if parent.depth >= JOB_DEPTH_MAX {
            return Err(Refusal::TooDeep(id));
        }
        if self.indexes.count_children(id).saturating_add(more) > CHILDREN_LIVE_MAX {
            return Err(Refusal::TooManyChildren(id));
        }
        Ok(())
    }

    /// The jobs it has to wait for.
    fn left(&self, submission: &Submission) -> Result<BTreeSet<JobId>, Refusal> {
        let Some(after) = &submission.spec.after else { return Ok(BTreeSet::new()) };
        let mut left = after.jobs.clone();
        for job in after.jobs.iter().filter(|job| !self.live.contains_key(job)) {
            let succeeded = *submission.ended.get(job).ok_or(Refusal::Unsettled(*job))?;
            match after.settle(&mut left, *job, succeeded) {
                Settled::Met => return Ok(BTreeSet::new()),
                Settled::Unreachable => return Err(Refusal::Unreachable(*job)),
                Settled::Waiting => {}
            }
        }
        Ok(left)
    }

    /// Accepts a job that was checked, for a tick or trigger of a schedule if there is one.
    pub(super) fn accept(
        &mut self,
        submission: Submission,
        run: Option<(ScheduleId, Option<Timestamp>)>,
        now: Timestamp,
    ) -> Result<JobId, Refusal> {
        let left = self.left(&submission)?;
        let Submission { mut spec, original, salt, .. } = submission;
        // Accepted is what a job is here: so times grow with sequence numbers, which searches by time rely on.
        if spec.submitted_at != now {
            Arc::make_mut(&mut spec).submitted_at = now;
        }
        let (queue, new) = self.indexes.open_queue(&spec.channel, &spec.queue)?;
        self.decisions.extend(new.map(Decision::SaveQueue));
        let id = compose_id(queue, spec.priority, self.numbers.next(), salt);
        let remember = |asked| self.keys.insert(&spec.channel, asked, id, now);
        let key = spec.idempotency.as_ref().map(remember);
        let parent = spec.parent.and_then(|parent| self.live.get(&parent));
        let depth = parent.map_or(0, |parent| parent.depth.saturating_add(1));
        let job = Arc::new(Job { depth, ..Job::new(id, spec, left, now) });
        self.put(&job, now);
        let key = key.filter(|_| !planted(Bug::KeyOnlyInMemory));
        let schedule = run.and_then(|(schedule, tick)| self.note_run(schedule, tick, id, now));
        self.decisions.push(Decision::Accept { job, key, schedule });
        let retried = original.map(|original| Decision::SaveRetried(Arc::new(retried(&original, id))));
        self.decisions.extend(retried);
        Ok(id)
    }
}
