//! The index: the jobs that have a term, by their place in the order of submission.
//!
//! A term is something searches often ask for: a handler, a tag, a schedule, a parent, a job to come after, or one of the
//! states
//! that few jobs are in.
//! Entries are written in the same change as the job they are about, so none is ever missing; a reader checks
//! the job itself, so one too many does no harm.

use sha2::{Digest as _, Sha256};
use windlass_core::job::{Job, State};
use windlass_wire::{id::JobId, state::JobState};

use super::{
    Change, Family, Key, Store, StoreError,
    engine::{Direction, KeyRange, SCAN_ENTRIES_MAX},
    keys::{Meta, Place},
};

mod postings;

pub(super) use self::postings::{Postings, Step};

/// Bytes of a term within a key.
pub(crate) const TERM_BYTES: usize = 16;
/// Raised when more is kept beside the records of jobs than before, so that those of an older broker are indexed again.
const INDEX_VERSION: u32 = 4;

/// What the index knows jobs by, within a channel. A term is kept as the beginning of its digest: two terms that
/// share it are told apart by their jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub(crate) [u8; TERM_BYTES]);

impl Term {
    /// Children of a job.
    pub fn child(channel: &str, parent: JobId) -> Self {
        Self::new("parent", &[channel, &parent.to_string()])
    }

    /// Jobs of a handler, by its full name.
    pub fn handler(channel: &str, handler: &str) -> Self {
        Self::new("handler", &[channel, handler])
    }

    /// Jobs in a state; none for a state that is not indexed.
    pub fn state(channel: &str, state: JobState) -> Option<Self> {
        is_indexed(state).then(|| Self::new("state", &[channel, state.name()]))
    }

    /// Jobs with a tag.
    pub fn tag(channel: &str, key: &str, value: &str) -> Self {
        Self::new("tag", &[channel, key, value])
    }

    /// Jobs of a schedule.
    pub fn schedule(channel: &str, name: &str) -> Self {
        Self::new("schedule", &[channel, name])
    }

    /// Jobs that come after a job.
    pub fn after(channel: &str, job: JobId) -> Self {
        Self::new("after", &[channel, &job.to_string()])
    }

    fn new(kind: &str, parts: &[&str]) -> Self {
        let mut hasher = Sha256::new_with_prefix(kind);
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let mut term = [0; TERM_BYTES];
        term.copy_from_slice(&hasher.finalize()[..TERM_BYTES]);
        Self(term)
    }
}

/// Whether the jobs in a state are indexed. Those that wait for a slot are most of the live ones and those that
/// succeeded most of the final ones, so reading all of either is as good; those that run are known to whoever
/// runs them. So a job that just runs well costs no entry for its states.
const fn is_indexed(state: JobState) -> bool {
    match state {
        JobState::Scheduled
        | JobState::Blocked
        | JobState::Failed
        | JobState::Cancelled
        | JobState::Expired => true,
        JobState::Ready | JobState::Running | JobState::Succeeded => false,
    }
}

impl Change {
    /// Writes what the index has to know of a job in its new state.
    pub(super) fn set_terms(mut self, job: &Job) -> Result<Self, StoreError> {
        if job.revision == 1 {
            for term in lasting_terms(job) {
                self = self.put(key(term, job), Vec::new())?;
            }
        }
        self = match &job.state {
            State::Ready if job.revision == 1 => self,
            // It may have waited for a time before.
            State::Ready | State::Failed { .. } | State::Cancelled { .. } | State::Expired { .. } => {
                self.without_state(job, JobState::Scheduled)?
            }
            State::Scheduled { .. }
            | State::Held
            | State::Blocked { .. }
            | State::Running(_)
            | State::Succeeded { .. } => self,
        };
        let may_leave_blocked = job.revision > 1 && job.spec.after.is_some();
        if may_leave_blocked && !matches!(job.state, State::Blocked { .. }) {
            self = self.without_state(job, JobState::Blocked)?;
        }
        match Term::state(&job.spec.channel, job.state.name()) {
            Some(term) => self.put(key(term, job), Vec::new()),
            None => Ok(self),
        }
    }

    /// Removes everything the index knows of a final job.
    pub(super) fn remove_terms(mut self, job: &Job) -> Result<Self, StoreError> {
        for term in lasting_terms(job) {
            self = self.delete(key(term, job))?;
        }
        self.without_state(job, job.state.name())
    }

    fn without_state(self, job: &Job, state: JobState) -> Result<Self, StoreError> {
        match Term::state(&job.spec.channel, state) {
            Some(term) => self.delete(key(term, job)),
            None => Ok(self),
        }
    }
}

/// The terms a job has all its life.
fn lasting_terms(job: &Job) -> impl Iterator<Item = Term> {
    let channel = &job.spec.channel;
    let tags = job.spec.tags.iter().map(|(key, value)| Term::tag(channel, key, value));
    let schedule = job.spec.schedule.iter().map(|origin| Term::schedule(channel, &origin.name));
    let after = job.spec.after.iter().flat_map(|after| &after.jobs).map(|id| Term::after(channel, *id));
    let parent = job.spec.parent.map(|parent| Term::child(channel, parent));
    tags.chain(schedule).chain(after).chain(parent).chain([Term::handler(channel, &job.spec.handler)])
}

fn key(term: Term, job: &Job) -> Vec<u8> {
    Key::Index { term, place: Place::of(job.id) }.to_bytes()
}

impl Store {
    /// The children of a job, the newest first, at most `limit`. Blocks on the disk.
    pub fn children(&self, channel: &str, parent: JobId, limit: usize) -> Result<Vec<Job>, StoreError> {
        let prefix = [&[Family::Index.prefix()], Term::child(channel, parent).0.as_slice()].concat();
        let mut children = Vec::new();
        for (key, _) in self.engine.scan(&KeyRange::prefix(&prefix), Direction::Reverse, limit)? {
            let Key::Index { place, .. } = Key::from_bytes(&key)? else { continue };
            // One that shares the beginning of its term's digest, or was just purged, is passed over.
            let job = self.job(place.id())?.filter(|job| job.spec.parent == Some(parent));
            children.extend(job);
        }
        Ok(children)
    }

    /// Writes what an older broker did not write beside the records of its jobs; at most once. Blocks on the disk.
    pub fn complete_index(&self) -> Result<(), StoreError> {
        let meta = Key::Meta(Meta::Index).to_bytes();
        if self.engine.get(&meta)?.as_deref() == Some(INDEX_VERSION.to_be_bytes().as_slice()) {
            return Ok(());
        }
        self.part_plain_jobs()?;
        self.gather_tombstones()?;
        for family in [Family::ScheduledJob, Family::ReadyJob, Family::LiveJob, Family::FinalJob] {
            let mut last = None;
            loop {
                let jobs = self.list::<Job>(family, last.as_ref(), SCAN_ENTRIES_MAX)?;
                let Some((key, _)) = jobs.last() else { break };
                last = Some(key.clone());
                // As if each was just submitted into its state.
                let index = |(_, job): &(Key, Job)| {
                    let job = Job { revision: 1, ..job.clone() };
                    Change::default().set_terms(&job)?.set_references(&job)?.set_retention(&job)
                };
                self.engine.commit(&jobs.iter().map(index).collect::<Result<Vec<_>, _>>()?)?;
            }
        }
        self.engine.commit(&[Change::default().put(meta, INDEX_VERSION.to_be_bytes().to_vec())?])
    }
}

#[cfg(test)]
mod tests;
