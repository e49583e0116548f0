//! Values on their way through a guest, and what a program tells about itself.

use serde_json::json;

use super::*;

async fn echoed(guest: &Program, handler: &str, args: Value) -> Value {
    let outcome = outcome(guest, handler, args).await;
    let Outcome::Succeeded(json) = &outcome else { panic!("{outcome:?}") };
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn every_type_goes_into_a_guest_and_out_again() {
    let it = json!({
        "bool": true, "s8": -128, "u8": 255, "s16": -32768, "u16": 65535,
        "s32": i32::MIN, "u32": u32::MAX, "s64": i64::MIN.to_string(), "u64": u64::MAX.to_string(),
        "f32": 0.1, "f64": "-Infinity", "char": "ß", "string": "a\"b\\c\n\u{1}é",
        "bytes": "AAEC/w==", "list": [["a"], [], ["b", ""]], "tuple": [1, "x"],
        "record": {"x": -1, "far-y": 9_007_199_254_740_992_u64},
        "variant": [{"case": "dot"}, {"case": "circle", "value": 1.5},
            {"case": "at", "value": {"x": 0, "far-y": null}}],
        "enum": "cover", "flags": ["bold", "underlined"],
        "option": null, "options": {"some": null},
        "result": {"err": "no"}, "unit": {"ok": null},
    });
    for guest in in_background(&GUESTS).await {
        assert_eq!(echoed(guest, "everything", json!([it])).await, it);
    }
}

#[tokio::test]
async fn bytes_go_into_a_guest_and_out_again() {
    for guest in in_background(&GUESTS).await {
        assert_eq!(echoed(guest, "echo", json!(["AAEC/w"])).await, json!("AAEC/w=="));
        assert_eq!(echoed(guest, "echo", json!([""])).await, json!(""));
    }
}

#[tokio::test]
async fn bytes_can_be_mixed_with_other_arguments() {
    for guest in in_background(&GUESTS).await {
        let args = |fit| json!({"image": "AAEC", "max_width": 3, "fit": fit, "label": "too wide"});
        assert_eq!(echoed(guest, "pick", args(json!(null))).await, json!("AAEC"));
        assert_eq!(echoed(guest, "pick", args(json!("contain"))).await, json!("AAEC"));
        assert_eq!(
            outcome(guest, "pick", args(json!("cover"))).await,
            Outcome::Failed { detail: json!("too wide"), message: "too wide".to_owned() }
        );
    }
}

#[test]
fn functions_become_handlers() {
    let names: Vec<_> = GUESTS[0].handlers().iter().map(|handler| handler.signature.name.as_str()).collect();
    assert!(names.starts_with(&["add", "divide", "echo", "pick", "everything"]), "{names:?}");
    assert!(names.ends_with(&["math.sum", "demo:one/text@1.0.0.sum", "demo:two/text.sum"]), "{names:?}");
    assert_eq!(
        GUESTS[0].handler("pick").unwrap().signature.to_string(),
        "pick(image: list<u8>, max-width: u32, fit: option<enum { contain, cover }>, label: string) \
         -> result<list<u8>, string>"
    );
}

#[test]
fn exports_of_the_host_s_own_interfaces_are_no_handlers() {
    let uncallable: Vec<_> = GUESTS[0].uncallable().iter().map(|function| function.name.as_str()).collect();
    assert_eq!(uncallable, ["run.run"]);
}

#[test]
fn what_starts_python_is_no_handler_and_its_namesake_is_one() {
    let program = load(
        r#"(component
            (core module $m (func (export "f") (param i32 i32 i32)) (func (export "g") (param i32)))
            (core instance $i (instantiate $m))
            (func $start (param "app-name" u32) (param "symbols" u32) (param "stub-wasi" bool)
              (canon lift (core func $i "f")))
            (func $namesake (param "app-name" u32) (canon lift (core func $i "g")))
            (instance $python (export "init" (func $start)))
            (instance $other (export "init" (func $namesake)))
            (export "exports" (instance $python))
            (export "demo:own/exports" (instance $other)))"#,
        EngineKind::Jobs,
    )
    .unwrap();
    let names: Vec<_> = program.handlers().iter().map(|handler| handler.signature.name.as_str()).collect();
    assert_eq!(names, ["demo:own/exports.init"]);
    assert_eq!(program.uncallable()[0].name, "exports.init");
    assert_eq!(program.uncallable()[0].reason, "componentize-py calls it while it builds the plugin");
}

#[test]
fn functions_with_resources_are_no_handlers() {
    let program = load(
        r#"(component
            (type $r' (resource (rep i32)))
            (export $r "r" (type $r'))
            (core module $m (func (export "f") (param i32)))
            (core instance $i (instantiate $m))
            (func (export "f") (param "it" (own $r)) (canon lift (core func $i "f"))))"#,
        EngineKind::Jobs,
    )
    .unwrap();
    assert_eq!(program.handlers().len(), 0);
    assert_eq!(program.uncallable()[0].reason, "parameter `it` is a `resource`, which has no JSON form");
}

#[test]
fn a_component_with_more_memories_than_a_slot_is_refused() {
    let memories = "(memory 1)".repeat(5);
    let text = format!("(component (core module $m {memories}) (core instance (instantiate $m)))");
    let message = load(&text, EngineKind::Jobs).unwrap_err().to_string();
    assert!(message.contains("defined memories count of 5 exceeds the per-instance limit of 4"), "{message}");
}

#[test]
fn a_component_that_traps_when_it_starts_is_refused() {
    let text =
        "(component (core module $m (func $f unreachable) (start $f)) (core instance (instantiate $m)))";
    assert!(matches!(load(text, EngineKind::Jobs), Err(crate::sandbox::SandboxError::Start(_))));
}

#[test]
fn a_program_of_another_engine_is_not_loaded() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let wasm = wat::parse_str("(component)").unwrap();
    std::fs::write(file.path(), compile::compile(&wasm, EngineKind::JobsAsync).unwrap()).unwrap();
    assert!(matches!(
        Program::load(&ENGINES, EngineKind::Jobs, file.path()),
        Err(crate::sandbox::SandboxError::Load(_))
    ));
    assert_ne!(ENGINES.key(EngineKind::Jobs).unwrap(), ENGINES.key(EngineKind::JobsAsync).unwrap());
}

#[test]
fn engines_have_no_more_slots_than_the_kernel_has_mappings_for() {
    let slots = crate::sandbox::kernel::max_live_instances();
    assert!(matches!(Engines::new(slots), Err(crate::sandbox::SandboxError::TooManySlots { .. })));
}
