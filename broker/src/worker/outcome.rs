//! From how a sandbox ended to what the core decides about.

use serde_json::json;
use windlass_core::job::Failure;
use windlass_wire::{code::ErrorCode, job::Usage, span::Span};

use crate::sandbox::{self, Outcome};

/// Longest message of a failure kept in a record, in bytes.
const MESSAGE_BYTES_MAX: usize = 2048;
/// Largest detail of a failure kept in a record, in bytes of JSON text.
const DETAIL_BYTES_MAX: usize = 16 << 10;

/// A run that was stopped from outside has nothing to report.
pub(super) struct Stopped;

/// The result as JSON text, or why there is none.
pub(super) fn settle(outcome: Outcome) -> Result<Result<String, Failure>, Stopped> {
    Ok(Err(match outcome {
        Outcome::Succeeded(value) => return Ok(Ok(value)),
        Outcome::Cancelled => return Err(Stopped),
        Outcome::Failed { detail, message } => failure(ErrorCode::HandlerError, message, Some(detail)),
        Outcome::Trapped { kind, message, mut backtrace } => {
            // A recursion that went too deep tells enough by one of its frames.
            backtrace.dedup();
            failure(ErrorCode::Trap, message, Some(json!({ "trap": kind, "frames": backtrace })))
        }
        Outcome::OutOfMemory { memory_bytes_max } => failure(
            ErrorCode::OutOfMemory,
            format!("the guest needed more than its {} MiB of memory", memory_bytes_max >> 20),
            Some(json!({ "memory_bytes_max": memory_bytes_max })),
        ),
        Outcome::TimedOut { limit } => {
            let limit = Span::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
            failure(ErrorCode::TimedOut, format!("the run was stopped at its limit of {limit}"), None)
        }
        Outcome::TooLarge { result_bytes_max } => failure(
            ErrorCode::TooLarge,
            format!("the result is larger than {result_bytes_max} bytes"),
            Some(json!({ "result_bytes_max": result_bytes_max })),
        ),
        Outcome::BadPlugin { message } => failure(ErrorCode::Internal, message, None),
    }))
}

/// A failure within the bounds of a record.
pub(super) fn failure(code: ErrorCode, message: String, detail: Option<serde_json::Value>) -> Failure {
    let detail = detail.map(|detail| detail.to_string()).map(|text| {
        let bytes = text.len();
        if bytes <= DETAIL_BYTES_MAX { text } else { json!({ "dropped_bytes": bytes }).to_string() }
    });
    let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
    let message = if end < message.len() { format!("{}...", &message[..end]) } else { message };
    Failure { code, message, detail }
}

/// What a run used, in the units of records.
pub(super) fn usage(usage: &sandbox::Usage) -> Usage {
    let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Usage {
        wall_micros: micros(usage.wall),
        cpu_micros: micros(usage.cpu),
        memory_bytes_peak: usage.memory_bytes_peak as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_within_the_bounds_of_a_record() {
        let long = "\u{fc}".repeat(MESSAGE_BYTES_MAX);
        let failure =
            failure(ErrorCode::HandlerError, long.clone(), Some(json!([long, long, long, long, long])));
        assert!(failure.message.len() <= MESSAGE_BYTES_MAX + 3);
        assert!(failure.detail.unwrap().contains("dropped_bytes"));
    }

    #[test]
    fn a_stopped_run_has_nothing_to_report() {
        assert!(settle(Outcome::Cancelled).is_err());
    }
}
