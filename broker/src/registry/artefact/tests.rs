//! Which files count as artefacts, and which do not.

use super::*;

const COMPONENT: Digest = Digest([7; 32]);
const ENGINE: &str = "e0";

fn installed(data: &Path, component: &Digest, engine: &str) -> (ArtefactDir, PathBuf) {
    let artefacts = ArtefactDir::open(data).unwrap();
    let (written, mut file) = artefacts.incoming().unwrap();
    file.write_all(b"native code").unwrap();
    artefacts.install(&written, component, engine).unwrap();
    let path = artefacts.place(component, engine, "cwasm");
    (artefacts, path)
}

#[test]
fn an_artefact_is_found_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let (_, path) = installed(data.path(), &COMPONENT, ENGINE);
    let again = ArtefactDir::open(data.path()).unwrap();
    assert_eq!(again.find(&COMPONENT, ENGINE).unwrap(), Found::Ours(path));
}

#[test]
fn one_flipped_byte_makes_it_foreign() {
    let data = tempfile::tempdir().unwrap();
    let (artefacts, path) = installed(data.path(), &COMPONENT, ENGINE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(artefacts.find(&COMPONENT, ENGINE).unwrap(), Found::Foreign);
}

#[test]
fn the_artefact_of_another_component_or_engine_is_foreign() {
    let data = tempfile::tempdir().unwrap();
    let (artefacts, path) = installed(data.path(), &COMPONENT, ENGINE);
    for (component, engine) in [(Digest([8; 32]), ENGINE), (COMPONENT, "e1")] {
        for extension in ["cwasm", "proof"] {
            fs::copy(path.with_extension(extension), artefacts.place(&component, engine, extension)).unwrap();
        }
        assert_eq!(artefacts.find(&component, engine).unwrap(), Found::Foreign);
    }
}

#[test]
fn an_artefact_without_its_proof_is_foreign() {
    let data = tempfile::tempdir().unwrap();
    let (artefacts, path) = installed(data.path(), &COMPONENT, ENGINE);
    fs::remove_file(path.with_extension("proof")).unwrap();
    assert_eq!(artefacts.find(&COMPONENT, ENGINE).unwrap(), Found::Foreign);
}

#[test]
fn an_artefact_of_another_broker_is_foreign() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (artefacts, _) = installed(data.path(), &COMPONENT, ENGINE);
    let (_, path) = installed(other.path(), &COMPONENT, ENGINE);
    for extension in ["cwasm", "proof"] {
        let place = artefacts.place(&COMPONENT, ENGINE, extension);
        fs::copy(path.with_extension(extension), place).unwrap();
    }
    assert_eq!(artefacts.find(&COMPONENT, ENGINE).unwrap(), Found::Foreign);
}

#[test]
fn a_key_that_others_could_read_is_replaced() {
    let data = tempfile::tempdir().unwrap();
    installed(data.path(), &COMPONENT, ENGINE);
    let key = data.path().join("artefact.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let again = ArtefactDir::open(data.path()).unwrap();
    assert_eq!(again.find(&COMPONENT, ENGINE).unwrap(), Found::Foreign);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn only_the_owner_can_read_what_lies_there() {
    let data = tempfile::tempdir().unwrap();
    let (_, path) = installed(data.path(), &COMPONENT, ENGINE);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&data.path().join("artefact.key")), 0o600);
}

#[test]
fn artefacts_of_former_engines_are_removed() {
    let data = tempfile::tempdir().unwrap();
    let (_, former) = installed(data.path(), &COMPONENT, "e0");
    let (_, current) = installed(data.path(), &COMPONENT, "e1");
    assert!(!former.exists());
    assert!(current.exists());
}

#[test]
fn an_interrupted_write_is_removed_at_open() {
    let data = tempfile::tempdir().unwrap();
    let artefacts = ArtefactDir::open(data.path()).unwrap();
    let left = artefacts.path.join("incoming-3");
    fs::write(&left, b"half").unwrap();
    ArtefactDir::open(data.path()).unwrap();
    assert!(!left.exists());
}
