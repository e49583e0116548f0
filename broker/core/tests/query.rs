//! What filters, orders and selections mean.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken assumption of a test fails that test"
)]

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use windlass_core::query::{Bounds, Filter, FilterError, Order, Path, Schema, Selection};
use windlass_wire::limits::{
    FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_PATTERN_BYTES_MAX, FILTER_PATTERNS_MAX, FILTER_VALUES_MAX,
};

/// Documents of which nothing is known, except that they have no `secret`.
struct Anything;

impl Schema for Anything {
    fn check(&self, path: &Path) -> Result<(), String> {
        if path.first() == "secret" { Err("not here".to_owned()) } else { Ok(()) }
    }

    fn operand(&self, _: &Path, operand: Value) -> Result<Value, String> {
        Ok(operand)
    }

    fn text_paths(&self) -> Vec<Path> {
        vec![Path::of(["name"]), Path::of(["tags"])]
    }
}

fn parse(filter: &Value) -> Result<Filter, FilterError> {
    Filter::parse(filter, "", &Anything)
}

fn refusal(filter: &Value) -> FilterError {
    parse(filter).map(|_| filter).expect_err("the filter is refused")
}

#[derive(Deserialize)]
struct Table {
    cases: Vec<Case>,
    differs: Vec<Case>,
    refused: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    name: String,
    filter: Value,
    #[serde(default)]
    meant: Vec<Value>,
    #[serde(default)]
    other: Vec<Value>,
    pointer: Option<String>,
}

fn table() -> Table {
    serde_json::from_str(include_str!("filters.json")).unwrap()
}

fn check(case: &Case) {
    if let Some(pointer) = &case.pointer {
        assert_eq!(refusal(&case.filter).pointer, *pointer, "{} {}", case.name, case.filter);
        return;
    }
    let filter = parse(&case.filter).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    for document in &case.meant {
        assert!(filter.matches(document), "{}: {} means {document}", case.name, case.filter);
    }
    for document in &case.other {
        assert!(!filter.matches(document), "{}: {} does not mean {document}", case.name, case.filter);
    }
}

#[test]
fn filters_mean_what_they_mean_to_mongodb() {
    let cases = table().cases;
    assert!(cases.len() >= 60);
    cases.iter().for_each(check);
}

#[test]
fn where_windlass_differs_is_named() {
    table().differs.iter().for_each(check);
}

#[test]
fn mistakes_are_pointed_to() {
    table().refused.iter().for_each(check);
}

#[test]
fn words_are_found_in_any_case_in_names_and_texts() {
    let filter = parse(&json!({ "$text": "ADA  post" })).unwrap();
    for document in [
        json!({ "name": "ada@post" }),
        json!({ "name": "Ada", "tags": { "post": "x" } }),
        json!({ "tags": { "to": "Post", "who": "adah" } }),
    ] {
        assert!(filter.matches(&document), "{document}");
    }
    for document in
        [json!({ "name": "ada" }), json!({ "other": "ada post" }), json!({ "name": 7 }), json!({})]
    {
        assert!(!filter.matches(&document), "{document}");
    }
    assert!(parse(&json!({ "$text": "" })).unwrap().matches(&json!({})), "no word is always found");
    assert!(parse(&json!({ "$text": "a.b" })).unwrap().matches(&json!({ "name": "a.b" })));
    assert!(!parse(&json!({ "$text": "a.b" })).unwrap().matches(&json!({ "name": "axb" })));
}

#[test]
fn a_field_no_document_has_is_refused_wherever_it_stands() {
    assert_eq!(refusal(&json!({ "$or": [{ "secret.x": 1 }] })).pointer, "/$or/0/secret.x");
    let keys = ["a".to_owned(), "-secret".to_owned()];
    assert_eq!(Order::parse(&keys, "/sort", &Anything).unwrap_err().pointer, "/sort/1");
    assert_eq!(
        Selection::parse(&["secret".to_owned()], "/fields", &Anything).unwrap_err().pointer,
        "/fields/0"
    );
}

#[test]
fn everything_has_a_limit() {
    let deep = |levels| (0..levels).fold(json!({ "a": 1 }), |filter, _| json!({ "$and": [filter] }));
    assert!(parse(&deep(FILTER_DEPTH_MAX)).is_ok());
    assert!(parse(&deep(FILTER_DEPTH_MAX + 1)).is_err());
    let deep_not = |levels| (0..levels).fold(json!({ "$gt": 1 }), |test, _| json!({ "$not": test }));
    assert!(parse(&json!({ "a": deep_not(FILTER_DEPTH_MAX + 1) })).is_err());
    let wide = |fields| json!({ "$or": (0..fields).map(|field| json!({ "a": field })).collect::<Vec<_>>() });
    assert!(parse(&wide(FILTER_CONDITIONS_MAX - 1)).is_ok());
    assert!(parse(&wide(FILTER_CONDITIONS_MAX)).is_err());
    let values = |count: usize| json!({ "a": { "$in": vec![1; count] } });
    assert!(parse(&values(FILTER_VALUES_MAX)).is_ok());
    assert!(parse(&values(FILTER_VALUES_MAX + 1)).is_err());
    let pattern = |bytes| json!({ "a": { "$regex": "a".repeat(bytes) } });
    assert!(parse(&pattern(FILTER_PATTERN_BYTES_MAX)).is_ok());
    assert!(parse(&pattern(FILTER_PATTERN_BYTES_MAX + 1)).is_err());
    assert!(parse(&json!({ "$text": "w ".repeat(FILTER_PATTERNS_MAX) })).is_ok());
    assert!(parse(&json!({ "$text": "w ".repeat(FILTER_PATTERNS_MAX + 1) })).is_err());
}

fn required(filter: &Value) -> Option<Vec<String>> {
    let filter = parse(filter).unwrap();
    filter.required(&Path::of(["a"])).map(|texts| texts.into_iter().map(str::to_owned).collect())
}

#[test]
fn what_a_field_must_be_is_known() {
    let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(required(&json!({})), None);
    assert_eq!(required(&json!({ "a": "x", "b": 1 })), texts(&["x"]));
    assert_eq!(required(&json!({ "a": { "$in": ["x", "y"], "$ne": "x" } })), texts(&["x", "y"]));
    assert_eq!(required(&json!({ "$and": [{ "a": { "$in": ["x", "y"] } }, { "a": "y" }] })), texts(&["y"]));
    assert_eq!(required(&json!({ "a": { "$all": ["x", "y"] } })), texts(&["x"]), "a list may have both");
    assert_eq!(required(&json!({ "$or": [{ "a": "x" }, { "a": "y", "b": 1 }] })), texts(&["x", "y"]));
    assert_eq!(required(&json!({ "$or": [{ "a": "x" }, { "b": 1 }] })), None);
    assert_eq!(required(&json!({ "a": { "$in": ["x", null] } })), None);
    assert_eq!(required(&json!({ "$nor": [{ "a": "x" }] })), None);
    assert_eq!(required(&json!({ "a": { "$in": [] } })), texts(&[]));
}

#[test]
fn fields_of_which_something_is_required_are_known() {
    let filter =
        parse(&json!({ "b.c": "x", "a": { "$gt": "y" }, "$or": [{ "d": "x" }, { "d": "y" }] })).unwrap();
    let paths: Vec<_> = filter.required_paths().iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["d", "b.c"]);
}

#[test]
fn bounds_of_a_field_are_known() {
    let bounds = |filter: Value| {
        let Bounds { min, max } = parse(&filter).unwrap().bounds(&Path::of(["a"]));
        (min.unwrap_or_default(), max.unwrap_or_default())
    };
    let texts = |min: &str, max: &str| (min.to_owned(), max.to_owned());
    assert_eq!(bounds(json!({ "a": { "$gte": "b", "$lt": "d" } })), texts("b", "d"));
    assert_eq!(bounds(json!({ "$and": [{ "a": { "$gt": "b" } }, { "a": { "$gt": "c" } }] })), texts("c", ""));
    assert_eq!(bounds(json!({ "$or": [{ "a": { "$gt": "b" } }, { "a": "a" }] })), texts("a", ""));
    assert_eq!(bounds(json!({ "$or": [{ "a": { "$gt": "b" } }, { "b": 1 }] })), texts("", ""));
    assert_eq!(bounds(json!({ "a": { "$not": { "$gt": "b" } } })), texts("", ""));
    assert_eq!(bounds(json!({ "a": { "$gt": 7 } })), texts("", ""));
}

#[test]
fn documents_order_by_several_fields_in_both_directions() {
    let order = Order::parse(&["-a".to_owned(), "b.c".to_owned()], "", &Anything).unwrap();
    let mut documents = [
        json!({ "a": 1, "b": { "c": 2 } }),
        json!({ "b": { "c": 0 } }),
        json!({ "a": 2 }),
        json!({ "a": 1, "b": { "c": 1 } }),
        json!({ "a": [0, 9] }),
        json!({ "a": "text" }),
    ];
    documents.sort_by(|left, right| order.compare(&order.key(left), &order.key(right)));
    let found: Vec<_> = documents.iter().map(|document| document["a"].clone()).collect();
    assert_eq!(found, [json!("text"), json!([0, 9]), json!(2), json!(1), json!(1), json!(null)]);
    assert_eq!(documents[3]["b"]["c"], 1);
}

#[test]
fn only_selected_fields_are_kept() {
    let document = json!({ "a": { "b": 1, "c": 2 }, "d": [{ "e": 1, "f": 2 }, 3, {}], "g": 4 });
    for (fields, kept) in [
        (&["g"][..], json!({ "g": 4 })),
        (&["a.b", "nothing"], json!({ "a": { "b": 1 } })),
        (&["a.b", "a"], json!({ "a": { "b": 1, "c": 2 } })),
        (&["a", "a.b"], json!({ "a": { "b": 1, "c": 2 } })),
        (&["d.e", "g.x"], json!({ "d": [{ "e": 1 }, {}] })),
        (&[], json!({})),
    ] {
        let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        let selection = Selection::parse(&fields, "", &Anything).unwrap();
        assert_eq!(selection.of(&document), kept, "{fields:?}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4_i64).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_operator_and_its_negation_share_all_documents(document in any_value(), operand in any_value()) {
        for (operator, negation) in [("$eq", "$ne"), ("$in", "$nin")] {
            let operand = if operator == "$in" { json!([operand]) } else { operand.clone() };
            let one = parse(&json!({ "a.b": { operator: operand } })).unwrap();
            let other = parse(&json!({ "a.b": { negation: operand } })).unwrap();
            prop_assert_ne!(one.matches(&document), other.matches(&document));
        }
    }

    #[test]
    fn what_is_known_of_a_field_holds_for_every_document_that_is_meant(
        text in "[ab]{0,2}", texts in prop::collection::vec("[ab]{0,2}", 0..3), found in "[ab]{0,2}", either in any::<bool>(),
    ) {
        let logic = if either { "$or" } else { "$and" };
        let filter = parse(&json!({ logic: [{ "a": { "$gte": text } }, { "a": { "$in": texts } }] })).unwrap();
        if filter.matches(&json!({ "a": found })) {
            let path = Path::of(["a"]);
            prop_assert!(filter.required(&path).is_none_or(|texts| texts.contains(found.as_str())));
            let Bounds { min, max } = filter.bounds(&path);
            prop_assert!(min.is_none_or(|min| min <= found) && max.is_none_or(|max| found <= max));
        }
    }

    #[test]
    fn no_filter_makes_the_parser_fail(filter in any_value(), document in any_value()) {
        if let Ok(filter) = parse(&filter) {
            filter.matches(&document);
        }
    }
}
