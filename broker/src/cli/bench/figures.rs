//! What a bench measured.

use std::{collections::BTreeMap, time::Instant};

use hdrhistogram::Histogram;
use windlass_client::ClientError;

/// The longest time that is told apart from longer ones, in microseconds: an hour.
const LATENCY_MICROS_MAX: u64 = 3_600_000_000;
/// Times are kept with so many decimal digits.
const DIGITS: u8 = 3;

/// Counts and times of the requests that are measured.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) measured_from: Instant,
    pub(super) last_answer: Instant,
    pub(super) sent: u64,
    pub(super) ok: u64,
    /// Answers that were errors, by their code.
    pub(super) errors: BTreeMap<&'static str, u64>,
    /// How long the answers took that were none, in microseconds.
    pub(super) latency: Histogram<u64>,
    /// How a connection ended, if one did before the bench.
    pub(super) lost: Option<ClientError>,
    pub(super) has_ended: bool,
}

impl Figures {
    #[expect(clippy::expect_used, reason = "the bounds are constants, and a test makes such a histogram")]
    pub(super) fn new(measured_from: Instant) -> Self {
        Self {
            measured_from,
            last_answer: measured_from,
            sent: 0,
            ok: 0,
            errors: BTreeMap::new(),
            latency: Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, DIGITS).expect("the bounds are right"),
            lost: None,
            has_ended: false,
        }
    }

    /// An answer to a request that was due at a time, in whatever order they come.
    pub(super) fn take(&mut self, due: Instant, answered: Instant, outcome: &Result<(), ClientError>) {
        self.last_answer = self.last_answer.max(answered);
        match outcome {
            Ok(()) => {
                self.ok += 1;
                let micros = answered.saturating_duration_since(due).as_micros();
                self.latency.saturating_record(u64::try_from(micros).unwrap_or(u64::MAX));
            }
            Err(error) => {
                let code = error.problem().map_or("connection_lost", |problem| problem.code.name());
                *self.errors.entry(code).or_default() += 1;
            }
        }
    }

    /// A connection has ended, and the bench with it. The first reason stays.
    pub(super) fn lose(&mut self, error: ClientError) {
        self.has_ended = true;
        self.lost.get_or_insert(error);
    }

    /// How many were answered with an error.
    pub(super) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use windlass_wire::{code::ErrorCode, problem::Problem};

    use super::*;

    #[test]
    fn time_counts_from_when_a_request_was_due_and_errors_count_by_their_code() {
        let begin = Instant::now();
        let mut figures = Figures::new(begin);
        figures.take(begin, begin + Duration::from_millis(700), &Ok(()));
        figures.take(begin + Duration::from_secs(1), begin + Duration::from_millis(1_300), &Ok(()));
        let refused = Problem::new(ErrorCode::Overloaded, "no");
        figures.take(begin, begin, &Err(ClientError::Refused(Box::new(refused))));
        assert_eq!((figures.ok, figures.failed(), figures.errors["overloaded"]), (2, 1, 1));
        assert_eq!(figures.latency.len(), 2, "what failed has no time");
        assert!(figures.latency.equivalent(figures.latency.min(), 300_000));
        assert!(figures.latency.equivalent(figures.latency.max(), 700_000));
        assert_eq!(figures.last_answer, begin + Duration::from_millis(1_300));
    }

    #[test]
    fn the_first_lost_connection_ends_it() {
        let mut figures = Figures::new(Instant::now());
        figures.lose(ClientError::Closed("first".to_owned()));
        figures.lose(ClientError::Closed("second".to_owned()));
        assert!(figures.has_ended);
        assert_eq!(figures.lost.unwrap().to_string(), "the connection closed: first");
    }
}
