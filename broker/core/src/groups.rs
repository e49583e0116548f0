//! Durable, then visible: effects wait here until the records they follow from are on disk.
//!
//! What a record and an effect are is the shell's business; their order is decided here.

use alloc::{
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};

use windlass_wire::id::JobId;

use crate::planted::{Bug, planted};

/// Records that become durable together, and the effects that wait for them.
#[derive(Debug)]
struct Group<C, E> {
    changes: Vec<C>,
    submitted: Vec<JobId>,
    effects: Vec<E>,
}

/// The groups on their way to the disk, oldest first, and the one being gathered.
#[derive(Debug)]
pub struct Groups<C, E> {
    gathering: Group<C, E>,
    in_flight: VecDeque<Group<C, E>>,
    undurable: BTreeSet<JobId>,
}

impl<C, E> Default for Group<C, E> {
    fn default() -> Self {
        Self { changes: Vec::new(), submitted: Vec::new(), effects: Vec::new() }
    }
}

impl<C, E> Default for Groups<C, E> {
    fn default() -> Self {
        Self { gathering: Group::default(), in_flight: VecDeque::new(), undurable: BTreeSet::new() }
    }
}

impl<C, E> Groups<C, E> {
    /// Adds a record.
    pub fn change(&mut self, change: C) {
        self.gathering.changes.push(change);
    }

    /// Notes that the job's submission is in the group being gathered.
    pub fn submitted(&mut self, job: JobId) {
        self.gathering.submitted.push(job);
        self.undurable.insert(job);
    }

    /// Whether the job's submission is not durable yet.
    pub fn is_undurable(&self, job: JobId) -> bool {
        self.undurable.contains(&job) && !planted(Bug::StartBeforeDurable)
    }

    /// Adds an effect that waits for everything recorded so far.
    pub fn after(&mut self, effect: E) {
        self.gathering.effects.push(effect);
    }

    /// Groups on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether nothing is gathered or on its way.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty() && self.gathering.changes.is_empty() && self.gathering.effects.is_empty()
    }

    /// Closes the group being gathered: its changes if there are any. Effects without changes join the last
    /// group on its way, or are answered at once if there is none.
    pub fn close(&mut self) -> (Option<Vec<C>>, Vec<E>) {
        let mut group = core::mem::take(&mut self.gathering);
        if planted(Bug::AnswerBeforeDurable) {
            let (changes, effects) =
                (core::mem::take(&mut group.changes), core::mem::take(&mut group.effects));
            self.in_flight.push_back(group);
            return (Some(changes), effects);
        }
        if !group.changes.is_empty() {
            let changes = core::mem::take(&mut group.changes);
            self.in_flight.push_back(group);
            return (Some(changes), Vec::new());
        }
        match self.in_flight.back_mut() {
            Some(last) => {
                last.effects.append(&mut group.effects);
                (None, Vec::new())
            }
            None => (None, group.effects),
        }
    }

    /// The oldest group has become durable: its effects, in order.
    pub fn acknowledge(&mut self) -> Vec<E> {
        let group = self.in_flight.pop_front().unwrap_or_default();
        for job in &group.submitted {
            self.undurable.remove(job);
        }
        group.effects
    }
}
