//! Plugins: uploaded, looked at, replaced while jobs run, refused when they are no components.

use std::time::Duration;

use serde_json::{Value, json};
use wasm_encoder::{
    BlockType, CodeSection, Component, Function, FunctionSection, Module, ModuleSection, TypeSection, ValType,
};
use windlass_tests::{broker::Broker, eventually, fixtures};

/// The component with a custom section at its end: the same functions under another digest.
fn variant(component: &[u8], mark: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let mut body = vec![u8::try_from(mark.len()).unwrap()];
    body.extend_from_slice(mark.as_bytes());
    bytes.push(0);
    bytes.push(u8::try_from(body.len()).unwrap());
    bytes.extend(body);
    bytes
}

#[tokio::test]
async fn an_upload_answers_what_can_be_called() {
    let broker = Broker::start().await;
    let upload = broker.upload("demo").await;
    assert_eq!(upload["created"], true);
    assert_eq!(upload["digest"], upload["plugin"]["active"]);
    let handlers = upload["plugin"]["handlers"].as_array().unwrap();
    let add = handlers.iter().find(|handler| handler["name"] == "demo/add").unwrap();
    assert_eq!(add["wit"], "func(x: s32, y: s32) -> s32");
    assert_eq!(add["params"], json!([{ "name": "x", "type": "s32" }, { "name": "y", "type": "s32" }]));
    assert_eq!(add["args_schema"]["properties"]["x"]["minimum"], -2_147_483_648_i64, "{add}");
    assert!(handlers.iter().any(|handler| handler["name"] == "demo/shapes.describe"), "{upload}");
    assert_eq!(broker.get("/v1/plugins/demo").await.expect_status(200).json(), upload["plugin"]);
}

#[tokio::test]
async fn the_same_bytes_again_change_nothing() {
    let broker = Broker::start().await;
    let first = broker.upload("demo").await;
    let again = broker.upload_bytes("demo", fixtures::plugin_bytes("demo")).await.expect_status(200).json();
    assert_eq!(again["created"], false);
    assert_eq!(again["plugin"], first["plugin"]);
}

#[tokio::test]
async fn a_new_version_takes_over_while_a_job_of_the_old_one_finishes() {
    let broker = Broker::with_demo_and(&["--workers", "2"]).await;
    let old = broker.get("/v1/plugins/demo").await.json()["active"].clone();
    let job = broker.submit("demo/sleep", json!({ "millis": 1500 }), json!({})).await;
    eventually("the job to run", async || (broker.job(&job).await["state"] == "running").then_some(())).await;

    let bytes = variant(&fixtures::plugin_bytes("demo"), "second");
    let upload = broker.upload_bytes("demo", bytes).await.expect_status(201).json();
    assert_ne!(upload["digest"], old);
    assert_eq!(upload["plugin"]["versions"].as_array().unwrap().len(), 2);
    let newer = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    let mut socket = broker.socket().await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": newer })).await, 3);
    assert_eq!(broker.job(&newer).await["version"], upload["digest"]);

    socket.value(json!({ "op": "job.wait", "job": job })).await;
    let view = broker.job(&job).await;
    assert_eq!((&view["state"], &view["version"]), (&json!("succeeded"), &old));

    let pinned = json!({ "op": "add", "args": [1, 2], "opts": { "version": old.as_str().unwrap()[..16] } });
    assert_eq!(socket.value(pinned).await, 3, "an old version can still be asked for");
}

#[tokio::test]
async fn a_rollback_leads_to_the_version_active_before_even_after_a_restart() {
    let mut broker = Broker::with_demo().await;
    let first = broker.get("/v1/plugins/demo").await.json();
    assert!(first["rollback_to"].is_null(), "{first}");
    broker.request("POST", "/v1/plugins/demo/rollback").send().await.expect_problem(409, "bad_state");
    for mark in ["second", "third"] {
        let bytes = variant(&fixtures::plugin_bytes("demo"), mark);
        broker.upload_bytes("demo", bytes).await.expect_status(201);
    }
    let third = broker.get("/v1/plugins/demo").await.json();
    broker.kill9().await;
    broker.restart().await;

    let mut socket = broker.socket().await;
    let second = socket.value(json!({ "op": "plugin.rollback", "plugin": "demo" })).await;
    assert_eq!(second["active"], third["rollback_to"]);
    assert_eq!(second["rollback_to"], first["active"], "the next rollback goes one step further back");
    let back = broker.request("POST", "/v1/plugins/demo/rollback").send().await.expect_status(200).json();
    assert_eq!(back["active"], first["active"]);
    socket.refusal(json!({ "op": "plugin.rollback", "plugin": "demo" }), "bad_state").await;
    let job = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    assert_eq!(broker.job(&job).await["version"], first["active"], "new jobs run on what is active");
}

#[tokio::test]
async fn any_version_can_be_made_active() {
    let broker = Broker::with_demo().await;
    let first = broker.get("/v1/plugins/demo").await.json()["active"].as_str().unwrap().to_owned();
    let bytes = variant(&fixtures::plugin_bytes("demo"), "second");
    let second = broker.upload_bytes("demo", bytes).await.expect_status(201).json()["digest"].clone();
    let chosen = json!({ "version": first[..12] });
    let plugin = broker.post("/v1/plugins/demo/activate", &chosen).await.expect_status(200).json();
    assert_eq!((&plugin["active"], &plugin["rollback_to"]), (&json!(first), &second));
    let again = broker.post("/v1/plugins/demo/activate", &chosen).await.expect_status(200).json();
    assert_eq!(again, plugin, "what is active already changes nothing");

    let mut socket = broker.socket().await;
    let frame = |plugin: &str, version: &str| json!({ "op": "plugin.activate", "plugin": plugin, "version": version });
    socket.refusal(frame("demo", "0000000000"), "not_found").await;
    socket.refusal(frame("nobody", &first), "not_found").await;
    let other = socket.value(frame("demo", second.as_str().unwrap())).await;
    assert_eq!(other["active"], second);
}

#[tokio::test]
async fn a_short_name_two_plugins_export_is_refused_with_the_candidates() {
    let broker = Broker::with_demo().await;
    broker.upload_bytes("twin", fixtures::plugin_bytes("demo")).await.expect_status(201);
    let mut socket = broker.socket().await;
    let error = socket.refusal(json!({ "op": "add", "x": 1, "y": 2 }), "unknown_handler").await;
    for name in ["demo/add", "twin/add"] {
        assert!(error["detail"].to_string().contains(name), "{error}");
    }
    assert_eq!(socket.value(json!({ "op": "twin/add", "x": 1, "y": 2 })).await, 3);
}

#[tokio::test]
async fn names_that_are_no_plugin_names() {
    let broker = Broker::start().await;
    for name in ["Demo", "2fast", "a_b", "-"] {
        let reply = broker.upload_bytes(name, fixtures::plugin_bytes("demo")).await;
        assert!(matches!(reply.status, 400 | 422), "{name}: {}", reply.text());
    }
    assert_eq!(broker.get("/v1/plugins").await.json()["items"], json!([]));
}

/// Uploads what must be refused, and proves that the broker still takes a good plugin.
async fn refuses(bytes: Vec<u8>) -> Value {
    let broker = Broker::start().await;
    let problem = broker.upload_bytes("bad", bytes).await.expect_problem(422, "plugin_rejected");
    broker.get("/v1/plugins/bad").await.expect_problem(404, "not_found");
    broker.upload("demo").await;
    assert_eq!(broker.socket().await.value(json!({ "op": "add", "x": 1, "y": 2 })).await, 3);
    problem
}

#[tokio::test]
async fn garbage_is_no_plugin() {
    refuses(b"this is not WebAssembly".to_vec()).await;
}

#[tokio::test]
async fn a_truncated_component_is_no_plugin() {
    let bytes = fixtures::plugin_bytes("demo");
    refuses(bytes[..bytes.len() / 2].to_vec()).await;
}

#[tokio::test]
async fn a_core_module_is_told_from_a_component() {
    let problem = refuses(Module::new().finish()).await;
    assert!(problem.to_string().contains("component"), "{problem}");
}

#[tokio::test]
async fn native_code_is_no_plugin() {
    refuses(std::fs::read(fixtures::binary()).unwrap()[..1 << 20].to_vec()).await;
}

#[tokio::test]
async fn an_upload_above_its_limit_is_refused() {
    let broker = Broker::start().await;
    broker.upload_bytes("big", vec![0; (32 << 20) + 1]).await.expect_problem(413, "too_large");
    broker.upload("demo").await;
}

/// A component of a few hundred kilobytes, within every limit of structure, that takes a compiler minutes: one loop in
/// which thousands of values are alive all at once.
fn compile_bomb() -> Vec<u8> {
    const LOCALS: u32 = 9_900;
    let mut function = Function::new([(LOCALS, ValType::I64)]);
    let mut body = function.instructions();
    body.loop_(BlockType::Empty);
    for step in [1, 7, 11, 13] {
        for local in 0..LOCALS {
            body.local_get(local).local_get((local * step + 3) % LOCALS).i64_add().local_set(local);
        }
    }
    body.br(0).end().end();
    component_of(&function)
}

/// A component whose one function declares more locals than any compiler should be asked to place.
fn many_locals() -> Vec<u8> {
    let mut function = Function::new([(1_000_000, ValType::I64)]);
    function.instructions().end();
    component_of(&function)
}

/// A component that has a module with this one function, of no parameters and no results.
fn component_of(function: &Function) -> Vec<u8> {
    let (mut types, mut functions, mut code) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    code.function(function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}

#[tokio::test]
async fn a_function_with_too_many_locals_is_refused_before_it_is_compiled() {
    assert_eq!(refuses(many_locals()).await["info"]["rule"], "locals");
}

#[tokio::test]
async fn a_compile_bomb_is_refused_while_the_broker_answers() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let bomb = broker.upload_bytes("bomb", compile_bomb());
    let answers = async {
        // Now and then is enough: the compiler, which goes last, should get its share of the processor.
        let (mut answered, mut pace) = (0, tokio::time::interval(Duration::from_millis(50)));
        loop {
            pace.tick().await;
            assert_eq!(socket.value(json!({ "op": "add", "x": answered, "y": 1 })).await, answered + 1);
            answered += 1;
        }
    };
    tokio::select! {
        reply = bomb => {
            let problem = reply.expect_problem(422, "plugin_rejected");
            assert_eq!(problem["info"]["rule"], "compile_cpu", "{problem}");
        }
        () = answers => {}
    }
    broker.get("/v1/plugins/bomb").await.expect_problem(404, "not_found");
}
