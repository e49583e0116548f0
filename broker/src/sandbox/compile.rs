//! Components to native code. Compiling cannot be interrupted and a hostile component makes it take minutes
//! and gigabytes, so this runs in a child process that can be killed.

use wasmtime::Engine;

use super::engine::{EngineKind, SandboxError, config};

/// Compiles a component for an engine of `kind`. Blocks; takes from milliseconds to half a minute.
pub fn compile(wasm: &[u8], kind: EngineKind) -> Result<Vec<u8>, SandboxError> {
    let engine = Engine::new(&config(kind)).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    engine.precompile_component(wasm).map_err(|error| SandboxError::Compile(format!("{error:#}")))
}
