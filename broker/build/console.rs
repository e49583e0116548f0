//! The console, built by npm and Vite: a table of its files, included by `server/console.rs`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{path_from_env, watch};

/// What the console is built from, in `web`; single files at its top are found by their extension.
const SOURCE_FOLDERS: [&str; 2] = ["scripts", "src"];
const SOURCE_EXTENSIONS: [&str; 4] = ["html", "js", "json", "ts"];
/// Written by us into `node_modules`: the lock file it was installed from.
const INSTALLED: &str = ".installed-from.json";
/// Where Vite and the scripts of `web` write to.
const OUT_VARIABLE: &str = "WINDLASS_CONSOLE_OUT";
const MEDIA_TYPES: [(&str, &str); 9] = [
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("webmanifest", "application/manifest+json"),
    ("woff2", "font/woff2"),
];

pub(crate) fn embed(repository: &Path) -> Result<(), Box<dyn Error>> {
    let web = repository.join("web");
    watch_sources(repository, &web)?;
    let out_dir = path_from_env("OUT_DIR")?;
    let built = out_dir.join("console");
    install(&web)?;
    run(Command::new("npm").args(["run", "--silent", "build"]).current_dir(&web).env(OUT_VARIABLE, &built))?;
    run(Command::new("node").arg("scripts/compress.js").current_dir(&web).env(OUT_VARIABLE, &built))?;
    fs::write(out_dir.join("console.rs"), table(&built)?)?;
    Ok(())
}

fn watch_sources(repository: &Path, web: &Path) -> Result<(), Box<dyn Error>> {
    watch(&repository.join("sdk/ts/src"));
    for folder in SOURCE_FOLDERS {
        watch(&web.join(folder));
    }
    for entry in fs::read_dir(web)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| SOURCE_EXTENSIONS.iter().any(|source| extension == *source))
        {
            watch(&path);
        }
    }
    Ok(())
}

/// Installs what `package-lock.json` names, unless that was done already.
fn install(web: &Path) -> Result<(), Box<dyn Error>> {
    let wanted = fs::read(web.join("package-lock.json"))?;
    let installed = web.join("node_modules").join(INSTALLED);
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(web))?;
    Ok(fs::write(installed, wanted)?)
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.output().map_err(|error| {
        format!(
            "the console needs `{program}` ({error}): install Node.js 20 or newer, which has node and npm"
        )
    })?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    for line in String::from_utf8_lossy(&said).lines().filter(|line| !line.trim().is_empty()) {
        println!("cargo::error={line}");
    }
    Err(format!("the console does not build: {command:?} ended with {}", done.status).into())
}

/// The files as a Rust array, sorted by path.
fn table(built: &Path) -> Result<String, Box<dyn Error>> {
    let mut paths = Vec::new();
    collect(built, &mut paths)?;
    paths.sort();
    let mut text = "[\n".to_owned();
    for path in &paths {
        let name = path.strip_prefix(built)?.to_str().ok_or("a file of the console is not named in UTF-8")?;
        let extension = path.extension().unwrap_or_default();
        let (_, media_type) = MEDIA_TYPES.iter().find(|(known, _)| extension == *known).ok_or_else(|| {
            format!("the console's `{name}` is of no known media type: add it to `broker/build/console.rs`")
        })?;
        let bytes = path.display().to_string();
        let gzip = format!("{bytes}.gz");
        writeln!(
            text,
            "    Asset {{ path: {name:?}, media_type: {media_type:?}, bytes: include_bytes!({bytes:?}), \
             gzip: include_bytes!({gzip:?}) }},",
        )?;
    }
    text.push_str("]\n");
    Ok(text)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_none_or(|extension| extension != "gz") {
            paths.push(path);
        }
    }
    Ok(())
}
