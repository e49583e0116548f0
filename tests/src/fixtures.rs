//! Where the built binary, the built plugins and the photograph lie.

use std::path::{Path, PathBuf};

/// The built `windlass` binary: the one in the target directory this test was built into.
pub fn binary() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows its own path");
    this.ancestors().map(|directory| directory.join("windlass")).find(|path| path.is_file()).unwrap_or_else(
        || panic!("no `windlass` binary above `{}`: run `cargo build --release` first", this.display()),
    )
}

/// A built first-party plugin, `demo` or `thumbnail`.
pub fn plugin(name: &str) -> PathBuf {
    let binary = binary();
    let target = binary.ancestors().nth(2).expect("the binary lies in a profile's folder");
    let path = target.join("guest/wasm32-wasip2/guest").join(format!("plugin_{name}.wasm"));
    assert!(path.is_file(), "no plugin at `{}`: run `cargo build --release` first", path.display());
    path
}

/// The bytes of a built first-party plugin.
pub fn plugin_bytes(name: &str) -> Vec<u8> {
    std::fs::read(plugin(name)).expect("a built plugin can be read")
}

/// The Python that has what `tests/users` and the plugins in Python ask for.
pub fn python() -> PathBuf {
    let python = std::env::var_os("WINDLASS_TEST_PYTHON").expect(
        "set WINDLASS_TEST_PYTHON to a Python with all requirements; ./test does, or by hand: python3 -m venv \
         target/venv && target/venv/bin/pip install -r tests/users/requirements.txt -r plugins/words/requirements.txt",
    );
    python.into()
}

/// A store as a broker wrote it that knew no later format than this one, and what it answered about it.
pub fn golden(format: u32) -> PathBuf {
    package().join(format!("fixtures/golden/v{format}.tar.gz"))
}

/// The photograph: a real JPEG of 640 by 427 pixels.
pub fn photograph() -> PathBuf {
    package().join("fixtures/photograph.jpg")
}

/// The bytes of the photograph.
pub fn photograph_bytes() -> Vec<u8> {
    std::fs::read(photograph()).expect("the photograph is part of the repository")
}

/// The folder of this package.
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    package().parent().expect("the package lies in the repository")
}
