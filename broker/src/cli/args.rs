//! Arguments of handlers as they are typed on a command line: `name=value`, `name=@file`, or JSON.

use std::{
    fs::File,
    io::{self, Read},
};

use anyhow::Context;
use serde_json::{Map, Value};
use windlass_wire::limits::ARGS_TEXT_BYTES_MAX;

use super::failure::Usage;

/// What a parameter takes, as far as the command line has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// `list<u8>`: base64 in JSON.
    Bytes,
    /// Text and nothing else, so that `name=42` is text too.
    Text,
    /// Text, or `null`.
    OptionalText,
    /// Anything else.
    Json,
    /// Nobody knows, because the handler was not found; the broker will say so, or finds it after all.
    Unknown,
}

/// The arguments object of `NAME=VALUE` pairs. `schema` is the JSON Schema of the handler's arguments.
pub(crate) fn from_pairs(pairs: &[String], schema: Option<&Value>) -> anyhow::Result<Value> {
    let mut args = Map::new();
    for pair in pairs {
        let (name, text) = pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Usage(format!("`{pair}` is not an argument: expected NAME=VALUE or NAME=@FILE"))
        })?;
        let takes = schema.map_or(Takes::Unknown, |schema| takes_of(schema, name));
        let value = match text.strip_prefix('@') {
            Some(path) => {
                file_value(takes, path).with_context(|| format!("cannot use `{path}` as `{name}`"))?
            }
            None => value(takes, text),
        };
        if args.insert(name.to_owned(), value).is_some() {
            return Err(Usage(format!("`{name}` is given twice")).into());
        }
    }
    Ok(Value::Object(args))
}

/// The arguments as `--args` gives them: JSON, `@file` with JSON in it, or `-` for JSON on stdin.
pub(crate) fn from_json(text: &str) -> anyhow::Result<Value> {
    let path = if text == "-" { Some(text) } else { text.strip_prefix('@') };
    let content = match path {
        Some(path) => text_of(&read(path)?, path)?,
        None => text.to_owned(),
    };
    serde_json::from_str(&content)
        .map_err(|error| Usage(format!("the value of --args is not JSON: {error}")).into())
}

fn value(takes: Takes, text: &str) -> Value {
    match (takes, serde_json::from_str(text)) {
        (_, Ok(Value::String(quoted))) => Value::String(quoted),
        (Takes::OptionalText, Ok(Value::Null)) => Value::Null,
        (Takes::Json | Takes::Unknown, Ok(value)) => value,
        (Takes::Bytes | Takes::Text | Takes::OptionalText, Ok(_)) | (_, Err(_)) => {
            Value::String(text.to_owned())
        }
    }
}

fn file_value(takes: Takes, path: &str) -> anyhow::Result<Value> {
    let bytes = read(path)?;
    match takes {
        Takes::Bytes => Ok(Value::String(base64_simd::STANDARD.encode_to_string(bytes))),
        Takes::Text | Takes::OptionalText => Ok(Value::String(text_of(&bytes, path)?)),
        Takes::Json => Ok(value(takes, &text_of(&bytes, path)?)),
        Takes::Unknown => Ok(match std::str::from_utf8(&bytes) {
            Ok(text) => value(takes, text),
            Err(_) => Value::String(base64_simd::STANDARD.encode_to_string(bytes)),
        }),
    }
}

/// Reads a file, or stdin if the path is `-`.
fn read(path: &str) -> anyhow::Result<Vec<u8>> {
    let source: Box<dyn Read> = match path {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(|error| Usage(format!("cannot read `{path}`: {error}")))?),
    };
    let mut bytes = Vec::new();
    let limit = ARGS_TEXT_BYTES_MAX as u64 + 1;
    source.take(limit).read_to_end(&mut bytes).with_context(|| format!("cannot read `{path}`"))?;
    if bytes.len() > ARGS_TEXT_BYTES_MAX {
        let reason =
            format!("`{path}` has more than {ARGS_TEXT_BYTES_MAX} bytes, the most arguments can have");
        return Err(Usage(reason).into());
    }
    Ok(bytes)
}

fn text_of(bytes: &[u8], path: &str) -> anyhow::Result<String> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Usage(format!("`{path}` is not UTF-8 text: {error}")))?;
    Ok(text.to_owned())
}

/// What the parameter `name` takes; names match in kebab or snake case.
fn takes_of(schema: &Value, name: &str) -> Takes {
    let property = |name: &str| schema.get("properties").and_then(|properties| properties.get(name));
    property(name).or_else(|| property(&name.replace('_', "-"))).map_or(Takes::Unknown, takes)
}

fn takes(schema: &Value) -> Takes {
    let is_text = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "string");
    if is_bytes(schema) {
        Takes::Bytes
    } else if is_text(schema) {
        Takes::Text
    } else if optional(schema).is_some_and(is_text) {
        Takes::OptionalText
    } else {
        Takes::Json
    }
}

/// Whether values of the schema are bytes written as base64.
pub(crate) fn is_bytes(schema: &Value) -> bool {
    let encoded = schema.get("contentEncoding").is_some_and(|encoding| encoding == "base64");
    encoded || optional(schema).is_some_and(is_bytes)
}

/// What an option is an option of.
fn optional(schema: &Value) -> Option<&Value> {
    match schema.get("anyOf")?.as_array()?.as_slice() {
        [null, some] if null.get("type").is_some_and(|kind| kind == "null") => Some(some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"properties": {
            "count": {"type": "integer"},
            "image": {"type": "string", "contentEncoding": "base64"},
            "mask": {"anyOf": [{"type": "null"}, {"type": "string", "contentEncoding": "base64"}]},
            "name": {"type": "string"},
            "nick-name": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        }})
    }

    fn args(pairs: &[&str]) -> anyhow::Result<Value> {
        let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        from_pairs(&pairs, Some(&schema()))
    }

    #[test]
    fn without_types_a_value_is_json_if_it_can_be() {
        for (text, value) in [
            ("42", json!(42)),
            ("-1.5", json!(-1.5)),
            ("true", json!(true)),
            ("null", json!(null)),
            ("[1,2]", json!([1, 2])),
            (r#"{"a":1}"#, json!({"a": 1})),
            (r#""42""#, json!("42")),
            ("Ada Lovelace", json!("Ada Lovelace")),
            ("", json!("")),
            ("a=b", json!("a=b")),
        ] {
            assert_eq!(from_pairs(&[format!("v={text}")], None).unwrap(), json!({"v": value}), "{text}");
        }
    }

    #[test]
    fn a_parameter_of_text_takes_numbers_as_text() {
        assert_eq!(args(&["name=42"]).unwrap(), json!({"name": "42"}));
        assert_eq!(args(&["name=\"42\""]).unwrap(), json!({"name": "42"}));
        assert_eq!(args(&["count=42"]).unwrap(), json!({"count": 42}));
        assert_eq!(args(&["image=1234"]).unwrap(), json!({"image": "1234"}));
    }

    #[test]
    fn an_optional_text_can_still_be_null() {
        assert_eq!(args(&["nick_name=null"]).unwrap(), json!({"nick_name": null}));
        assert_eq!(args(&["nick_name=42"]).unwrap(), json!({"nick_name": "42"}));
    }

    #[test]
    fn a_file_is_base64_for_bytes_and_text_otherwise() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"42").unwrap();
        let path = file.path().display();
        let pairs = [format!("image=@{path}"), format!("mask=@{path}"), format!("name=@{path}")];
        let args = args(&pairs.each_ref().map(String::as_str)).unwrap();
        assert_eq!(args, json!({"image": "NDI=", "mask": "NDI=", "name": "42"}));
    }

    #[test]
    fn a_file_for_an_unknown_handler_leaves_the_refusal_to_the_broker() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[0xff, 0xd8]).unwrap();
        let pair = format!("image=@{}", file.path().display());
        assert_eq!(from_pairs(&[pair], None).unwrap(), json!({"image": "/9g="}));
    }

    #[test]
    fn mistakes_are_named() {
        for (pairs, part) in [
            (&["10"][..], "NAME=VALUE"),
            (&["=1"], "NAME=VALUE"),
            (&["a=1", "a=2"], "`a` is given twice"),
            (&["a=@/does/not/exist"], "cannot use `/does/not/exist` as `a`"),
        ] {
            let error = format!("{:#}", args(pairs).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
        assert!(from_json("{").unwrap_err().is::<Usage>());
        assert_eq!(from_json(r#"{"x": 1}"#).unwrap(), json!({"x": 1}));
    }
}
