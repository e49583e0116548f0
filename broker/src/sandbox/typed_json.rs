//! JSON of a WIT type, for formats that have bytes and 64-bit integers of their own.

use serde::ser::{Error as _, Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::{Map, Value};

use super::types::{Field, ValueType};

/// A JSON value together with its type. Bytes are written as bytes, 64-bit integers as integers, floats as
/// floats whatever their value; everything else as it stands in JSON.
#[derive(Clone, Copy, Debug)]
pub struct TypedJson<'a> {
    /// The value, as `to_json` wrote it.
    pub value: &'a Value,
    /// Its type; none = nothing, or not known.
    pub ty: Option<&'a ValueType>,
}

impl<'a> TypedJson<'a> {
    fn new(value: &'a Value, ty: &'a ValueType) -> Self {
        Self { value, ty: Some(ty) }
    }
}

impl Serialize for TypedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { value, ty: Some(ty) } = *self else { return self.value.serialize(serializer) };
        match (ty, value) {
            (ValueType::List(_), Value::String(text)) if ty.is_bytes() => {
                let bytes = base64_simd::STANDARD.decode_to_vec(text).map_err(S::Error::custom)?;
                serializer.serialize_bytes(&bytes)
            }
            (ValueType::S64, Value::String(text)) => {
                serializer.serialize_i64(text.parse().map_err(S::Error::custom)?)
            }
            (ValueType::U64, Value::String(text)) => {
                serializer.serialize_u64(text.parse().map_err(S::Error::custom)?)
            }
            // Rust reads the names that are written for what is no number.
            (ValueType::F32 | ValueType::F64, Value::String(text)) => {
                serializer.serialize_f64(text.parse().map_err(S::Error::custom)?)
            }
            (ValueType::List(of), Value::Array(values)) => {
                sequence(serializer, values.iter().map(|value| TypedJson::new(value, of)))
            }
            (ValueType::Tuple(types), Value::Array(values)) => {
                sequence(serializer, values.iter().zip(types).map(|(value, ty)| TypedJson::new(value, ty)))
            }
            (ValueType::Record(fields), Value::Object(object)) => {
                map(serializer, object, |key| field(fields, key))
            }
            (ValueType::Variant(cases), Value::Object(object)) => {
                let case = object.get("case").and_then(Value::as_str);
                let case = cases.iter().find(|known| case == Some(known.name.as_str()));
                map(serializer, object, |key| case.filter(|_| key == "value")?.ty.as_ref())
            }
            (ValueType::Result { ok, err }, Value::Object(object)) => map(serializer, object, |key| {
                if key == "ok" { ok.as_deref() } else { err.as_deref().filter(|_| key == "err") }
            }),
            (ValueType::Option(of), Value::Object(object)) if matches!(**of, ValueType::Option(_)) => {
                map(serializer, object, |key| (key == "some").then_some(of))
            }
            (ValueType::Option(of), value) if !value.is_null() => {
                TypedJson::new(value, of).serialize(serializer)
            }
            (_, value) => value.serialize(serializer),
        }
    }
}

fn field<'a>(fields: &'a [Field], key: &str) -> Option<&'a ValueType> {
    fields.iter().find(|field| field.name == key).map(|field| &field.ty)
}

fn sequence<'a, S: Serializer>(
    serializer: S,
    values: impl ExactSizeIterator<Item = TypedJson<'a>>,
) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(values.len()))?;
    for value in values {
        sequence.serialize_element(&value)?;
    }
    sequence.end()
}

fn map<'a, S: Serializer>(
    serializer: S,
    object: &'a Map<String, Value>,
    ty: impl Fn(&str) -> Option<&'a ValueType>,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(object.len()))?;
    for (key, value) in object {
        map.serialize_entry(key, &TypedJson { value, ty: ty(key) })?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::types::Case;

    /// The bytes of a typed value in `MessagePack`, as hexadecimal.
    fn packed(value: &Value, ty: &ValueType) -> Vec<u8> {
        rmp_serde::to_vec_named(&TypedJson::new(value, ty)).unwrap()
    }

    fn bytes() -> ValueType {
        ValueType::List(Box::new(ValueType::U8))
    }

    #[test]
    fn bytes_are_bytes_wherever_they_stand() {
        let bin = [0xc4, 2, 0xff, 0xd8];
        assert_eq!(packed(&json!("/9g="), &bytes()), bin);
        assert_eq!(packed(&json!("/9g="), &ValueType::Option(Box::new(bytes()))), bin);
        let list = ValueType::List(Box::new(bytes()));
        assert_eq!(packed(&json!(["/9g="]), &list), [&[0x91], &bin[..]].concat());
        let record = ValueType::Record(vec![Field { name: "a".into(), ty: bytes() }]);
        assert_eq!(packed(&json!({"a": "/9g="}), &record), [&[0x81, 0xa1, b'a'], &bin[..]].concat());
        let result = ValueType::Result { ok: None, err: Some(Box::new(bytes())) };
        assert_eq!(packed(&json!({"err": "/9g="}), &result), [&[0x81, 0xa3], &b"err"[..], &bin].concat());
        let variant = ValueType::Variant(vec![Case { name: "b".into(), ty: Some(bytes()) }]);
        let [head, case, value] = [&[0x82_u8, 0xa4][..], b"case\xa1b\xa5", b"value"];
        assert_eq!(
            packed(&json!({"case": "b", "value": "/9g="}), &variant),
            [head, case, value, &bin].concat()
        );
    }

    #[test]
    fn whole_numbers_of_64_bits_are_integers() {
        assert_eq!(
            packed(&json!("18446744073709551615"), &ValueType::U64),
            [&[0xcf], &[0xff; 8][..]].concat()
        );
        assert_eq!(
            packed(&json!("-9223372036854775808"), &ValueType::S64),
            [0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(packed(&json!(7), &ValueType::U64), [7]);
    }

    #[test]
    fn floats_that_are_no_numbers_are_floats() {
        let packed = packed(&json!("-Infinity"), &ValueType::F32);
        assert_eq!(rmp_serde::from_slice::<f64>(&packed).unwrap().to_bits(), f64::NEG_INFINITY.to_bits());
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(packed(&json!("7"), &ValueType::String), [0xa1, b'7']);
        assert_eq!(packed(&json!(null), &ValueType::Option(Box::new(bytes()))), [0xc0]);
    }
}
