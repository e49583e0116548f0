//! Rules about single files: what they begin with, how long they are, what must not be in them.

use crate::{Violation, none, numbered, tree};

const LINES_MAX: usize = 700;
const LINES_LOOK_TWICE: usize = 450;

#[test]
fn every_source_file_says_first_what_it_is() {
    let sources = tree::sources(&["rs"]);
    none(sources.iter().filter_map(|source| opening(&source.path, &source.text)).collect());
}

fn opening(path: &str, text: &str) -> Option<Violation> {
    let remedy = "begin the file with a `//!` line that says what is in it";
    (!text.starts_with("//! ")).then(|| Violation::new(path, 1, remedy))
}

#[test]
#[expect(clippy::print_stdout, reason = "long files are listed, so that a review cannot miss them")]
fn no_source_file_is_too_long() {
    let mut violations = Vec::new();
    for source in tree::sources(&["py", "rs", "sh"]) {
        let lines = source.text.lines().count();
        if lines > LINES_LOOK_TWICE {
            println!("tidy: {} has {lines} lines: does it have one job?", source.path);
        }
        violations.extend(length(&source.path, lines));
    }
    none(violations);
}

fn length(path: &str, lines: usize) -> Option<Violation> {
    let remedy = || format!("{lines} lines, {LINES_MAX} are allowed: split the file by what its parts do");
    (lines > LINES_MAX).then(|| Violation::new(path, lines, remedy()))
}

#[test]
fn text_is_plain() {
    let sources = tree::sources(&["md", "py", "rs", "sh", "toml", "wit"]);
    none(sources.iter().flat_map(|source| plainness(&source.path, &source.text)).collect());
}

fn plainness(path: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (number, line) in numbered(text) {
        if line.ends_with([' ', '\t']) || text.contains('\r') {
            violations.push(Violation::new(path, number, "remove the space at the end of the line"));
        }
        if line.contains('\t') {
            violations.push(Violation::new(path, number, "use spaces, not tabs"));
        }
        if [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")]
            .iter()
            .any(|mark| line.contains(mark))
        {
            violations.push(Violation::new(path, number, "do it now, or open an issue and remove the note"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        violations.push(Violation::new(path, text.lines().count(), "end the file with a newline"));
    }
    violations
}

#[test]
fn what_decides_and_what_is_on_the_wire_is_no_std() {
    let roots = ["broker/core/src/lib.rs", "sdk/wire/src/lib.rs"];
    let sources = tree::sources(&["rs"]);
    let found = sources.iter().filter(|source| roots.contains(&source.path.as_str()));
    let violations: Vec<_> = found.clone().filter_map(|source| purity(&source.path, &source.text)).collect();
    assert_eq!(found.count(), roots.len(), "the roots of core and wire are where they were");
    none(violations);
}

fn purity(path: &str, text: &str) -> Option<Violation> {
    let declared = text.lines().any(|line| line == "#![no_std]");
    (!declared).then(|| Violation::new(path, 1, "declare `#![no_std]`: the crate has no clock, chance or IO"))
}

#[test]
fn broken_files_are_found() {
    assert!(opening("a.rs", "use std::fs;\n").is_some());
    assert!(length("a.rs", LINES_MAX).is_none() && length("a.rs", LINES_MAX + 1).is_some());
    assert!(purity("lib.rs", "//! Text that names #![no_std].\n").is_some());
    let marked = format!("a\n{}: b\n", concat!("TO", "DO"));
    for (text, line) in [("a\nb \n", 2), ("\ta\n", 1), ("a\r\n", 1), ("a\nb", 2), (marked.as_str(), 2)] {
        let violations = plainness("a.rs", text);
        assert_eq!(violations.iter().map(|violation| violation.line).collect::<Vec<_>>(), [line], "{text:?}");
    }
}
