//! What a sandbox costs: `add` from JSON text to JSON text in a fresh one, beside bare wasmtime with the same
//! engine settings, which instantiates the same component and calls it with numbers. Then bytes, which take a
//! way of their own, beside the general way.
//!
//! `cargo bench -p windlass-tests --bench sandbox [-- COMPONENT]`, where the component exports
//! `add: func(x: s32, y: s32) -> s32`.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops at the first surprise"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use tokio::runtime::Runtime;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, UpdateDeadline,
    WasmFeatures,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use windlass::sandbox::{
    Control, EngineKind, Engines, Limits, Outcome, Program, arguments, compile, kernel, run,
};

const ROUNDS: usize = 5;
const CALLS: u32 = 20_000;
const BYTES: usize = 1 << 20;
const BYTES_CALLS: u32 = 50;
const TARGET: f64 = 1.5;

/// Memory as a small Rust plugin has it, with some data to copy on write.
const COMPONENT: &str = r#"(component
    (core module $m
        (memory (export "memory") 17 64)
        (data (i32.const 1048576) "constants of the program")
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (drop (memory.grow (i32.shr_u (i32.add (local.get 3) (i32.const 131071)) (i32.const 16))))
            i32.const 1114112)
        (func (export "add") (param i32 i32) (result i32)
            (i32.store (i32.const 1048000) (local.get 0))
            (i32.add (i32.load (i32.const 1048000)) (local.get 1)))
        (func (export "echo") (param i32 i32) (result i32)
            (i32.store (i32.const 8) (local.get 0))
            (i32.store (i32.const 12) (local.get 1))
            i32.const 8)
        (func (export "general") (param i32 i32 i32) (result i32)
            (i32.store (i32.const 8) (local.get 0))
            (i32.store (i32.const 12) (local.get 1))
            i32.const 8))
    (core instance $i (instantiate $m))
    (alias core export $i "memory" (core memory $memory))
    (alias core export $i "realloc" (core func $realloc))
    (func (export "add") (param "x" s32) (param "y" s32) (result s32) (canon lift (core func $i "add")))
    (func (export "echo") (param "data" (list u8)) (result (list u8))
        (canon lift (core func $i "echo") (memory $memory) (realloc (core func $realloc))))
    (type $either' (variant (case "a") (case "b")))
    (export $either "either" (type $either'))
    (func (export "general") (param "data" (list u8)) (param "x" $either) (result (list u8))
        (canon lift (core func $i "general") (memory $memory) (realloc (core func $realloc)))))"#;

struct Ours {
    program: Arc<Program>,
    _engines: Engines,
}

impl Ours {
    fn new(wasm: &[u8]) -> Ours {
        let engines = Engines::new(2).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), compile::compile(wasm, EngineKind::Jobs).unwrap()).unwrap();
        let program = Program::load(&engines, EngineKind::Jobs, file.path()).unwrap();
        Ours { program, _engines: engines }
    }

    async fn call(&self, handler: &str, json: &str) -> String {
        let signature = &self.program.handler(handler).unwrap().signature;
        let args: Value = serde_json::from_str(json).unwrap();
        let arguments = arguments::check(signature, &args).unwrap();
        let limits = Limits::default();
        let control = Control::new(&limits);
        let finished = run::run(&self.program, handler, arguments, &limits, &control).await;
        let Outcome::Succeeded(json) = finished.outcome else { panic!("{:?}", finished.outcome) };
        json
    }
}

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

struct Bare {
    engine: Engine,
    pre: InstancePre<Host>,
}

impl Bare {
    fn new(wasm: &[u8]) -> Bare {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(6).total_stacks(6).total_gc_heaps(0).table_keep_resident(64 << 10);
        if PoolingAllocationConfig::is_pagemap_scan_available() && !kernel::swap_possible() {
            pool.linear_memory_keep_resident(2 << 20).pagemap_scan(Enabled::Yes);
        } else {
            pool.decommit_batch_size(32);
        }
        let mut config = Config::new();
        config
            .wasm_features(WasmFeatures::CM_ASYNC, false)
            .concurrency_support(false)
            .epoch_interruption(true)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        let component = Component::new(&engine, wasm).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        Bare { pre: linker.instantiate_pre(&component).unwrap(), engine }
    }

    async fn add(&self, x: i32, y: i32) -> i32 {
        let host = Host { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, host);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.pre.instantiate_async(&mut store).await.unwrap();
        let add = instance.get_typed_func::<(i32, i32), (i32,)>(&mut store, "add").unwrap();
        add.call_async(&mut store, (x, y)).await.unwrap().0
    }
}

/// Processor time of one of `calls` calls; all of them is on this thread, and other programs do not count.
fn time(runtime: &Runtime, calls: u32, mut call: impl AsyncFnMut(u32)) -> Duration {
    runtime.block_on(async {
        let started = thread_cpu();
        for number in 0..calls {
            call(number).await;
        }
        thread_cpu().saturating_sub(started) / calls
    })
}

fn thread_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn add(runtime: &Runtime, wasm: &[u8]) {
    let (ours, bare) = (Ours::new(wasm), Bare::new(wasm));
    let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_times.push(time(runtime, CALLS, async |number| {
            let json = ours.call("add", &format!(r#"{{"x":{number},"y":20}}"#)).await;
            assert_eq!(json, (number + 20).to_string());
        }));
        bare_times.push(time(runtime, CALLS, async |number| {
            assert_eq!(
                black_box(bare.add(black_box(number.cast_signed()), 20).await),
                number.cast_signed() + 20
            );
        }));
    }
    let (ours, bare) = (median(our_times), median(bare_times));
    println!("add, fresh sandbox, JSON to JSON   {ours:8.2} us");
    println!("add, bare wasmtime, fresh instance {bare:8.2} us");
    println!("ratio                              {:8.2}    (target: at most {TARGET})", ours / bare);
}

fn bytes(runtime: &Runtime) {
    let ours = Ours::new(&wat::parse_str(COMPONENT).unwrap());
    let text = base64_simd::STANDARD.encode_to_string(vec![7; BYTES]);
    let ways = [("echo", format!(r#"["{text}"]"#)), ("general", format!(r#"["{text}",{{"case":"a"}}]"#))];
    for (handler, json) in ways {
        let times = (0..ROUNDS).map(|_| {
            time(runtime, BYTES_CALLS, async |_| {
                assert_eq!(black_box(ours.call(handler, &json).await).len(), text.len() + 2);
            })
        });
        println!("1 MiB of bytes there and back, {handler:8}{:8.2} us", median(times.collect()));
    }
}

fn main() {
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let wasm = path.map_or_else(|| wat::parse_str(COMPONENT).unwrap(), |path| std::fs::read(path).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    add(&runtime, &wasm);
    bytes(&runtime);
}
