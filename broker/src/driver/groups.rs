//! Durable, then visible: effects wait here until the records they follow from are on disk.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use tokio::sync::oneshot;
use windlass_core::job::{Fence, Job};
use windlass_wire::id::JobId;

use super::handle::Refused;
use crate::store::Change;

/// What follows from a decision once its records are durable.
pub(super) enum Effect {
    AnswerCancel(oneshot::Sender<Result<(), Refused>>, Result<(), Refused>),
    AnswerSubmit(oneshot::Sender<Result<JobId, Refused>>, Result<JobId, Refused>),
    AnswerWait(oneshot::Sender<Option<Arc<Job>>>),
    Assign { fence: Fence, job: Arc<Job> },
    Publish(Arc<Job>),
    Stop(Fence),
}

/// Records that become durable together, and the effects that wait for them.
#[derive(Default)]
pub(super) struct Group {
    changes: Vec<Change>,
    submitted: Vec<JobId>,
    effects: Vec<Effect>,
}

/// The groups on their way to the disk, oldest first, and the one being gathered.
#[derive(Default)]
pub(super) struct Groups {
    gathering: Group,
    in_flight: VecDeque<Group>,
    undurable: HashSet<JobId>,
}

impl Groups {
    /// Adds a record.
    pub(super) fn change(&mut self, change: Change) {
        self.gathering.changes.push(change);
    }

    /// Notes that the job's submission is in the group being gathered.
    pub(super) fn submitted(&mut self, job: JobId) {
        self.gathering.submitted.push(job);
        self.undurable.insert(job);
    }

    /// Whether the job's submission is not durable yet.
    pub(super) fn is_undurable(&self, job: JobId) -> bool {
        self.undurable.contains(&job)
    }

    /// Adds an effect that waits for everything recorded so far.
    pub(super) fn after(&mut self, effect: Effect) {
        self.gathering.effects.push(effect);
    }

    /// Groups on their way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether nothing is gathered or on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty() && self.gathering.changes.is_empty() && self.gathering.effects.is_empty()
    }

    /// Closes the group being gathered: its changes if there are any. Effects without changes join the last
    /// group on its way, or are answered at once if there is none.
    pub(super) fn close(&mut self) -> (Option<Vec<Change>>, Vec<Effect>) {
        let mut group = std::mem::take(&mut self.gathering);
        if !group.changes.is_empty() {
            let changes = std::mem::take(&mut group.changes);
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
    pub(super) fn acknowledge(&mut self) -> Vec<Effect> {
        let group = self.in_flight.pop_front().unwrap_or_default();
        for job in &group.submitted {
            self.undurable.remove(job);
        }
        group.effects
    }
}
