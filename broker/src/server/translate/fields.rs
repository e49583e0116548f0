//! What is known of the fields of jobs before any job is read.

use serde_json::Value;
use windlass_core::query::{FilterError, Path, Schema};
use windlass_wire::{code::ErrorCode, job::JobView, problem::Problem};

use super::text_time;
use crate::server::typed::refused_at;

/// The fields in which the words of a `$text` are looked for.
const TEXT_PATHS: [&[&str]; 6] =
    [&["id"], &["handler"], &["queue"], &["tags"], &["error", "code"], &["error", "message"]];

/// Jobs as lists show them.
pub(in crate::server) struct JobFields;

impl Schema for JobFields {
    fn check(&self, path: &Path) -> Result<(), String> {
        let field = path.first();
        if JobView::FIELDS.contains(&field) {
            return Ok(());
        }
        if field == "args" {
            return Err(
                "arguments cannot be searched; put what a job is to be found by into its tags".to_owned()
            );
        }
        let nearest =
            JobView::FIELDS.into_iter().min_by_key(|known| strsim::damerau_levenshtein(known, field));
        Err(format!("jobs have no field `{field}`; did you mean `{}`?", nearest.unwrap_or_default()))
    }

    /// Times become the text that shows them, so that the order of texts is the order of times.
    fn operand(&self, path: &Path, operand: Value) -> Result<Value, String> {
        let is_time =
            path.first() != "tags" && path.names().last().is_some_and(|name| JobView::TIMES.contains(&name));
        if !is_time || operand.is_null() {
            return Ok(operand);
        }
        let time = operand.as_str().ok_or_else(|| format!("expected an RFC 3339 time, found {operand}"))?;
        text_time(time).map(Value::from)
    }

    fn text_paths(&self) -> Vec<Path> {
        TEXT_PATHS.into_iter().map(|names| Path::of(names.iter().copied())).collect()
    }
}

/// A filter, order or selection that cannot be understood.
pub(in crate::server) fn filter_error(error: &FilterError) -> Problem {
    if error.pointer.is_empty() {
        return Problem::new(ErrorCode::BadRequest, error.reason.clone());
    }
    refused_at(&error.pointer, &error.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_that_does_not_exist_names_the_nearest() {
        let refused = JobFields.check(&Path::of(["staet"])).unwrap_err();
        assert!(refused.contains("`state`"), "{refused}");
        assert!(JobFields.check(&Path::of(["args", "x"])).unwrap_err().contains("tags"));
        assert_eq!(JobFields.check(&Path::of(["tags", "anything"])), Ok(()));
    }

    #[test]
    fn times_are_compared_as_they_are_shown() {
        let operand = |path: &[&str], value| JobFields.operand(&Path::of(path.iter().copied()), value);
        let shown = Ok(json!("2026-01-01T11:00:00.000Z"));
        assert_eq!(operand(&["submitted_at"], json!("2026-01-01T12:00:00+01:00")), shown);
        assert_eq!(operand(&["attempts", "ended_at"], json!("2026-01-01T11:00:00Z")), shown);
        assert_eq!(operand(&["ended_at"], json!(null)), Ok(json!(null)));
        assert!(operand(&["ended_at"], json!("yesterday")).is_err());
        assert!(operand(&["ended_at"], json!(7)).is_err());
        assert_eq!(operand(&["tags", "ended_at"], json!("yesterday")), Ok(json!("yesterday")));
    }
}
