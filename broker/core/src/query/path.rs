//! Dotted paths, and the values they lead to.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use serde_json::Value;
use windlass_wire::limits::{FILTER_PATH_BYTES_MAX, FILTER_PATH_PARTS_MAX};

/// A path such as `error.code`. A dot that belongs to a name is written `\.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Part>);

/// A name, which is also a place in a list if it is written like one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    index: Option<usize>,
}

impl Path {
    /// Reads a path; a refusal says why.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > FILTER_PATH_BYTES_MAX {
            return Err(alloc::format!("expected a path of at most {FILTER_PATH_BYTES_MAX} bytes"));
        }
        let (mut names, mut name, mut letters) = (Vec::new(), String::new(), text.chars());
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => name.push(letters.next().ok_or("expected a dot or backslash after the last `\\`")?),
                '.' => names.push(core::mem::take(&mut name)),
                letter => name.push(letter),
            }
        }
        names.push(name);
        if names.len() > FILTER_PATH_PARTS_MAX {
            return Err(alloc::format!("expected a path of at most {FILTER_PATH_PARTS_MAX} parts"));
        }
        Ok(Self::of(names))
    }

    /// The path of these names, in which dots mean nothing.
    pub fn of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(|name| Part::new(name.into())).collect())
    }

    /// The name it begins with.
    pub fn first(&self) -> &str {
        self.0.first().map_or("", |part| &part.name)
    }

    /// Its names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|part| part.name.as_str())
    }

    /// Whether `accept` answers yes for any value the path leads to. It is asked about `None` where the path
    /// leads to nothing; about each element of a list at its end, and about the list itself. A list on the way is
    /// entered by its objects, and by the path's next part where that is a place in it.
    pub(super) fn any<'doc>(
        &self,
        document: &'doc Value,
        accept: &mut dyn FnMut(Option<&'doc Value>) -> bool,
    ) -> bool {
        descend(&self.0, document, accept)
    }
}

impl Part {
    fn new(name: String) -> Self {
        let index = name.parse().ok().filter(|index: &usize| index.to_string() == name);
        Self { name, index }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            write!(f, "{dot}{}", part.name.replace('\\', "\\\\").replace('.', "\\."))?;
        }
        Ok(())
    }
}

fn descend<'doc>(
    parts: &[Part],
    value: &'doc Value,
    accept: &mut dyn FnMut(Option<&'doc Value>) -> bool,
) -> bool {
    match (parts.split_first(), value) {
        (None, Value::Array(elements)) => {
            elements.iter().any(|element| accept(Some(element))) || accept(Some(value))
        }
        (None, value) => accept(Some(value)),
        (Some((first, rest)), Value::Object(fields)) => match fields.get(&first.name) {
            Some(value) => descend(rest, value, accept),
            None => accept(None),
        },
        (Some((first, rest)), Value::Array(elements)) => {
            elements.iter().enumerate().any(|(place, element)| {
                let entered = element.is_object() && descend(parts, element, accept);
                entered || first.index == Some(place) && descend_at_place(rest, element, accept)
            })
        }
        (Some(_), Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => accept(None),
    }
}

/// Goes on within the element of a list that the path names by its place.
fn descend_at_place<'doc>(
    rest: &[Part],
    element: &'doc Value,
    accept: &mut dyn FnMut(Option<&'doc Value>) -> bool,
) -> bool {
    match element {
        element if rest.is_empty() => accept(Some(element)),
        Value::Object(_) | Value::Array(_) => descend(rest, element, accept),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back_as_it_is_written() {
        for text in ["a", "a.b", "tags.a\\.b", "a\\\\b.0", "", "a."] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Path::parse("tags.a\\.b"), Ok(Path::of(["tags", "a.b"])));
        assert!(Path::parse("a\\").is_err());
    }

    #[test]
    fn long_paths_are_refused() {
        assert!(Path::parse(&"a".repeat(FILTER_PATH_BYTES_MAX + 1)).is_err());
        assert!(Path::parse(&".".repeat(FILTER_PATH_PARTS_MAX)).is_err());
    }
}
