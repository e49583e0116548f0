//! Builds what the broker embeds: the first-party plugins and the console.
#![expect(clippy::print_stdout, reason = "a build script speaks to cargo by its standard output")]

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod console;
mod plugins;

fn main() -> ExitCode {
    let embedded = repository().and_then(|repository| {
        plugins::embed(&repository)?;
        console::embed(&repository)
    });
    match embedded {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn repository() -> Result<PathBuf, Box<dyn Error>> {
    Ok(path_from_env("CARGO_MANIFEST_DIR")?.join(".."))
}

/// Runs this script again when a file changed, or any file in a directory.
fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn path_from_env(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    Ok(env::var_os(name).ok_or_else(|| format!("cargo did not set `{name}`"))?.into())
}
