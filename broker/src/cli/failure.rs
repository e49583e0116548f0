//! What a command that did not work says, and the exit code that goes with it.

use std::io;

use windlass_client::ClientError;
use windlass_wire::{code::ErrorCode, id::JobId, problem::Problem};

use super::exit;
use crate::config::ConfigError;

/// The command line asks for something that makes no sense; told without asking the broker.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// No broker was named and none was found.
#[derive(Debug, thiserror::Error)]
#[error("no broker is known here: there is no `{0}`")]
pub(crate) struct NoBroker(pub(crate) String);

/// A job ended without a result. Unlike a refused request, it did run or was stopped.
#[derive(Debug, thiserror::Error)]
#[error("job {job} failed: {problem}")]
pub(crate) struct JobFailed {
    pub(crate) job: JobId,
    pub(crate) problem: Problem,
}

/// A failed command, ready to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code of the process.
    pub(crate) exit: u8,
    /// What happened: one line, and perhaps more about it.
    pub(crate) lines: Vec<String>,
    /// What to try next.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// None if nothing is wrong but that whoever read our output has had enough.
    pub(crate) fn of(error: &anyhow::Error) -> Option<Self> {
        let broken_pipe = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
        if error.downcast_ref::<io::Error>().is_some_and(broken_pipe) {
            return None;
        }
        if let Some(JobFailed { job, problem }) = error.downcast_ref() {
            let advice = format!(
                "`windlass job logs {job}` for what it wrote, `windlass job get {job}` for its attempts"
            );
            return Some(Self::of_problem(problem, exit::FAILED, Some(advice)));
        }
        if let Some(problem) = error.downcast_ref::<ClientError>().and_then(ClientError::problem) {
            let advice = advice(problem.code).map(ToOwned::to_owned);
            return Some(Self::of_problem(problem, exit::of(problem.code), advice));
        }
        let (exit, hint) = verdict(error);
        Some(Self { exit, lines: vec![format!("{error:#}")], hint: hint.map(ToOwned::to_owned) })
    }

    /// `advice` is for when the broker gave no hint of its own.
    fn of_problem(problem: &Problem, exit: u8, advice: Option<String>) -> Self {
        let mut lines = vec![format!("{}: {}", problem.code, problem.message)];
        lines.extend(problem.detail.as_ref().map(|detail| format!("detail: {detail}")));
        Self { exit, lines, hint: problem.hint.clone().or(advice) }
    }
}

fn verdict(error: &anyhow::Error) -> (u8, Option<&'static str>) {
    if error.is::<NoBroker>() {
        return (
            exit::UNREACHABLE,
            Some("start one with `windlass dev`, or name one with --url and --token"),
        );
    }
    if error.is::<Usage>() {
        return (exit::USAGE, Some("see `windlass help` for what can be asked"));
    }
    if error.is::<ConfigError>() {
        return (exit::USAGE, Some("see `windlass help serve` for all settings"));
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::InvalidUrl { .. }) => (exit::USAGE, Some("give --url http://127.0.0.1:7878")),
        Some(ClientError::Unreachable { .. }) => {
            (exit::UNREACHABLE, Some("start a broker with `windlass dev`, or name another one with --url"))
        }
        Some(ClientError::Closed(_)) => (
            exit::UNREACHABLE,
            Some(
                "look whether the broker still runs; what was asked for may have happened, see `windlass job ls`",
            ),
        ),
        Some(ClientError::Protocol(_)) => (
            exit::FAILED,
            Some("look whether --url names a windlass broker of this version: `windlass doctor`"),
        ),
        Some(_) | None => (exit::FAILED, Some("`windlass doctor` may know more")),
    }
}

/// What to try when a request was refused or a call failed.
const fn advice(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::Unauthorized | ErrorCode::Forbidden => {
            Some("give the broker's token with --token or WINDLASS_TOKEN; `windlass token` prints it")
        }
        ErrorCode::NotFound | ErrorCode::Gone => Some("see `windlass job ls` or `windlass plugin ls`"),
        ErrorCode::UnknownHandler => Some("see `windlass plugin ls` for what can be run"),
        ErrorCode::BadArguments => Some("see `windlass plugin show` for the parameters"),
        ErrorCode::TimedOut => Some("allow more time with --timeout"),
        ErrorCode::Trap | ErrorCode::HandlerError | ErrorCode::OutOfMemory => Some(
            "`windlass submit` runs it as a job, which keeps what the handler writes: `windlass job logs`",
        ),
        ErrorCode::Draining => Some("the broker is going down; try again once it is back"),
        ErrorCode::Overloaded | ErrorCode::NoWorkers | ErrorCode::RateLimited => Some("try again later"),
        ErrorCode::Internal => Some("the broker's log tells more"),
        ErrorCode::BadFrame
        | ErrorCode::BadRequest
        | ErrorCode::BadState
        | ErrorCode::Cancelled
        | ErrorCode::Conflict
        | ErrorCode::Expired
        | ErrorCode::IdempotencyMismatch
        | ErrorCode::OpBlocked
        | ErrorCode::PluginRejected
        | ErrorCode::Quarantined
        | ErrorCode::TooLarge
        | ErrorCode::UnknownOp
        | ErrorCode::WorkerLost => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exit(error: impl Into<anyhow::Error>) -> u8 {
        Failure::of(&error.into()).unwrap().exit
    }

    fn refused(code: ErrorCode) -> ClientError {
        ClientError::Refused(Box::new(Problem::new(code, "no")))
    }

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        assert_eq!(
            exit(JobFailed { job: JobId(1), problem: Problem::new(ErrorCode::TimedOut, "too slow") }),
            1
        );
        assert_eq!(exit(refused(ErrorCode::HandlerError)), 1);
        assert_eq!(exit(Usage("no".to_owned())), 2);
        assert_eq!(exit(refused(ErrorCode::BadArguments)), 2);
        assert_eq!(exit(refused(ErrorCode::UnknownHandler)), 3);
        assert_eq!(exit(refused(ErrorCode::TimedOut)), 4);
        assert_eq!(exit(refused(ErrorCode::Unauthorized)), 5);
        assert_eq!(exit(NoBroker("x".to_owned())), 6);
        assert_eq!(exit(ClientError::Closed("gone".to_owned())), 6);
        assert_eq!(exit(anyhow::anyhow!("anything")), 1);
    }

    #[test]
    fn the_context_of_an_error_does_not_hide_its_exit_code() {
        let error = anyhow::Error::new(refused(ErrorCode::NotFound)).context("cannot look the handler up");
        assert_eq!(Failure::of(&error).unwrap().exit, 3);
    }

    #[test]
    fn a_reader_who_has_had_enough_is_no_failure() {
        assert_eq!(Failure::of(&io::Error::from(io::ErrorKind::BrokenPipe).into()), None);
    }

    #[test]
    fn a_problem_shows_code_detail_and_hint() {
        let problem =
            Problem::new(ErrorCode::BadArguments, "`x` is missing").with_detail(json!({"pointer": "/x"}));
        let failure = Failure::of(&ClientError::Refused(Box::new(problem)).into()).unwrap();
        assert_eq!(failure.lines, ["bad_arguments: `x` is missing", r#"detail: {"pointer":"/x"}"#]);
        assert_eq!(failure.hint.as_deref(), Some("see `windlass plugin show` for the parameters"));
    }
}
