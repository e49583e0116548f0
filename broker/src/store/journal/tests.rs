//! The journal conforms over any state, and what it acknowledged is there whenever it is opened again.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::store::{MemoryEngine, SledEngine, conformance, gated::GatedEngine};

fn put(key: &str, value: &str) -> Change {
    Change::default().put(key.into(), value.into()).unwrap()
}

fn delete(key: &str) -> Change {
    Change::default().delete(key.into()).unwrap()
}

fn open(dir: &Path) -> JournalEngine<SledEngine> {
    JournalEngine::open(&dir.join("journal"), SledEngine::open(dir).unwrap()).unwrap()
}

#[test]
fn conforms() {
    let dir = tempfile::tempdir().unwrap();
    let mut stores = 0;
    conformance::exercise(|| {
        stores += 1;
        Box::new(open(&dir.path().join(stores.to_string())))
    });
}

#[test]
fn conforms_when_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    conformance::exercise_reopening(|| Box::new(open(dir.path())));
}

#[test]
fn what_was_not_folded_is_there_when_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    // A state that forgets everything: all there is comes from the journal.
    let engine = JournalEngine::open(&journal, MemoryEngine::default()).unwrap();
    engine.commit(&[put("a", "1"), put("b", "1")]).unwrap();
    engine.commit(&[put("a", "2"), delete("b")]).unwrap();
    drop(engine);
    let engine = JournalEngine::open(&journal, MemoryEngine::default()).unwrap();
    assert_eq!(engine.get(b"a").unwrap(), Some(b"2".to_vec()));
    assert_eq!(engine.get(b"b").unwrap(), None);
}

#[test]
fn a_checkpoint_leaves_one_empty_segment_and_everything_in_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.commit(&[put("key", "value")]).unwrap();
    engine.checkpoint().unwrap();
    assert_eq!(engine.shared.state.get(b"key").unwrap(), Some(b"value".to_vec()));
    let segments: Vec<_> =
        fs::read_dir(dir.path().join("journal")).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(segments.len(), 1);
    assert_eq!(segments[0].metadata().unwrap().len(), frame::HEADER_BYTES as u64);
    assert_eq!(engine.health().unfolded_bytes, 0);
}

#[test]
fn every_group_is_synced_once_before_its_acknowledgement() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for syncs in 1..=20 {
        engine.commit(&[put("key", "value"), put("other", "value")]).unwrap();
        assert_eq!(engine.health().syncs, syncs);
    }
}

#[test]
fn after_a_failed_write_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.commit(&[put("before", "1")]).unwrap();
    let whole = engine.shared.segment().replace_file(fs::File::open("/dev/null").unwrap());
    assert!(engine.commit(&[put("first", "1")]).is_err());
    assert!(engine.health().failed);
    engine.shared.segment().replace_file(whole);
    assert!(engine.commit(&[put("second", "1")]).is_err());
    assert!(engine.checkpoint().is_err());
    assert_eq!(engine.get(b"second").unwrap(), None);
    assert_eq!(engine.get(b"before").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_state_that_fails_ends_the_journal_too() {
    let dir = tempfile::tempdir().unwrap();
    let (state, _begun, verdicts) = GatedEngine::new();
    // What is folded at the start, and the mark after it.
    for verdict in [Ok(()), Ok(()), Err(StoreError::Full)] {
        verdicts.send(verdict).unwrap();
    }
    let engine = JournalEngine::open(dir.path(), state).unwrap();
    engine.commit(&[put("key", "value")]).unwrap();
    assert!(matches!(engine.checkpoint(), Err(StoreError::Full)));
    assert!(engine.commit(&[put("other", "value")]).is_err());
}

#[test]
fn reads_agree_with_what_was_written_while_it_is_folded() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(open(dir.path()));
    let folding = Arc::clone(&engine);
    let checkpoints = thread::spawn(move || (0..50).for_each(|_| folding.checkpoint().unwrap()));
    for round in 0..400_u32 {
        let value = round.to_string();
        engine.commit(&[put("a", &value), put(&format!("b{}", round % 7), &value)]).unwrap();
        assert_eq!(engine.get(b"a").unwrap(), Some(value.clone().into_bytes()));
        let all = engine.scan(&KeyRange::prefix(b"a"), Direction::Forward, 9).unwrap();
        assert_eq!(all, [(b"a".to_vec(), value.into_bytes())]);
    }
    checkpoints.join().unwrap();
}

#[test]
fn a_tail_fails_once_more_was_written_than_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let mut tail = JournalTail::begin(&engine.shared).unwrap();
    tail.check().unwrap();
    tail.set_bytes_max(engine.health().journal_bytes);
    tail.check().unwrap();
    engine.commit(&[put("key", "value")]).unwrap();
    assert!(matches!(tail.check(), Err(StoreError::TailTooLong { .. })));
}

#[test]
fn a_tail_has_every_group_from_its_beginning_on_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.commit(&[put("before", "1")]).unwrap();
    let mut tail = JournalTail::begin(&engine.shared).unwrap();
    for round in 0..5 {
        engine.commit(&[put("key", &round.to_string()), delete("other")]).unwrap();
        engine.checkpoint().unwrap();
    }
    let mut groups = Vec::new();
    while let Some(group) = tail.next().unwrap() {
        groups.push(frame::decode(&group).unwrap());
        engine.commit(&[put("after", "1")]).unwrap();
    }
    let meant = |round: u32| [put("key", &round.to_string()), delete("other")];
    let meant = (0..5).map(|round| meant(round).iter().flat_map(Change::ops).cloned().collect::<Vec<_>>());
    assert_eq!(groups, meant.collect::<Vec<_>>());
}

#[test]
fn groups_are_held_back_by_their_size_once_much_waits() {
    let group = 100_000;
    assert_eq!(pause(2 * GENERATION_BYTES - 1, group), None);
    let pauses = [3, 5, 7].map(|generations| pause(generations * GENERATION_BYTES, group).unwrap());
    assert!(pauses.is_sorted() && pauses[0] < pauses[2], "{pauses:?}");
    assert!(pause(5 * GENERATION_BYTES, group / 2).unwrap() < pauses[1]);
    assert_eq!(pause(UNFOLDED_BYTES_MAX, usize::MAX), Some(PAUSE_MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever lies where: in the state, the older or the newer generation.
    #[test]
    fn scans_are_those_of_one_map(
        steps in prop::collection::vec((0..30_u8, prop::option::of(any::<u8>()), any::<bool>(), any::<bool>()), 0..60),
        limit in 0..40_usize,
        is_forward in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (shared, last) = Shared::open(dir.path(), MemoryEngine::default()).unwrap();
        shared.fold_older(last).unwrap();
        let engine = JournalEngine { shared: Arc::new(shared), folder: None };
        let (mut model, mut last) = (BTreeMap::new(), None);
        for (key, value, is_aged, is_folded) in steps {
            let change = Change::default();
            let change = match value {
                Some(value) => change.put(vec![1, key], vec![value]),
                None => change.delete(vec![1, key]),
            }.unwrap();
            match value {
                Some(value) => model.insert(vec![1, key], vec![value]),
                None => model.remove([1, key].as_slice()),
            };
            engine.commit(&[change]).unwrap();
            if is_folded && let Some(last) = last.take() {
                engine.shared.fold_older(last).unwrap();
            } else if is_aged && last.is_none() {
                last = Some(engine.shared.begin_segment().unwrap());
            }
        }
        let direction = if is_forward { Direction::Forward } else { Direction::Reverse };
        let found = engine.scan(&KeyRange::prefix(&[1]), direction, limit).unwrap();
        let meant: Vec<_> = match direction {
            Direction::Forward => model.into_iter().take(limit).collect(),
            Direction::Reverse => model.into_iter().rev().take(limit).collect(),
        };
        prop_assert_eq!(found, meant);
    }
}
