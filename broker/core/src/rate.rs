//! Rates: how many may start in a span.

use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::job::Timestamp;

/// Entries kept of the starts in a span; when a rate allows more, starts that follow each other closely share one.
const STEPS_MAX: u32 = 32;

/// At most `count` starts in any span of `per_millis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Starts.
    pub count: u32,
    /// The span in milliseconds.
    pub per_millis: u64,
}

/// The starts that still count. Those that share an entry count until the last of them is a span ago: so a rate is
/// never exceeded, and memory does not grow with it.
#[derive(Debug, Default)]
pub(crate) struct Starts(VecDeque<Step>);

#[derive(Debug)]
struct Step {
    first: Timestamp,
    last: Timestamp,
    count: u32,
}

impl Starts {
    /// Something starts.
    pub(crate) fn note(&mut self, rate: Rate, now: Timestamp) {
        let width = if rate.count <= STEPS_MAX { 0 } else { rate.per_millis / u64::from(STEPS_MAX) };
        while self.0.front().is_some_and(|step| step.last.plus_millis(rate.per_millis) <= now) {
            self.0.pop_front();
        }
        match self.0.back_mut().filter(|step| now <= step.first.plus_millis(width)) {
            Some(step) => (step.last, step.count) = (now, step.count.saturating_add(1)),
            None => self.0.push_back(Step { first: now, last: now, count: 1 }),
        }
    }

    /// When the next may start; none = now.
    pub(crate) fn opens(&self, rate: Rate, now: Timestamp) -> Option<Timestamp> {
        let mut count = 0_u32;
        let fills = |step: &&Step| {
            count = count.saturating_add(step.count);
            count >= rate.count
        };
        let opens = self.0.iter().rev().find(fills)?.last.plus_millis(rate.per_millis);
        (opens > now).then_some(opens)
    }

    /// When none of them counts any more.
    pub(crate) fn end(&self, rate: Rate) -> Option<Timestamp> {
        self.0.back().map(|step| step.last.plus_millis(rate.per_millis))
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn no_span_of_the_rate_has_more_starts_than_it_allows() {
        let rate = Rate { count: 2, per_millis: 10 };
        let (mut starts, mut times) = (Starts::default(), Vec::new());
        for now in (0..40).map(Timestamp) {
            while starts.opens(rate, now).is_none() {
                starts.note(rate, now);
                times.push(now.0);
            }
        }
        assert_eq!(times, [0, 0, 10, 10, 20, 20, 30, 30]);
    }

    #[test]
    fn starts_that_come_one_by_one_are_spread_over_few_entries_and_never_too_many() {
        let rate = Rate { count: 500, per_millis: 1000 };
        let (mut starts, mut times) = (Starts::default(), Vec::new());
        for now in (0..10_000).map(Timestamp) {
            if starts.opens(rate, now).is_none() {
                starts.note(rate, now);
                times.push(now.0);
            }
            assert!(starts.0.len() <= STEPS_MAX as usize + 1, "{} entries", starts.0.len());
        }
        for (first, after) in times.iter().zip(&times[500..]) {
            assert!(after - first >= 1000, "{first} and {after} are 501 starts in a span");
        }
        assert!(times.len() > 4_500, "{} of 5,000 could start", times.len());
    }
}
