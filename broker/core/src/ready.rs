//! The order in which ready jobs get their turn.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use windlass_wire::id::JobId;

use crate::{
    job::{first_of, level, queue_number},
    serial::Turn,
    window::Window,
};

/// Ready jobs. Channels get their turns one after the other, and so do the queues within a channel, so that
/// neither a channel with many queues nor a deep queue starves another. Within a queue the order is the order of
/// ids: priority, then submission. A closed queue is passed over.
#[derive(Debug)]
pub(crate) struct ReadyJobs {
    channels: BTreeMap<u32, Channel>,
    with_turns: BTreeSet<u32>,
    last_served: Option<u32>,
    /// About so many jobs of a lane are here.
    size: usize,
    /// After which jobs more of their lanes is wanted here.
    loads: Vec<JobId>,
}

/// The ready jobs of one channel. It is kept when nothing is ready, for its place among its queues.
#[derive(Debug, Default)]
struct Channel {
    queues: BTreeMap<u32, Lanes>,
    open: BTreeSet<u32>,
    closed: BTreeSet<u32>,
    /// Queues of which nothing is parked.
    whole: BTreeSet<u32>,
    last_served: Option<u32>,
}

/// The lanes of a queue, one for each priority in use, the highest first.
type Lanes = BTreeMap<u8, Window<JobId>>;

impl ReadyJobs {
    /// No jobs. Of a lane about `size` are to be here, the others may be parked.
    pub(crate) const fn new(size: usize) -> Self {
        Self {
            channels: BTreeMap::new(),
            with_turns: BTreeSet::new(),
            last_served: None,
            size,
            loads: Vec::new(),
        }
    }

    /// Adds a job.
    pub(crate) fn insert(&mut self, channel: u32, id: JobId) {
        let size = self.size;
        self.change(channel, queue_number(id), |lanes| {
            lanes.entry(level(id)).or_insert_with(|| Window::new(size)).insert(id);
        });
    }

    /// Takes a job out, wherever it stands.
    pub(crate) fn remove(&mut self, channel: u32, id: JobId) {
        self.change(channel, queue_number(id), |lanes| {
            if let Some(lane) = lanes.get_mut(&level(id)) {
                lane.remove(id);
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

    /// The jobs of a queue that are here.
    pub(crate) fn of_queue(&self, channel: u32, queue: u32) -> BTreeSet<JobId> {
        self.lanes(channel, queue).flat_map(|(_, lane)| lane.here()).copied().collect()
    }

    /// Lets the jobs of a queue have turns, or not.
    pub(crate) fn set_open(&mut self, number: u32, queue: u32, is_open: bool) {
        let channel = self.channels.entry(number).or_default();
        if is_open {
            channel.closed.remove(&queue);
        } else {
            channel.closed.insert(queue);
        }
        self.change(number, queue, |_| {});
    }

    /// Keeps all jobs of a queue here, or no longer.
    pub(crate) fn set_whole(&mut self, number: u32, queue: u32, is_whole: bool) {
        let channel = self.channels.entry(number).or_default();
        if is_whole {
            channel.whole.insert(queue);
        } else {
            channel.whole.remove(&queue);
        }
        self.change(number, queue, |_| {});
    }

    /// Takes out the job whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<JobId> {
        let number = after(&self.with_turns, self.last_served)?;
        let channel = self.channels.get_mut(&number)?;
        let queue = after(&channel.open, channel.last_served)?;
        let id = front(channel.queues.get(&queue)?)?;
        channel.last_served = Some(queue);
        self.last_served = Some(number);
        self.remove(number, id);
        Some(id)
    }

    /// Whether no job has a turn.
    pub(crate) fn is_empty(&self) -> bool {
        self.with_turns.is_empty()
    }

    /// The first job of each priority of a queue, the highest first.
    pub(crate) fn fronts(&self, channel: u32, queue: u32) -> impl Iterator<Item = JobId> {
        self.lanes(channel, queue).filter_map(|(_, lane)| lane.first())
    }

    /// All jobs of a lane are parked.
    pub(crate) fn park_all(&mut self, channel: u32, queue: u32, level: u8) {
        let size = self.size;
        self.change(channel, queue, |lanes| {
            let lane = lanes.entry(level).or_insert_with(|| Window::new(size));
            lane.park_all(JobId(first_of(queue, level).0.saturating_sub(1)));
        });
    }

    /// Parks what is too much of a lane, as far as it `may_leave`: answers what has left.
    pub(crate) fn park(&mut self, channel: u32, id: JobId, may_leave: impl Fn(&JobId) -> bool) -> Vec<JobId> {
        let (size, queue) = (self.size, queue_number(id));
        let Some(channel) = self.channels.get_mut(&channel) else { return Vec::new() };
        if channel.whole.contains(&queue) {
            return Vec::new();
        }
        let lane = channel.queues.get_mut(&queue).and_then(|lanes| lanes.get_mut(&level(id)));
        lane.map(|lane| lane.park(size, may_leave)).unwrap_or_default()
    }

    /// After which jobs more of their lanes is wanted here now.
    pub(crate) fn take_loads(&mut self) -> Vec<JobId> {
        core::mem::take(&mut self.loads)
    }

    /// Whether a job that is not here may be parked.
    pub(crate) fn may_have(&self, channel: u32, id: JobId) -> bool {
        self.lane(channel, id).is_some_and(|lane| lane.may_have(id))
    }

    /// Whether a job that was read is to be added: not if it was known already.
    pub(crate) fn is_new(&self, channel: u32, id: JobId) -> bool {
        self.lane(channel, id).is_some_and(|lane| lane.is_new(&id))
    }

    /// The jobs of a lane after `above` were read, up to the last of `read`, or to its end.
    pub(crate) fn loaded(&mut self, channel: u32, above: JobId, read: &[JobId], is_end: bool) {
        let first = JobId(above.0 + 1);
        self.change(channel, queue_number(first), |lanes| {
            if let Some(lane) = lanes.get_mut(&level(first)) {
                lane.loaded(read, is_end);
            }
        });
    }

    fn lanes(&self, channel: u32, queue: u32) -> impl Iterator<Item = (&u8, &Window<JobId>)> {
        self.channels.get(&channel).and_then(|channel| channel.queues.get(&queue)).into_iter().flatten()
    }

    fn lane(&self, channel: u32, id: JobId) -> Option<&Window<JobId>> {
        self.channels.get(&channel)?.queues.get(&queue_number(id))?.get(&level(id))
    }

    /// The only place that changes what stands in a queue.
    fn change(&mut self, number: u32, queue: u32, change: impl FnOnce(&mut Lanes)) {
        let channel = self.channels.entry(number).or_default();
        let lanes = channel.queues.entry(queue).or_default();
        change(lanes);
        lanes.retain(|_, lane| !lane.is_empty());
        let is_whole = channel.whole.contains(&queue);
        self.loads.extend(lanes.values_mut().filter_map(|lane| lane.load(is_whole)));
        if front(lanes).is_some() && !channel.closed.contains(&queue) {
            channel.open.insert(queue);
        } else {
            channel.open.remove(&queue);
        }
        if lanes.is_empty() {
            channel.queues.remove(&queue);
        }
        if channel.open.is_empty() {
            self.with_turns.remove(&number);
        } else {
            self.with_turns.insert(number);
        }
    }
}

/// The job of a queue whose turn comes first: of the highest priority, even if that has to be read yet.
fn front(lanes: &Lanes) -> Option<JobId> {
    lanes.values().next().and_then(Window::first)
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
        let mut ready = ReadyJobs::new(9);
        let deep: Vec<_> = (0..3).map(|seq| compose_id(1, 0, seq, 0)).collect();
        let shallow = compose_id(2, 0, 9, 0);
        insert(&mut ready, 0, &deep);
        insert(&mut ready, 0, &[shallow]);
        assert_eq!(order(&mut ready), [deep[0], shallow, deep[1], deep[2]]);
    }

    #[test]
    fn a_channel_with_many_queues_does_not_starve_another() {
        let mut ready = ReadyJobs::new(9);
        let many: Vec<_> = (1..4).map(|queue| compose_id(queue, 0, 1, 0)).collect();
        let few: Vec<_> = (8..10).map(|seq| compose_id(9, 0, seq, 0)).collect();
        insert(&mut ready, 0, &many);
        insert(&mut ready, 1, &few);
        assert_eq!(order(&mut ready), [many[0], few[0], many[1], few[1], many[2]]);
    }

    #[test]
    fn higher_priority_goes_first_and_equals_keep_their_order() {
        let mut ready = ReadyJobs::new(9);
        let (late, early, high) = (compose_id(1, 0, 2, 0), compose_id(1, 0, 1, 0), compose_id(1, 5, 3, 0));
        insert(&mut ready, 0, &[late, early, high]);
        assert_eq!(ready.fronts(0, 1).collect::<Vec<_>>(), [high, early]);
        assert_eq!(order(&mut ready), [high, early, late]);
    }

    #[test]
    fn a_closed_queue_is_passed_over_until_it_opens() {
        let mut ready = ReadyJobs::new(9);
        ready.set_open(0, 1, false);
        ready.insert(0, compose_id(1, 0, 1, 0));
        assert!(ready.is_empty() && ready.pop().is_none());
        ready.set_open(0, 1, true);
        assert_eq!(ready.pop(), Some(compose_id(1, 0, 1, 0)));
    }
}
