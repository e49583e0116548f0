//! The order in which found documents are wanted.

use alloc::{string::String, vec::Vec};
use core::cmp::Ordering;

use serde_json::Value;
use windlass_wire::limits::SORT_KEYS_MAX;

use super::{FilterError, Path, Schema, error::at, value::compare};

/// By which fields, the most important first.
#[derive(Debug, Clone, Default)]
pub struct Order(Vec<By>);

#[derive(Debug, Clone)]
struct By {
    path: Path,
    is_descending: bool,
}

impl Order {
    /// Reads an order: paths, each with a `-` before it if the greatest comes first.
    pub fn parse(keys: &[String], base: &str, schema: &dyn Schema) -> Result<Self, FilterError> {
        if keys.len() > SORT_KEYS_MAX {
            return Err(FilterError::new(base, alloc::format!("expected at most {SORT_KEYS_MAX} fields")));
        }
        let parsed = keys.iter().enumerate().map(|(place, key)| {
            let path = Path::parse(key.strip_prefix('-').unwrap_or(key));
            let checked = path.and_then(|path| schema.check(&path).map(|()| path));
            let path = checked.map_err(|reason| FilterError::new(&at(base, place), reason))?;
            Ok(By { path, is_descending: key.starts_with('-') })
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Whether no order is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fields it orders by.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the last field's least values come first.
    pub fn is_ascending(&self) -> bool {
        self.0.last().is_some_and(|by| !by.is_descending)
    }

    /// What the document is ordered by. Of a list, its least value counts, or its greatest if that comes first.
    pub fn key(&self, document: &Value) -> Vec<Value> {
        self.0.iter().map(|by| by.value(document)).collect()
    }

    /// Compares two documents' keys.
    pub fn compare(&self, left: &[Value], right: &[Value]) -> Ordering {
        let keys = self.0.iter().zip(left.iter().zip(right));
        let compared = keys.map(|(by, (left, right))| {
            let order = compare(left, right);
            if by.is_descending { order.reverse() } else { order }
        });
        compared.fold(Ordering::Equal, Ordering::then)
    }
}

impl By {
    fn value(&self, document: &Value) -> Value {
        let mut values = Vec::new();
        self.path.any(document, &mut |value| {
            values.push(value.unwrap_or(&Value::Null));
            false
        });
        // The list itself comes after its elements, and does not count beside them.
        if values.len() > 1 {
            values.retain(|value| !value.is_array());
        }
        let first = if self.is_descending {
            values.into_iter().max_by(|left, right| compare(left, right))
        } else {
            values.into_iter().min_by(|left, right| compare(left, right))
        };
        first.cloned().unwrap_or_default()
    }
}
