//! From JSON to typed requests, refused with a pointer to the mistake.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::de::DeserializeOwned;
use serde_json::{Value, json, value::RawValue};
use serde_path_to_error::{Path, Segment};
use windlass_wire::{code::ErrorCode, problem::Problem};

/// Reads a decoded value. `base` is its place in the request, as a JSON pointer.
pub(super) fn from_value<T: DeserializeOwned>(base: &str, value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| refused(base, &error))
}

/// Reads JSON text.
pub(super) fn from_text<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let typed = serde_path_to_error::deserialize(&mut json).map_err(|error| refused("", &error))?;
    match json.end() {
        Ok(()) => Ok(typed),
        Err(error) => Err(Problem::new(ErrorCode::BadRequest, format!("the body is not JSON: {error}"))),
    }
}

/// Reads JSON values, one a line; lines with nothing in them are skipped.
pub(super) fn from_lines<T: DeserializeOwned>(text: &[u8]) -> Result<Vec<T>, Problem> {
    let lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    filled
        .map(|(number, line)| {
            from_text(line).map_err(|problem| Problem {
                message: format!("line {number}: {}", problem.message),
                ..problem
            })
        })
        .collect()
}

/// Whether JSON text is an object with this key.
pub(super) fn is_object_with(text: &[u8], key: &str) -> bool {
    let object: Result<BTreeMap<String, &RawValue>, _> = serde_json::from_slice(text);
    object.is_ok_and(|object| object.contains_key(key))
}

/// A refusal of one place in a request.
pub(super) fn refused_at(pointer: &str, reason: impl std::fmt::Display) -> Problem {
    Problem::new(ErrorCode::BadRequest, format!("`{pointer}`: {reason}"))
        .with_detail(json!({ "pointer": pointer }))
}

fn refused(base: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    match format!("{base}{}", pointer(error.path())) {
        pointer if pointer.is_empty() => Problem::new(ErrorCode::BadRequest, error.inner().to_string()),
        pointer => refused_at(&pointer, error.inner()),
    }
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |mut pointer, segment| {
        let written = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => write!(pointer, "/{}", escape(key)),
            Segment::Enum { variant } => write!(pointer, "/{}", escape(variant)),
            Segment::Unknown => Ok(()),
        };
        debug_assert!(written.is_ok(), "a string takes everything");
        pointer
    })
}

/// A key as a segment of a JSON pointer.
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_wire::submit::SubmitOptions;

    fn pointer_of(text: &str) -> Option<Value> {
        let from_text = from_text::<SubmitOptions>(text.as_bytes()).unwrap_err();
        let from_value =
            serde_json::from_str(text).map(|value| from_value::<SubmitOptions>("", value).unwrap_err());
        assert_eq!(from_value.unwrap().detail, from_text.detail, "both ways point to the same place");
        from_text.detail
    }

    #[test]
    fn a_mistake_is_pointed_to() {
        for (text, pointer) in [
            (r#"{"queue":7}"#, "/queue"),
            (r#"{"colour":"red"}"#, "/colour"),
            (r#"{"retry":{"factor":"x"}}"#, "/retry/factor"),
            (r#"{"retry":{"on":["error","luck"]}}"#, "/retry/on/1"),
            (r#"{"tags":{"a/b":1}}"#, "/tags/a~1b"),
        ] {
            assert_eq!(pointer_of(text), Some(json!({ "pointer": pointer })), "{text}");
        }
    }

    #[test]
    fn text_after_the_value_is_refused() {
        assert!(from_text::<SubmitOptions>(b"{} {}").is_err());
        assert!(from_text::<SubmitOptions>(b"{").is_err());
    }
}
