//! Who may import whom inside the broker: the arrows of the house point one way.

use crate::{Violation, none, numbered, tree};

/// A module of the broker, and what of ours it may name besides itself.
const MAY_NAME: [(&str, &[&str]); 15] = [
    ("auth", &["wire"]),
    ("backup", &["core", "store", "wire"]),
    ("calendar", &["core", "wire"]),
    (
        "cli",
        &[
            "backup",
            "client",
            "config",
            "core",
            "registry",
            "run",
            "sandbox",
            "shutdown",
            "telemetry",
            "wire",
        ],
    ),
    ("config", &["core", "wire"]),
    ("driver", &["calendar", "core", "metrics", "registry", "sandbox", "store", "wire", "worker"]),
    ("metrics", &["core", "wire"]),
    ("registry", &["core", "sandbox", "store", "wire"]),
    ("retention", &["core", "driver", "metrics", "store", "wire"]),
    ("sandbox", &["wire"]),
    (
        "server",
        &[
            "auth",
            "backup",
            "calendar",
            "core",
            "driver",
            "metrics",
            "registry",
            "retention",
            "sandbox",
            "store",
            "wire",
        ],
    ),
    ("shutdown", &[]),
    ("store", &["core", "wire"]),
    ("telemetry", &["config"]),
    ("worker", &["core", "registry", "sandbox", "store", "wire"]),
];

/// Where the parts meet: these may name everything.
const MEETING_PLACES: [&str; 3] = ["broker", "lib", "main"];

#[test]
fn modules_of_the_broker_import_in_one_direction() {
    let sources = tree::sources(&["rs"]);
    let ours = sources.iter().filter_map(|source| Some((source, source.path.strip_prefix("broker/src/")?)));
    none(ours.flat_map(|(source, inner)| imports(&source.path, inner, &source.text)).collect());
}

fn imports(path: &str, inner: &str, text: &str) -> Vec<Violation> {
    let module = inner.split(['/', '.']).next().unwrap_or_default();
    if MEETING_PLACES.contains(&module) || inner.ends_with("/tests.rs") {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
        let remedy = format!("`{module}` is not in the import table: add it there, saying what it may name");
        return vec![Violation::new(path, 1, remedy)];
    };
    let at_top = !inner.contains('/') || inner.ends_with("/mod.rs");
    let named = named(&product_code(text), at_top);
    let forbidden = named.into_iter().filter(|(_, name)| name != module && !allowed.contains(&name.as_str()));
    forbidden
        .map(|(line, name)| {
            let remedy = if name == "super" {
                format!("`{module}` climbs out of its parent: write the path from `crate::`")
            } else {
                format!("`{module}` may not name `{name}`: let what it needs arrive as an argument")
            };
            Violation::new(path, line, remedy)
        })
        .collect()
}

/// The text without comments and without the tests at its end, lines kept.
fn product_code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let code = text[..end].lines().map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// Every part of ours the code names, with the line.
fn named(code: &str, at_top: bool) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (prefix, crate_name) in
        [("windlass_client::", "client"), ("windlass_core::", "core"), ("windlass_wire::", "wire")]
    {
        let lines = numbered(code).filter(|(_, line)| line.contains(prefix));
        found.extend(lines.map(|(number, _)| (number, crate_name.to_owned())));
    }
    found.extend(after(code, "super::super::").map(|(line, _)| (line, "super".to_owned())));
    let roots = if at_top { ["crate::", "super::"].as_slice() } else { &["crate::"] };
    for (line, rest) in roots.iter().flat_map(|root| after(code, root)) {
        found.extend(heads(rest).into_iter().map(|head| (line, head)));
    }
    found
}

/// What follows each place where `prefix` begins a path, with the line.
fn after<'code>(code: &'code str, prefix: &str) -> impl Iterator<Item = (usize, &'code str)> {
    let places: Vec<_> = code.match_indices(prefix).map(|(at, found)| (at, at + found.len())).collect();
    let begins =
        |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
    let places = places.into_iter().filter(move |(at, _)| begins(*at));
    places.map(|(at, end)| (code[..at].lines().count().max(1), &code[end..]))
}

/// The first names of `a::b`, or of each path in `{a::b, c::{d, e}}`.
fn heads(rest: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut heads, mut expects_head) = (1, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expects_head = true,
            c if depth == 1 && expects_head && !c.is_whitespace() => {
                heads.push(word(&group[at..]));
                expects_head = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

#[test]
fn forbidden_imports_are_found_in_every_form() {
    let lines =
        |inner, text| imports("a.rs", inner, text).iter().map(|violation| violation.line).collect::<Vec<_>>();
    assert_eq!(lines("store/sled.rs", "//! A.\nuse crate::driver::Handle;\n"), [2]);
    assert_eq!(
        lines("store/sled.rs", "use crate::{\n    store::Key,\n    sandbox::{run, driver},\n};\n"),
        [1]
    );
    assert_eq!(lines("store/sled.rs", "fn f() {\n    let a = crate::server::serve();\n}\n"), [2]);
    assert_eq!(lines("sandbox/run.rs", "use windlass_core::job::Job;\n"), [1]);
    assert_eq!(lines("sandbox/types/json.rs", "use super::super::super::driver;\n"), [1]);
    assert_eq!(lines("sandbox/mod.rs", "use super::driver;\n"), [1]);
    assert_eq!(lines("warehouse/mod.rs", ""), [1]);
}

#[test]
fn allowed_imports_pass() {
    for (inner, text) in [
        ("server/ws.rs", "use crate::{driver::Handle, server::verbs};\nuse super::driver;\n"),
        ("store/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::driver;\n}\n"),
        ("store/tests.rs", "use crate::driver;\n"),
        ("lib.rs", "use crate::driver;\n"),
        ("store/keys.rs", "//! See [`crate::driver`].\n"),
    ] {
        assert_eq!(imports("a.rs", inner, text), [], "{text}");
    }
}
