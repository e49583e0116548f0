//! The one shape of every refusal and failure.

use alloc::{format, string::String};
use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::code::ErrorCode;

/// What went wrong, for a program (`code`, `detail`) and for a person (`message`, `hint`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// The kind of problem.
    pub code: ErrorCode,
    /// One sentence about this very case.
    pub message: String,
    /// What a program may want to look at: a pointer into the request, a trap kind, a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// What to try next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

impl Problem {
    /// A problem with the retry advice of its code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None, hint: None, retryable: code.is_retryable() }
    }

    /// Adds what a program may want to look at.
    #[must_use]
    pub fn with_detail(mut self, detail: Value) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Adds what to try next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Problem {}

/// The media type of [`ProblemDocument`].
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// A problem as the body of an HTTP answer (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProblemDocument {
    /// `urn:windlass:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One sentence about this very case.
    pub detail: String,
    /// The kind of problem.
    pub code: ErrorCode,
    /// What a program may want to look at: a pointer into the request, a trap kind, a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Value>,
    /// What to try next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

impl From<Problem> for ProblemDocument {
    fn from(problem: Problem) -> Self {
        let code = problem.code;
        Self {
            kind: format!("urn:windlass:{code}"),
            title: code.name().replace('_', " "),
            status: code.status(),
            detail: problem.message,
            code,
            info: problem.detail,
            hint: problem.hint,
            retryable: problem.retryable,
        }
    }
}

impl From<ProblemDocument> for Problem {
    fn from(document: ProblemDocument) -> Self {
        Self {
            code: document.code,
            message: document.detail,
            detail: document.info,
            hint: document.hint,
            retryable: document.retryable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_comes_back_from_its_document() {
        let problem = Problem::new(ErrorCode::BadArguments, "`x` is missing")
            .with_detail(json!({ "pointer": "/x" }))
            .with_hint("add it");
        let document = ProblemDocument::from(problem.clone());
        assert_eq!((document.status, document.title.as_str()), (400, "bad arguments"));
        assert_eq!(Problem::from(document), problem);
    }
}
