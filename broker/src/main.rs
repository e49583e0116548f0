//! The windlass binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The child that compiles uploads sets limits on itself, so nothing else may have been started before.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == windlass::registry::COMPILE_WORKER) {
        return windlass::registry::compile_worker();
    }
    windlass::cli::main()
}
