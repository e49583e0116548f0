//! JSON to WIT values.

use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

use super::arguments::ArgumentError;
use super::types::{Case, ValueType};

type Checked<T> = Result<T, ArgumentError>;

/// The largest whole number up to which every whole number has a double of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The value of type `ty` that `json` writes.
pub(super) fn value(ty: &ValueType, json: &Value) -> Checked<Val> {
    match ty {
        ValueType::Bool => json.as_bool().map(Val::Bool).ok_or_else(|| mismatch(ty, json)),
        ValueType::S8 => integer(ty, json).map(Val::S8),
        ValueType::U8 => integer(ty, json).map(Val::U8),
        ValueType::S16 => integer(ty, json).map(Val::S16),
        ValueType::U16 => integer(ty, json).map(Val::U16),
        ValueType::S32 => integer(ty, json).map(Val::S32),
        ValueType::U32 => integer(ty, json).map(Val::U32),
        ValueType::S64 => decimal(ty, json).map(Val::S64),
        ValueType::U64 => decimal(ty, json).map(Val::U64),
        ValueType::F32 => float32(json).map(Val::Float32),
        ValueType::F64 => float64(ty, json).map(Val::Float64),
        ValueType::Char => character(json).map(Val::Char),
        ValueType::String => text(ty, json).map(|text| Val::String(text.to_owned())),
        ValueType::List(_) if ty.is_bytes() => {
            bytes(json).map(|bytes| Val::List(bytes.into_iter().map(Val::U8).collect()))
        }
        ValueType::List(of) => list(ty, of, json),
        ValueType::Tuple(types) => tuple(types, json),
        ValueType::Record(fields) => {
            let types: Vec<_> = fields.iter().map(|field| (field.name.as_str(), &field.ty)).collect();
            let values = named("field", &types, object(ty, json)?, value)?;
            Ok(Val::Record(fields.iter().map(|field| field.name.clone()).zip(values).collect()))
        }
        ValueType::Variant(cases) => variant(ty, cases, json),
        ValueType::Enum(names) => {
            let name = text(ty, json)?;
            known("case", name, names).map(|()| Val::Enum(name.to_owned()))
        }
        ValueType::Flags(names) => flags(ty, names, json),
        ValueType::Option(of) => option(of, json),
        ValueType::Result { ok, err } => result(ty, ok.as_deref(), err.as_deref(), json),
    }
}

/// The value of something that was not given: only an option has one.
pub(super) fn absent(ty: &ValueType) -> Option<Val> {
    matches!(ty, ValueType::Option(_)).then_some(Val::Option(None))
}

/// The values of `fields` in their order. Names match in kebab and in snake case.
pub(super) fn named<T: From<Val>>(
    what: &str,
    fields: &[(&str, &ValueType)],
    json: &Map<String, Value>,
    read: impl Fn(&ValueType, &Value) -> Checked<T>,
) -> Checked<Vec<T>> {
    let mut found = 0;
    let mut values = Vec::with_capacity(fields.len());
    for (name, ty) in fields {
        let given = json
            .get_key_value(*name)
            .or_else(|| name.contains('-').then(|| json.get_key_value(&name.replace('-', "_"))).flatten());
        if let Some((key, json)) = given {
            found += 1;
            values.push(read(ty, json).map_err(|error| error.within(key))?);
        } else if let Some(absent) = absent(ty) {
            values.push(absent.into());
        } else {
            let names = || fields.iter().map(|(name, _)| *name);
            unknown(what, names(), json)?;
            return Err(ArgumentError::new(format!("{what} `{name}` of type `{ty}` is missing")).within(name));
        }
    }
    if found < json.len() {
        unknown(what, fields.iter().map(|(name, _)| *name), json)?;
    }
    Ok(values)
}

/// Refuses the first key that is no name, and a name that is given in both cases.
fn unknown<'a>(
    what: &str,
    names: impl Iterator<Item = &'a str> + Clone,
    json: &Map<String, Value>,
) -> Checked<()> {
    for key in json.keys() {
        let Some(name) = names.clone().find(|name| *name == key || name.replace('-', "_") == *key) else {
            let message = format!("there is no {what} `{key}`{}", nearest(key, names));
            return Err(ArgumentError::new(message).within(key));
        };
        if name != key && json.contains_key(name) {
            return Err(ArgumentError::new(format!("{what} `{name}` is given twice")).within(key));
        }
    }
    Ok(())
}

/// Bytes from their text form: base64 of the standard alphabet, with or without padding.
pub(super) fn bytes(json: &Value) -> Checked<Vec<u8>> {
    let Value::String(text) = json else {
        return Err(ArgumentError::new(format!("expected bytes as base64 text, found {}", found(json))));
    };
    let codec = if text.ends_with('=') { base64_simd::STANDARD } else { base64_simd::STANDARD_NO_PAD };
    codec
        .decode_to_vec(text)
        .map_err(|_| ArgumentError::new("expected bytes as base64 text of the standard alphabet"))
}

fn integer<T: TryFrom<i128>>(ty: &ValueType, json: &Value) -> Checked<T> {
    let Value::Number(number) = json else { return Err(mismatch(ty, json)) };
    let whole = whole(number).ok_or_else(|| mismatch(ty, json))?;
    T::try_from(whole).map_err(|_| ArgumentError::new(format!("{number} is out of the range of `{ty}`")))
}

/// 64-bit integers also come as text, because many JSON writers have only doubles.
fn decimal<T: TryFrom<i128>>(ty: &ValueType, json: &Value) -> Checked<T> {
    let Value::String(text) = json else { return integer(ty, json) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(mismatch(ty, json));
    }
    text.parse::<i128>()
        .ok()
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| ArgumentError::new(format!("{text} is out of the range of `{ty}`")))
}

/// `3.0` is as whole as `3`; beyond 2^53 a number with a point has already lost digits.
fn whole(number: &Number) -> Option<i128> {
    if let Some(whole) = number.as_i128() {
        return Some(whole);
    }
    let float = number.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small enough")]
    (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then_some(float as i128)
}

fn float64(ty: &ValueType, json: &Value) -> Checked<f64> {
    match json {
        Value::Number(number) => number.as_f64().ok_or_else(|| mismatch(ty, json)),
        Value::String(text) => match text.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(ArgumentError::new(format!(
                "expected `{ty}` as a number, \"NaN\", \"Infinity\" or \"-Infinity\", found {}",
                found(json)
            ))),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(mismatch(ty, json)),
    }
}

fn float32(json: &Value) -> Checked<f32> {
    let wide = float64(&ValueType::F32, json)?;
    #[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is what f32 means")]
    let narrow = wide as f32;
    if narrow.is_infinite() && wide.is_finite() {
        return Err(ArgumentError::new(format!("{wide} is out of the range of `f32`")));
    }
    Ok(narrow)
}

fn character(json: &Value) -> Checked<char> {
    let mut characters = text(&ValueType::Char, json)?.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(ArgumentError::new("expected `char` as text of exactly one character")),
    }
}

fn list(ty: &ValueType, of: &ValueType, json: &Value) -> Checked<Val> {
    let each = |(index, json)| value(of, json).map_err(|error| error.within(&index));
    array(ty, json)?.iter().enumerate().map(each).collect::<Result<_, _>>().map(Val::List)
}

fn tuple(types: &[ValueType], json: &Value) -> Checked<Val> {
    let Value::Array(values) = json else {
        return Err(ArgumentError::new(format!(
            "expected an array of {} values, found {}",
            types.len(),
            found(json)
        )));
    };
    if values.len() != types.len() {
        let message = format!("expected an array of {} values, found {}", types.len(), values.len());
        return Err(ArgumentError::new(message));
    }
    let each = |(index, (ty, json))| value(ty, json).map_err(|error| error.within(&index));
    types.iter().zip(values).enumerate().map(each).collect::<Result<_, _>>().map(Val::Tuple)
}

fn variant(ty: &ValueType, cases: &[Case], json: &Value) -> Checked<Val> {
    let fields = object(ty, json)?;
    unknown("field", ["case", "value"].into_iter(), fields)?;
    let Some(Value::String(name)) = fields.get("case") else {
        return Err(ArgumentError::new("expected the name of a case").within(&"case"));
    };
    let Some(case) = cases.iter().find(|case| case.name == *name) else {
        let message =
            format!("there is no case `{name}`{}", nearest(name, cases.iter().map(|c| c.name.as_str())));
        return Err(ArgumentError::new(message).within(&"case"));
    };
    let payload = payload(case.ty.as_ref(), fields.get("value")).map_err(|error| error.within(&"value"))?;
    Ok(Val::Variant(name.clone(), payload))
}

fn flags(ty: &ValueType, names: &[String], json: &Value) -> Checked<Val> {
    let mut set = Vec::new();
    for (index, json) in array(ty, json)?.iter().enumerate() {
        let name = json
            .as_str()
            .ok_or_else(|| ArgumentError::new(format!("expected the name of a flag, found {}", found(json))))
            .and_then(|name| known("flag", name, names).map(|()| name))
            .and_then(|name| {
                let is_set = set.iter().any(|set| set == name);
                if is_set {
                    Err(ArgumentError::new(format!("flag `{name}` is given twice")))
                } else {
                    Ok(name)
                }
            })
            .map_err(|error| error.within(&index))?;
        set.push(name.to_owned());
    }
    Ok(Val::Flags(set))
}

/// An option within an option has its inner value in `{"some": …}`, else its `null` would have two meanings.
fn option(of: &ValueType, json: &Value) -> Checked<Val> {
    if json.is_null() {
        return Ok(Val::Option(None));
    }
    let inner = if matches!(of, ValueType::Option(_)) {
        match json.as_object().and_then(|fields| fields.get("some").filter(|_| fields.len() == 1)) {
            Some(json) => value(of, json).map_err(|error| error.within(&"some"))?,
            None => {
                return Err(ArgumentError::new(format!(
                    "expected null or {{\"some\": …}}, found {}",
                    found(json)
                )));
            }
        }
    } else {
        value(of, json)?
    };
    Ok(Val::Option(Some(Box::new(inner))))
}

fn result(ty: &ValueType, ok: Option<&ValueType>, err: Option<&ValueType>, json: &Value) -> Checked<Val> {
    let fields = object(ty, json)?;
    let side = |name, ty, json| payload(ty, Some(json)).map_err(|error: ArgumentError| error.within(&name));
    match (fields.get("ok"), fields.get("err"), fields.len()) {
        (Some(json), None, 1) => side("ok", ok, json).map(|ok| Val::Result(Ok(ok))),
        (None, Some(json), 1) => side("err", err, json).map(|err| Val::Result(Err(err))),
        _ => Err(ArgumentError::new("expected an object with either `ok` or `err`")),
    }
}

/// What a case carries; one that carries nothing takes no value or `null`.
fn payload(ty: Option<&ValueType>, json: Option<&Value>) -> Checked<Option<Box<Val>>> {
    match (ty, json) {
        (Some(ty), Some(json)) => value(ty, json).map(|val| Some(Box::new(val))),
        (Some(ty), None) => match absent(ty) {
            Some(val) => Ok(Some(Box::new(val))),
            None => Err(ArgumentError::new(format!("a value of type `{ty}` is missing"))),
        },
        (None, None | Some(Value::Null)) => Ok(None),
        (None, Some(json)) => Err(ArgumentError::new(format!("expected nothing, found {}", found(json)))),
    }
}

fn known(what: &str, name: &str, names: &[String]) -> Checked<()> {
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    let nearest = nearest(name, names.iter().map(String::as_str));
    Err(ArgumentError::new(format!("there is no {what} `{name}`{nearest}")))
}

/// Ends a refusal with the name that was most likely meant, or with all there are if they are few.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    const FEW: usize = 8;
    let near = names
        .clone()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(3) / 3);
    match near {
        Some((_, name)) => format!("; did you mean `{name}`?"),
        None if names.clone().next().is_none() => "; there are none".to_owned(),
        None if names.clone().count() <= FEW => {
            format!("; there are `{}`", names.collect::<Vec<_>>().join("`, `"))
        }
        None => String::new(),
    }
}

fn text<'a>(ty: &ValueType, json: &'a Value) -> Checked<&'a str> {
    json.as_str().ok_or_else(|| mismatch(ty, json))
}

fn array<'a>(ty: &ValueType, json: &'a Value) -> Checked<&'a Vec<Value>> {
    json.as_array().ok_or_else(|| mismatch(ty, json))
}

fn object<'a>(ty: &ValueType, json: &'a Value) -> Checked<&'a Map<String, Value>> {
    json.as_object().ok_or_else(|| mismatch(ty, json))
}

fn mismatch(ty: &ValueType, json: &Value) -> ArgumentError {
    ArgumentError::new(format!("expected `{ty}`, found {}", found(json)))
}

/// A short description of what stands in the wrong place.
fn found(json: &Value) -> String {
    const SHOWN_CHARS: usize = 40;
    match json {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= SHOWN_CHARS => format!("the text {text:?}"),
        Value::String(_) => "a long text".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
