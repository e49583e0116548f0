//! Small components to upload, honest and hostile.

use bytes::Bytes;
use wasm_encoder::{
    BlockType, CodeSection, Component, Function, FunctionSection, Module, ModuleSection, TypeSection, ValType,
};

/// A component with `add: func(x: s32, y: s32) -> s32`; each `salt` gives other bytes.
pub(crate) fn adder(salt: u32) -> Bytes {
    exporting(&["add"], salt)
}

/// A component with several functions of the type of `add`.
pub(crate) fn exporting(functions: &[&str], salt: u32) -> Bytes {
    let lifted = functions.iter().map(|name| {
        format!(r#"(func (export "{name}") (param "x" s32) (param "y" s32) (result s32) (canon lift (core func $i "f")))"#)
    });
    let text = format!(
        r#"(component
            (core module $m
                (func (export "f") (param i32 i32) (result i32)
                    i32.const {salt}
                    drop
                    local.get 0
                    local.get 1
                    i32.add))
            (core instance $i (instantiate $m))
            {})"#,
        lifted.collect::<String>()
    );
    wat::parse_str(text).expect("the text is a component").into()
}

/// One function with thousands of values that are alive all at once: minutes of register allocation.
pub(crate) fn cpu_bomb() -> Bytes {
    const LOCALS: u32 = 9_000;
    let mut function = Function::new([(LOCALS, ValType::I64)]);
    let mut body = function.instructions();
    body.loop_(BlockType::Empty);
    for local in 0..LOCALS {
        body.local_get(local).local_get((local + 1) % LOCALS).i64_add().local_set(local);
    }
    for local in 0..LOCALS {
        body.local_get(local).local_get((local * 7 + 3) % LOCALS).i64_xor().local_set(local);
    }
    body.br(0).end().end();
    component_of(&[function])
}

/// A great many small functions: gigabytes of compiler state.
pub(crate) fn memory_bomb() -> Bytes {
    let mut function = Function::new([(4, ValType::I64)]);
    let mut body = function.instructions();
    for _ in 0..8 {
        body.local_get(0).local_get(1).i64_mul().local_get(2).i64_add().local_set(3);
    }
    body.end();
    component_of(&vec![function; 100_000])
}

fn component_of(functions: &[Function]) -> Bytes {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut signatures, mut code) = (FunctionSection::new(), CodeSection::new());
    for function in functions {
        signatures.function(0);
        code.function(function);
    }
    let mut module = Module::new();
    module.section(&types).section(&signatures).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish().into()
}
