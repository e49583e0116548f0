//! How final jobs are forgotten, and what lies beside their records.

use std::sync::Arc;

use windlass_core::{
    command::{AttemptEnd, Command, Submission},
    job::{Digest, Job, Payload},
    retention::due,
};
use windlass_wire::{id::JobId, state::JobState};

use super::{Asked, World};
use crate::{
    broker::{Change, Group, Target},
    judge::Guarantee,
};

/// Final jobs kept at most, beside those that are kept for ever.
const JOBS_KEPT_MAX: u64 = 12;
/// Different blobs: few, so that jobs share them.
const BLOBS: u64 = 5;

/// A submission on its way to the broker, and what must stay meanwhile.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) submission: Submission,
    pub(super) pinned: Vec<Target>,
}

impl World {
    pub(super) fn some_blob(&mut self) -> Digest {
        Digest([u8::try_from(self.chance.below(BLOBS)).unwrap_or_default(); 32])
    }

    /// Keeps a blob before the record that points to it; none = it is just being removed, so that one has to wait.
    pub(super) fn put_blob(&mut self, blob: Digest) -> Option<Target> {
        let is_pinned = self.broker.pins.pin(Target::Blob(blob));
        is_pinned.then(|| {
            self.disk.blobs.insert(blob);
            Target::Blob(blob)
        })
    }

    /// Keeps the result of a run before it is reported.
    pub(super) fn keep_result(&mut self, end: &AttemptEnd) -> Vec<Target> {
        match end {
            AttemptEnd::Completed { result: Payload::Blob(blob), .. } => {
                self.put_blob(*blob).into_iter().collect()
            }
            AttemptEnd::Completed { .. } | AttemptEnd::Failed { .. } | AttemptEnd::Stopped => Vec::new(),
        }
    }

    /// Submits, at once or later.
    pub(super) fn prepare(&mut self, prepared: Prepared) {
        self.prepared.push(prepared);
        if self.chance.percent(60) {
            self.ask_prepared();
        }
    }

    pub(super) fn ask_prepared(&mut self) {
        if let Some(Prepared { submission, pinned }) = self.prepared.pop() {
            let asked = Asked::Submit(Arc::clone(&submission.spec));
            self.ask_with(asked, Command::Submit(submission), pinned);
        }
    }

    /// Somebody asks for it.
    pub(super) fn purge_some_job(&mut self) {
        let finals = self.disk.jobs.values().filter(|job| job.state.is_final());
        let finals: Vec<_> = finals.map(|job| job.id).collect();
        let job = self.chance.any(finals.into_iter());
        self.purge_jobs(job);
    }

    /// The broker looks what is due.
    pub(super) fn purge_due(&mut self) {
        let retained = |job: &Arc<Job>| Some((job.kept_until()?, job.id));
        let mut next: Vec<_> = self.disk.jobs.values().filter_map(retained).collect();
        next.sort_unstable();
        let (kept, now) = (next.len() as u64, self.now);
        let leaving = due(next.iter().map(|(until, _)| *until), kept, JOBS_KEPT_MAX, now);
        for (until, id) in &next[..leaving] {
            let is_due = *until <= now || kept > JOBS_KEPT_MAX;
            let story = || format!("{id} is kept until {until:?} and is purged at {now:?}");
            self.verdict.judge(Guarantee::KeptLongEnough, is_due, story);
        }
        self.purge_jobs(next.into_iter().take(leaving).map(|(_, id)| id));
    }

    fn purge_jobs(&mut self, jobs: impl IntoIterator<Item = JobId>) {
        let mut changes = Vec::new();
        for id in jobs {
            if self.broker.pins.leave(Target::Job(id)) {
                changes.extend(self.disk.jobs.get(&id).map(|job| Change::Purge(Arc::clone(job))));
            }
        }
        if !changes.is_empty() {
            self.broker.writing.push_back(Group { changes, is_purge: true });
        }
    }

    /// Removes the blobs that nobody points to and nobody uses.
    pub(super) fn sweep(&mut self) {
        for blob in std::mem::take(&mut self.broker.to_sweep) {
            if self.broker.pins.leave(Target::Blob(blob)) {
                if !self.disk.points_to(blob) {
                    self.disk.blobs.remove(&blob);
                }
                self.broker.pins.left(&Target::Blob(blob));
            }
        }
    }

    /// A record goes to the disk, or away.
    pub(super) fn check_purged(&mut self, change: &Change) {
        match change {
            Change::Job(job, ..) => {
                let is_whole = job.blobs().all(|blob| self.disk.blobs.contains(&blob));
                let story = || format!("{} points to nothing", job.id);
                self.verdict.judge(Guarantee::NothingDangles, is_whole, story);
                let is_new = !self.disk.tombstones.contains_key(&job.id);
                self.verdict.judge(Guarantee::PurgedForGood, is_new, || format!("{} is back", job.id));
            }
            Change::Purge(job) => {
                let waits = |other: &Arc<Job>| other.state.left().any(|id| *id == job.id);
                let is_needed = !job.state.is_final() || self.disk.jobs.values().any(waits);
                let story = || format!("{} is still needed", job.id);
                self.verdict.judge(Guarantee::PurgedForGood, !is_needed, story);
            }
            Change::Counts(..)
            | Change::Queue(_)
            | Change::ForgetKey(_)
            | Change::Schedule(_)
            | Change::ForgetSchedule(_) => {}
        }
    }

    /// At the end: who has not asked yet gives up, what is due is purged, and of that nothing is left.
    pub(super) fn purge_the_rest(&mut self) {
        for Prepared { pinned, .. } in std::mem::take(&mut self.prepared) {
            self.broker.unpin(pinned);
        }
        for _ in 0..2 {
            self.broker.send();
            while !self.broker.writing.is_empty() {
                self.commit();
            }
            self.effects();
            self.purge_due();
        }
        while !self.broker.writing.is_empty() {
            self.commit();
        }
        self.sweep();
        let orphans: Vec<_> = self.disk.blobs.iter().filter(|blob| !self.disk.points_to(**blob)).collect();
        self.verdict.judge(Guarantee::NothingIsLeft, orphans.is_empty(), || format!("{orphans:?} are left"));
    }

    /// The state of a job, also of one that was purged.
    pub(super) fn state_of(&self, id: JobId) -> Option<JobState> {
        let known = self.broker.jobs.get(&id).map(|job| job.state.name());
        known.or_else(|| self.disk.tombstones.get(&id).copied())
    }

    pub(super) fn state_on_disk(&self, id: JobId) -> Option<JobState> {
        let there = self.disk.jobs.get(&id).map(|job| job.state.name());
        there.or_else(|| self.disk.tombstones.get(&id).copied())
    }
}
