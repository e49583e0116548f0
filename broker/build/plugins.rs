//! The first-party plugins, built for `wasm32-wasip2`: `WINDLASS_PLUGIN_DEMO` and `WINDLASS_PLUGIN_THUMBNAIL` are the
//! paths of the components at compile time.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::path_from_env;

/// Settings meant for the host, which would break the guests or needlessly rebuild them.
const FLAGS_AND_WRAPPERS: [&str; 5] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

const PLUGINS: [&str; 2] = ["demo", "thumbnail"];
const PROFILE: &str = "guest";
const TARGET: &str = "wasm32-wasip2";

pub(crate) fn embed(workspace: &Path) -> Result<(), Box<dyn Error>> {
    watch(workspace);
    require_target()?;
    let components = build(workspace)?;
    let out_dir = path_from_env("OUT_DIR")?;
    for plugin in PLUGINS {
        // A copy, because the paths must hold when the guests' target directory was removed.
        let embedded = out_dir.join(format!("{plugin}.wasm"));
        std::fs::copy(components.join(format!("plugin_{plugin}.wasm")), &embedded)?;
        println!("cargo::rustc-env=WINDLASS_PLUGIN_{}={}", plugin.to_uppercase(), embedded.display());
    }
    Ok(())
}

fn watch(workspace: &Path) {
    for file in ["Cargo.lock", "Cargo.toml"] {
        crate::watch(&workspace.join(file));
    }
    for plugin in PLUGINS {
        for part in ["Cargo.toml", "src", "wit"] {
            crate::watch(&workspace.join("plugins").join(plugin).join(part));
        }
    }
}

fn require_target() -> Result<(), Box<dyn Error>> {
    let asked = Command::new(path_from_env("RUSTC")?)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()?;
    let library = String::from_utf8(asked.stdout)?;
    if Path::new(library.trim_end()).is_dir() {
        return Ok(());
    }
    Err(format!("the plugins need the target `{TARGET}`: install it by `rustup target add {TARGET}`").into())
}

/// Returns the directory of the built components.
fn build(workspace: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let target_dir = guest_target_dir()?;
    let mut cargo = Command::new(path_from_env("CARGO")?);
    cargo.current_dir(workspace).args(["build", "--locked", "--profile", PROFILE, "--target", TARGET]);
    cargo.args(PLUGINS.map(|plugin| format!("--package=plugin-{plugin}")));
    cargo.arg("--target-dir").arg(&target_dir);
    for (name, _) in env::vars_os().filter(|(name, _)| is_meant_for_the_host(name)) {
        cargo.env_remove(name);
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("the plugins do not build ({status}): see the compiler's messages above").into());
    }
    Ok(target_dir.join(TARGET).join(PROFILE))
}

/// A directory of its own beside the outer build's, whose lock the outer cargo holds.
fn guest_target_dir() -> Result<PathBuf, Box<dyn Error>> {
    let out_dir = path_from_env("OUT_DIR")?;
    // OUT_DIR is `<target dir>/<profile>/build/<package>-<hash>/out`.
    let target_dir = out_dir.ancestors().nth(4).ok_or("`OUT_DIR` is not inside a target directory")?;
    Ok(target_dir.join("guest"))
}

fn is_meant_for_the_host(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    FLAGS_AND_WRAPPERS.contains(&&*name) || name.starts_with("CLIPPY_")
}
