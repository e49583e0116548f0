//! The house rules a compiler cannot check. Each violation names its file, its line and what to do about it.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

mod files;
mod imports;
mod links;
mod manifests;
mod names;
mod protocol;
mod tree;

use std::fmt;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    file: String,
    line: usize,
    remedy: String,
}

impl Violation {
    fn new(file: &str, line: usize, remedy: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, remedy: remedy.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.remedy)
    }
}

/// Fails the test with every violation, sorted.
#[track_caller]
fn none(mut violations: Vec<Violation>) {
    violations.sort();
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} rules are broken:\n{}", lines.len(), lines.join("\n"));
}

/// Lines with their numbers, which count from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}
