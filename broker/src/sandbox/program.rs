//! A version of a plugin, loaded, linked and tried: all that can be done before its first run.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};
use wasmtime_wasi::runtime::in_tokio;

use super::call::Plan;
use super::control::Control;
use super::engine::{EngineKind, Engines, SandboxError};
use super::guest::{self, Guest};
use super::limits::{Limits, MEMORIES_MAX, MEMORY_BYTES_CEILING};
use super::types::Signature;

/// Handlers of one plugin.
pub const HANDLERS_MAX: usize = 1_000;
/// How long a component may take to start when it is tried.
const START_TIME_MAX: Duration = Duration::from_secs(10);

/// A plugin's version, ready to run.
pub struct Program {
    pub(super) pre: InstancePre<Guest>,
    handlers: Vec<Handler>,
    places: HashMap<String, usize>,
    uncallable: Vec<Uncallable>,
}

/// An exported function that can be called.
#[derive(Debug)]
pub struct Handler {
    /// Its name and types.
    pub signature: Signature,
    pub(super) plan: Plan,
    pub(super) export: ComponentExportIndex,
}

/// An exported function that cannot be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncallable {
    /// The name it would have as a handler.
    pub name: String,
    /// Why it is none, in words.
    pub reason: String,
}

impl Program {
    /// Loads a compiled component and tries whether it starts. Blocks for up to ten seconds if it is a hostile
    /// one; within a runtime call it from `spawn_blocking`.
    ///
    /// The file is native code and wasmtime does not check it: the caller has verified that it is, unchanged,
    /// what [`compile`](super::compile::compile) gave, and nobody writes to it while the program lives.
    pub fn load(engines: &Engines, kind: EngineKind, artefact: &Path) -> Result<Arc<Program>, SandboxError> {
        let runtime = engines.runtime(kind)?;
        // SAFETY: the caller has verified that the file is our own compiler's output, as the documentation asks.
        #[expect(unsafe_code, reason = "loading native code is what this function is for")]
        let component = unsafe { Component::deserialize_file(&runtime.engine, artefact) }
            .map_err(|error| SandboxError::Load(format!("{error:#}")))?;
        let pre = runtime
            .linker
            .instantiate_pre(&component)
            .map_err(|error| SandboxError::Link(format!("{error:#}")))?;
        start_once(&runtime.engine, &pre)?;
        let Exports { handlers, uncallable } = Exports::read(&runtime.engine, &component);
        let places =
            handlers.iter().enumerate().map(|(place, h)| (h.signature.name.clone(), place)).collect();
        Ok(Arc::new(Program { pre, handlers, places, uncallable }))
    }

    /// The functions that can be called, in the order of the component.
    pub fn handlers(&self) -> &[Handler] {
        &self.handlers
    }

    /// The exported functions that cannot be called.
    pub fn uncallable(&self) -> &[Uncallable] {
        &self.uncallable
    }

    /// The handler of that name.
    pub fn handler(&self, name: &str) -> Option<&Handler> {
        self.places.get(name).and_then(|place| self.handlers.get(*place))
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("handlers", &self.handlers.len()).finish_non_exhaustive()
    }
}

/// Finds out at upload, not at the first run, that a component does not fit into a slot.
fn start_once(engine: &Engine, pre: &InstancePre<Guest>) -> Result<(), SandboxError> {
    let limits = Limits { memory_bytes_max: MEMORIES_MAX * MEMORY_BYTES_CEILING, ..Limits::default() };
    let deadline = Instant::now() + START_TIME_MAX;
    let mut store = guest::store(engine, &limits, &Control::new(&limits), Some(deadline));
    in_tokio(async { tokio::time::timeout(START_TIME_MAX, pre.instantiate_async(&mut store)).await })
        .map_err(|_| SandboxError::Start(format!("it took more than {} s", START_TIME_MAX.as_secs())))?
        .map(drop)
        .map_err(|error| SandboxError::Start(format!("{error:#}")))
}

/// What a component exports, sorted into what can be called and what cannot.
#[derive(Default)]
struct Exports {
    handlers: Vec<Handler>,
    uncallable: Vec<Uncallable>,
}

impl Exports {
    fn read(engine: &Engine, component: &Component) -> Exports {
        let ty = component.component_type();
        let interfaces: Vec<&str> =
            ty.exports(engine).filter(|(_, export)| is_instance(&export.ty)).map(|(name, _)| name).collect();
        let short_names = short_names(&interfaces);
        let mut exports = Exports::default();
        for (name, export) in ty.exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(function) => {
                    exports.function(name.to_owned(), &function, component.get_export_index(None, name));
                }
                ComponentItem::ComponentInstance(instance) => {
                    let interface = component.get_export_index(None, name);
                    let short = short_names.get(name).copied().unwrap_or(name);
                    for (function, export) in instance.exports(engine) {
                        let ComponentItem::ComponentFunc(ty) = export.ty else { continue };
                        let handler = format!("{short}.{function}");
                        if let Some(reason) = foreign(name, function, &ty) {
                            exports.uncallable.push(Uncallable { name: handler, reason });
                        } else {
                            let index = component.get_export_index(interface.as_ref(), function);
                            exports.function(handler, &ty, index);
                        }
                    }
                }
                ComponentItem::CoreFunc(_)
                | ComponentItem::Module(_)
                | ComponentItem::Component(_)
                | ComponentItem::Type(_)
                | ComponentItem::Resource(_) => {}
            }
        }
        exports
    }

    fn function(&mut self, name: String, ty: &ComponentFunc, export: Option<ComponentExportIndex>) {
        let reason = if name.contains('[') {
            "it belongs to a resource, and resources do not outlive a run".to_owned()
        } else if self.handlers.len() == HANDLERS_MAX {
            format!("a plugin has at most {HANDLERS_MAX} handlers")
        } else {
            match (Signature::read(&name, ty), export) {
                (Ok(signature), Some(export)) => {
                    let plan = Plan::of(&signature);
                    self.handlers.push(Handler { signature, plan, export });
                    return;
                }
                (Ok(_), None) => "the component does not say where it is".to_owned(),
                (Err(unsupported), _) => unsupported.to_string(),
            }
        };
        self.uncallable.push(Uncallable { name, reason });
    }
}

fn is_instance(item: &ComponentItem) -> bool {
    matches!(item, ComponentItem::ComponentInstance(_))
}

/// The interface part of each name (`math` of `demo:tools/math@1.0.0`), where no two have the same.
fn short_names<'a>(names: &[&'a str]) -> HashMap<&'a str, &'a str> {
    let short = |name: &'a str| {
        let unversioned = name.split_once('@').map_or(name, |(unversioned, _)| unversioned);
        unversioned.rsplit_once('/').map_or(unversioned, |(_, interface)| interface)
    };
    let mut seen = HashSet::new();
    let twice: HashSet<&str> =
        names.iter().map(|name| short(name)).filter(|short| !seen.insert(*short)).collect();
    names.iter().map(|name| (*name, short(name))).filter(|(_, short)| !twice.contains(short)).collect()
}

/// Why a function of an interface is no handler by its author's will; nothing if it is one.
fn foreign(interface: &str, function: &str, ty: &ComponentFunc) -> Option<String> {
    if let Some(package) = ["wasi:", "windlass:plugin/"].into_iter().find(|it| interface.starts_with(it)) {
        return Some(format!("the interface `{interface}` is one of `{package}`, not of handlers"));
    }
    // componentize-py leaves exported by what it started Python when it built the plugin.
    let starts_python = (interface, function) == ("exports", "init")
        && ty.params().map(|(name, _)| name).eq(["app-name", "symbols", "stub-wasi"]);
    starts_python.then(|| "componentize-py calls it while it builds the plugin".to_owned())
}
