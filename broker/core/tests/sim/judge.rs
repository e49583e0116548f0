//! What was promised, how often it was at stake, and how often it was broken.

use std::{collections::BTreeMap, fmt};

/// The promises, as the design numbers them, and the limits a client sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Guarantee {
    /// G1: an accepted job outlives a crash.
    AcceptedSurvives,
    /// G2: a job is there wholly, with its key, before it runs.
    WholeOrNothing,
    /// G3: one key, one job.
    OneKeyOneJob,
    /// G4: every accepted job becomes final.
    BecomesFinal,
    /// G5: at most one final state, never changed.
    FinalForGood,
    /// G6: a stale fence changes nothing.
    StaleChangesNothing,
    /// G7: a cancel that was answered is final.
    CancelIsFinal,
    /// G8: no job before the jobs it comes after.
    AfterItsJobs,
    /// G9: nothing starts early.
    NeverEarly,
    /// G9: of each tick of a schedule one job at most, also after a crash.
    TickOnce,
    /// Every tick comes, but for those missed or paused, which are made up for once or never.
    TicksCome,
    /// What a schedule does while a job of it is live.
    Overlap,
    /// G10: attempts and worker deaths are counted once each, and bounded.
    AttemptsBounded,
    /// Of a serial key one at a time, in the order of acceptance.
    SerialKey,
    /// A job that is not plain never is again, so its record moves one way.
    PlainOnce,
    /// Jobs of the same queue and priority start in the order in which they stand in line.
    LaneOrder,
    /// Pauses and concurrency of queues and of values of their tags.
    QueueLimits,
    /// Rates of queues and of values of their tags.
    QueueRates,
    /// A job that waits too long expires.
    Expires,
    /// A final job is kept as long as it says, if there are not too many.
    KeptLongEnough,
    /// What a record points to is there.
    NothingDangles,
    /// Nothing that is still needed is purged, and what was purged does not come back.
    PurgedForGood,
    /// A purged job leaves nothing but its tombstone.
    NothingIsLeft,
    /// A worker keeps what it runs as long as it extends its lease in time, and no longer.
    Leases,
    /// No child lives on after its parent was cancelled, and every other may.
    NoOrphans,
}

impl Guarantee {
    /// Every one.
    pub(crate) const ALL: [Self; 25] = [
        Self::AcceptedSurvives,
        Self::WholeOrNothing,
        Self::OneKeyOneJob,
        Self::BecomesFinal,
        Self::FinalForGood,
        Self::StaleChangesNothing,
        Self::CancelIsFinal,
        Self::AfterItsJobs,
        Self::NeverEarly,
        Self::TickOnce,
        Self::TicksCome,
        Self::Overlap,
        Self::AttemptsBounded,
        Self::SerialKey,
        Self::PlainOnce,
        Self::LaneOrder,
        Self::QueueLimits,
        Self::QueueRates,
        Self::Expires,
        Self::KeptLongEnough,
        Self::NothingDangles,
        Self::PurgedForGood,
        Self::NothingIsLeft,
        Self::Leases,
        Self::NoOrphans,
    ];
}

/// Violations over opportunities.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    counts: BTreeMap<Guarantee, (u64, u64)>,
    stories: Vec<String>,
}

impl Verdict {
    /// A promise was at stake and held or not.
    pub(crate) fn judge(&mut self, guarantee: Guarantee, held: bool, story: impl FnOnce() -> String) {
        let (violations, opportunities) = self.counts.entry(guarantee).or_default();
        *opportunities += 1;
        if !held {
            *violations += 1;
            self.stories.push(format!("{guarantee:?}: {}", story()));
        }
    }

    /// Whether nothing was broken.
    pub(crate) fn is_clean(&self) -> bool {
        self.stories.is_empty()
    }

    /// How often a promise was at stake.
    pub(crate) fn opportunities(&self, guarantee: Guarantee) -> u64 {
        self.counts.get(&guarantee).map_or(0, |(_, opportunities)| *opportunities)
    }

    /// Adds up.
    pub(crate) fn add(&mut self, other: &Self) {
        for (guarantee, (violations, opportunities)) in &other.counts {
            let sum = self.counts.entry(*guarantee).or_default();
            *sum = (sum.0 + violations, sum.1 + opportunities);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (guarantee, (violations, opportunities)) in &self.counts {
            writeln!(f, "{violations:>4} of {opportunities:>9}  {guarantee:?}")?;
        }
        self.stories.iter().take(5).try_for_each(|story| writeln!(f, "{story}"))
    }
}
