//! Rules about manifests: where versions stand, and which of our crates may depend on which.

use crate::{Violation, none, numbered, tree};

/// Our packages and those of ours they may name; tests and plugins are treated apart.
const MAY_DEPEND_ON: [(&str, &[&str]); 4] = [
    ("broker/Cargo.toml", &["windlass-client", "windlass-core", "windlass-wire"]),
    ("broker/core/Cargo.toml", &["windlass-wire"]),
    ("sdk/client/Cargo.toml", &["windlass-wire"]),
    ("sdk/wire/Cargo.toml", &[]),
];

fn manifests() -> impl Iterator<Item = tree::Source> {
    tree::sources(&["toml"]).into_iter().filter(|source| source.path.ends_with("/Cargo.toml"))
}

#[test]
fn versions_stand_in_the_root_manifest_alone() {
    none(manifests().flat_map(|source| versions(&source.path, &source.text)).collect());
}

fn versions(path: &str, text: &str) -> Vec<Violation> {
    let versioned = |line: &str| {
        let value =
            line.split_once("version = ").or_else(|| line.split_once(" = ")).map_or("", |(_, value)| value);
        let value = value.trim_start_matches(['"', '=', '^', '~', '>', '<', ' ']);
        value.starts_with(|c: char| c.is_ascii_digit())
    };
    let lines = numbered(text).filter(|(_, line)| versioned(line));
    let remedy = "move the version into the root manifest and write `.workspace = true` here";
    lines.map(|(number, _)| Violation::new(path, number, remedy)).collect()
}

#[test]
fn our_crates_depend_on_each_other_in_one_direction() {
    let sources: Vec<_> = manifests().collect();
    for (path, _) in MAY_DEPEND_ON {
        assert!(sources.iter().any(|source| source.path == path), "`{path}` is where it was");
    }
    none(sources.iter().flat_map(|source| directions(&source.path, &source.text)).collect());
}

fn directions(path: &str, text: &str) -> Vec<Violation> {
    let allowed: &[&str] = match MAY_DEPEND_ON.iter().find(|(manifest, _)| *manifest == path) {
        Some((_, allowed)) => allowed,
        None if path.starts_with("plugins/") => &[],
        None => return Vec::new(),
    };
    let ours = numbered(text).filter_map(|(number, line)| {
        let name = line.split(['.', ' ', '=']).next()?;
        name.starts_with("windlass").then_some((number, name))
    });
    let forbidden = ours.filter(|(_, name)| !allowed.contains(name));
    forbidden
        .map(|(number, name)| {
            Violation::new(
                path,
                number,
                format!("may not depend on `{name}`: move what is needed to a lower crate"),
            )
        })
        .collect()
}

#[test]
fn broken_manifests_are_found() {
    let text = "[package]\nversion.workspace = true\n[dependencies]\nwindlass-core = { path = \"..\" }\nserde = \"1\"\n\
                tokio = { version = \"=1.2\", features = [] }\nimage.workspace = true\n";
    assert_eq!(
        versions("a/Cargo.toml", text).iter().map(|violation| violation.line).collect::<Vec<_>>(),
        [5, 6]
    );
    let lines = |path| directions(path, text).iter().map(|violation| violation.line).collect::<Vec<_>>();
    assert_eq!(lines("sdk/wire/Cargo.toml"), [4]);
    assert_eq!(lines("plugins/demo/Cargo.toml"), [4]);
    assert_eq!(lines("broker/Cargo.toml"), [0; 0]);
}
