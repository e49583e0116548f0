//! Limits for each value of a tag.
//!
//! The ready jobs of a queue that have the same value stand in a line of their own. A line offers its first job to
//! the queue, and none while as many of it run, or have started, as may. So jobs that are held back cost nothing
//! when a slot is given out, however many they are.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use windlass_wire::id::JobId;

use crate::{
    job::Timestamp,
    limits::TAG_LINES_IDLE_MAX,
    planted::{Bug, planted},
    queue::{Closed, TagLimit},
    rate::Starts,
    serial::Turn,
};

/// The name of a line: a queue, and a value of the tag it limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TagValue {
    pub(crate) queue: u32,
    pub(crate) value: String,
}

/// What happens to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A job is ready.
    Join(JobId),
    /// A job is not ready any more.
    Leave(JobId),
    /// A job of it starts.
    Start,
    /// A job of it ran already when the limit was set.
    Found,
    /// A run of it ended.
    End,
    /// Time has passed.
    Wake,
}

/// Every line that has jobs, or starts that count.
#[derive(Debug, Default)]
pub(crate) struct TagLines {
    lines: BTreeMap<TagValue, Line>,
    /// Those with jobs that their rate keeps back, and until when.
    opening: BTreeSet<(Timestamp, TagValue)>,
    /// Those without jobs, and until when their starts count.
    idle: BTreeSet<(Timestamp, TagValue)>,
}

#[derive(Debug, Default)]
struct Line {
    ready: BTreeSet<JobId>,
    running: usize,
    starts: Starts,
    offered: Option<JobId>,
    /// The time of its entry among those that are opening or idle.
    wakes: Option<Timestamp>,
}

impl Line {
    fn take(&mut self, step: Step, limit: &TagLimit, now: Timestamp) {
        match step {
            Step::Join(job) => drop(self.ready.insert(job)),
            Step::Leave(job) => drop(self.ready.remove(&job)),
            Step::Start => {
                self.running += 1;
                if let Some(rate) = limit.rate {
                    self.starts.note(rate, now);
                }
            }
            Step::Found => self.running += usize::from(!planted(Bug::TagLimitForgetsRunning)),
            Step::End => self.running = self.running.saturating_sub(1),
            Step::Wake => {}
        }
    }

    fn closed(&self, limit: &TagLimit, now: Timestamp) -> Option<Closed> {
        Closed::by(limit.concurrency, limit.rate, self.running, &self.starts, now)
    }

    fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.running == 0
    }
}

impl TagLines {
    /// Changes a line, and answers which of its jobs may start.
    pub(crate) fn step(&mut self, name: TagValue, limit: &TagLimit, step: Step, now: Timestamp) -> Turn {
        let line = self.lines.entry(name.clone()).or_default();
        if let Some(at) = line.wakes.take() {
            let entry = (at, name.clone());
            self.opening.remove(&entry);
            self.idle.remove(&entry);
        }
        line.take(step, limit, now);
        let closed = line.closed(limit, now);
        let next = line.ready.first().copied().filter(|_| closed.is_none());
        let turn = Turn::between(core::mem::replace(&mut line.offered, next), next);
        if line.is_idle() {
            let end = limit.rate.and_then(|rate| line.starts.end(rate)).filter(|end| *end > now);
            match end.filter(|_| !planted(Bug::TagRateForgottenWhenIdle)) {
                Some(end) => {
                    line.wakes = Some(end);
                    self.idle.insert((end, name));
                    self.forget_surplus();
                }
                None => drop(self.lines.remove(&name)),
            }
        } else if let Some(Closed::Rate(until)) = closed.filter(|_| !line.ready.is_empty()) {
            line.wakes = Some(until);
            self.opening.insert((until, name));
        }
        turn
    }

    /// Why no job of a line may start now.
    pub(crate) fn closed(&self, name: &TagValue, limit: &TagLimit, now: Timestamp) -> Option<Closed> {
        self.lines.get(name)?.closed(limit, now)
    }

    /// A line that is to be woken by now. Whoever asks wakes it before asking again.
    pub(crate) fn overdue(&self, now: Timestamp) -> Option<TagValue> {
        let due = [self.opening.first(), self.idle.first()];
        due.into_iter().flatten().find(|(at, _)| *at <= now).map(|(_, name)| name.clone())
    }

    /// When the next line is to be woken, and what for.
    pub(crate) fn next_time(&self) -> Option<(Timestamp, &'static str)> {
        let opening = self.opening.first().map(|(at, _)| (*at, "the rate of a tag allows another start"));
        let idle = self.idle.first().map(|(at, _)| (*at, "starts of a tag count no longer"));
        [opening, idle].into_iter().flatten().min()
    }

    /// Forgets the lines of a queue, and answers the jobs that stood in them.
    pub(crate) fn clear(&mut self, queue: u32) -> Vec<JobId> {
        let (first, end) = (TagValue { queue, value: String::new() }, queue.saturating_add(1));
        let end = TagValue { queue: end, value: String::new() };
        let lines: Vec<_> = self.lines.extract_if(first..end, |_, _| true).collect();
        for (name, line) in &lines {
            if let Some(at) = line.wakes {
                let entry = (at, name.clone());
                self.opening.remove(&entry);
                self.idle.remove(&entry);
            }
        }
        lines.into_iter().flat_map(|(_, line)| line.ready).collect()
    }

    fn forget_surplus(&mut self) {
        if self.idle.len() > TAG_LINES_IDLE_MAX
            && let Some((_, name)) = self.idle.pop_first()
        {
            self.lines.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{job::compose_id, rate::Rate};

    const NOW: Timestamp = Timestamp(0);

    fn name(value: &str) -> TagValue {
        TagValue { queue: 0, value: value.into() }
    }

    fn limit(concurrency: Option<u32>, rate: Option<Rate>) -> TagLimit {
        TagLimit { tag: "customer".into(), concurrency, rate }
    }

    fn turn(withdrawn: Option<JobId>, offered: Option<JobId>) -> Turn {
        Turn { withdrawn, offered }
    }

    #[test]
    fn a_line_offers_one_job_after_the_other_and_none_while_it_is_full() {
        let (first, second, high) = (compose_id(0, 0, 1, 0), compose_id(0, 0, 2, 0), compose_id(0, 9, 3, 0));
        let mut lines = TagLines::default();
        let mut step = |step| lines.step(name("ada"), &limit(Some(1), None), step, NOW);
        assert_eq!(step(Step::Join(first)), turn(None, Some(first)));
        assert_eq!(step(Step::Join(second)), Turn::default());
        assert_eq!(step(Step::Start), turn(Some(first), None));
        assert_eq!(step(Step::Leave(first)), Turn::default());
        assert_eq!(step(Step::Join(high)), Turn::default());
        assert_eq!(step(Step::End), turn(None, Some(high)));
        assert_eq!(step(Step::Leave(high)), turn(Some(high), Some(second)));
        assert_eq!(step(Step::Leave(second)), turn(Some(second), None));
        assert!(lines.lines.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_rate_is_remembered_while_its_starts_count_and_no_longer() {
        let (limit, job) = (limit(None, Some(Rate { count: 1, per_millis: 10 })), compose_id(0, 0, 1, 0));
        let mut lines = TagLines::default();
        lines.step(name("ada"), &limit, Step::Start, NOW);
        lines.step(name("ada"), &limit, Step::End, Timestamp(1));
        assert_eq!(lines.step(name("ada"), &limit, Step::Join(job), Timestamp(2)), Turn::default());
        assert_eq!(lines.closed(&name("ada"), &limit, Timestamp(2)), Some(Closed::Rate(Timestamp(10))));
        assert_eq!(lines.overdue(Timestamp(9)), None);
        assert_eq!(lines.overdue(Timestamp(10)), Some(name("ada")));
        let woken = lines.step(name("ada"), &limit, Step::Wake, Timestamp(10));
        assert_eq!(woken, turn(None, Some(job)));
        lines.step(name("ada"), &limit, Step::Leave(job), Timestamp(10));
        assert!(lines.lines.is_empty() && lines.next_time().is_none(), "nothing is left behind");
    }

    #[test]
    fn values_do_not_hold_each_other_back_and_a_queue_is_cleared_alone() {
        let (ada, bob, other) = (compose_id(0, 0, 1, 0), compose_id(0, 0, 2, 0), compose_id(1, 0, 3, 0));
        let (limit, mut lines) = (limit(Some(1), None), TagLines::default());
        lines.step(name("ada"), &limit, Step::Start, NOW);
        lines.step(name("ada"), &limit, Step::Join(ada), NOW);
        assert_eq!(lines.step(name("bob"), &limit, Step::Join(bob), NOW), turn(None, Some(bob)));
        let elsewhere = TagValue { queue: 1, value: "ada".into() };
        assert_eq!(lines.step(elsewhere, &limit, Step::Join(other), NOW), turn(None, Some(other)));
        assert_eq!(lines.clear(0), [ada, bob]);
        assert_eq!(lines.clear(1), [other]);
    }

    #[test]
    fn of_too_many_idle_lines_those_that_count_shortest_are_forgotten() {
        let limit = limit(None, Some(Rate { count: 1, per_millis: 1_000_000 }));
        let mut lines = TagLines::default();
        for (at, value) in (0..=TAG_LINES_IDLE_MAX as u64).map(|n| (Timestamp(n), alloc::format!("{n}"))) {
            lines.step(name(&value), &limit, Step::Start, at);
            lines.step(name(&value), &limit, Step::End, at);
        }
        assert_eq!((lines.lines.len(), lines.idle.len()), (TAG_LINES_IDLE_MAX, TAG_LINES_IDLE_MAX));
        assert!(!lines.lines.contains_key(&name("0")) && lines.lines.contains_key(&name("1")));
    }
}
