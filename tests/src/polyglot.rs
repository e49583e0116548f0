//! The plugins that are not written in Rust: built and pushed by the commands of their READMEs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{broker::Broker, fixtures};

/// Builds `plugins/words` with componentize-py and answers where the component lies.
pub fn words(folder: &Path) -> PathBuf {
    let mut command = Command::new(fixtures::python().with_file_name("componentize-py"));
    command.args(["-d", "wit", "-w", "words", "componentize", "plugin", "-o"]);
    build("words", command, folder)
}

/// Builds `plugins/transform` with componentize-js and answers where the component lies.
pub fn transform(folder: &Path) -> PathBuf {
    let mut command = Command::new("npm");
    command.args(["run", "build", "--", "--out"]);
    build("transform", command, folder)
}

/// Pushes a component by the command line, which waits as long as the broker compiles.
pub fn push(broker: &Broker, plugin: &str, component: &Path) {
    let mut command = Command::new(fixtures::binary());
    command.args(["plugin", "push", plugin]).arg(component);
    run(command.env("WINDLASS_URL", broker.url()).env("WINDLASS_TOKEN", broker.token()));
}

/// Runs the command, whose last argument is to be the file it writes, in the plugin's folder.
fn build(plugin: &str, mut command: Command, folder: &Path) -> PathBuf {
    let component = folder.join(format!("{plugin}.wasm"));
    run(command.arg(&component).current_dir(fixtures::repository().join("plugins").join(plugin)));
    component
}

fn run(command: &mut Command) {
    let hint = "./test installs the toolchains";
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}; {hint}"));
    let Output { status, stdout, stderr } = output;
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(status.success(), "{command:?}: {status}; {hint}\n{}\n{}", said[0], said[1]);
}
