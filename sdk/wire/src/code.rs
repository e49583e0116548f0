//! The closed set of error codes, and what a caller may conclude from each.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $status:literal $retryable:literal $untouched:literal;)*) => {
        /// Why a request or a job did not succeed. Keep alphabetical.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// Every code, for documents and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in frames and problem documents.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status of the same refusal.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Whether the same request may succeed later without being changed.
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }

            /// Whether the request is known to have changed and run nothing, so that
            /// sending it again cannot do it twice.
            pub const fn has_no_side_effects(self) -> bool {
                match self { $(Self::$variant => $untouched,)* }
            }
        }
    };
}

codes! {
    /// The arguments do not fit the handler's types.
    BadArguments "bad_arguments" 400 false true;
    /// The bytes are not a frame.
    BadFrame "bad_frame" 400 false true;
    /// The frame or body is well formed, but asks for something that makes no sense.
    BadRequest "bad_request" 400 false true;
    /// The job or plugin is in a state in which this cannot be done.
    BadState "bad_state" 409 false true;
    /// Somebody asked for it to stop.
    Cancelled "cancelled" 422 false false;
    /// Another change came first.
    Conflict "conflict" 409 true true;
    /// The broker is shutting down.
    Draining "draining" 503 true true;
    /// The job waited longer than its `queue_timeout`.
    Expired "expired" 422 false true;
    /// The token does not allow this.
    Forbidden "forbidden" 403 false true;
    /// It existed and was removed.
    Gone "gone" 410 false true;
    /// The handler answered its `err` case.
    HandlerError "handler_error" 422 false false;
    /// The idempotency key was used with another body.
    IdempotencyMismatch "idempotency_mismatch" 409 false true;
    /// The broker is at fault.
    Internal "internal" 500 true false;
    /// No worker may run this.
    NoWorkers "no_workers" 503 true true;
    /// There is no such thing.
    NotFound "not_found" 404 false true;
    /// The op is switched off on this broker.
    OpBlocked "op_blocked" 403 false true;
    /// The guest asked for more memory than its limit.
    OutOfMemory "out_of_memory" 422 false false;
    /// No slot was free in time, or a bound of the broker is reached.
    Overloaded "overloaded" 503 true true;
    /// The upload is not a component this broker accepts.
    PluginRejected "plugin_rejected" 422 false true;
    /// The job killed too many workers.
    Quarantined "quarantined" 422 false false;
    /// Too many requests.
    RateLimited "rate_limited" 429 true true;
    /// A time limit ended it.
    TimedOut "timed_out" 504 true false;
    /// A size limit refused it.
    TooLarge "too_large" 413 false true;
    /// The guest trapped.
    Trap "trap" 422 false false;
    /// No valid token.
    Unauthorized "unauthorized" 401 false true;
    /// No such handler on this broker.
    UnknownHandler "unknown_handler" 404 false true;
    /// No such op.
    UnknownOp "unknown_op" 404 false true;
    /// The worker that ran it was lost.
    WorkerLost "worker_lost" 422 true false;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// WebSocket close codes of the broker.
pub mod close {
    /// Three bad frames in a row.
    pub const BAD_FRAMES: u16 = 4400;
    /// The token is missing or wrong.
    pub const NOT_AUTHENTICATED: u16 = 4401;
    /// The token does not allow this connection.
    pub const NOT_ALLOWED: u16 = 4403;
    /// No `session.hello` in time.
    pub const HELLO_TOO_LATE: u16 = 4408;
    /// A frame above the size limit.
    pub const TOO_LARGE: u16 = 4413;
    /// Too many requests, or answers are not read.
    pub const TOO_FAST: u16 = 4429;
    /// The broker is shutting down.
    pub const DRAINING: u16 = 4503;
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    #[test]
    fn names_on_the_wire_are_the_names_in_code() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.name()));
        }
    }

    #[test]
    fn codes_are_alphabetical() {
        let names = || ErrorCode::ALL.iter().map(ToString::to_string);
        assert!(names().is_sorted(), "keep the table in order");
    }
}
