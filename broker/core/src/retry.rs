//! The pause before the next attempt.

use alloc::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use windlass_wire::{code::ErrorCode, id::JobId, submit::RetryOn};

/// The longest pause between two attempts: 30 days in milliseconds.
pub const PAUSE_MILLIS_MAX: u64 = 30 * 24 * 3_600_000;

/// When and how often a job is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all; 0 and 1 both mean no retry.
    pub max_attempts: u32,
    /// Pause before the second attempt, in milliseconds.
    pub initial_millis: u64,
    /// What each further pause is multiplied with.
    pub factor: f64,
    /// The longest pause, in milliseconds.
    pub max_millis: u64,
    /// The part of a pause that chance may take off, 0 to 1.
    pub jitter: f64,
    /// What is tried again.
    pub on: BTreeSet<RetryOn>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 1,
            initial_millis: 1000,
            factor: 2.0,
            max_millis: 3_600_000,
            jitter: 0.1,
            on: RetryOn::ALL.into(),
        }
    }
}

impl RetryPolicy {
    /// Milliseconds to wait after the `failures`-th failed attempt; none = no attempt is left, or this kind of
    /// failure is not tried again.
    pub fn pause_millis(&self, id: JobId, failures: u32, code: ErrorCode) -> Option<u64> {
        let allowed = kind(code).is_some_and(|kind| self.on.contains(&kind));
        (allowed && failures < self.max_attempts).then(|| self.pause_after(id, failures))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "pauses are clamped to thirty days of milliseconds, far below 2^53"
    )]
    fn pause_after(&self, id: JobId, failures: u32) -> u64 {
        let ceiling = self.max_millis.min(PAUSE_MILLIS_MAX) as f64;
        let mut pause = (self.initial_millis as f64).min(ceiling);
        for _ in 1..failures {
            pause *= self.factor;
            if pause >= ceiling {
                pause = ceiling;
                break;
            }
        }
        let taken_off = self.jitter.clamp(0.0, 1.0) * chance(id, failures);
        (pause * (1.0 - taken_off)).clamp(0.0, ceiling) as u64
    }
}

/// The kind of retry a failure asks for; none = trying again cannot help.
const fn kind(code: ErrorCode) -> Option<RetryOn> {
    match code {
        ErrorCode::HandlerError => Some(RetryOn::Error),
        ErrorCode::Trap | ErrorCode::OutOfMemory => Some(RetryOn::Trap),
        ErrorCode::TimedOut => Some(RetryOn::Timeout),
        ErrorCode::WorkerLost => Some(RetryOn::WorkerLost),
        ErrorCode::BadArguments
        | ErrorCode::BadFrame
        | ErrorCode::BadRequest
        | ErrorCode::BadState
        | ErrorCode::Cancelled
        | ErrorCode::Conflict
        | ErrorCode::Draining
        | ErrorCode::Expired
        | ErrorCode::Forbidden
        | ErrorCode::Gone
        | ErrorCode::IdempotencyMismatch
        | ErrorCode::Internal
        | ErrorCode::NoWorkers
        | ErrorCode::NotFound
        | ErrorCode::OpBlocked
        | ErrorCode::Overloaded
        | ErrorCode::PluginRejected
        | ErrorCode::Quarantined
        | ErrorCode::RateLimited
        | ErrorCode::TooLarge
        | ErrorCode::Unauthorized
        | ErrorCode::UnknownHandler
        | ErrorCode::UnknownOp => None,
    }
}

/// A number in 0..1 from the job and the attempt alone (the finaliser of `SplitMix64`), so that a replay waits
/// exactly as long.
#[expect(clippy::cast_precision_loss, reason = "53 bits are kept, which a double holds exactly")]
fn chance(id: JobId, failures: u32) -> f64 {
    let bytes = id.to_bytes();
    let (high, low) = bytes.split_at(8);
    let fold = |half: &[u8]| half.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let x =
        (fold(high) ^ fold(low)).wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(failures)));
    (mix(x) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number that looks like chance and follows from another one.
pub(crate) const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    fn policy() -> RetryPolicy {
        RetryPolicy { max_attempts: 6, max_millis: 5000, jitter: 0.0, ..RetryPolicy::default() }
    }

    #[test]
    fn pauses_double_up_to_their_maximum() {
        let pauses: Vec<_> =
            (1..=6).map(|failures| policy().pause_millis(JobId(1), failures, ErrorCode::Trap)).collect();
        assert_eq!(pauses, vec![Some(1000), Some(2000), Some(4000), Some(5000), Some(5000), None]);
    }

    #[test]
    fn only_what_the_policy_names_is_tried_again() {
        let policy = RetryPolicy { on: [RetryOn::Timeout].into(), ..policy() };
        assert_eq!(policy.pause_millis(JobId(1), 1, ErrorCode::HandlerError), None);
        assert_eq!(policy.pause_millis(JobId(1), 1, ErrorCode::TimedOut), Some(1000));
    }

    #[test]
    fn no_attempts_means_no_retry() {
        for max_attempts in [0, 1] {
            let policy = RetryPolicy { max_attempts, ..policy() };
            assert_eq!(policy.pause_millis(JobId(1), 1, ErrorCode::Trap), None);
        }
    }

    #[test]
    fn jitter_takes_off_a_repeatable_part() {
        let policy = RetryPolicy { jitter: 0.5, ..policy() };
        let pause = |id| policy.pause_millis(JobId(id), 1, ErrorCode::Trap).unwrap();
        assert_eq!(pause(7), pause(7));
        assert!((500..=1000).contains(&pause(7)));
        assert!((1..100).map(pause).collect::<BTreeSet<_>>().len() > 50, "jobs spread");
    }

    #[test]
    fn wild_numbers_stay_within_bounds() {
        let policy = RetryPolicy {
            max_attempts: u32::MAX,
            initial_millis: u64::MAX,
            factor: f64::MAX,
            max_millis: u64::MAX,
            ..RetryPolicy::default()
        };
        let pause = policy.pause_millis(JobId(1), u32::MAX - 1, ErrorCode::Trap).unwrap();
        assert!(pause <= PAUSE_MILLIS_MAX);
    }
}
