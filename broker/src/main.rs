//! The windlass binary.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    // The child that compiles uploads sets limits on itself, so nothing else may have been started before.
    if env::args_os().nth(1).is_some_and(|argument| argument == "compile-worker") {
        return windlass::registry::compile_worker();
    }
    windlass::cli::main()
}
