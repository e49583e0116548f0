//! Answers over HTTP.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
        REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
};
use serde::Serialize;
use serde_json::value::RawValue;
use windlass_wire::{
    code::ErrorCode,
    problem::{PROBLEM_MEDIA_TYPE, Problem, ProblemDocument},
};

use super::limits::RETRY_AFTER_SECONDS;

/// The body of any answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
/// Any answer.
pub(super) type Answer = Response<Body>;

const JSON: &str = "application/json";

/// Sent with everything that does not say otherwise: the API is no place for scripts, frames, caches or referrers.
const HEADERS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// Bytes of a media type.
pub(super) fn bytes(status: StatusCode, media_type: &'static str, bytes: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(bytes.into()).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// Plain text.
pub(super) fn text(text: impl Into<Bytes>) -> Answer {
    bytes(StatusCode::OK, "text/plain; charset=utf-8", text)
}

/// JSON text.
pub(super) fn raw(status: StatusCode, value: Box<RawValue>) -> Answer {
    bytes(status, JSON, Box::<str>::from(value).into_boxed_bytes())
}

/// A value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Result<Answer, Problem> {
    super::verbs::json(value).map(|value| raw(status, value))
}

/// A problem as an RFC 9457 document.
pub(super) fn problem(problem: Problem) -> Answer {
    let code = problem.code;
    document(&ProblemDocument::from(problem), |headers| {
        if code == ErrorCode::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(code.status(), 429 | 503) {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
    })
}

/// A problem document with headers of its own.
pub(super) fn document(document: &ProblemDocument, add: impl FnOnce(&mut HeaderMap)) -> Answer {
    let status = StatusCode::from_u16(document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A document has no map whose keys could fail to be written; an empty body is what is left if it did.
    let mut answer = bytes(status, PROBLEM_MEDIA_TYPE, serde_json::to_vec(document).unwrap_or_default());
    add(answer.headers_mut());
    answer
}

/// Adds what every answer carries.
pub(super) fn seal(mut answer: Answer) -> Answer {
    for (name, value) in HEADERS {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}
