//! The store's figures, under the names of the others.

use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, gauge::Gauge},
    registry::Registry,
};

use crate::store::health::{Health, SyncCounts};

/// What the store tells of itself.
#[derive(Debug, Default)]
pub(super) struct StoreFigures {
    journal_bytes: Gauge<u64, AtomicU64>,
    journal_segments: Gauge<u64, AtomicU64>,
    state_bytes: Gauge<u64, AtomicU64>,
    syncs: Gauge<u64, AtomicU64>,
    unfolded_bytes: Gauge<u64, AtomicU64>,
    unfolded_bytes_max: Gauge<u64, AtomicU64>,
    folded_ago_seconds: Gauge<f64, AtomicU64>,
    folded_last_seconds: Gauge<f64, AtomicU64>,
    sync_times: SyncTimes,
}

impl StoreFigures {
    /// Makes them known to whoever renders them.
    pub(super) fn register(&self, registry: &mut Registry) {
        let counts = [
            ("windlass_journal_segments", "Files of the journal", &self.journal_segments),
            (
                "windlass_journal_unfolded_bytes",
                "What is durable in the journal and not yet in the state under it",
                &self.unfolded_bytes,
            ),
            (
                "windlass_journal_unfolded_bytes_max",
                "How much of that there may be; writes are held back before",
                &self.unfolded_bytes_max,
            ),
            ("windlass_store_journal_bytes", "Space taken by the journal", &self.journal_bytes),
            ("windlass_store_state_bytes", "Space taken by the state", &self.state_bytes),
            ("windlass_store_syncs", "Syncs of the store's files", &self.syncs),
        ];
        for (name, help, gauge) in counts {
            registry.register(name, help, gauge.clone());
        }
        let times = [
            (
                "windlass_journal_checkpoint_age_seconds",
                "How long ago the journal was last folded into the state; while nothing is written it is not",
                &self.folded_ago_seconds,
            ),
            ("windlass_journal_fold_seconds", "How long that took", &self.folded_last_seconds),
        ];
        for (name, help, gauge) in times {
            registry.register(name, help, gauge.clone());
        }
        let help = "How long syncs of the store's files took";
        registry.register("windlass_store_sync_seconds", help, self.sync_times.clone());
    }

    /// Takes the figures as they are now.
    pub(super) fn take(&self, health: &Health) {
        self.journal_bytes.set(health.journal_bytes);
        self.journal_segments.set(health.journal_segments);
        self.state_bytes.set(health.state_bytes);
        self.syncs.set(health.syncs);
        self.unfolded_bytes.set(health.unfolded_bytes);
        self.unfolded_bytes_max.set(health.unfolded_bytes_max);
        self.folded_ago_seconds.set(seconds(health.folded_ago_millis, 1e3));
        self.folded_last_seconds.set(seconds(health.folded_last_millis, 1e3));
        self.sync_times.take(health);
    }
}

/// The store's own histogram of its syncs.
#[derive(Debug, Clone, Default)]
struct SyncTimes(Arc<Mutex<(SyncCounts, f64)>>);

impl SyncTimes {
    fn take(&self, health: &Health) {
        let taken = (health.sync_counts, seconds(health.sync_total_micros, 1e6));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = taken;
    }
}

impl EncodeMetric for SyncTimes {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (counts, sum) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bound = |micros: Option<u64>| micros.map_or(f64::INFINITY, |micros| seconds(micros, 1e6));
        let buckets: Vec<_> = counts.buckets().map(|(micros, count)| (bound(micros), count)).collect();
        encoder.encode_histogram::<NoLabelSet>(sum, counts.total(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[expect(clippy::cast_precision_loss, reason = "no span is near 2^53 microseconds, 285 years")]
fn seconds(count: u64, per_second: f64) -> f64 {
    count as f64 / per_second
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn syncs_are_a_histogram_in_seconds() {
        let figures = StoreFigures::default();
        let mut registry = Registry::default();
        figures.register(&mut registry);
        let sync_counts = SyncCounts::of_micros(&[100, 3_000, 100_000_000]);
        figures.take(&Health {
            sync_counts,
            sync_total_micros: 100_003_100,
            folded_ago_millis: 1_500,
            ..Health::default()
        });
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "# TYPE windlass_store_sync_seconds histogram",
            "windlass_store_sync_seconds_sum 100.0031",
            "windlass_store_sync_seconds_count 3",
            "windlass_store_sync_seconds_bucket{le=\"0.000128\"} 1",
            "windlass_store_sync_seconds_bucket{le=\"0.004096\"} 2",
            "windlass_store_sync_seconds_bucket{le=\"+Inf\"} 3",
            "windlass_journal_checkpoint_age_seconds 1.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
