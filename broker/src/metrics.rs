//! What is counted, under which names, in which units.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use windlass_core::job::Job;
use windlass_wire::state::JobState;

/// Counters of this start of the broker.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Attempts that ended without a result.
    pub attempts_failed: Counter,
    /// When the last backup was finished, in seconds since 1970; zero = none was in this start.
    pub backup_last_at_seconds: Gauge,
    /// How large it is, in bytes.
    pub backup_last_bytes: Gauge,
    /// Backups that did not become whole.
    pub backups_failed: Counter,
    /// Backups made.
    pub backups_made: Counter,
    /// Calls that ended.
    pub calls_ended: Counter,
    /// Jobs cancelled.
    pub jobs_cancelled: Counter,
    /// Jobs that waited too long.
    pub jobs_expired: Counter,
    /// Jobs that failed for good.
    pub jobs_failed: Counter,
    /// Final jobs forgotten, with everything that was kept of them.
    pub jobs_purged: Counter,
    /// Final jobs that are kept until their retention is over.
    pub jobs_retained: Gauge,
    /// Jobs accepted.
    pub jobs_submitted: Counter,
    /// Jobs that ended with a result.
    pub jobs_succeeded: Counter,
    /// Jobs given to a worker.
    pub leases_granted: Counter,
    /// Ticks of schedules that passed while the broker was down, and are not made up for.
    pub ticks_missed: Counter,
    /// Ticks of schedules that were skipped because a job before was live.
    pub ticks_overlapped: Counter,
    /// Ticks of schedules whose job could not be accepted.
    pub ticks_refused: Counter,
    /// Ticks of schedules that became jobs.
    pub ticks_submitted: Counter,
    /// Purged jobs of which it is known that they were there.
    pub tombstones: Gauge,
}

impl Metrics {
    /// Makes the counters known to whoever renders them. Names get the suffix `_total` when rendered.
    pub fn register(&self, registry: &mut Registry) {
        let counters = [
            ("windlass_attempts_failed", "Attempts that ended without a result", &self.attempts_failed),
            ("windlass_backups_failed", "Backups that did not become whole", &self.backups_failed),
            ("windlass_backups_made", "Backups made", &self.backups_made),
            ("windlass_calls_ended", "Calls that ended", &self.calls_ended),
            ("windlass_jobs_cancelled", "Jobs cancelled", &self.jobs_cancelled),
            ("windlass_jobs_expired", "Jobs that waited too long", &self.jobs_expired),
            ("windlass_jobs_failed", "Jobs that failed for good", &self.jobs_failed),
            ("windlass_jobs_purged", "Final jobs forgotten", &self.jobs_purged),
            ("windlass_jobs_submitted", "Jobs accepted", &self.jobs_submitted),
            ("windlass_jobs_succeeded", "Jobs that ended with a result", &self.jobs_succeeded),
            ("windlass_leases_granted", "Jobs given to a worker", &self.leases_granted),
            ("windlass_ticks_missed", "Ticks that passed while the broker was down", &self.ticks_missed),
            ("windlass_ticks_overlapped", "Ticks skipped while a job was live", &self.ticks_overlapped),
            ("windlass_ticks_refused", "Ticks whose job could not be accepted", &self.ticks_refused),
            ("windlass_ticks_submitted", "Ticks that became jobs", &self.ticks_submitted),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let last_at = "When the last backup was finished, in seconds since 1970";
        registry.register(
            "windlass_backup_last_timestamp_seconds",
            last_at,
            self.backup_last_at_seconds.clone(),
        );
        registry.register("windlass_backup_last_bytes", "How large it is", self.backup_last_bytes.clone());
        let retained = "Final jobs kept until their retention is over";
        registry.register("windlass_jobs_retained", retained, self.jobs_retained.clone());
        let tombstones = "Purged jobs of which it is known that they were there";
        registry.register("windlass_tombstones", tombstones, self.tombstones.clone());
    }

    /// What happened since this start, by the names clients know.
    pub fn totals(&self) -> [(&'static str, u64); 7] {
        [
            ("submitted", self.jobs_submitted.get()),
            ("succeeded", self.jobs_succeeded.get()),
            ("failed", self.jobs_failed.get()),
            ("cancelled", self.jobs_cancelled.get()),
            ("expired", self.jobs_expired.get()),
            ("purged", self.jobs_purged.get()),
            ("calls", self.calls_ended.get()),
        ]
    }

    /// Counts what a durable change of a job means.
    pub fn count_job(&self, job: &Job) {
        if job.kept_until().is_some() {
            self.jobs_retained.inc();
        }
        let counter = match job.state.name() {
            JobState::Succeeded => &self.jobs_succeeded,
            JobState::Failed => &self.jobs_failed,
            JobState::Cancelled => &self.jobs_cancelled,
            JobState::Expired => &self.jobs_expired,
            JobState::Scheduled | JobState::Blocked | JobState::Ready if job.revision == 1 => {
                &self.jobs_submitted
            }
            JobState::Scheduled | JobState::Blocked | JobState::Ready | JobState::Running => return,
        };
        counter.inc();
    }
}
