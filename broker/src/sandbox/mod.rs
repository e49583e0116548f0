//! Where guests run.
//!
//! A guest is one instance of a plugin's component, made for one run and dropped after it. It may compute, use
//! memory up to its limit, read clocks, take random bytes and write to a log that is cut at a limit. It has no
//! environment, no arguments, no open directory and no network address. It is interrupted at a deadline or when
//! it is cancelled, whatever it does, and nothing it wrote is seen by the next guest.
//!
//! The way of a plugin: [`inspect`](inspect::inspect) the upload, [`compile`](compile::compile) it in a child
//! process, [`Program::load`] it, [`check`](arguments::check) a caller's arguments, [`run`](run::run) it.
//!
//! WIT values have these forms in JSON:
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, integers, `string`, `char` | the same; `s64` and `u64` beyond 2^53 as decimal text, both accepted |
//! | `f32`, `f64` | number, or `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `list<u8>` | base64 text, standard alphabet, padding optional on the way in |
//! | `list`, `tuple` | array |
//! | `record` | object |
//! | `option` | value or `null`, or left out; one within another: `{"some": …}` |
//! | `result` | `{"ok": …}` or `{"err": …}` |
//! | `variant` | `{"case": …, "value": …}` |
//! | `enum`, `flags` | text, array of text |

pub mod arguments;
mod call;
pub mod compile;
pub mod control;
pub mod engine;
mod flat;
mod from_json;
mod guest;
pub mod inspect;
pub mod kernel;
pub mod limits;
pub mod log;
pub mod outcome;
pub mod program;
pub mod run;
pub mod schema;
mod ticker;
mod to_json;
pub mod typed_json;
pub mod types;

pub use arguments::{ArgumentError, Arguments};
pub use control::Control;
pub use engine::{EngineKind, Engines, SandboxError};
pub use inspect::{Inspection, Rejection};
pub use limits::Limits;
pub use outcome::{Finished, Outcome, Usage};
pub use program::{Handler, Program};
pub use typed_json::TypedJson;
pub use types::{Signature, ValueType};

#[cfg(test)]
mod tests;
