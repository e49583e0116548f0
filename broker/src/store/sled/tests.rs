//! The sled engine conforms, and survives what an interrupted start or a failing disk does to it.

use std::sync::Arc;

use super::*;
use crate::store::{commit::Committer, conformance, engine::KEY_BYTES_MAX};

fn put(key: &str) -> Change {
    Change::default().put(key.into(), b"value".to_vec()).unwrap()
}

/// A closed store that holds `key`, opened twice so that sled has written a snapshot.
fn closed_store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    SledEngine::open(dir.path()).unwrap().commit(&[put("key")]).unwrap();
    drop(SledEngine::open(dir.path()).unwrap());
    dir
}

fn assert_opens_with_data(dir: &Path) {
    let engine = SledEngine::open(dir).unwrap();
    assert_eq!(engine.get(b"key").unwrap().as_deref(), Some(b"value".as_slice()));
}

fn snapshot_of(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join("sled")).unwrap().map(|entry| entry.unwrap().path());
    let mut snapshots =
        entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap."));
    snapshots.next().unwrap()
}

#[test]
fn conforms() {
    let dir = tempfile::tempdir().unwrap();
    let mut stores = 0;
    conformance::exercise(|| {
        stores += 1;
        Box::new(SledEngine::open(&dir.path().join(stores.to_string())).unwrap())
    });
}

#[test]
fn conforms_when_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    conformance::exercise_reopening(|| Box::new(SledEngine::open(dir.path()).unwrap()));
}

#[test]
fn a_second_broker_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let _first = SledEngine::open(dir.path()).unwrap();
    let second = SledEngine::open(dir.path());
    assert!(matches!(second, Err(StoreError::Locked { path }) if path == dir.path()));
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let engine = SledEngine::open(dir.path()).unwrap();
    let newer = Change::default()
        .put(Key::Meta(Meta::Format).to_bytes(), (FORMAT + 1).to_be_bytes().to_vec())
        .unwrap();
    engine.commit(&[newer]).unwrap();
    drop(engine);
    for _ in 0..2 {
        let refused = SledEngine::open(dir.path());
        assert!(matches!(refused, Err(StoreError::NewerFormat { found: 2, known: FORMAT })));
    }
}

#[tokio::test]
async fn every_group_is_synced_before_its_acknowledgement() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(SledEngine::open(dir.path()).unwrap());
    let committer = Committer::start(Arc::<SledEngine>::clone(&engine)).unwrap();
    for round in 0..50 {
        let before = engine.health().syncs;
        committer.commit(vec![put(&format!("key{round}"))]).await.unwrap();
        assert!(engine.health().syncs > before, "round {round} was acknowledged without a sync");
    }
}

#[test]
fn after_a_failed_sync_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = SledEngine::open(dir.path()).unwrap();
    // The system refuses to sync a device that cannot be synced.
    let db_file = std::mem::replace(&mut engine.db_file, File::open("/dev/null").unwrap());
    assert!(matches!(engine.commit(&[put("first")]), Err(StoreError::Unavailable(_))));
    assert!(engine.health().failed);

    engine.db_file = db_file;
    assert!(matches!(engine.commit(&[put("second")]), Err(StoreError::Unavailable(_))));
    assert!(matches!(engine.checkpoint(), Err(StoreError::Unavailable(_))));
    assert_eq!(engine.get(b"second").unwrap(), None);
}

#[test]
fn an_unfinished_snapshot_does_not_keep_the_store_shut() {
    let dir = closed_store();
    let unfinished = dir.path().join("sled/snap.00000000000000FF.generating");
    fs::write(&unfinished, b"cut off").unwrap();
    assert_opens_with_data(dir.path());
    assert!(!unfinished.exists());
}

#[test]
fn an_empty_snapshot_does_not_keep_the_store_shut() {
    let dir = closed_store();
    fs::write(snapshot_of(dir.path()), b"").unwrap();
    assert_opens_with_data(dir.path());
}

#[test]
fn a_damaged_snapshot_is_set_aside() {
    let dir = closed_store();
    let snapshot = snapshot_of(dir.path());
    fs::write(&snapshot, [0xa5; 100]).unwrap();
    assert_opens_with_data(dir.path());
    let aside = dir.path().join("sled/set-aside").join(snapshot.file_name().unwrap());
    assert_eq!(fs::read(aside).unwrap(), [0xa5; 100]);
}

#[test]
fn the_largest_entries_stay_in_the_file_that_is_synced() {
    let dir = tempfile::tempdir().unwrap();
    let engine = SledEngine::open(dir.path()).unwrap();
    for round in 0..4 {
        let value = vec![round; 10_000];
        let entry = |number: usize| {
            let key = format!("{number:0KEY_BYTES_MAX$}");
            Change::default().put(key.into(), value.clone()).unwrap()
        };
        let group: Vec<_> = (0..1_000).map(|number| entry(number * 7_919 % 1_000)).collect();
        engine.commit(&group).unwrap();
    }
    assert_eq!(fs::read_dir(dir.path().join("sled/blobs")).unwrap().count(), 0);
}
