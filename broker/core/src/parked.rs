//! Jobs that are parked: plain ones that lie in the store only, until their turn or time comes near.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

use windlass_wire::id::JobId;

use crate::job::{Job, Timestamp};

/// A part of a line to read, once everything decided before is durable. Whoever reads it comes back with
/// [`crate::command::Command::Loaded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// The line, and the place after which it is read.
    pub after: Place,
    /// How many jobs are read at most.
    pub jobs_max: usize,
}

/// A line of plain jobs, and a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The ready jobs of the lane of the id that follows this one, by id.
    Lane(JobId),
    /// The jobs that wait for a time, by time.
    Timetable(Timestamp, JobId),
}

/// How many plain jobs of a queue there are, parked or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlainJobs {
    /// Ready ones.
    pub ready: usize,
    /// Those that wait for a time.
    pub scheduled: usize,
}

/// What a store remembers of plain jobs, all of which are parked at a start.
#[derive(Debug, Default)]
pub struct Parked {
    /// How many there are of each queue that has some, by its number.
    pub counts: Vec<(u32, PlainJobs)>,
    /// The queues and levels with ready ones.
    pub lanes: Vec<(u32, u8)>,
    /// Whether any waits for a time.
    pub has_timetable: bool,
    /// Those that others wait for, or are children of.
    pub awaited: Vec<JobId>,
}

/// What was read of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What was asked for.
    pub load: Load,
    /// The jobs, in the order of the line.
    pub jobs: Vec<Arc<Job>>,
    /// Whether the line ends after them.
    pub is_end: bool,
}

/// What waits for a parked job to be read. A job is read once at a time, and again if it changed meanwhile, so that
/// nobody is told of it as it was before.
#[derive(Debug)]
pub struct Fetches<T>(BTreeMap<JobId, Fetch<T>>);

#[derive(Debug)]
struct Fetch<T> {
    waiting: Vec<(T, BTreeSet<JobId>)>,
    has_changed: bool,
}

impl<T> Default for Fetches<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Fetches<T> {
    /// Waits for a job, knowing others; answers whether the job is to be read because nobody waited for it before.
    pub fn wait(&mut self, job: JobId, waits: T, known: BTreeSet<JobId>) -> bool {
        let new = || Fetch { waiting: Vec::new(), has_changed: false };
        let fetch = self.0.entry(job).or_insert_with(new);
        fetch.waiting.push((waits, known));
        fetch.waiting.len() == 1
    }

    /// The record of a job is written anew.
    pub fn changed(&mut self, job: JobId) {
        if let Some(fetch) = self.0.get_mut(&job) {
            fetch.has_changed = true;
        }
    }

    /// A job was read: what waited for it goes on, knowing it if it is not plain, and so not parked. None = it changed
    /// meanwhile and is to be read once more.
    pub fn fetched(&mut self, job: JobId, is_plain: bool) -> Option<Vec<(T, BTreeSet<JobId>)>> {
        let fetch = self.0.get_mut(&job)?;
        if core::mem::take(&mut fetch.has_changed) {
            return None;
        }
        let mut waiting = self.0.remove(&job)?.waiting;
        if !is_plain {
            for (_, known) in &mut waiting {
                known.insert(job);
            }
        }
        Some(waiting)
    }

    /// How many jobs are waited for.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: JobId = JobId(7);

    #[test]
    fn a_job_is_read_once_for_all_who_wait_for_it() {
        let mut fetches = Fetches::default();
        assert!(fetches.wait(JOB, "first", BTreeSet::new()));
        assert!(!fetches.wait(JOB, "second", BTreeSet::new()));
        let known = BTreeSet::from([JOB]);
        assert_eq!(
            fetches.fetched(JOB, false),
            Some(Vec::from([("first", known.clone()), ("second", known)]))
        );
        assert!(fetches.is_empty());
    }

    #[test]
    fn a_job_that_changed_while_it_was_read_is_read_again() {
        let mut fetches = Fetches::default();
        fetches.wait(JOB, (), BTreeSet::new());
        fetches.changed(JOB);
        assert_eq!(fetches.fetched(JOB, true), None);
        assert_eq!(fetches.fetched(JOB, true), Some(Vec::from([((), BTreeSet::new())])));
    }
}
