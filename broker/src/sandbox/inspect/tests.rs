//! What is taken and what is refused, by which rule.

use wasm_encoder::{CodeSection, Component, Function, FunctionSection, Module, ModuleSection, TypeSection};

use super::*;
use crate::sandbox::tests::{GUEST, WASI};

fn rule(wasm: &[u8]) -> &'static str {
    inspect(wasm).unwrap_err().rule
}

/// A component with one module whose functions are these.
fn component(functions: &[Function]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut section = FunctionSection::new();
    let mut code = CodeSection::new();
    for function in functions {
        section.function(0);
        code.function(function);
    }
    let mut module = Module::new();
    module.section(&types).section(&section).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}

fn body(fill: impl FnOnce(&mut wasm_encoder::InstructionSink<'_>)) -> Function {
    let mut function = Function::new([]);
    fill(&mut function.instructions());
    function.instructions().end();
    function
}

#[test]
fn components_are_taken() {
    let inspection = inspect(&wat::parse_str(WASI).unwrap()).unwrap();
    assert_eq!(inspection.kind, EngineKind::Jobs);
    assert_eq!(inspection.exports, ["print", "sleep", "work", "exit", "hoard"]);
    assert!(inspection.imports.contains(&"wasi:clocks/monotonic-clock@0.2.0".to_owned()));
    assert!(inspect(&wat::parse_str(GUEST).unwrap()).unwrap().imports.is_empty());
}

#[test]
fn the_async_abi_needs_the_other_engine() {
    let text = r#"(component
        (core module $m (func (export "f") (result i32) i32.const 0) (func (export "c") (param i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "f") async (canon lift (core func $i "f") async (callback (core func $i "c")))))"#;
    assert_eq!(inspect(&wat::parse_str(text).unwrap()).unwrap().kind, EngineKind::JobsAsync);
}

#[test]
fn what_is_no_component_is_told_apart() {
    assert_eq!(rule(b""), "not_wasm");
    assert_eq!(rule(b"#!/bin/sh"), "not_wasm");
    assert_eq!(rule(b"\x7fELF\x02\x01"), "native_code");
    assert_eq!(rule(&wat::parse_str("(module)").unwrap()), "core_module");
    assert_eq!(rule(b"\0asm\x63\0\0\0"), "unknown_version");
    assert_eq!(rule(&vec![0; COMPONENT_BYTES_MAX + 1]), "size");
}

#[test]
fn what_is_cut_off_or_wrong_is_refused_with_its_place() {
    let wasm = wat::parse_str(GUEST).unwrap();
    let rejection = inspect(&wasm[..wasm.len() / 2]).unwrap_err();
    assert_eq!(rejection.rule, "invalid");
    assert!(rejection.offset.is_some());
    assert_eq!(
        rule(&component(&[body(|code| {
            code.i32_const(1);
        })])),
        "invalid"
    );
}

#[test]
fn proposals_that_are_off_are_refused() {
    let text = "(component (core module (memory 1 1 shared)))";
    assert_eq!(rule(&wat::parse_str(text).unwrap()), "invalid");
}

#[test]
fn imports_that_are_not_offered_are_refused() {
    for name in ["wasi:http/outgoing-handler@0.2.0", "wasi:io/poll@0.3.0", "demo:other/thing", "log"] {
        let text = format!(r#"(component (import "{name}" (instance)))"#);
        assert_eq!(rule(&wat::parse_str(text).unwrap()), "import_not_offered", "{name}");
    }
}

#[test]
fn a_refused_import_of_http_says_how_javascript_does_without() {
    let text = r#"(component (import "wasi:http/types@0.2.10" (instance)))"#;
    let message = inspect(&wat::parse_str(text).unwrap()).unwrap_err().message;
    assert!(message.contains("--disable http fetch-event"), "{message}");
}

#[test]
fn functions_that_are_hard_to_compile_are_refused() {
    let empty = body(|_| {});
    assert!(inspect(&component(&[empty])).is_ok());
    let locals = Function::new([(u32::try_from(LOCALS_MAX).unwrap() + 1, wasm_encoder::ValType::I32)]);
    let mut ended = locals;
    ended.instructions().end();
    assert_eq!(rule(&component(&[ended])), "locals");
    let large = body(|code| {
        for _ in 0..BODY_BYTES_MAX {
            code.nop();
        }
    });
    assert_eq!(rule(&component(&[large])), "body_size");
    let nested = body(|code| {
        for _ in 0..=NESTING_MAX {
            code.block(wasm_encoder::BlockType::Empty);
        }
        for _ in 0..=NESTING_MAX {
            code.end();
        }
    });
    assert_eq!(rule(&component(&[nested])), "nesting");
    let branches = body(|code| {
        code.i32_const(0).br_table(vec![0; BRANCH_TARGETS_MAX as usize + 1], 0);
    });
    assert_eq!(rule(&component(&[branches])), "branch_targets");
}

#[test]
fn too_many_parts_are_refused() {
    let functions = vec![body(|_| {}); usize::try_from(FUNCTIONS_MAX).unwrap() + 1];
    assert_eq!(rule(&component(&functions)), "functions");
    let modules = "(core module)".repeat(usize::try_from(NESTED_MAX).unwrap());
    assert_eq!(rule(&wat::parse_str(format!("(component {modules})")).unwrap()), "nested");
}

#[test]
fn memories_and_tables_that_fit_no_slot_are_refused() {
    let with = |part: &str| wat::parse_str(format!("(component (core module {part}))")).unwrap();
    assert!(inspect(&with("(memory 4096) (table 20000 funcref)")).is_ok());
    assert_eq!(rule(&with("(memory 4097)")), "memory");
    assert_eq!(rule(&with("(table 20001 funcref)")), "table");
}
