//! The last hour of every counter, second by second.

use std::collections::{BTreeMap, VecDeque};

/// Seconds that are remembered.
pub(super) const SECONDS_KEPT_MAX: usize = 3_600;

/// Counters by name, and how much they grew in each of the last seconds. It begins empty with every start.
#[derive(Debug, Default)]
pub(super) struct Series(BTreeMap<&'static str, Line>);

#[derive(Debug, Default)]
struct Line {
    total: u64,
    growth: VecDeque<u64>,
}

impl Series {
    /// Takes the counters as they are at the end of a second.
    pub(super) fn take(&mut self, totals: impl IntoIterator<Item = (&'static str, u64)>) {
        for (name, total) in totals {
            let line = self.0.entry(name).or_default();
            if line.growth.len() == SECONDS_KEPT_MAX {
                line.growth.pop_front();
            }
            line.growth.push_back(total.saturating_sub(line.total));
            line.total = total;
        }
    }

    /// How much every counter grew in the last whole second.
    pub(super) fn rates(&self) -> BTreeMap<String, u64> {
        let last = |line: &Line| line.growth.back().copied().unwrap_or_default();
        self.0.iter().map(|(name, line)| ((*name).to_owned(), last(line))).collect()
    }

    /// How much every counter grew in each second, oldest first.
    pub(super) fn history(&self) -> BTreeMap<String, Vec<u64>> {
        self.0
            .iter()
            .map(|(name, line)| ((*name).to_owned(), line.growth.iter().copied().collect()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_second_by_second() {
        let mut series = Series::default();
        for total in [0, 5, 5, 12] {
            series.take([("submitted", total)]);
        }
        assert_eq!(series.history(), [("submitted".to_owned(), vec![0, 5, 0, 7])].into());
        assert_eq!(series.rates(), [("submitted".to_owned(), 7)].into());
    }

    #[test]
    fn only_the_last_hour_is_kept() {
        let mut series = Series::default();
        for total in 0..=SECONDS_KEPT_MAX as u64 {
            series.take([("calls", total)]);
        }
        let history = series.history().remove("calls").unwrap();
        assert_eq!(
            (history.len(), history[0]),
            (SECONDS_KEPT_MAX, 1),
            "the first second, of no growth, is gone"
        );
    }
}
