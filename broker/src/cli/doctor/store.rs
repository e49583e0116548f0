//! Does the disk of a running broker keep up with what it is asked?

use std::time::Duration;

use windlass_wire::stats::{StoreView, SyncView};

use super::{Finding, disk::SYNC_TIME_GOOD};

/// How long the broker's own syncs took.
pub(super) fn syncs(sync: &SyncView) -> Finding {
    if sync.count == 0 {
        return Finding::ok("syncs", "none during the last minute");
    }
    let [p50, p99] = [sync.p50_micros, sync.p99_micros].map(Duration::from_micros);
    let found = format!("{} during the last minute, p50 {p50:.1?}, p99 {p99:.1?}", sync.count);
    if p99 > SYNC_TIME_GOOD {
        return Finding::warn(
            "syncs",
            found,
            "every submit waits for its sync: give the data directory a faster disk, or one of its own",
        );
    }
    Finding::ok("syncs", found)
}

/// How far the state is behind the journal.
pub(super) fn journal(store: &StoreView) -> Finding {
    let StoreView { state_bytes, journal_bytes, unfolded_bytes, unfolded_bytes_max, .. } = *store;
    let [took, ago] = [store.folded_last_millis, store.folded_ago_millis].map(Duration::from_millis);
    let found = format!(
        "{} of at most {} wait to be folded, which took {took:.1?} the last time, {ago:.1?} ago; journal {}, state {}",
        size(unfolded_bytes),
        size(unfolded_bytes_max),
        size(journal_bytes),
        size(state_bytes)
    );
    if unfolded_bytes <= unfolded_bytes_max / 2 {
        return Finding::ok("journal", found);
    }
    Finding::warn(
        "journal",
        found,
        "writes are held back until the state catches up: use a faster disk, or submit less at once",
    )
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn slow_syncs_are_told() {
        let sync = |p99_micros| SyncView { p50_micros: 256, p99_micros, count: 9 };
        assert_eq!(syncs(&sync(16_384)).verdict, Verdict::Ok);
        assert_eq!(syncs(&sync(32_768)).verdict, Verdict::Warn);
        assert_eq!(syncs(&SyncView::default()).verdict, Verdict::Ok);
    }

    #[test]
    fn a_state_that_is_far_behind_is_told() {
        let store =
            |unfolded_bytes| StoreView { unfolded_bytes, unfolded_bytes_max: 100, ..StoreView::default() };
        assert_eq!(journal(&store(50)).verdict, Verdict::Ok);
        let behind = journal(&store(51));
        assert_eq!(behind.verdict, Verdict::Warn);
        assert!(behind.found.starts_with("51 B of at most 100 B"), "{}", behind.found);
    }
}
