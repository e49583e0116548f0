//! Calls: run a handler now and answer its value.

use std::sync::Arc;

use serde_json::{Value, value::RawValue};
use windlass_wire::{
    code::ErrorCode,
    problem::Problem,
    span::{Span, Timeout},
    submit::CallOptions,
};

use super::HandlerValue;
use crate::server::{
    context::Context,
    translate::{argument_error, call_error},
};
use crate::{driver::NewCall, sandbox::arguments::check};

/// The one clock of a call that names none.
const CALL_TIMEOUT_DEFAULT: Timeout = Timeout::After(Span::from_secs(30));

/// Runs a handler and answers its value. `base` is where the arguments stand in the request, as a JSON pointer.
///
/// Cancel safety: dropping it stops the guest.
pub(in crate::server) async fn call(
    context: &Context,
    handler: &str,
    args: Value,
    base: &str,
    options: CallOptions,
) -> Result<HandlerValue, Problem> {
    let resolved = context.registry.resolve(handler, options.version.as_deref())?;
    let signature = &resolved.version.signatures[resolved.handler];
    let args = check(signature, &args).map_err(|error| argument_error(error, base))?;
    let timeout = options.timeout.unwrap_or(CALL_TIMEOUT_DEFAULT).span().map(Span::duration);
    let call = NewCall { version: Arc::clone(&resolved.version), handler: resolved.handler, args, timeout };
    let value = context.driver.call(call).await.map_err(call_error)?;
    let json = RawValue::from_string(value).map_err(|error| {
        tracing::error!(%error, handler, "a run answered something that is not JSON");
        Problem::new(ErrorCode::Internal, "the run answered something that is not JSON")
    })?;
    Ok(HandlerValue { json, handler: Some((resolved.version, resolved.handler)) })
}
