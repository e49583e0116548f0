//! Figures of benches: medians and percentiles.

use std::time::Duration;

/// The median; of an even number of values, the upper one.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which the given part of all values lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "an index into a slice, from a part between 0 and 1"
)]
pub fn percentile(values: &[f64], part: f64) -> f64 {
    assert!(!values.is_empty() && (0.0..=1.0).contains(&part), "there are values and a part of them");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() as f64 * part) as usize;
    sorted[index.min(sorted.len() - 1)]
}

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^53")]
pub fn rate(count: usize, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}
