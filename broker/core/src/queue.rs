//! The order in which ready jobs get their turn.

use alloc::collections::{BTreeMap, BTreeSet};

use windlass_wire::id::JobId;

use crate::job::queue_number;

/// Ready jobs. Within a queue the order is the order of ids: priority, then submission. Between queues every
/// queue that has a ready job gets its turn, so that a deep one cannot starve a shallow one.
#[derive(Debug, Default)]
pub struct ReadyJobs {
    by_queue: BTreeMap<u32, BTreeSet<JobId>>,
    last_served: Option<u32>,
}

impl ReadyJobs {
    /// Adds a job.
    pub fn insert(&mut self, id: JobId) {
        self.by_queue.entry(queue_number(id)).or_default().insert(id);
    }

    /// Takes a job out, wherever it stands.
    pub fn remove(&mut self, id: JobId) {
        let number = queue_number(id);
        if let Some(queue) = self.by_queue.get_mut(&number) {
            queue.remove(&id);
            if queue.is_empty() {
                self.by_queue.remove(&number);
            }
        }
    }

    /// Takes out the job whose turn it is.
    pub fn pop(&mut self) -> Option<JobId> {
        let after = self.last_served.map_or(0, |number| number.saturating_add(1));
        let number = *self.by_queue.range(after..).next().or_else(|| self.by_queue.iter().next())?.0;
        let id = *self.by_queue.get(&number)?.first()?;
        self.last_served = Some(number);
        self.remove(id);
        Some(id)
    }

    /// Whether no job is ready.
    pub fn is_empty(&self) -> bool {
        self.by_queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::compose_id;
    use alloc::vec::Vec;

    #[test]
    fn a_deep_queue_does_not_starve_a_shallow_one() {
        let mut ready = ReadyJobs::default();
        let deep: Vec<_> = (0..3).map(|seq| compose_id(1, 0, seq, 0)).collect();
        let shallow = compose_id(2, 0, 9, 0);
        deep.iter().for_each(|id| ready.insert(*id));
        ready.insert(shallow);
        let order: Vec<_> = core::iter::from_fn(|| ready.pop()).collect();
        assert_eq!(order, [deep[0], shallow, deep[1], deep[2]]);
    }

    #[test]
    fn higher_priority_goes_first_and_equals_keep_their_order() {
        let mut ready = ReadyJobs::default();
        let (late, early, high) = (compose_id(1, 0, 2, 0), compose_id(1, 0, 1, 0), compose_id(1, 5, 3, 0));
        [late, early, high].into_iter().for_each(|id| ready.insert(id));
        let order: Vec<_> = core::iter::from_fn(|| ready.pop()).collect();
        assert_eq!(order, [high, early, late]);
    }
}
