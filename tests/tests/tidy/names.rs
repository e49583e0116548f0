//! One word for one thing: words that are not used in the names of files and types.

use std::path::Path;

use crate::{Violation, none, numbered, tree};

/// The word, and what to say instead.
const BANNED: [(&str, &str); 9] = [
    ("common", "what its parts have in common"),
    ("data", "what it holds"),
    ("execution", "attempt, run or call"),
    ("helper", "what it does"),
    ("item", "what it is"),
    ("manager", "what it owns or decides"),
    ("message", "job, frame or event"),
    ("task", "job, or the verb it carries out"),
    ("util", "what it does"),
];

/// Keywords that give a type its name. An associated `type` is named by its trait, so only those at the margin count.
const KEYWORDS: [&str; 4] = ["enum ", "struct ", "trait ", "union "];

#[test]
fn files_and_types_are_named_in_the_vocabulary() {
    let sources = tree::sources(&["py", "rs", "sh"]);
    none(sources.iter().flat_map(|source| names(&source.path, &source.text)).collect());
}

fn names(path: &str, text: &str) -> Vec<Violation> {
    let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
    let mut violations = Vec::new();
    let mut check = |line, name: &str| {
        for (word, instead) in words(name).iter().filter_map(|word| banned(word)) {
            let remedy =
                format!("`{name}` uses the word `{word}`, which is not in the vocabulary: say {instead}");
            violations.push(Violation::new(path, line, remedy));
        }
    };
    check(1, &stem);
    for (number, line) in numbered(text) {
        if let Some(name) = declared(line) {
            check(number, name);
        }
    }
    violations
}

fn banned(word: &str) -> Option<(&'static str, &'static str)> {
    BANNED.into_iter().find(|(banned, _)| word == *banned || word.strip_suffix('s') == Some(banned))
}

/// The type a line declares, if it does.
fn declared(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = ["pub(crate) ", "pub(super) ", "pub "]
        .iter()
        .find_map(|prefix| code.strip_prefix(prefix))
        .unwrap_or(code);
    let at_margin = line.len() == line.trim_start().len();
    let rest = KEYWORDS.iter().find_map(|keyword| code.strip_prefix(keyword));
    let rest = rest.or_else(|| code.strip_prefix("type ").filter(|_| at_margin))?;
    Some(&rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())])
}

/// The lower-case words of a name in camel, snake or kebab case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c.is_uppercase() || matches!(c, '-' | '_' | '.') {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().unwrap().extend(c.to_lowercase());
        }
    }
    words
}

#[test]
fn forbidden_words_are_found() {
    let lines = |path, text| names(path, text).iter().map(|violation| violation.line).collect::<Vec<_>>();
    assert_eq!(lines("broker/src/utils.rs", ""), [1]);
    assert_eq!(lines("a.rs", "//! A.\npub struct JobManager {\n    items: u8,\n}\n"), [2]);
    assert_eq!(lines("a.rs", "pub(crate) type TaskId = u64;\nenum Datum {}\n"), [1]);
    assert_eq!(lines("a.rs", "impl Iterator for A {\n    type Item = u8;\n}\nstruct Database;\n"), [0; 0]);
}
