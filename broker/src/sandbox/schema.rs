//! JSON Schema (2020-12) of the JSON forms of WIT types, for forms, clients and API descriptions.

use serde_json::{Map, Value, json};

use super::types::{Case, Field, Signature, ValueType};

/// Base64 of the standard alphabet without loose bits, padding optional.
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw](==)?|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=?)?$";

/// The schema of what is accepted and written for `ty`.
pub fn schema(ty: &ValueType) -> Value {
    match ty {
        ValueType::Bool => json!({"type": "boolean"}),
        ValueType::S8 => integer(i64::from(i8::MIN), u64::from(i8::MAX.unsigned_abs())),
        ValueType::U8 => integer(0, u64::from(u8::MAX)),
        ValueType::S16 => integer(i64::from(i16::MIN), u64::from(i16::MAX.unsigned_abs())),
        ValueType::U16 => integer(0, u64::from(u16::MAX)),
        ValueType::S32 => integer(i64::from(i32::MIN), u64::from(i32::MAX.unsigned_abs())),
        ValueType::U32 => integer(0, u64::from(u32::MAX)),
        ValueType::S64 => decimal(&integer(i64::MIN, i64::MAX.unsigned_abs()), "^-?[0-9]+$"),
        ValueType::U64 => decimal(&integer(0, u64::MAX), "^[0-9]+$"),
        ValueType::F32 | ValueType::F64 => {
            json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
        }
        ValueType::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        ValueType::String => json!({"type": "string"}),
        ValueType::List(_) if ty.is_bytes() => {
            json!({"type": "string", "contentEncoding": "base64", "pattern": BASE64})
        }
        ValueType::List(of) => json!({"type": "array", "items": schema(of)}),
        ValueType::Tuple(types) => json!({
            "type": "array",
            "prefixItems": types.iter().map(schema).collect::<Vec<_>>(),
            "minItems": types.len(),
            "maxItems": types.len(),
        }),
        ValueType::Record(fields) => {
            object(fields.iter().map(|Field { name, ty }| (name.as_str(), schema(ty), required(ty))))
        }
        ValueType::Variant(cases) => json!({"oneOf": cases.iter().map(case).collect::<Vec<_>>()}),
        ValueType::Enum(names) => json!({"type": "string", "enum": names}),
        ValueType::Flags(names) => {
            json!({"type": "array", "items": {"type": "string", "enum": names}, "uniqueItems": true})
        }
        ValueType::Option(of) if matches!(**of, ValueType::Option(_)) => {
            json!({"anyOf": [{"type": "null"}, object([("some", schema(of), true)])]})
        }
        ValueType::Option(of) => json!({"anyOf": [{"type": "null"}, schema(of)]}),
        ValueType::Result { ok, err } => json!({"oneOf": [
            object([("ok", payload(ok.as_deref()), true)]),
            object([("err", payload(err.as_deref()), true)]),
        ]}),
    }
}

/// The schema of a handler's arguments, given by name.
pub fn arguments_schema(signature: &Signature) -> Value {
    object(signature.params.iter().map(|param| (param.name.as_str(), schema(&param.ty), required(&param.ty))))
}

/// The schema of what a handler's job gives when it succeeds: of a `result`, what `ok` carries.
pub fn result_schema(signature: &Signature) -> Value {
    payload(signature.value_type())
}

fn required(ty: &ValueType) -> bool {
    !matches!(ty, ValueType::Option(_))
}

fn payload(ty: Option<&ValueType>) -> Value {
    ty.map_or_else(|| json!({"type": "null"}), schema)
}

fn case(case: &Case) -> Value {
    let name = ("case", json!({"const": case.name}), true);
    match &case.ty {
        Some(ty) => object([name, ("value", schema(ty), required(ty))]),
        None => object([name]),
    }
}

fn integer(minimum: i64, maximum: u64) -> Value {
    json!({"type": "integer", "minimum": minimum, "maximum": maximum})
}

fn decimal(number: &Value, pattern: &str) -> Value {
    json!({"anyOf": [number, {"type": "string", "pattern": pattern}]})
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value, bool)>) -> Value {
    let mut properties = Map::new();
    let mut names = Vec::new();
    for (name, schema, required) in fields {
        properties.insert(name.to_owned(), schema);
        if required {
            names.push(name);
        }
    }
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::types::Param;

    #[test]
    fn options_are_not_required() {
        let param = |name: &str, ty| Param { name: name.to_owned(), ty };
        let signature = Signature {
            name: "f".to_owned(),
            params: vec![
                param("data", ValueType::List(Box::new(ValueType::U8))),
                param("size", ValueType::Option(Box::new(ValueType::U8))),
            ],
            result: Some(ValueType::Result { ok: None, err: Some(Box::new(ValueType::String)) }),
        };
        let byte = json!({"type": "integer", "minimum": 0, "maximum": 255});
        assert_eq!(
            arguments_schema(&signature),
            json!({
                "type": "object",
                "properties": {
                    "data": {"type": "string", "contentEncoding": "base64", "pattern": BASE64},
                    "size": {"anyOf": [{"type": "null"}, byte]},
                },
                "required": ["data"],
                "additionalProperties": false,
            })
        );
        assert_eq!(result_schema(&signature), json!({"type": "null"}));
    }
}
