//! What was asked for and what was promised, as the clients saw it.

use std::{collections::BTreeMap, fmt};

/// Everything the submitters know.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Acknowledged jobs and the number each was sent under.
    pub(crate) acknowledged: BTreeMap<String, u64>,
}

/// What is left of it after the last round.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rounds: usize,
    pub(crate) during_start: usize,
    pub(crate) sent: u64,
    pub(crate) acknowledged: usize,
    pub(crate) unacknowledged_there: usize,
    pub(crate) lost: usize,
    pub(crate) half_there: usize,
    pub(crate) unexpected: usize,
    pub(crate) unfinished: usize,
    /// Acknowledged jobs that were purged meanwhile, as they are told to be.
    pub(crate) purged: usize,
    /// Jobs that are there and lost their worker too often.
    pub(crate) quarantined: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rounds,
            during_start,
            sent,
            acknowledged,
            lost,
            half_there,
            unexpected,
            unfinished,
            purged,
            quarantined,
            ..
        } = self;
        write!(
            f,
            "rounds {rounds} ({during_start} during start), sent {sent}, acknowledged {acknowledged}, lost {lost}, \
             half-there {half_there}, unexpected {unexpected}, unfinished {unfinished}, purged {purged}, \
             quarantined {quarantined}, there without acknowledgement {}",
            self.unacknowledged_there
        )
    }
}
