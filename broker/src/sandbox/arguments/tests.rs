//! Both ways of every type, and each kind of refusal.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use wasmtime::component::Val;

use super::*;
use crate::sandbox::to_json;
use crate::sandbox::types::{Case, Field};

fn boxed(ty: ValueType) -> Box<ValueType> {
    Box::new(ty)
}

fn point() -> ValueType {
    let field = |name: &str, ty| Field { name: name.to_owned(), ty };
    ValueType::Record(vec![
        field("x", ValueType::S32),
        field("far-y", ValueType::Option(boxed(ValueType::F64))),
    ])
}

fn shape() -> ValueType {
    let case = |name: &str, ty| Case { name: name.to_owned(), ty };
    ValueType::Variant(vec![
        case("dot", None),
        case("circle", Some(ValueType::F64)),
        case("at", Some(point())),
    ])
}

fn signature(params: &[(&str, ValueType)]) -> Signature {
    let param = |(name, ty): &(&str, ValueType)| Param { name: (*name).to_owned(), ty: ty.clone() };
    Signature { name: "f".to_owned(), params: params.iter().map(param).collect(), result: None }
}

fn refusal(params: &[(&str, ValueType)], args: &Value) -> (String, String) {
    let ArgumentError { pointer, message } = check(&signature(params), args).unwrap_err();
    (pointer, message)
}

fn refused(ty: ValueType, value: &Value) -> (String, String) {
    refusal(&[("a", ty)], &json!({"a": value}))
}

fn says(pointer: &str, message: &str) -> (String, String) {
    (pointer.to_owned(), message.to_owned())
}

fn leaf() -> impl Strategy<Value = (ValueType, Val)> {
    prop_oneof![
        any::<bool>().prop_map(|v| (ValueType::Bool, Val::Bool(v))),
        any::<i8>().prop_map(|v| (ValueType::S8, Val::S8(v))),
        any::<u8>().prop_map(|v| (ValueType::U8, Val::U8(v))),
        any::<i16>().prop_map(|v| (ValueType::S16, Val::S16(v))),
        any::<u16>().prop_map(|v| (ValueType::U16, Val::U16(v))),
        any::<i32>().prop_map(|v| (ValueType::S32, Val::S32(v))),
        any::<u32>().prop_map(|v| (ValueType::U32, Val::U32(v))),
        any::<i64>().prop_map(|v| (ValueType::S64, Val::S64(v))),
        any::<u64>().prop_map(|v| (ValueType::U64, Val::U64(v))),
        proptest::num::f32::ANY.prop_map(|v| (ValueType::F32, Val::Float32(v))),
        proptest::num::f64::ANY.prop_map(|v| (ValueType::F64, Val::Float64(v))),
        any::<char>().prop_map(|v| (ValueType::Char, Val::Char(v))),
        any::<String>().prop_map(|v| (ValueType::String, Val::String(v))),
        vec(any::<u8>(), 0..20).prop_map(|v| {
            (ValueType::List(boxed(ValueType::U8)), Val::List(v.into_iter().map(Val::U8).collect()))
        }),
        (0..2_usize).prop_map(|i| {
            let names = vec!["a".to_owned(), "b-c".to_owned()];
            (ValueType::Enum(names.clone()), Val::Enum(names[i].clone()))
        }),
        any::<[bool; 3]>().prop_map(|set| {
            let names = vec!["a".to_owned(), "b-c".to_owned(), "d".to_owned()];
            let chosen = names.iter().zip(set).filter(|(_, set)| *set).map(|(name, _)| name.clone());
            (ValueType::Flags(names.clone()), Val::Flags(chosen.collect()))
        }),
    ]
}

/// A type and one of its values.
fn typed_value() -> impl Strategy<Value = (ValueType, Val)> {
    leaf().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0..4_usize)
                .prop_map(|((ty, v), times)| { (ValueType::List(boxed(ty)), Val::List(vec![v; times])) }),
            vec(inner.clone(), 1..4).prop_map(|parts| {
                let (types, values) = parts.into_iter().unzip();
                (ValueType::Tuple(types), Val::Tuple(values))
            }),
            vec(inner.clone(), 1..4).prop_map(|parts| {
                let name = |index| format!("field-{index}");
                let fields =
                    parts.iter().enumerate().map(|(i, (ty, _))| Field { name: name(i), ty: ty.clone() });
                let values = parts.iter().enumerate().map(|(i, (_, v))| (name(i), v.clone()));
                (ValueType::Record(fields.collect()), Val::Record(values.collect()))
            }),
            (inner.clone(), any::<bool>()).prop_map(|((ty, v), some)| {
                (ValueType::Option(boxed(ty)), Val::Option(some.then_some(Box::new(v))))
            }),
            (inner.clone(), any::<bool>()).prop_map(|((ty, v), with)| {
                let cases = vec![
                    Case { name: "without".to_owned(), ty: None },
                    Case { name: "with".to_owned(), ty: Some(ty) },
                ];
                let name = if with { "with" } else { "without" };
                (ValueType::Variant(cases), Val::Variant(name.to_owned(), with.then_some(Box::new(v))))
            }),
            (inner.clone(), inner, any::<bool>()).prop_map(|((ok, v), (err, e), is_ok)| {
                let result = if is_ok { Ok(Some(Box::new(v))) } else { Err(Some(Box::new(e))) };
                (ValueType::Result { ok: Some(boxed(ok)), err: Some(boxed(err)) }, Val::Result(result))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_survives_json((ty, value) in typed_value()) {
        let mut json = String::new();
        to_json::write(&mut json, &ty, &value).unwrap();
        let parsed: Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(from_json::value(&ty, &parsed).unwrap(), value);
    }

    #[test]
    fn every_type_survives_storage((ty, _) in typed_value()) {
        let json = serde_json::to_string(&ty).unwrap();
        prop_assert_eq!(&serde_json::from_str::<ValueType>(&json).unwrap(), &ty);
        let record = rmp_serde::to_vec_named(&ty).unwrap();
        prop_assert_eq!(rmp_serde::from_slice::<ValueType>(&record).unwrap(), ty);
    }

    #[test]
    fn any_json_is_taken_or_refused_but_never_panics((ty, _) in typed_value(), (other, value) in typed_value()) {
        let mut json = String::new();
        to_json::write(&mut json, &other, &value).unwrap();
        let read = from_json::value(&ty, &serde_json::from_str(&json).unwrap());
        prop_assert!(read.is_ok() || read.is_err());
    }
}

#[test]
fn names_match_in_kebab_and_in_snake_case() {
    let signature = signature(&[("max-width", ValueType::U8)]);
    let expected = Arguments(vec![Argument::Value(Val::U8(1))]);
    assert_eq!(check(&signature, &json!({"max-width": 1})), Ok(expected.clone()));
    assert_eq!(check(&signature, &json!({"max_width": 1})), Ok(expected.clone()));
    assert_eq!(check(&signature, &json!([1])), Ok(expected));
}

#[test]
fn missing_options_are_none() {
    let signature = signature(&[("a", ValueType::Option(boxed(ValueType::U8)))]);
    let none = Ok(Arguments(vec![Argument::Value(Val::Option(None))]));
    for args in [json!({}), json!([]), json!(null), json!({"a": null})] {
        assert_eq!(check(&signature, &args), none);
    }
}

#[test]
fn bytes_are_kept_as_bytes() {
    let signature = signature(&[("a", ValueType::List(boxed(ValueType::U8)))]);
    let expected = Ok(Arguments(vec![Argument::Bytes(vec![0, 255])]));
    assert_eq!(check(&signature, &json!({"a": "AP8="})), expected);
    assert_eq!(check(&signature, &json!({"a": "AP8"})), expected);
}

#[test]
fn whole_numbers_may_have_a_point() {
    assert_eq!(from_json::value(&ValueType::U8, &json!(3.0)), Ok(Val::U8(3)));
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    let params = [("width", ValueType::U8)];
    assert_eq!(
        refusal(&params, &json!({"width": 1, "widht": 2})),
        says("/widht", "there is no parameter `widht`; did you mean `width`?")
    );
    assert_eq!(
        refusal(&params, &json!({"width": 1, "z": 2})),
        says("/z", "there is no parameter `z`; there are `width`")
    );
    assert_eq!(
        refusal(&[], &json!({"a/b~": 2})),
        says("/a~1b~0", "there is no parameter `a/b~`; there are none")
    );
}

#[test]
fn a_misspelt_name_is_told_before_the_missing_one() {
    assert_eq!(
        refusal(&[("width", ValueType::U8)], &json!({"widht": 2})),
        says("/widht", "there is no parameter `widht`; did you mean `width`?")
    );
}

#[test]
fn a_name_in_both_cases_is_refused() {
    assert_eq!(
        refusal(&[("a-b", ValueType::U8)], &json!({"a-b": 1, "a_b": 1})),
        says("/a_b", "parameter `a-b` is given twice")
    );
}

#[test]
fn missing_arguments_are_refused() {
    let params = [("x", ValueType::U8), ("y", ValueType::S32)];
    let message = "parameter `y` of type `s32` is missing";
    assert_eq!(refusal(&params, &json!({"x": 1})), says("/y", message));
    assert_eq!(refusal(&params, &json!([1])), says("/1", message));
    assert_eq!(refusal(&params, &json!([1, 2, 3])), says("", "expected at most 2 arguments, found 3"));
    assert_eq!(
        refusal(&params, &json!(7)),
        says("", "expected an object with the arguments by name or an array with them in order")
    );
}

#[test]
fn values_of_another_type_are_refused() {
    let wrong = |ty, value: Value| refused(ty, &value).1;
    assert_eq!(wrong(ValueType::S32, json!("z")), "expected `s32`, found the text \"z\"");
    assert_eq!(wrong(ValueType::S32, json!(1.5)), "expected `s32`, found the number 1.5");
    assert_eq!(wrong(ValueType::U64, json!("0x10")), "expected `u64`, found the text \"0x10\"");
    assert_eq!(wrong(ValueType::Bool, json!(0)), "expected `bool`, found the number 0");
    assert_eq!(wrong(ValueType::String, json!(null)), "expected `string`, found null");
    assert_eq!(wrong(ValueType::Char, json!("ab")), "expected `char` as text of exactly one character");
    assert_eq!(
        wrong(ValueType::F64, json!("inf")),
        "expected `f64` as a number, \"NaN\", \"Infinity\" or \"-Infinity\", found the text \"inf\""
    );
    let bytes = || ValueType::List(boxed(ValueType::U8));
    assert_eq!(wrong(bytes(), json!([1])), "expected bytes as base64 text, found an array");
    assert_eq!(wrong(bytes(), json!("a b")), "expected bytes as base64 text of the standard alphabet");
}

#[test]
fn values_out_of_range_are_refused() {
    let wrong = |ty, value: Value| refused(ty, &value).1;
    assert_eq!(wrong(ValueType::S32, json!(3_000_000_000_u64)), "3000000000 is out of the range of `s32`");
    assert_eq!(wrong(ValueType::U8, json!(-1)), "-1 is out of the range of `u8`");
    assert_eq!(
        wrong(ValueType::S64, json!("9223372036854775808")),
        "9223372036854775808 is out of the range of `s64`"
    );
    assert!(wrong(ValueType::F32, json!(1e39)).ends_with("is out of the range of `f32`"));
}

#[test]
fn the_pointer_leads_into_the_value() {
    let list = ValueType::List(boxed(point()));
    assert_eq!(refused(list, &json!([{"x": 1}, {"x": "a"}])).0, "/a/1/x");
    assert_eq!(refused(shape(), &json!({"case": "circle", "value": "r"})).0, "/a/value");
    assert_eq!(refused(shape(), &json!({"case": "at", "value": {"x": 1, "far_y": "n"}})).0, "/a/value/far_y");
    let tuple = ValueType::Tuple(vec![ValueType::U8, ValueType::U8]);
    assert_eq!(refused(tuple, &json!([1, null])).0, "/a/1");
    let result = ValueType::Result { ok: Some(boxed(ValueType::U8)), err: None };
    assert_eq!(refused(result, &json!({"ok": "a"})).0, "/a/ok");
    let options = ValueType::Option(boxed(ValueType::Option(boxed(ValueType::U8))));
    assert_eq!(refused(options, &json!({"some": "a"})).0, "/a/some");
}

#[test]
fn variants_enums_flags_and_results_name_what_there_is() {
    let names = || vec!["contain".to_owned(), "cover".to_owned()];
    assert_eq!(
        refused(ValueType::Enum(names()), &json!("covers")),
        says("/a", "there is no case `covers`; did you mean `cover`?")
    );
    assert_eq!(
        refused(ValueType::Flags(names()), &json!(["cover", "x"])),
        says("/a/1", "there is no flag `x`; there are `contain`, `cover`")
    );
    assert_eq!(
        refused(ValueType::Flags(names()), &json!(["cover", "contain", "cover"])),
        says("/a/2", "flag `cover` is given twice")
    );
    assert_eq!(
        refused(shape(), &json!({"case": "square"})),
        says("/a/case", "there is no case `square`; there are `dot`, `circle`, `at`")
    );
    assert_eq!(refused(shape(), &json!({"value": 1})), says("/a/case", "expected the name of a case"));
    assert_eq!(
        refused(shape(), &json!({"case": "circle"})),
        says("/a/value", "a value of type `f64` is missing")
    );
    assert_eq!(
        refused(shape(), &json!({"case": "dot", "value": 1})),
        says("/a/value", "expected nothing, found the number 1")
    );
    let result = ValueType::Result { ok: None, err: None };
    assert_eq!(
        refused(result, &json!({"ok": null, "err": null})),
        says("/a", "expected an object with either `ok` or `err`")
    );
}
