//! Conditions on one document.

use alloc::{boxed::Box, vec::Vec};
use core::cmp::Ordering;

use regex::Regex;
use serde_json::{Number, Value};

use super::{
    path::Path,
    value::{comparable, compare, truncated},
};

/// What a document must be like.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// Like all of these.
    All(Vec<Self>),
    /// Like any of these.
    Any(Vec<Self>),
    /// A value at the path passes the test.
    Field(Path, Test),
    /// Not like this.
    Not(Box<Self>),
    /// Every word is found in one of the fields.
    Words { words: Vec<Regex>, paths: Vec<Path> },
}

/// What is asked of a single value.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// How it compares to the operand, which has the same type.
    Compares(Comparison, Value),
    /// It is there.
    Exists,
    /// It equals one of these.
    In(Vec<Value>),
    /// A number that leaves this remainder.
    Mod { divisor: i64, remainder: i64 },
    /// Text with the pattern in it.
    Pattern(Regex),
}

/// How a value must compare to an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Condition {
    pub(super) fn matches(&self, document: &Value) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.matches(document)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.matches(document)),
            Self::Field(path, test) => path.any(document, &mut |value| test.passes(value)),
            Self::Not(condition) => !condition.matches(document),
            Self::Words { words, paths } => words.iter().all(|word| {
                paths.iter().any(|path| {
                    path.any(document, &mut |value| value.is_some_and(|value| has_word(value, word)))
                })
            }),
        }
    }
}

/// Whether a text has the word in it, or an object in a name or text.
fn has_word(value: &Value, word: &Regex) -> bool {
    match value {
        Value::String(text) => word.is_match(text),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| word.is_match(name) || has_word(value, word))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}

impl Test {
    fn passes(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Compares(comparison, operand) => comparison.holds(value, operand),
            Self::Exists => value.is_some(),
            Self::In(operands) => operands.iter().any(|operand| Comparison::Equal.holds(value, operand)),
            Self::Mod { divisor, remainder } => {
                let number = value.and_then(Value::as_number).and_then(whole);
                number.is_some_and(|number| number.wrapping_rem(*divisor) == *remainder)
            }
            Self::Pattern(pattern) => {
                value.and_then(Value::as_str).is_some_and(|text| pattern.is_match(text))
            }
        }
    }
}

impl Comparison {
    /// A missing value counts as null; values of other types than the operand's are neither less nor greater.
    fn holds(self, value: Option<&Value>, operand: &Value) -> bool {
        let value = value.unwrap_or(&Value::Null);
        if !comparable(value, operand) {
            return false;
        }
        let order = compare(value, operand);
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
        }
    }
}

/// The number without its fraction, if 64 bits with a sign hold it.
pub(super) fn whole(number: &Number) -> Option<i64> {
    match number.as_i64() {
        Some(number) => Some(number),
        None if number.is_u64() => None,
        None => number.as_f64().and_then(|number| i64::try_from(truncated(number)).ok()),
    }
}
