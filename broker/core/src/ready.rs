//! The order in which ready jobs get their turn.

use alloc::collections::{BTreeMap, BTreeSet};

use windlass_wire::id::JobId;

use crate::{job::queue_number, serial::Turn};

/// Ready jobs. Channels get their turns one after the other, and so do the queues within a channel, so that
/// neither a channel with many queues nor a deep queue starves another. Within a queue the order is the order of
/// ids: priority, then submission. A closed queue is passed over.
#[derive(Debug, Default)]
pub(crate) struct ReadyJobs {
    channels: BTreeMap<u32, Channel>,
    with_turns: BTreeSet<u32>,
    last_served: Option<u32>,
}

/// The ready jobs of one channel. It is kept when nothing is ready, for its place among its queues.
#[derive(Debug, Default)]
struct Channel {
    queues: BTreeMap<u32, BTreeSet<JobId>>,
    open: BTreeSet<u32>,
    closed: BTreeSet<u32>,
    last_served: Option<u32>,
}

impl ReadyJobs {
    /// Adds a job.
    pub(crate) fn insert(&mut self, channel: u32, id: JobId) {
        self.change(channel, |channel| {
            let number = queue_number(id);
            channel.queues.entry(number).or_default().insert(id);
            if !channel.closed.contains(&number) {
                channel.open.insert(number);
            }
        });
    }

    /// Takes a job out, wherever it stands.
    pub(crate) fn remove(&mut self, channel: u32, id: JobId) {
        self.change(channel, |channel| {
            let number = queue_number(id);
            if let Some(queue) = channel.queues.get_mut(&number) {
                queue.remove(&id);
                if queue.is_empty() {
                    channel.queues.remove(&number);
                    channel.open.remove(&number);
                }
            }
        });
    }

    /// Follows a change of which job may start.
    pub(crate) fn turn(&mut self, channel: u32, Turn { withdrawn, offered }: Turn) {
        if let Some(job) = withdrawn {
            self.remove(channel, job);
        }
        if let Some(job) = offered {
            self.insert(channel, job);
        }
    }

    /// The jobs of a queue.
    pub(crate) fn of_queue(&self, channel: u32, queue: u32) -> BTreeSet<JobId> {
        let jobs = self.channels.get(&channel).and_then(|channel| channel.queues.get(&queue));
        jobs.cloned().unwrap_or_default()
    }

    /// Lets the jobs of a queue have turns, or not.
    pub(crate) fn set_open(&mut self, channel: u32, queue: u32, is_open: bool) {
        self.change(channel, |channel| {
            if !is_open {
                channel.closed.insert(queue);
                channel.open.remove(&queue);
            } else if channel.closed.remove(&queue) && channel.queues.contains_key(&queue) {
                channel.open.insert(queue);
            }
        });
    }

    /// Takes out the job whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<JobId> {
        let number = after(&self.with_turns, self.last_served)?;
        let channel = self.channels.get_mut(&number)?;
        let queue = after(&channel.open, channel.last_served)?;
        let id = *channel.queues.get(&queue)?.first()?;
        channel.last_served = Some(queue);
        self.last_served = Some(number);
        self.remove(number, id);
        Some(id)
    }

    /// Whether no job has a turn.
    pub(crate) fn is_empty(&self) -> bool {
        self.with_turns.is_empty()
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut Channel)) {
        let channel = self.channels.entry(number).or_default();
        change(channel);
        if channel.open.is_empty() {
            self.with_turns.remove(&number);
        } else {
            self.with_turns.insert(number);
        }
    }

    /// The first job of each priority of a queue, the highest first.
    pub(crate) fn fronts(&self, channel: u32, queue: u32) -> impl Iterator<Item = JobId> {
        let jobs = self.channels.get(&channel).and_then(|channel| channel.queues.get(&queue));
        let mut next = jobs.and_then(|jobs| jobs.first().copied());
        core::iter::from_fn(move || {
            let front = next?;
            let end_of_level = JobId(front.0 | ((1 << 96) - 1));
            next = jobs.and_then(|jobs| jobs.range(end_of_level..).next().copied());
            Some(front)
        })
    }
}

/// The number after the last one served, or the first again.
fn after(numbers: &BTreeSet<u32>, last_served: Option<u32>) -> Option<u32> {
    let from = last_served.map_or(0, |number| number.saturating_add(1));
    numbers.range(from..).next().or_else(|| numbers.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::compose_id;
    use alloc::vec::Vec;

    fn insert(ready: &mut ReadyJobs, channel: u32, jobs: &[JobId]) {
        for id in jobs {
            ready.insert(channel, *id);
        }
    }

    fn order(ready: &mut ReadyJobs) -> Vec<JobId> {
        core::iter::from_fn(|| ready.pop()).collect()
    }

    #[test]
    fn a_deep_queue_does_not_starve_a_shallow_one() {
        let mut ready = ReadyJobs::default();
        let deep: Vec<_> = (0..3).map(|seq| compose_id(1, 0, seq, 0)).collect();
        let shallow = compose_id(2, 0, 9, 0);
        insert(&mut ready, 0, &deep);
        insert(&mut ready, 0, &[shallow]);
        assert_eq!(order(&mut ready), [deep[0], shallow, deep[1], deep[2]]);
    }

    #[test]
    fn a_channel_with_many_queues_does_not_starve_another() {
        let mut ready = ReadyJobs::default();
        let many: Vec<_> = (1..4).map(|queue| compose_id(queue, 0, 1, 0)).collect();
        let few: Vec<_> = (8..10).map(|seq| compose_id(9, 0, seq, 0)).collect();
        insert(&mut ready, 0, &many);
        insert(&mut ready, 1, &few);
        assert_eq!(order(&mut ready), [many[0], few[0], many[1], few[1], many[2]]);
    }

    #[test]
    fn higher_priority_goes_first_and_equals_keep_their_order() {
        let mut ready = ReadyJobs::default();
        let (late, early, high) = (compose_id(1, 0, 2, 0), compose_id(1, 0, 1, 0), compose_id(1, 5, 3, 0));
        insert(&mut ready, 0, &[late, early, high]);
        assert_eq!(ready.fronts(0, 1).collect::<Vec<_>>(), [high, early]);
        assert_eq!(order(&mut ready), [high, early, late]);
    }

    #[test]
    fn a_closed_queue_is_passed_over_until_it_opens() {
        let mut ready = ReadyJobs::default();
        ready.set_open(0, 1, false);
        ready.insert(0, compose_id(1, 0, 1, 0));
        assert!(ready.is_empty() && ready.pop().is_none());
        ready.set_open(0, 1, true);
        assert_eq!(ready.pop(), Some(compose_id(1, 0, 1, 0)));
    }
}
