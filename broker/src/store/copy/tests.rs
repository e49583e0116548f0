//! A copy is how everything was at one moment, whatever is written meanwhile.

use std::{collections::BTreeMap, path::Path};

use proptest::{prelude::*, test_runner::TestCaseError};

use super::*;
use crate::store::{Change, JournalEngine, MemoryEngine, engine::Op};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// More than one page.
const KEYS: u16 = 3 * 128;

fn store(journal: &Path) -> Store {
    Store::new(JournalEngine::open(journal, MemoryEngine::default()).unwrap()).unwrap()
}

fn put(key: u16, value: u8) -> Change {
    Change::default().put([b"j".as_slice(), &key.to_be_bytes()].concat(), vec![value]).unwrap()
}

fn delete(key: u16) -> Change {
    Change::default().delete([b"j".as_slice(), &key.to_be_bytes()].concat()).unwrap()
}

fn apply(copied: &mut Map, group: &[u8]) {
    for op in frame::decode(group).unwrap() {
        match op {
            Op::Put(key, value) => drop(copied.insert(key, value)),
            Op::Delete(key) => drop(copied.remove(&key)),
        }
    }
}

fn everything(store: &Store) -> Map {
    let (mut range, mut all) = (all_records(), Map::new());
    loop {
        let page = store.engine.scan(&range, Direction::Forward, 4096).unwrap();
        let Some((last, _)) = page.last() else { return all };
        range = range.above(last);
        all.extend(page.into_iter().filter(is_copied));
    }
}

/// Writes between any two parts of a copy; whether it is what was there in the end.
fn copy_while_writing(steps: Vec<(u16, Option<u8>, bool)>) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    store.engine.commit(&(0..KEYS).map(|key| put(key, 0)).collect::<Vec<_>>()).unwrap();
    let (mut copy, mut copied, mut steps) = (store.copy().unwrap(), Map::new(), steps.into_iter());
    while let Some(piece) = copy.next().unwrap() {
        let Piece::Changes(group) = piece else { panic!("there are no blobs") };
        apply(&mut copied, &group);
        // Not any more once the tail is read, of which the end is fixed by then.
        let steps = steps.by_ref().take(if matches!(copy.stage, Some(Stage::Records(..))) { 40 } else { 0 });
        for (key, value, is_folded) in steps {
            let change = value.map_or_else(|| delete(key), |value| put(key, value));
            store.engine.commit(&[change]).unwrap();
            if is_folded {
                store.engine.checkpoint().unwrap();
            }
        }
    }
    prop_assert_eq!(copied, everything(&store));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_copy_is_what_was_there_when_its_tail_ended(
        steps in prop::collection::vec((0..KEYS + 9, prop::option::of(any::<u8>()), prop::bool::weighted(0.2)), 160),
    ) {
        copy_while_writing(steps)?;
    }
}

#[test]
fn the_journal_keeps_what_a_copy_needs_until_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let segments = || std::fs::read_dir(dir.path()).unwrap().count();
    let copy = store.copy().unwrap();
    for key in 0..5 {
        store.engine.commit(&[put(key, 1)]).unwrap();
        store.engine.checkpoint().unwrap();
    }
    assert_eq!(segments(), 6, "all that were begun since, and the one before");
    drop(copy);
    assert_eq!(segments(), 1, "nothing waits for the next write");
}

#[test]
fn a_copy_that_lets_the_journal_grow_too_long_fails_and_stays_failed() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut copy = store.copy().unwrap();
    copy.stage = Some(Stage::Records(all_records(), Box::new(TooLong)));
    assert!(matches!(copy.next(), Err(StoreError::TailTooLong { .. })));
    assert!(copy.next().is_err(), "that was not all");
}

struct TooLong;

impl Tail for TooLong {
    fn check(&self) -> Result<(), StoreError> {
        Err(StoreError::TailTooLong { bytes_max: 1 })
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
}

#[test]
fn blobs_stay_while_a_copy_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (digest, pinned) = store.put_blob(b"kept").unwrap();
    let mut copy = store.copy().unwrap();
    drop(pinned);
    assert!(!store.remove_unused_blob(&digest).unwrap());
    let mut blobs = Vec::new();
    while let Some(piece) = copy.next().unwrap() {
        if let Piece::Blob(digest, bytes) = piece {
            blobs.push((digest, bytes));
        }
    }
    assert_eq!(blobs, [(digest, b"kept".to_vec())]);
    drop(copy);
    assert!(store.take_unpinned_blobs().any(|blob| blob == digest), "it is looked at again");
    assert!(store.remove_unused_blob(&digest).unwrap());
}

#[test]
fn a_store_in_memory_is_not_copied() {
    let store = Store::new(MemoryEngine::default()).unwrap();
    assert!(matches!(store.copy(), Err(StoreError::NoJournal)));
}
