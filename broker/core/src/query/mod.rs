//! Searching documents: filters, orders and selections of fields, as MongoDB understands them.
//!
//! [`Filter::parse`] turns a MongoDB filter into a typed one, or says where the mistake is; [`Filter::matches`]
//! tells whether a document is meant. Null and missing fields, lists on the way of a path, and values of mixed
//! types behave as in MongoDB; `tests/filters.json` is the table of what that means, and of where windlass differs.
//! Patterns take linear time and everything has a limit, so a filter from anybody can be run.

mod condition;
mod error;
mod narrow;
mod order;
mod parse;
mod path;
mod select;
mod value;

use serde_json::Value;

pub use self::{error::FilterError, narrow::Bounds, order::Order, path::Path, select::Selection};
use condition::Condition;

/// What is known of the documents before any is seen.
pub trait Schema {
    /// Refuses a path that no document has; the answer says why.
    fn check(&self, path: &Path) -> Result<(), alloc::string::String>;

    /// The operand as documents would have it, so that the two can be compared; or why it cannot be one.
    fn operand(&self, path: &Path, operand: Value) -> Result<Value, alloc::string::String>;

    /// The fields in which words are looked for.
    fn text_paths(&self) -> alloc::vec::Vec<Path>;
}

/// Which documents are meant.
#[derive(Debug, Clone)]
pub struct Filter(Condition);

impl Filter {
    /// Reads a filter. `base` is its place in the request, as a JSON pointer.
    pub fn parse(filter: &Value, base: &str, schema: &dyn Schema) -> Result<Self, FilterError> {
        parse::parse(filter, base, schema).map(Self)
    }

    /// Whether the document is meant.
    pub fn matches(&self, document: &Value) -> bool {
        self.0.matches(document)
    }
}
