//! What the exit code of the command line tells.

use windlass_wire::code::ErrorCode;

/// It worked.
pub(crate) const OK: u8 = 0;
/// A job or call failed, or something went wrong that none of the others names.
pub(crate) const FAILED: u8 = 1;
/// What was asked for makes no sense: wrong flags, arguments or settings.
pub(crate) const USAGE: u8 = 2;
/// There is no such job, handler or plugin.
pub(crate) const NOT_FOUND: u8 = 3;
/// The answer did not come in time.
pub(crate) const TIMED_OUT: u8 = 4;
/// The token is missing, wrong, or does not allow this.
pub(crate) const NOT_ALLOWED: u8 = 5;
/// No broker answers.
pub(crate) const UNREACHABLE: u8 = 6;

/// The same for people, at the end of `windlass --help`.
pub(crate) const HELP: &str = "\
Exit codes: 0 ok, 1 job failed, 2 usage, 3 not found, 4 timed out, 5 not allowed, 6 unreachable.
Every setting of `serve` can also be given as WINDLASS_NAME, and as `name` in the file of --config.";

/// The exit code of a request that was answered with a problem.
pub(crate) const fn of(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::BadArguments
        | ErrorCode::BadFrame
        | ErrorCode::BadRequest
        | ErrorCode::IdempotencyMismatch
        | ErrorCode::TooLarge
        | ErrorCode::UnknownOp => USAGE,
        ErrorCode::Gone | ErrorCode::NotFound | ErrorCode::UnknownHandler => NOT_FOUND,
        ErrorCode::TimedOut => TIMED_OUT,
        ErrorCode::Forbidden | ErrorCode::OpBlocked | ErrorCode::Unauthorized => NOT_ALLOWED,
        ErrorCode::Draining => UNREACHABLE,
        ErrorCode::BadState
        | ErrorCode::Cancelled
        | ErrorCode::Conflict
        | ErrorCode::Expired
        | ErrorCode::HandlerError
        | ErrorCode::Internal
        | ErrorCode::NoWorkers
        | ErrorCode::OutOfMemory
        | ErrorCode::Overloaded
        | ErrorCode::PluginRejected
        | ErrorCode::Quarantined
        | ErrorCode::RateLimited
        | ErrorCode::Trap
        | ErrorCode::WorkerLost => FAILED,
    }
}
