//! Arguments: from the JSON of a caller to values a handler takes, refused with the place of the mistake.

use std::fmt;

use serde_json::{Map, Value};
use wasmtime::component::Val;

use super::from_json;
use super::types::{Param, Signature, ValueType};

/// Arguments that fit the signature they were checked against, ready for a run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Arguments(pub(super) Vec<Argument>);

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    /// For a parameter of type `list<u8>`: as a [`Val`] each byte would take forty.
    Bytes(Vec<u8>),
    /// For a parameter of any other type.
    Value(Val),
}

/// Arguments that do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ArgumentError {
    /// JSON pointer (RFC 6901) from the arguments to the mistake; empty for the arguments as a whole.
    pub pointer: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "`{}`: {}", self.pointer, self.message)
        }
    }
}

impl ArgumentError {
    pub(super) fn new(message: impl Into<String>) -> ArgumentError {
        ArgumentError { pointer: String::new(), message: message.into() }
    }

    /// The same mistake seen from one level further out.
    pub(super) fn within(mut self, segment: &impl fmt::Display) -> ArgumentError {
        let segment = segment.to_string().replace('~', "~0").replace('/', "~1");
        self.pointer.insert_str(0, &format!("/{segment}"));
        self
    }
}

/// Checks `args` against `signature`: an object has the arguments by name, an array by position, `null` has
/// none. Options may be left out.
pub fn check(signature: &Signature, args: &Value) -> Result<Arguments, ArgumentError> {
    match args {
        Value::Object(named) => by_name(&signature.params, named),
        Value::Array(values) => by_position(&signature.params, values),
        Value::Null => by_name(&signature.params, &Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(ArgumentError::new(
            "expected an object with the arguments by name or an array with them in order",
        )),
    }
}

fn by_name(params: &[Param], named: &Map<String, Value>) -> Result<Arguments, ArgumentError> {
    let fields: Vec<_> = params.iter().map(|param| (param.name.as_str(), &param.ty)).collect();
    from_json::named("parameter", &fields, named, argument).map(Arguments)
}

fn by_position(params: &[Param], values: &[Value]) -> Result<Arguments, ArgumentError> {
    if values.len() > params.len() {
        return Err(ArgumentError::new(format!(
            "expected at most {} arguments, found {}",
            params.len(),
            values.len()
        )));
    }
    let of = |(index, param): (usize, &Param)| match values.get(index) {
        Some(value) => argument(&param.ty, value).map_err(|error| error.within(&index)),
        None => from_json::absent(&param.ty).map(Argument::Value).ok_or_else(|| {
            ArgumentError::new(format!("parameter `{}` of type `{}` is missing", param.name, param.ty))
                .within(&index)
        }),
    };
    params.iter().enumerate().map(of).collect::<Result<_, _>>().map(Arguments)
}

fn argument(ty: &ValueType, value: &Value) -> Result<Argument, ArgumentError> {
    if ty.is_bytes() {
        from_json::bytes(value).map(Argument::Bytes)
    } else {
        from_json::value(ty, value).map(Argument::Value)
    }
}

impl From<Val> for Argument {
    fn from(value: Val) -> Argument {
        Argument::Value(value)
    }
}

impl Argument {
    /// The argument as the general form of calls takes it.
    pub(super) fn into_val(self) -> Val {
        match self {
            Argument::Bytes(bytes) => Val::List(bytes.into_iter().map(Val::U8).collect()),
            Argument::Value(value) => value,
        }
    }
}

#[cfg(test)]
mod tests;
