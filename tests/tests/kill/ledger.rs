//! What was asked for and what was promised, as the clients saw it.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

/// Whether the arguments and the result of a job are kept beside its record.
pub(crate) fn has_blobs(number: u64) -> bool {
    number.is_multiple_of(8)
}

/// Arguments above this many bytes are kept beside the record, so some jobs have more.
const BLOB_TEXT_BYTES: usize = 6000;

/// The handler and arguments of the job with a number; the number can be read back from them.
pub(crate) fn request(number: u64) -> (&'static str, Value) {
    if has_blobs(number) {
        let text = format!("{number:020}").repeat(BLOB_TEXT_BYTES / 20);
        ("demo/greet", json!({ "name": format!("{number}"), "greeting": text }))
    } else {
        ("demo/add", json!({ "x": number, "y": 1 }))
    }
}

/// The number of the job a record was made for; none if it was never asked for.
pub(crate) fn number(record: &Value) -> Option<u64> {
    let args = &record["args"];
    let number = args["x"].as_u64().or_else(|| args["name"].as_str()?.parse().ok())?;
    let (handler, asked) = request(number);
    (record["handler"] == handler && *args == asked).then_some(number)
}

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
            ..
        } = self;
        write!(
            f,
            "rounds {rounds} ({during_start} during start), sent {sent}, acknowledged {acknowledged}, lost {lost}, \
             half-there {half_there}, unexpected {unexpected}, unfinished {unfinished}, purged {purged}, \
             there without acknowledgement {}",
            self.unacknowledged_there
        )
    }
}
