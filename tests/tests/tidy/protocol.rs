//! The frames and the document that describes them change together.

use std::{fmt::Write, fs};

use sha2::{Digest, Sha256};
use windlass_tests::fixtures;

use crate::{Violation, none, numbered};

const FRAMES: &str = "sdk/wire/src/frame.rs";
const DOCUMENT: &str = "sdk/wire/PROTOCOL.md";
const LOCK: &str = "frame.rs sha256: ";

#[test]
fn the_protocol_document_was_read_again_after_the_last_change_of_the_frames() {
    let read = |path: &str| fs::read_to_string(fixtures::repository().join(path)).unwrap();
    none(lock(&read(FRAMES), &read(DOCUMENT)).into_iter().collect());
}

fn lock(frames: &str, document: &str) -> Option<Violation> {
    let mut digest = String::new();
    for byte in Sha256::digest(frames) {
        write!(digest, "{byte:02x}").unwrap();
    }
    let found = numbered(document).find_map(|(number, line)| Some((number, line.split_once(LOCK)?.1)));
    let (number, locked) = found.unwrap_or((document.lines().count(), ""));
    let remedy =
        format!("`{FRAMES}` has changed: see that this document is still true, then write `{LOCK}{digest}`");
    (!locked.starts_with(&digest)).then(|| Violation::new(DOCUMENT, number, remedy))
}

#[test]
fn a_changed_frame_is_found() {
    let digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    assert_eq!(lock("a", &format!("# Protocol\n\n{LOCK}{digest}\n")), None);
    assert_eq!(lock("b", &format!("# Protocol\n\n{LOCK}{digest}\n")).unwrap().line, 3);
    assert_eq!(lock("a", "# Protocol\n").unwrap().line, 1);
}
