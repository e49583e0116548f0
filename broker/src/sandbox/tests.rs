//! Whole runs of small guests on both engines.

mod endings;
mod interrupts;
mod values;

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::engine::{EngineKind, Engines};
use super::program::Program;
use super::{Control, Finished, Limits, Outcome, arguments, compile, inspect, run};

pub(super) const GUEST: &str = include_str!("tests/guest.wat");
pub(super) const WASI: &str = include_str!("tests/wasi.wat");

const KINDS: [EngineKind; 2] = [EngineKind::Jobs, EngineKind::JobsAsync];

static ENGINES: LazyLock<Engines> = LazyLock::new(|| Engines::new(16).unwrap());
static GUESTS: LazyLock<[Arc<Program>; 2]> = LazyLock::new(|| KINDS.map(|kind| load(GUEST, kind).unwrap()));
static WASI_GUESTS: LazyLock<[Arc<Program>; 2]> =
    LazyLock::new(|| KINDS.map(|kind| load(WASI, kind).unwrap()));

fn load(text: &str, kind: EngineKind) -> Result<Arc<Program>, super::SandboxError> {
    let wasm = wat::parse_str(text).unwrap();
    assert_eq!(inspect::inspect(&wasm).unwrap().kind, EngineKind::Jobs);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), compile::compile(&wasm, kind)?).unwrap();
    Program::load(&ENGINES, kind, file.path())
}

/// Calls `load` where a runtime already runs on this thread.
async fn in_background<T: Send + Sync>(guests: &'static LazyLock<T>) -> &'static T {
    tokio::task::spawn_blocking(|| LazyLock::force(guests)).await.unwrap()
}

async fn finish(
    program: &Program,
    handler: &str,
    args: Value,
    limits: &Limits,
    control: &Control,
) -> Finished {
    let signature = &program.handler(handler).unwrap().signature;
    let arguments = arguments::check(signature, &args).unwrap();
    run::run(program, handler, arguments, limits, control).await
}

async fn outcome(program: &Program, handler: &str, args: Value) -> Outcome {
    let limits = Limits::default();
    finish(program, handler, args, &limits, &Control::new(&limits)).await.outcome
}
