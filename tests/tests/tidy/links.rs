//! Documents point to files that exist.

use std::path::Path;

use windlass_tests::fixtures;

use crate::{Violation, none, numbered, tree};

#[test]
fn relative_links_of_documents_resolve() {
    let sources = tree::sources(&["md"]);
    let exists = |path: &Path| fixtures::repository().join(path).exists();
    none(sources.iter().flat_map(|source| links(&source.path, &source.text, exists)).collect());
}

fn links(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Violation> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut violations = Vec::new();
    let mut fenced = false;
    for (number, line) in numbered(text) {
        fenced ^= line.trim_start().starts_with("```");
        for target in if fenced { Vec::new() } else { targets(line) } {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
            if !elsewhere && !exists(&folder.join(file)) {
                let remedy = format!("`{target}` does not exist: links are relative to the document");
                violations.push(Violation::new(path, number, remedy));
            }
        }
    }
    violations
}

fn targets(line: &str) -> Vec<&str> {
    let starts = line.match_indices("](").map(|(at, _)| &line[at + 2..]);
    starts.filter_map(|rest| rest.split([')', ' ']).next()).collect()
}

#[test]
fn dead_links_are_found() {
    let text =
        "[a](there.md) [b](gone.md#part)\n```\n[c](gone.md)\n```\n[d](https://example.org) [e](#here)\n";
    let violations = links("docs/a.md", text, |path| path == Path::new("docs/there.md"));
    assert_eq!(violations.iter().map(|violation| violation.line).collect::<Vec<_>>(), [1]);
}
