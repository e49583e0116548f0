//! The store's sync times of the last minute.

use std::collections::VecDeque;

use windlass_wire::stats::SyncView;

use crate::store::health::SyncCounts;

/// Seconds looked back.
const WINDOW_SECONDS: usize = 60;

/// What the store had counted at the end of each of the last seconds.
#[derive(Debug)]
pub(super) struct Syncs(VecDeque<SyncCounts>);

impl Default for Syncs {
    /// Nothing was counted before the start.
    fn default() -> Self {
        Self([SyncCounts::default()].into())
    }
}

impl Syncs {
    /// Takes the counts as they are at the end of a second.
    pub(super) fn take(&mut self, counts: SyncCounts) {
        if self.0.len() > WINDOW_SECONDS {
            self.0.pop_front();
        }
        self.0.push_back(counts);
    }

    /// The times of the last minute.
    pub(super) fn view(&self) -> SyncView {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else { return SyncView::default() };
        let counts = last.since(first);
        SyncView {
            p50_micros: counts.quantile_micros(50),
            p99_micros: counts.quantile_micros(99),
            count: counts.total(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_a_minute_no_longer_counts() {
        let mut syncs = Syncs::default();
        let slow = SyncCounts::of_micros(&[5_000]);
        syncs.take(slow);
        assert_eq!(syncs.view(), SyncView { p50_micros: 8_192, p99_micros: 8_192, count: 1 });
        (0..WINDOW_SECONDS).for_each(|_| syncs.take(slow));
        assert_eq!(syncs.view(), SyncView::default());
        syncs.take(SyncCounts::of_micros(&[5_000, 200]));
        assert_eq!(syncs.view(), SyncView { p50_micros: 256, p99_micros: 256, count: 1 });
    }
}
