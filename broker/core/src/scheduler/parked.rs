//! Taking up parked jobs: with their line, or one that a command is about.

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

use windlass_wire::id::JobId;

use super::Scheduler;
use crate::{
    command::{Command, Submission},
    job::{Job, Timestamp},
    parked::{Loaded, PlainJobs},
};

impl Scheduler {
    /// A job that a command is about and that may be parked. It is to be read, once everything decided before is
    /// durable, and to be handed over as [`Command::Fetched`] if it is plain; if it is not, it is one of those that are
    /// `known` when the command is looked at again.
    pub fn missing(&self, command: &Command, known: &BTreeSet<JobId>) -> Option<JobId> {
        let is_missing = |id: &JobId| !known.contains(id) && self.may_be_parked(*id);
        let of_submission = |submission: &Submission| {
            let after = submission.spec.after.iter().flat_map(|after| &after.jobs);
            let awaited = after.filter(|id| !submission.ended.contains_key(id));
            awaited.chain(&submission.spec.parent).copied().find(is_missing)
        };
        if let Command::Cancel { job, .. } | Command::Release { job, .. } = command {
            Some(*job).filter(is_missing)
        } else if let Command::Submit(submission) = command {
            of_submission(submission)
        } else if let Command::SubmitMany(submissions) = command {
            submissions.iter().find_map(of_submission)
        } else {
            None
        }
    }

    /// Whether a job that is not here may be parked.
    pub fn may_be_parked(&self, id: JobId) -> bool {
        !self.live.contains_key(&id) && self.indexes.may_be_parked(id)
    }

    /// How many plain jobs there are of the queues for which that has changed, to be remembered together with what
    /// was decided so far.
    pub fn take_counts(&mut self) -> Vec<(u32, PlainJobs)> {
        self.indexes.take_counts()
    }

    pub(super) fn loaded(&mut self, loaded: &Loaded, now: Timestamp) {
        for job in &loaded.jobs {
            if self.indexes.is_new(job) && !self.live.contains_key(&job.id) {
                self.admit(job, now);
            }
        }
        self.indexes.loaded(loaded);
    }

    pub(super) fn fetched(&mut self, job: &Arc<Job>, now: Timestamp) {
        if job.is_plain() && !self.live.contains_key(&job.id) && self.indexes.is_parked(job) {
            self.admit(job, now);
        }
    }

    fn admit(&mut self, job: &Arc<Job>, now: Timestamp) {
        self.live.insert(job.id, Arc::clone(job));
        self.indexes.admit(job, now);
        self.census.admit(job);
    }
}
