//! The engines guests run on, their settings, and what all programs of one engine share.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::component::Linker;
use wasmtime::{
    Collector, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmFeatures,
};

use super::guest::{self, Guest};
use super::kernel;
use super::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, MEMORY_BYTES_CEILING, TABLE_ELEMENTS_MAX, TABLES_MAX};
use super::ticker::Ticker;

/// Slots of the pool beyond those of the workers, for trying out plugins while all workers are busy.
const SPARE_SLOTS: usize = 4;
/// The guest's own stack. Deep recursion ends there with a trap.
const WASM_STACK_BYTES: usize = 512 << 10;
/// The stack of a run: the guest's and the host's functions that it calls.
const ASYNC_STACK_BYTES: usize = 1 << 20;
/// Memory a pool slot keeps, cleaned, from one guest to the next.
const KEPT_MEMORY_BYTES: usize = 2 << 20;
/// The same for tables.
const KEPT_TABLE_BYTES: usize = 64 << 10;
/// Slots cleaned together when cleaning means giving memory back to the kernel.
const DECOMMIT_BATCH: usize = 32;
/// Frames of a trap's backtrace.
const BACKTRACE_FRAMES: usize = 32;
/// The metadata of one core instance.
const CORE_INSTANCE_BYTES: usize = 2 << 20;
/// The metadata of one component instance.
const COMPONENT_INSTANCE_BYTES: usize = 4 << 20;

/// Which engine a component needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// Components whose functions are all synchronous: the fast one.
    Jobs,
    /// Components that use the async ABI; each run costs twice as much.
    JobsAsync,
}

/// Why a sandbox or a program for it could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// More slots than mappings.
    #[error(
        "{slots} slots need more memory mappings than the kernel gives (at most {max} slots); \
             use fewer or raise the sysctl `vm.max_map_count`"
    )]
    TooManySlots {
        /// Slots asked for.
        slots: usize,
        /// What the kernel allows.
        max: usize,
    },
    /// An engine could not be made.
    #[error("cannot set up the sandbox: {0}")]
    Engine(String),
    /// The component could not be compiled.
    #[error("cannot compile the component: {0}")]
    Compile(String),
    /// The compiled form is for other engines than these, or needs more than a slot has.
    #[error("cannot load the compiled component: {0}")]
    Load(String),
    /// The component imports something that is not offered, or in another form.
    #[error("cannot link the component: {0}")]
    Link(String),
    /// The component cannot even be instantiated.
    #[error("the component does not start: {0}")]
    Start(String),
}

/// The engines of one process. Dropping it stops the epoch, so it must outlive all runs.
#[derive(Debug)]
pub struct Engines {
    slots: usize,
    ticker: Ticker,
    jobs: Runtime,
    jobs_async: OnceLock<Runtime>,
}

/// An engine and what the host offers to the components on it.
pub(super) struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Guest>,
}

impl Engines {
    /// Engines for `slots` runs at once.
    pub fn new(slots: usize) -> Result<Engines, SandboxError> {
        let max = kernel::max_live_instances().saturating_sub(SPARE_SLOTS);
        if slots > max {
            return Err(SandboxError::TooManySlots { slots, max });
        }
        let ticker = Ticker::start().map_err(|error| SandboxError::Engine(error.to_string()))?;
        let jobs = Runtime::new(EngineKind::Jobs, slots, &ticker)?;
        Ok(Engines { slots, ticker, jobs, jobs_async: OnceLock::new() })
    }

    /// What compiled components depend on, in hexadecimal: one made under another key cannot be loaded.
    pub fn key(&self, kind: EngineKind) -> Result<String, SandboxError> {
        let mut digest = DigestHasher(Sha256::new());
        self.runtime(kind)?.engine.precompile_compatibility_hash().hash(&mut digest);
        Ok(hex(&digest.0.finalize()))
    }

    pub(super) fn runtime(&self, kind: EngineKind) -> Result<&Runtime, SandboxError> {
        if kind == EngineKind::Jobs {
            return Ok(&self.jobs);
        }
        if let Some(runtime) = self.jobs_async.get() {
            return Ok(runtime);
        }
        let runtime = Runtime::new(kind, self.slots, &self.ticker)?;
        Ok(self.jobs_async.get_or_init(|| runtime))
    }
}

impl Runtime {
    fn new(kind: EngineKind, slots: usize, ticker: &Ticker) -> Result<Runtime, SandboxError> {
        let failed = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let mut config = config(kind);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots + SPARE_SLOTS)?));
        let engine = Engine::new(&config).map_err(failed)?;
        let linker = guest::linker(&engine).map_err(failed)?;
        ticker.add(&engine);
        Ok(Runtime { engine, linker })
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

/// The proposals guests may use; all others are off, because most of two years of wasmtime's advisories were
/// in those nobody here needs.
pub(super) fn features(kind: EngineKind) -> WasmFeatures {
    let base = WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::COMPONENT_MODEL;
    match kind {
        EngineKind::Jobs => base,
        EngineKind::JobsAsync => base | WasmFeatures::CM_ASYNC,
    }
}

/// The settings compiled code depends on, the same in the compile child and where the code runs.
pub(super) fn config(kind: EngineKind) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(features(kind), true)
        .concurrency_support(kind == EngineKind::JobsAsync)
        .shared_memory(false)
        .collector(Collector::Null)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

/// A pool in which each of `live` instances may use all that the limits allow: whoever has a slot gets memory.
fn pool(live: usize) -> Result<PoolingAllocationConfig, SandboxError> {
    let count = |each: usize| {
        live.checked_mul(each)
            .and_then(|total| u32::try_from(total).ok())
            .ok_or_else(|| SandboxError::Engine(format!("{live} slots are too many")))
    };
    let each = |max: usize| u32::try_from(max).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count(1)?)
        .total_core_instances(count(CORE_INSTANCES_MAX)?)
        .total_memories(count(MEMORIES_MAX)?)
        .total_tables(count(TABLES_MAX)?)
        .total_stacks(count(1)?)
        .total_gc_heaps(0)
        .max_memory_size(MEMORY_BYTES_CEILING)
        .max_memories_per_component(each(MEMORIES_MAX))
        .max_memories_per_module(each(MEMORIES_MAX))
        .max_tables_per_module(each(TABLES_MAX))
        .max_tables_per_component(each(TABLES_MAX))
        .max_core_instances_per_component(each(CORE_INSTANCES_MAX))
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_core_instance_size(CORE_INSTANCE_BYTES)
        .max_component_instance_size(COMPONENT_INSTANCE_BYTES)
        .max_unused_warm_slots(count(1)?)
        .table_keep_resident(KEPT_TABLE_BYTES);
    if PoolingAllocationConfig::is_pagemap_scan_available() && !kernel::swap_possible() {
        pool.linear_memory_keep_resident(KEPT_MEMORY_BYTES).pagemap_scan(Enabled::Yes);
    } else {
        pool.linear_memory_keep_resident(0).decommit_batch_size(DECOMMIT_BATCH);
    }
    Ok(pool)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|d| char::from_digit(d.into(), 16))
        .collect()
}

/// Lets everything that can be hashed be digested.
struct DigestHasher(Sha256);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not asked for: the digest is taken whole.
    fn finish(&self) -> u64 {
        0
    }
}
