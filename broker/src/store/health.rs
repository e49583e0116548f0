//! The engine's figures: how often it synced and how long that took.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Buckets of sync times; the last one holds everything above 2^23 microseconds (8 s).
const BUCKETS: usize = 24;

/// The figures of an engine since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Syncs of the file that holds the records, each awaited before an acknowledgement.
    pub syncs: u64,
    /// Half of the syncs took at most this long, in microseconds, rounded up to a power of two.
    pub sync_p50_micros: u64,
    /// 99 of 100 syncs took at most this long, in microseconds, rounded up to a power of two.
    pub sync_p99_micros: u64,
    /// All of them by how long they took.
    pub sync_counts: SyncCounts,
    /// How long the last sync took, in microseconds.
    pub sync_last_micros: u64,
    /// How long all of them took together, in microseconds.
    pub sync_total_micros: u64,
    /// What is durable in the journal and not yet in the state under it, in bytes of memory.
    pub unfolded_bytes: u64,
    /// How much of that there may be; the nearer it is, the longer writes are held back. Zero = there is no journal.
    pub unfolded_bytes_max: u64,
    /// How long it took to fold the journal into the state the last time, in milliseconds.
    pub folded_last_millis: u64,
    /// How long ago that was done, in milliseconds; zero if it was not since the store was opened.
    pub folded_ago_millis: u64,
    /// Files of the journal.
    pub journal_segments: u64,
    /// Space taken by them, in bytes.
    pub journal_bytes: u64,
    /// Space taken by records in the state, in bytes.
    pub state_bytes: u64,
    /// Whether a write has failed; such a store writes nothing any more.
    pub failed: bool,
}

/// Syncs by how long they took, in powers of two of a microsecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncCounts([u64; BUCKETS]);

impl SyncCounts {
    /// Those that came after `earlier` was read.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(array::from_fn(|index| self.0[index].saturating_sub(earlier.0[index])))
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How many took at most so many microseconds and longer than those before; the last one has no such bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        self.0.iter().enumerate().map(|(index, count)| ((index + 1 < BUCKETS).then_some(1 << index), *count))
    }

    /// The upper end of the bucket in which `percent` of all counts are reached, in microseconds.
    pub fn quantile_micros(&self, percent: u64) -> u64 {
        let wanted = (self.total() * percent).div_ceil(100);
        let mut seen = 0;
        let reached = self.0.iter().position(|count| {
            seen += count;
            wanted > 0 && seen >= wanted
        });
        reached.map_or(0, |bucket| 1 << bucket)
    }

    /// Syncs that took these times.
    #[cfg(test)]
    pub(crate) fn of_micros(times: &[u64]) -> Self {
        let counts = SyncTimes::new();
        for micros in times {
            counts.record(Duration::from_micros(*micros));
        }
        counts.health().sync_counts
    }
}

/// Counts syncs by how long they took.
#[derive(Debug)]
pub(crate) struct SyncTimes {
    buckets: [AtomicU64; BUCKETS],
    last_micros: AtomicU64,
    total_micros: AtomicU64,
}

impl SyncTimes {
    pub(crate) fn new() -> Self {
        Self {
            buckets: array::from_fn(|_| AtomicU64::new(0)),
            last_micros: AtomicU64::new(0),
            total_micros: AtomicU64::new(0),
        }
    }

    pub(crate) fn record(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.saturating_sub(1).leading_zeros()) as usize;
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.last_micros.store(micros, Ordering::Relaxed);
        self.total_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The figures so far; the caller adds what this cannot know.
    pub(crate) fn health(&self) -> Health {
        let counts = SyncCounts(array::from_fn(|index| self.buckets[index].load(Ordering::Relaxed)));
        Health {
            syncs: counts.total(),
            sync_p50_micros: counts.quantile_micros(50),
            sync_p99_micros: counts.quantile_micros(99),
            sync_counts: counts,
            sync_last_micros: self.last_micros.load(Ordering::Relaxed),
            sync_total_micros: self.total_micros.load(Ordering::Relaxed),
            ..Health::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_powers_of_two_above_the_times() {
        let times = SyncTimes::new();
        (0..98).for_each(|_| times.record(Duration::from_micros(200)));
        (0..2).for_each(|_| times.record(Duration::from_millis(3)));
        let health = times.health();
        assert_eq!((health.syncs, health.sync_p50_micros, health.sync_p99_micros), (100, 256, 4_096));
        assert_eq!((health.sync_last_micros, health.sync_total_micros), (3_000, 98 * 200 + 2 * 3_000));
    }

    #[test]
    fn every_sync_is_in_one_bucket() {
        let counts = SyncCounts::of_micros(&[0, 1, 2, 3, 4, 5, u64::MAX]);
        let buckets: Vec<_> = counts.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(buckets, [(Some(1), 2), (Some(2), 1), (Some(4), 2), (Some(8), 1), (None, 1)]);
    }

    #[test]
    fn no_sync_has_no_quantile() {
        assert_eq!(SyncTimes::new().health(), Health::default());
    }
}
