//! The windlass binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(windlass::registry::COMPILE_WORKER) {
        return windlass::registry::compile_worker();
    }
    ExitCode::SUCCESS
}
