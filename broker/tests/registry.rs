//! The registry with a real compile child, which is the built binary.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;
use windlass::registry::{CompileLimits, Compiler, Registry};
use windlass::sandbox::Engines;
use windlass::store::{Change, Key, MemoryEngine, Store};
use windlass_wire::code::ErrorCode;
use windlass_wire::problem::Problem;

mod components;

use components::{adder, cpu_bomb, exporting, memory_bomb};

/// A broker's data directory and store, in which a registry can be opened again and again.
struct House {
    data: TempDir,
    store: Store,
}

impl House {
    fn new() -> Self {
        let store = Store::new(MemoryEngine::default()).unwrap();
        Self { data: tempfile::tempdir().unwrap(), store }
    }

    fn open(&self) -> Registry {
        self.open_with(CompileLimits::default())
    }

    fn open_with(&self, limits: CompileLimits) -> Registry {
        self.open_with_compiler(Compiler::new(env!("CARGO_BIN_EXE_windlass").into(), limits))
    }

    fn open_with_compiler(&self, compiler: Compiler) -> Registry {
        let engines = Arc::new(Engines::new(1).unwrap());
        Registry::open(self.store.clone(), engines, self.data.path(), compiler).unwrap()
    }

    /// The one artefact that lies there.
    fn artefact(&self) -> PathBuf {
        let entries = fs::read_dir(self.data.path().join("artefacts")).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|extension| extension == "cwasm")).unwrap()
    }
}

fn rule(problem: &Problem) -> &str {
    assert_eq!(problem.code, ErrorCode::PluginRejected, "{problem}");
    problem.detail.as_ref().unwrap()["rule"].as_str().unwrap()
}

#[tokio::test]
async fn an_upload_is_the_active_version_with_its_handlers() {
    let house = House::new();
    let registry = house.open();
    let upload = registry.upload("math", adder(0)).await.unwrap();
    assert!(upload.created);
    let view = registry.plugin("math").unwrap().view();
    assert_eq!(view, upload.view().plugin);
    assert_eq!(view.active, upload.digest.to_string());
    let [add] = view.handlers.as_slice() else { panic!("one handler") };
    assert_eq!((add.name.as_str(), add.wit.as_str()), ("math/add", "func(x: s32, y: s32) -> s32"));
    assert_eq!(add.args_schema["required"], json!(["x", "y"]));
}

#[tokio::test]
async fn the_active_bytes_again_change_nothing() {
    let house = House::new();
    let registry = house.open();
    let first = registry.upload("math", adder(0)).await.unwrap();
    let again = registry.upload("math", adder(0)).await.unwrap();
    assert!(!again.created);
    assert!(Arc::ptr_eq(&first.plugin, &again.plugin));
    assert_eq!(registry.compilations(), 1);
}

#[tokio::test]
async fn new_bytes_are_a_new_active_version_and_the_old_one_stays() {
    let house = House::new();
    let registry = house.open();
    let first = registry.upload("math", adder(0)).await.unwrap();
    let second = registry.upload("math", adder(1)).await.unwrap();
    assert!(second.created);
    let plugin = registry.plugin("math").unwrap();
    let versions: Vec<_> = plugin.versions.iter().map(|uploaded| uploaded.version.digest).collect();
    assert_eq!(versions, [second.digest, first.digest]);
    assert_eq!(registry.resolve("add", None).unwrap().version.digest, second.digest);
    let prefix = &first.digest.to_string()[..8];
    assert_eq!(registry.resolve("add", Some(prefix)).unwrap().version.digest, first.digest);
}

#[tokio::test]
async fn the_bytes_of_an_older_version_make_it_active_again() {
    let house = House::new();
    let registry = house.open();
    let first = registry.upload("math", adder(0)).await.unwrap();
    registry.upload("math", adder(1)).await.unwrap();
    let back = registry.upload("math", adder(0)).await.unwrap();
    assert!(!back.created);
    assert_eq!(back.digest, first.digest);
    let plugin = registry.plugin("math").unwrap();
    assert_eq!(plugin.active.digest, first.digest);
    assert_eq!(plugin.versions.len(), 2);
    assert_eq!(registry.compilations(), 2);
}

#[tokio::test]
async fn a_restart_lists_everything_and_compiles_nothing() {
    let house = House::new();
    let before = house.open();
    before.upload("math", adder(0)).await.unwrap();
    before.upload("math", adder(1)).await.unwrap();
    before.upload("other", adder(0)).await.unwrap();
    let views =
        |registry: &Registry| registry.plugins().iter().map(|plugin| plugin.view()).collect::<Vec<_>>();
    let after = house.open();
    assert_eq!(views(&after), views(&before));
    after.warm().await;
    assert_eq!(after.resolve("math/add", None).unwrap().version.program().await.unwrap().handlers().len(), 1);
    assert_eq!(after.compilations(), 0);
}

#[tokio::test]
async fn uploads_at_the_same_moment_compile_once() {
    let house = House::new();
    let registry = house.open();
    let (math, other) = tokio::join!(registry.upload("math", adder(0)), registry.upload("other", adder(0)));
    assert!(math.unwrap().created);
    assert!(other.unwrap().created);
    assert_eq!(registry.compilations(), 1);
}

#[tokio::test]
async fn a_changed_artefact_is_compiled_again() {
    let house = House::new();
    let digest = house.open().upload("math", adder(0)).await.unwrap().digest;
    let artefact = house.artefact();
    let original = fs::read(&artefact).unwrap();
    let mut changed = original.clone();
    changed[original.len() / 2] ^= 1;
    fs::remove_file(&artefact).unwrap();
    fs::write(&artefact, changed).unwrap();
    let after = house.open();
    after.version(&digest).unwrap().program().await.unwrap();
    assert_eq!(after.compilations(), 1);
    assert_eq!(fs::read(&artefact).unwrap(), original);
}

#[tokio::test]
async fn an_artefact_written_under_another_key_is_compiled_again() {
    let (house, other) = (House::new(), House::new());
    let digest = house.open().upload("math", adder(0)).await.unwrap().digest;
    other.open().upload("math", adder(0)).await.unwrap();
    for extension in ["cwasm", "proof"] {
        let place = house.artefact().with_extension(extension);
        fs::remove_file(&place).unwrap();
        fs::copy(other.artefact().with_extension(extension), place).unwrap();
    }
    let after = house.open();
    after.version(&digest).unwrap().program().await.unwrap();
    assert_eq!(after.compilations(), 1);
}

/// A later windlass may read more handlers from the same bytes than the one that took them in.
#[tokio::test]
async fn a_version_that_reads_differently_than_before_is_mended_by_uploading_it_again() {
    let house = House::new();
    let before = house.open();
    let digest = before.upload("math", adder(0)).await.unwrap().digest;
    before.upload("other", adder(0)).await.unwrap();
    let elder = before.upload("elder", exporting(&["sum"], 0)).await.unwrap().digest;
    let mut record: Value = house.store.read(&Key::Version(digest)).unwrap().unwrap();
    let of_elder: Value = house.store.read(&Key::Version(elder)).unwrap().unwrap();
    record["interface"] = of_elder["interface"].clone();
    let change = Change::default().set(&Key::Version(digest), &record).unwrap();
    house.store.committer().commit(vec![change]).await.unwrap();

    let after = house.open();
    let stale = after.resolve("math/sum", None).unwrap().version.program().await.unwrap_err();
    assert_eq!(stale.hint.as_deref(), Some("upload the same component again"));
    assert!(!after.upload("math", adder(0)).await.unwrap().created);
    for name in ["math/add", "other/add"] {
        after.resolve(name, None).unwrap().version.program().await.unwrap();
    }
    assert_eq!(house.open().resolve("math/add", None).unwrap().version.digest, digest);
}

#[tokio::test]
async fn native_code_is_refused() {
    let house = House::new();
    let registry = house.open();
    registry.upload("math", adder(0)).await.unwrap();
    let native = fs::read(house.artefact()).unwrap();
    let refused = registry.upload("evil", native.into()).await.unwrap_err();
    assert_eq!(rule(&refused), "native_code");
    assert!(registry.plugin("evil").is_none());
}

#[tokio::test]
async fn a_component_that_takes_too_long_is_killed_and_then_refused_at_once() {
    let house = House::new();
    let registry = house.open_with(CompileLimits { cpu_seconds_max: 1, ..CompileLimits::default() });
    let bomb = cpu_bomb();
    let refused = registry.upload("bomb", bomb.clone()).await.unwrap_err();
    assert_eq!(rule(&refused), "compile_cpu");
    assert_eq!(refused.message, "compilation took more than 1 CPU seconds");
    assert_eq!(registry.upload("bomb", bomb).await.unwrap_err(), refused);
    assert_eq!(registry.compilations(), 1);
    registry.upload("math", adder(0)).await.unwrap();
}

#[tokio::test]
async fn a_component_that_takes_too_much_memory_is_killed() {
    let limits = CompileLimits { memory_bytes_max: 192 << 20, ..CompileLimits::default() };
    let house = House::new();
    let registry = house.open_with(limits);
    let refused = registry.upload("bomb", memory_bomb()).await.unwrap_err();
    assert_eq!(rule(&refused), "compile_memory");
    assert_eq!(refused.message, "compilation needed more than 192 MiB");
    registry.upload("math", adder(0)).await.unwrap();
}

#[tokio::test]
async fn a_component_with_too_much_native_code_is_refused() {
    let house = House::new();
    let registry = house.open_with(CompileLimits { artefact_bytes_max: 4 << 10, ..CompileLimits::default() });
    let refused = registry.upload("math", adder(0)).await.unwrap_err();
    assert_eq!(rule(&refused), "compile_output");
    assert!(registry.plugins().is_empty());
}

#[tokio::test]
async fn giving_an_upload_up_kills_the_child() {
    let house = House::new();
    let pipe = house.data.path().join("alive");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let program = house.data.path().join("compiler");
    let script = format!("#!/bin/sh\nexec 3>{}; echo started >&3; exec sleep 1000\n", pipe.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let registry = house.open_with_compiler(Compiler::new(program, CompileLimits::default()));

    let mut upload = Box::pin(registry.upload("math", adder(0)));
    let mut child = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(fs::File::open(pipe).unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "started");
        lines
    });
    let mut lines = tokio::select! {
        lines = &mut child => lines.unwrap(),
        upload = &mut upload => panic!("the child ended early: {upload:?}"),
    };
    drop(upload);
    let ended = tokio::task::spawn_blocking(move || lines.next().is_none()).await.unwrap();
    assert!(ended, "the pipe ends with the last process that writes to it");
}

#[tokio::test]
async fn the_embedded_plugins_are_accepted() {
    let house = House::new();
    let registry = house.open();
    for (name, component, handler) in [
        ("demo", include_bytes!(env!("WINDLASS_PLUGIN_DEMO")).as_slice(), "demo/add"),
        ("thumbnail", include_bytes!(env!("WINDLASS_PLUGIN_THUMBNAIL")).as_slice(), "thumbnail/thumbnail"),
    ] {
        registry.upload(name, component.into()).await.unwrap();
        assert_eq!(registry.resolve(handler, None).unwrap().full_name, handler);
    }
}

#[tokio::test]
async fn a_short_name_leads_to_the_one_plugin_that_has_it() {
    let house = House::new();
    let registry = house.open();
    registry.upload("math", exporting(&["add", "add-all"], 0)).await.unwrap();
    registry.upload("more", exporting(&["add"], 1)).await.unwrap();
    let full_name = |name: &str| registry.resolve(name, None).map(|resolved| resolved.full_name);
    for name in ["add-all", "add_all", "math/add-all", "math/add_all"] {
        assert_eq!(full_name(name).unwrap(), "math/add-all", "{name}");
    }
    assert_eq!(full_name("more/add").unwrap(), "more/add");
    let ambiguous = full_name("add").unwrap_err();
    assert_eq!(ambiguous.code, ErrorCode::UnknownHandler);
    assert_eq!(ambiguous.detail.unwrap(), json!({ "candidates": ["math/add", "more/add"] }));
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_nearest() {
    let house = House::new();
    let registry = house.open();
    registry.upload("math", exporting(&["add", "divide"], 0)).await.unwrap();
    for (name, nearest) in [("ad", "math/add"), ("math/divde", "math/divide"), ("mth/add", "math/add")] {
        let unknown = registry.resolve(name, None).unwrap_err();
        assert_eq!(unknown.code, ErrorCode::UnknownHandler);
        assert_eq!(unknown.detail.unwrap(), json!({ "nearest": nearest }), "{name}");
    }
    let far = registry.resolve("thumbnail", None).unwrap_err();
    assert_eq!((far.code, far.detail), (ErrorCode::UnknownHandler, None));
}

#[tokio::test]
async fn a_version_that_is_not_there_is_said_to_be_missing() {
    let house = House::new();
    let registry = house.open();
    registry.upload("math", adder(0)).await.unwrap();
    let code = |version| registry.resolve("math/add", Some(version)).unwrap_err().code;
    assert_eq!(code("zzzz"), ErrorCode::NotFound);
    assert_eq!(code(""), ErrorCode::BadRequest);
}
