//! Queues: their numbers, what stands in them, and when their jobs may start.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
};

use serde::{Deserialize, Serialize};
use windlass_wire::state::JobState;

use crate::{
    command::Refusal,
    job::{Job, Timestamp},
    limits::QUEUES_MAX,
    parked::PlainJobs,
    planted::{Bug, planted},
    rate::{Rate, Starts},
    tags::TagValue,
};

/// A queue as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The channel it belongs to.
    pub channel: String,
    /// Its name in it.
    pub name: String,
    /// Its number, which is part of the ids of its jobs.
    pub number: u32,
    /// When its jobs may start.
    pub limits: QueueLimits,
}

/// What holds back the jobs of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueLimits {
    /// None starts.
    #[serde(default)]
    pub is_paused: bool,
    /// So many run at once at most.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// So many start in a span at most.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// What holds back its jobs with the same value of a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_tag: Option<TagLimit>,
}

/// What holds back jobs that have the same value of a tag. Jobs without the tag are not concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagLimit {
    /// The tag.
    pub tag: String,
    /// So many with the same value run at once at most.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// So many with the same value start in a span at most.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// Why jobs that share a limit do not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The queue is paused.
    Paused,
    /// As many run as may.
    Concurrency,
    /// As many have started as may, until this time.
    Rate(Timestamp),
}

impl Closed {
    /// Whether so many that run and these starts are as many as may be.
    pub(crate) fn by(
        concurrency: Option<u32>,
        rate: Option<Rate>,
        running: usize,
        starts: &Starts,
        now: Timestamp,
    ) -> Option<Self> {
        let extra = usize::from(planted(Bug::ConcurrencyOffByOne));
        if concurrency.is_some_and(|most| running >= most as usize + extra) {
            return Some(Self::Concurrency);
        }
        starts.opens(rate?, now).map(Self::Rate)
    }
}

/// How many jobs of a queue are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depths {
    /// Waiting for a time or a release.
    pub scheduled: usize,
    /// Waiting for other jobs.
    pub blocked: usize,
    /// Waiting for a slot.
    pub ready: usize,
    /// Running.
    pub running: usize,
}

/// A queue and what stands in it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) queue: Queue,
    pub(crate) channel: u32,
    pub(crate) depths: Depths,
    pub(crate) plain: PlainJobs,
    starts: Starts,
}

/// Every queue there ever was.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    rows: BTreeMap<u32, Row>,
    numbers: BTreeMap<(String, String), u32>,
    channels: BTreeMap<String, u32>,
    next_number: u32,
}

impl Row {
    /// Why no job of it may start now.
    pub(crate) fn closed(&self, now: Timestamp) -> Option<Closed> {
        let limits = &self.queue.limits;
        if limits.is_paused {
            return Some(Closed::Paused);
        }
        Closed::by(limits.concurrency, limits.rate, self.depths.running, &self.starts, now)
    }

    /// The limit for the jobs that share a tag with this one, and what they share.
    pub(crate) fn tag_limit(&self, job: &Job) -> Option<(TagValue, &TagLimit)> {
        let limit = self.queue.limits.per_tag.as_ref()?;
        let value = job.spec.tags.get(&limit.tag)?.clone();
        Some((TagValue { queue: self.queue.number, value }, limit))
    }

    /// A job of it starts.
    pub(crate) fn start(&mut self, now: Timestamp) {
        if let Some(rate) = self.queue.limits.rate {
            self.starts.note(rate, now);
        }
    }

    /// Changes what holds its jobs back. Starts counted under another rate count no longer.
    pub(crate) fn limit(&mut self, limits: QueueLimits) {
        if limits.rate != self.queue.limits.rate {
            self.starts.clear();
        }
        self.queue.limits = limits;
    }
}

impl Depths {
    /// The count of one state; final jobs stand in no queue.
    pub(crate) fn of(&mut self, state: JobState) -> Option<&mut usize> {
        match state {
            JobState::Scheduled => Some(&mut self.scheduled),
            JobState::Blocked => Some(&mut self.blocked),
            JobState::Ready => Some(&mut self.ready),
            JobState::Running => Some(&mut self.running),
            JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::Expired => None,
        }
    }
}

impl Queues {
    /// Takes up a remembered queue.
    pub(crate) fn restore(&mut self, queue: Queue) {
        self.next_number = self.next_number.max(queue.number.saturating_add(1));
        let next_channel = u32::try_from(self.channels.len()).unwrap_or(u32::MAX);
        let channel = *self.channels.entry(queue.channel.clone()).or_insert(next_channel);
        self.numbers.insert((queue.channel.clone(), queue.name.clone()), queue.number);
        let (depths, starts) = (Depths::default(), Starts::default());
        self.rows.insert(queue.number, Row { queue, channel, depths, plain: PlainJobs::default(), starts });
    }

    /// The number of a queue, if there is such a queue.
    pub(crate) fn number(&self, channel: &str, name: &str) -> Option<u32> {
        self.numbers.get(&(channel.to_string(), name.to_string())).copied()
    }

    /// Whether a queue of this name exists or can be made.
    pub(crate) fn check(&self, channel: &str, name: &str) -> Result<(), Refusal> {
        let has_room = self.number(channel, name).is_some() || self.next_number < QUEUES_MAX;
        has_room.then_some(()).ok_or(Refusal::Full("the limit of queues"))
    }

    /// The number of a queue, which is made if there is none of the name; then it is answered too.
    pub(crate) fn open(&mut self, channel: &str, name: &str) -> Result<(u32, Option<Queue>), Refusal> {
        if let Some(number) = self.number(channel, name) {
            return Ok((number, None));
        }
        self.check(channel, name)?;
        let (channel, name) = (channel.to_string(), name.to_string());
        let queue = Queue { channel, name, number: self.next_number, limits: QueueLimits::default() };
        self.restore(queue.clone());
        Ok((queue.number, Some(queue)))
    }

    /// One queue.
    pub(crate) fn row(&self, number: u32) -> Option<&Row> {
        self.rows.get(&number)
    }

    /// One queue, to change it.
    pub(crate) fn row_mut(&mut self, number: u32) -> Option<&mut Row> {
        self.rows.get_mut(&number)
    }

    /// The queues of a channel, by name.
    pub(crate) fn of_channel(&self, channel: &str) -> impl Iterator<Item = &Row> {
        let first = (channel.to_string(), String::new());
        let names = self.numbers.range(first..).take_while(move |((of, _), _)| of == channel);
        names.filter_map(|(_, number)| self.rows.get(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn row(limits: QueueLimits) -> Row {
        let queue = Queue { channel: "0".into(), name: "q".into(), number: 0, limits };
        Row {
            queue,
            channel: 0,
            depths: Depths::default(),
            plain: PlainJobs::default(),
            starts: Starts::default(),
        }
    }

    #[test]
    fn a_pause_goes_before_other_limits() {
        let mut row = row(QueueLimits { concurrency: Some(1), ..QueueLimits::default() });
        assert_eq!(row.closed(Timestamp(0)), None);
        row.depths.running = 1;
        assert_eq!(row.closed(Timestamp(0)), Some(Closed::Concurrency));
        row.limit(QueueLimits { is_paused: true, ..row.queue.limits.clone() });
        assert_eq!(row.closed(Timestamp(0)), Some(Closed::Paused));
    }

    #[test]
    fn queues_of_other_channels_are_not_listed() {
        let mut queues = Queues::default();
        for (channel, name) in [("0", "b"), ("1", "a"), ("0", "a"), ("0", "b")] {
            queues.open(channel, name).unwrap();
        }
        let names: Vec<_> = queues.of_channel("0").map(|row| row.queue.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(queues.next_number, 3, "a name has one number");
    }
}
