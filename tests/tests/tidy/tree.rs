//! The files of the repository.

use std::{fs, path::Path};

use windlass_tests::fixtures;

/// Folders that hold nothing written by hand.
const SKIPPED: [&str; 6] = [".git", ".venv", ".windlass", "__pycache__", "node_modules", "target"];

/// A file of the repository: its path from the root, and its text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All files with one of these extensions, sorted by path.
pub(crate) fn sources(extensions: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    collect(fixtures::repository(), extensions, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "the repository has files of {extensions:?}");
    found
}

fn collect(directory: &Path, extensions: &[&str], found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                collect(&path, extensions, found);
            }
        } else if path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
        {
            let from_root = path.strip_prefix(fixtures::repository()).unwrap();
            found.push(Source {
                path: from_root.display().to_string(),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}
