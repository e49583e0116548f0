//! WIT values to JSON text, written directly without a tree in between.

use std::fmt::Write as _;

use wasmtime::component::Val;

use super::types::{Case, Field, ValueType};

/// Whole numbers beyond this lose digits in readers that have only doubles, so they are written as text.
const EXACT_MAX: u64 = 1 << 53;

/// A value and the type it was said to have do not go together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value is not of its type `{0}`")]
pub(super) struct Mismatch(String);

/// Appends `value` of type `ty` to `out` as JSON.
pub(super) fn write(out: &mut String, ty: &ValueType, value: &Val) -> Result<(), Mismatch> {
    let mismatch = || Mismatch(ty.to_string());
    match (ty, value) {
        (ValueType::Bool, Val::Bool(value)) => out.push_str(if *value { "true" } else { "false" }),
        (ValueType::S8, Val::S8(value)) => signed(out, i64::from(*value)),
        (ValueType::U8, Val::U8(value)) => unsigned(out, u64::from(*value)),
        (ValueType::S16, Val::S16(value)) => signed(out, i64::from(*value)),
        (ValueType::U16, Val::U16(value)) => unsigned(out, u64::from(*value)),
        (ValueType::S32, Val::S32(value)) => signed(out, i64::from(*value)),
        (ValueType::U32, Val::U32(value)) => unsigned(out, u64::from(*value)),
        (ValueType::S64, Val::S64(value)) => signed(out, *value),
        (ValueType::U64, Val::U64(value)) => unsigned(out, *value),
        (ValueType::F32, Val::Float32(value)) => float(out, f64::from(*value), value),
        (ValueType::F64, Val::Float64(value)) => float(out, *value, value),
        (ValueType::Char, Val::Char(value)) => text(out, value.encode_utf8(&mut [0; 4])),
        (ValueType::String, Val::String(value)) => text(out, value),
        (ValueType::List(_), Val::List(values)) if ty.is_bytes() => {
            let bytes = values.iter().map(|value| if let Val::U8(byte) = value { Some(*byte) } else { None });
            bytes_text(out, &bytes.collect::<Option<Vec<u8>>>().ok_or_else(mismatch)?);
        }
        (ValueType::List(of), Val::List(values)) => {
            separated(out, ('[', ']'), values, |out, value| write(out, of, value))?;
        }
        (ValueType::Tuple(types), Val::Tuple(values)) if types.len() == values.len() => {
            separated(out, ('[', ']'), types.iter().zip(values), |out, (ty, value)| write(out, ty, value))?;
        }
        (ValueType::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
            separated(out, ('{', '}'), fields.iter().zip(values), |out, (field, value)| {
                record_field(out, field, value)
            })?;
        }
        (ValueType::Variant(cases), Val::Variant(name, payload)) => {
            let case = cases.iter().find(|case| case.name == *name).ok_or_else(mismatch)?;
            variant(out, case, payload.as_deref())?;
        }
        (ValueType::Enum(_), Val::Enum(name)) => text(out, name),
        (ValueType::Flags(_), Val::Flags(names)) => {
            separated(out, ('[', ']'), names, |out, name| {
                text(out, name);
                Ok(())
            })?;
        }
        (ValueType::Option(_), Val::Option(None)) => out.push_str("null"),
        (ValueType::Option(of), Val::Option(Some(value))) if matches!(**of, ValueType::Option(_)) => {
            member(out, "some", Some(of), Some(value))?;
        }
        (ValueType::Option(of), Val::Option(Some(value))) => write(out, of, value)?,
        (ValueType::Result { ok, .. }, Val::Result(Ok(value))) => {
            member(out, "ok", ok.as_deref(), value.as_deref())?;
        }
        (ValueType::Result { err, .. }, Val::Result(Err(value))) => {
            member(out, "err", err.as_deref(), value.as_deref())?;
        }
        _ => return Err(mismatch()),
    }
    Ok(())
}

/// Appends what a case carries; nothing is `null`.
pub(super) fn payload(out: &mut String, ty: Option<&ValueType>, value: Option<&Val>) -> Result<(), Mismatch> {
    match (ty, value) {
        (Some(ty), Some(value)) => write(out, ty, value),
        (None, None) => {
            out.push_str("null");
            Ok(())
        }
        (Some(ty), None) => Err(Mismatch(ty.to_string())),
        (None, Some(_)) => Err(Mismatch("_".to_owned())),
    }
}

/// Appends a JSON string.
pub(super) fn text(out: &mut String, text: &str) {
    out.push('"');
    let mut written = 0;
    for (index, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[written..index]);
        written = index + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => infallible(write!(out, "\\u{byte:04x}")),
        }
    }
    out.push_str(&text[written..]);
    out.push('"');
}

/// Appends bytes as a JSON string of base64.
pub(super) fn bytes_text(out: &mut String, bytes: &[u8]) {
    out.push('"');
    base64_simd::STANDARD.encode_append(bytes, out);
    out.push('"');
}

/// Appends a whole number, as text where a double could not hold it.
pub(super) fn unsigned(out: &mut String, value: u64) {
    infallible(if value > EXACT_MAX { write!(out, "\"{value}\"") } else { write!(out, "{value}") });
}

fn signed(out: &mut String, value: i64) {
    infallible(if value.unsigned_abs() > EXACT_MAX {
        write!(out, "\"{value}\"")
    } else {
        write!(out, "{value}")
    });
}

/// Appends the shortest digits that mean `value`; `wide` is the same number as a double.
fn float(out: &mut String, wide: f64, value: &impl std::fmt::Debug) {
    if wide.is_nan() {
        out.push_str("\"NaN\"");
    } else if wide.is_infinite() {
        out.push_str(if wide > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    } else {
        infallible(write!(out, "{value:?}"));
    }
}

fn record_field(out: &mut String, field: &Field, (name, value): &(String, Val)) -> Result<(), Mismatch> {
    if field.name != *name {
        return Err(Mismatch(field.ty.to_string()));
    }
    text(out, name);
    out.push(':');
    write(out, &field.ty, value)
}

fn variant(out: &mut String, case: &Case, value: Option<&Val>) -> Result<(), Mismatch> {
    out.push_str("{\"case\":");
    text(out, &case.name);
    if case.ty.is_some() {
        out.push_str(",\"value\":");
        payload(out, case.ty.as_ref(), value)?;
    }
    out.push('}');
    Ok(())
}

fn member(out: &mut String, name: &str, ty: Option<&ValueType>, value: Option<&Val>) -> Result<(), Mismatch> {
    out.push('{');
    text(out, name);
    out.push(':');
    payload(out, ty, value)?;
    out.push('}');
    Ok(())
}

fn separated<T>(
    out: &mut String,
    (open, close): (char, char),
    parts: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T) -> Result<(), Mismatch>,
) -> Result<(), Mismatch> {
    out.push(open);
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, part)?;
    }
    out.push(close);
    Ok(())
}

/// Writing to a string cannot fail.
fn infallible(result: std::fmt::Result) {
    debug_assert!(result.is_ok());
}
