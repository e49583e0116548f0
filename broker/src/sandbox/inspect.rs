//! A first look at an upload, without compiling: is it a component, within limits, asking for what there is?

use serde::{Deserialize, Serialize};
use wasmparser::{
    BinaryReaderError, ComponentTypeRef, FuncValidatorAllocations, FunctionBody, Operator, Parser, Payload,
    TypeBounds, ValidPayload, Validator,
};

use super::engine::{EngineKind, features};
use super::limits::{MEMORY_BYTES_CEILING, TABLE_ELEMENTS_MAX};

/// Size of an upload.
pub const COMPONENT_BYTES_MAX: usize = 32 << 20;
/// Functions of all modules of a component. The validator itself would take a million for each module.
pub const FUNCTIONS_MAX: u64 = 150_000;
/// Size of one function. The validator itself would take seven times as much.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Locals of one function; registers are allotted to all of them.
pub const LOCALS_MAX: u64 = 10_000;
/// Blocks within blocks of one function; a `switch` nests once for each of its cases.
pub const NESTING_MAX: usize = 2_000;
/// Targets of one `br_table`.
pub const BRANCH_TARGETS_MAX: u32 = 10_000;
/// Data and element segments of all modules of a component.
pub const SEGMENTS_MAX: u64 = 20_000;
/// Modules and components within a component.
pub const NESTED_MAX: u64 = 100;

/// The unit of a memory's size.
const WASM_PAGE_BYTES: u64 = 64 << 10;
/// Packages whose interfaces the host offers, all in version 0.2.
const OFFERED: [&str; 6] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];

/// What a component is, as far as it shows without compiling it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The engine it has to be compiled for.
    pub kind: EngineKind,
    /// The interfaces it imports, with versions.
    pub imports: Vec<String>,
    /// The functions and interfaces it exports.
    pub exports: Vec<String>,
}

/// Why an upload is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The rule it breaks, in snake case.
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// Where in the file it was noticed.
    pub offset: Option<usize>,
}

/// Looks at an upload. Takes some milliseconds for each megabyte.
pub fn inspect(wasm: &[u8]) -> Result<Inspection, Rejection> {
    if wasm.len() > COMPONENT_BYTES_MAX {
        let message = format!("the file has {} bytes, at most {COMPONENT_BYTES_MAX} are taken", wasm.len());
        return Err(reject("size", message));
    }
    check_magic(wasm)?;
    match Walk::through(wasm, EngineKind::Jobs) {
        Err(rejection) if rejection.rule == INVALID => Walk::through(wasm, EngineKind::JobsAsync),
        walked => walked,
    }
}

/// The rule of everything the validator finds.
const INVALID: &str = "invalid";

fn reject(rule: &'static str, message: impl Into<String>) -> Rejection {
    Rejection { rule, message: message.into(), offset: None }
}

fn invalid(error: &BinaryReaderError) -> Rejection {
    let message = format!("the component is not valid: {}", error.message());
    Rejection { rule: INVALID, message, offset: Some(error.offset()) }
}

fn check_magic(wasm: &[u8]) -> Result<(), Rejection> {
    if wasm.starts_with(b"\x7fELF") {
        let message = "the file is native code; upload the component it was compiled from, \
                       windlass compiles it itself";
        return Err(reject("native_code", message));
    }
    if !wasm.starts_with(b"\0asm") {
        let message = "the file is not WebAssembly: it does not start with `\\0asm`; \
                       if it is text, turn it into a binary with `wasm-tools parse`";
        return Err(reject("not_wasm", message));
    }
    if Parser::is_core_wasm(wasm) {
        let message = "the file is a core module, not a component; build for `wasm32-wasip2`, \
                       or turn it into a component with `wasm-tools component new`";
        return Err(reject("core_module", message));
    }
    if !Parser::is_component(wasm) {
        let message = "the file is WebAssembly of an unknown version; build it with current tools";
        return Err(reject("unknown_version", message));
    }
    Ok(())
}

/// One pass over a component and everything in it.
struct Walk {
    inspection: Inspection,
    /// How many modules and components are open around the current place.
    depth: usize,
    functions: u64,
    segments: u64,
    nested: u64,
}

impl Walk {
    fn through(wasm: &[u8], kind: EngineKind) -> Result<Inspection, Rejection> {
        let inspection = Inspection { kind, imports: Vec::new(), exports: Vec::new() };
        let mut walk = Walk { inspection, depth: 0, functions: 0, segments: 0, nested: 0 };
        let features = features(kind);
        let mut parser = Parser::new(0);
        parser.set_features(features);
        let mut validator = Validator::new_with_features(features);
        let mut allocations = FuncValidatorAllocations::default();
        for payload in parser.parse_all(wasm) {
            let payload = payload.map_err(|error| invalid(&error))?;
            walk.count(&payload)?;
            if let ValidPayload::Func(function, body) =
                validator.payload(&payload).map_err(|error| invalid(&error))?
            {
                check_body(&body)?;
                let mut function = function.into_validator(allocations);
                function.validate(&body).map_err(|error| invalid(&error))?;
                allocations = function.into_allocations();
            }
        }
        Ok(walk.inspection)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other sections have nothing to count")]
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), Rejection> {
        match payload {
            Payload::Version { .. } => {
                self.depth += 1;
                self.nested += 1;
                at_most("nested", "modules and components", self.nested, NESTED_MAX)?;
            }
            Payload::End(_) => self.depth -= 1,
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                at_most("functions", "functions", self.functions, FUNCTIONS_MAX)?;
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    let bytes =
                        memory.map_err(|error| invalid(&error))?.initial.saturating_mul(WASM_PAGE_BYTES);
                    at_most("memory", "bytes of memory to start with", bytes, MEMORY_BYTES_CEILING as u64)?;
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    let elements = table.map_err(|error| invalid(&error))?.ty.initial;
                    at_most("table", "elements in a table", elements, TABLE_ELEMENTS_MAX as u64)?;
                }
            }
            Payload::DataSection(section) => self.segments(section.count())?,
            Payload::ElementSection(section) => self.segments(section.count())?,
            Payload::ComponentImportSection(section) if self.depth == 1 => {
                for import in section.clone() {
                    let import = import.map_err(|error| invalid(&error))?;
                    // A world's own records and enums are listed as imports, and nobody has to provide them.
                    if matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        continue;
                    }
                    let name = import.name.name;
                    check_import(name)?;
                    self.inspection.imports.push(name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if self.depth == 1 => {
                for export in section.clone() {
                    let name = export.map_err(|error| invalid(&error))?.name.name;
                    self.inspection.exports.push(name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn segments(&mut self, count: u32) -> Result<(), Rejection> {
        self.segments += u64::from(count);
        at_most("segments", "data and element segments", self.segments, SEGMENTS_MAX)
    }
}

fn at_most(rule: &'static str, what: &str, count: u64, max: u64) -> Result<(), Rejection> {
    if count <= max {
        return Ok(());
    }
    Err(reject(rule, format!("the component has more than {max} {what}")))
}

fn check_import(name: &str) -> Result<(), Rejection> {
    let offered = name.split_once('/').is_some_and(|(package, rest)| {
        OFFERED.contains(&package)
            && rest.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."))
    });
    if offered {
        return Ok(());
    }
    // JavaScript components import it unless told otherwise, whether they fetch anything or not.
    let way_out = if name.starts_with("wasi:http/") {
        "; componentize-js leaves it out by `--disable http fetch-event`"
    } else {
        ""
    };
    let message = format!(
        "the component imports `{name}`, which is not offered; plugins may import version 0.2 of `{}`{way_out}",
        OFFERED.join("`, `")
    );
    Err(reject("import_not_offered", message))
}

/// Refuses functions on which a compiler takes far longer than their size suggests.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other instructions have nothing to check")]
fn check_body(body: &FunctionBody<'_>) -> Result<(), Rejection> {
    let range = body.range();
    let refuse = |rule, message| Err(Rejection { rule, message, offset: Some(range.start) });
    if range.len() > BODY_BYTES_MAX {
        return refuse(
            "body_size",
            format!("a function has {} bytes, at most {BODY_BYTES_MAX} are taken", range.len()),
        );
    }
    let mut locals = 0;
    for local in body.get_locals_reader().map_err(|error| invalid(&error))? {
        locals += u64::from(local.map_err(|error| invalid(&error))?.0);
    }
    if locals > LOCALS_MAX {
        return refuse("locals", format!("a function has {locals} locals, at most {LOCALS_MAX} are taken"));
    }
    let mut depth = 0_usize;
    for operator in body.get_operators_reader().map_err(|error| invalid(&error))? {
        match operator.map_err(|error| invalid(&error))? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
            Operator::End => depth = depth.saturating_sub(1),
            Operator::BrTable { targets } if targets.len() > BRANCH_TARGETS_MAX => {
                return refuse(
                    "branch_targets",
                    format!("a `br_table` has more than {BRANCH_TARGETS_MAX} targets"),
                );
            }
            _ => {}
        }
        if depth > NESTING_MAX {
            return refuse("nesting", format!("a function nests blocks more than {NESTING_MAX} deep"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
