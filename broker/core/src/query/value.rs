//! The order of JSON values: by type, then by value.

use alloc::string::String;
use core::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// Where values of a type stand among those of other types.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::Object(_) => 3,
        Value::Array(_) => 4,
        Value::Bool(_) => 5,
    }
}

/// Whether two values have the same type, so that one can be less than the other.
pub(super) fn comparable(left: &Value, right: &Value) -> bool {
    rank(left) == rank(right)
}

/// Compares any two values. Text compares by its bytes, lists and objects from their beginning.
pub(super) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => compare_lists(left, right),
        (Value::Object(left), Value::Object(right)) => compare_objects(left, right),
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

fn compare_lists(left: &[Value], right: &[Value]) -> Ordering {
    let elements = left.iter().zip(right).map(|(left, right)| compare(left, right));
    elements.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
}

/// Field by field in the order of names: for each its type, its name, its value.
fn compare_objects(left: &Map<String, Value>, right: &Map<String, Value>) -> Ordering {
    let fields = left.iter().zip(right).map(|((left_name, left), (right_name, right))| {
        let types = rank(left).cmp(&rank(right));
        types.then_with(|| left_name.cmp(right_name)).then_with(|| compare(left, right))
    });
    fields.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
}

fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(left), None) => compare_integer(left, float(right)),
        (None, Some(right)) => compare_integer(right, float(left)).reverse(),
        // JSON has no NaN.
        (None, None) => float(left).partial_cmp(&float(right)).unwrap_or(Ordering::Equal),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

/// Compares without rounding the integer.
fn compare_integer(integer: i128, float: f64) -> Ordering {
    let whole = truncated(float);
    integer.cmp(&whole).then_with(|| {
        let fraction = float % 1.0;
        0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal)
    })
}

/// The whole part; greater numbers than an `i128` holds become its greatest.
#[expect(
    clippy::cast_possible_truncation,
    reason = "cutting off the fraction is what is meant; `as` saturates"
)]
pub(super) fn truncated(float: f64) -> i128 {
    float as i128
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use serde_json::json;

    #[test]
    fn values_order_by_type_and_then_by_value() {
        let ordered = [
            json!(null),
            json!(-1e300),
            json!(i64::MIN),
            json!(-1.5),
            json!(-1),
            json!(0),
            json!(0.5),
            json!(9_007_199_254_740_992.0),
            json!(9_007_199_254_740_993_i64),
            json!(u64::MAX),
            json!(1e300),
            json!(""),
            json!("B"),
            json!("a"),
            json!("aa"),
            json!({}),
            json!({ "a": 1 }),
            json!({ "a": 1, "b": 1 }),
            json!({ "b": 0 }),
            json!({ "a": "" }),
            json!([]),
            json!([1]),
            json!([1, 0]),
            json!([2]),
            json!(false),
            json!(true),
        ];
        for (left_place, left) in ordered.iter().enumerate() {
            let found: Vec<_> = ordered.iter().map(|right| compare(left, right)).collect();
            let expected: Vec<_> =
                (0..ordered.len()).map(|right_place| left_place.cmp(&right_place)).collect();
            assert_eq!(found, expected, "{left}");
        }
    }

    #[test]
    fn a_whole_float_equals_its_integer() {
        assert_eq!(compare(&json!(2.0), &json!(2)), Ordering::Equal);
        assert_eq!(compare(&json!(-0.0), &json!(0)), Ordering::Equal);
    }
}
