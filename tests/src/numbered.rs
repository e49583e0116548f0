//! Jobs that can be told apart by a number in their arguments.

use serde_json::{Value, json};

/// Whether the arguments and the result of a job are kept beside its record.
pub fn has_blobs(number: u64) -> bool {
    number.is_multiple_of(8)
}

/// Arguments above this many bytes are kept beside the record, so some jobs have more.
const BLOB_TEXT_BYTES: usize = 6000;

/// The handler and arguments of the job with a number; the number can be read back from them.
pub fn request(number: u64) -> (&'static str, Value) {
    if has_blobs(number) {
        let text = format!("{number:020}").repeat(BLOB_TEXT_BYTES / 20);
        ("demo/greet", json!({ "name": format!("{number}"), "greeting": text }))
    } else {
        ("demo/add", json!({ "x": number, "y": 1 }))
    }
}

/// The number of the job a record was made for; none if it was never asked for.
pub fn number(record: &Value) -> Option<u64> {
    let args = &record["args"];
    let number = args["x"].as_u64().or_else(|| args["name"].as_str()?.parse().ok())?;
    let (handler, asked) = request(number);
    (record["handler"] == handler && *args == asked).then_some(number)
}
