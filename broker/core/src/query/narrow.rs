//! What a filter says about single fields for certain, so that a search need not look at everything.

use alloc::{collections::BTreeSet, string::String, vec::Vec};

use serde_json::Value;

use super::{
    Filter, Path,
    condition::{Comparison, Condition, Test},
};

/// The least and the greatest a text may be, both included; none = nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Nothing below is meant.
    pub min: Option<String>,
    /// Nothing above is meant.
    pub max: Option<String>,
}

impl Filter {
    /// The texts one of which a document must have at the path, perhaps in a list there; none = any.
    pub fn required(&self, path: &Path) -> Option<BTreeSet<&str>> {
        required(&self.0, path)
    }

    /// Every path of which something is required, in the order in which the filter names them.
    pub fn required_paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        name_paths(&self.0, &mut paths);
        paths.retain(|path| self.required(path).is_some());
        paths
    }

    /// What lies within which bounds at the path, if documents always have a text there.
    pub fn bounds(&self, path: &Path) -> Bounds {
        bounds(&self.0, path)
    }
}

fn name_paths<'filter>(condition: &'filter Condition, paths: &mut Vec<&'filter Path>) {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            for condition in conditions {
                name_paths(condition, paths);
            }
        }
        Condition::Field(path, _) if !paths.contains(&path) => paths.push(path),
        Condition::Field(..) | Condition::Not(_) | Condition::Words { .. } => {}
    }
}

fn required<'filter>(condition: &'filter Condition, path: &Path) -> Option<BTreeSet<&'filter str>> {
    match condition {
        Condition::All(conditions) => {
            let known = conditions.iter().filter_map(|condition| required(condition, path));
            // What all of them leave would be fewer, but a list may have one text for each.
            known.min_by_key(BTreeSet::len)
        }
        Condition::Any(conditions) => {
            let known = conditions.iter().map(|condition| required(condition, path));
            known.reduce(|left, right| Some(left?.union(&right?).copied().collect()))?
        }
        Condition::Field(at, Test::Compares(Comparison::Equal, operand)) if at == path => {
            operand.as_str().map(|text| BTreeSet::from([text]))
        }
        Condition::Field(at, Test::In(operands)) if at == path => {
            operands.iter().map(Value::as_str).collect()
        }
        Condition::Field(..) | Condition::Not(_) | Condition::Words { .. } => None,
    }
}

fn bounds(condition: &Condition, path: &Path) -> Bounds {
    match condition {
        Condition::All(conditions) => {
            let known = conditions.iter().map(|condition| bounds(condition, path));
            known.fold(Bounds::default(), |left, right| Bounds {
                min: left.min.max(right.min),
                max: [left.max, right.max].into_iter().flatten().min(),
            })
        }
        Condition::Any(conditions) => {
            let known = conditions.iter().map(|condition| bounds(condition, path));
            let both = |left: Option<String>, right: Option<String>| Some((left?, right?));
            let known = known.reduce(|left, right| Bounds {
                min: both(left.min, right.min).map(|(left, right)| left.min(right)),
                max: both(left.max, right.max).map(|(left, right)| left.max(right)),
            });
            known.unwrap_or_default()
        }
        Condition::Field(at, Test::Compares(comparison, Value::String(text))) if at == path => {
            let (min, max) = match comparison {
                Comparison::Equal => (Some(text), Some(text)),
                Comparison::Greater | Comparison::GreaterOrEqual => (Some(text), None),
                Comparison::Less | Comparison::LessOrEqual => (None, Some(text)),
            };
            Bounds { min: min.cloned(), max: max.cloned() }
        }
        Condition::Field(..) | Condition::Not(_) | Condition::Words { .. } => Bounds::default(),
    }
}
