//! Which fields of found documents are wanted.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};

use serde_json::Value;
use windlass_wire::limits::FIELDS_MAX;

use super::{FilterError, Path, Schema, error::at};

/// The fields to keep; within each, everything or a selection again.
#[derive(Debug, Clone, Default)]
pub struct Selection(BTreeMap<String, Option<Self>>);

impl Selection {
    /// Reads a selection: paths of fields.
    pub fn parse(fields: &[String], base: &str, schema: &dyn Schema) -> Result<Self, FilterError> {
        if fields.len() > FIELDS_MAX {
            return Err(FilterError::new(base, alloc::format!("expected at most {FIELDS_MAX} fields")));
        }
        let mut selection = Self::default();
        for (place, field) in fields.iter().enumerate() {
            let checked = Path::parse(field).and_then(|path| schema.check(&path).map(|()| path));
            selection.keep(&checked.map_err(|reason| FilterError::new(&at(base, place), reason))?);
        }
        Ok(selection)
    }

    /// Keeps a field too. What is kept wholly stays whole.
    pub fn keep(&mut self, path: &Path) {
        self.keep_names(&path.names().collect::<Vec<_>>());
    }

    fn keep_names(&mut self, names: &[&str]) {
        let Some((first, rest)) = names.split_first() else { return };
        if rest.is_empty() {
            self.0.insert((*first).to_owned(), None);
        } else if let Some(within) =
            self.0.entry((*first).to_owned()).or_insert_with(|| Some(Self::default()))
        {
            within.keep_names(rest);
        }
    }

    /// The document with the kept fields only. Lists keep those of their elements that have fields.
    #[must_use]
    pub fn of(&self, document: &Value) -> Value {
        match document {
            Value::Object(fields) => {
                let kept = self.0.iter().filter_map(|(name, within)| {
                    let value = fields.get(name)?;
                    match within {
                        None => Some((name.clone(), value.clone())),
                        Some(within) if value.is_object() || value.is_array() => {
                            Some((name.clone(), within.of(value)))
                        }
                        Some(_) => None,
                    }
                });
                Value::Object(kept.collect())
            }
            Value::Array(elements) => {
                let nested = elements.iter().filter(|element| element.is_object() || element.is_array());
                Value::Array(nested.map(|element| self.of(element)).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => document.clone(),
        }
    }
}
