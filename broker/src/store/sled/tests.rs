//! The sled engine conforms, and survives what an interrupted start or a failing disk does to it.

use std::{path::PathBuf, sync::Arc, thread};

use super::{files::let_go_with, *};
use crate::store::{
    commit::Committer,
    conformance,
    engine::{Direction, KEY_BYTES_MAX, KeyRange, VALUE_BYTES_MAX},
};

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
fn a_first_start_that_was_cut_off_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sled.new")).unwrap();
    fs::write(dir.path().join("sled.new/conf"), b"half").unwrap();
    SledEngine::open(dir.path()).unwrap().commit(&[put("key")]).unwrap();
    assert_opens_with_data(dir.path());
    assert!(!dir.path().join("sled.new").exists());
}

#[test]
fn a_second_broker_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let _first = SledEngine::open(dir.path()).unwrap();
    let second = SledEngine::open(dir.path());
    assert!(matches!(second, Err(StoreError::Locked { path }) if path == dir.path()));
}

#[test]
fn an_open_waits_until_sled_has_let_go_of_its_file() {
    let dir = tempfile::tempdir().unwrap();
    drop(SledEngine::open(dir.path()).unwrap());
    let sled = dir.path().join("sled");
    let mut held = Some(File::open(sled.join("db")).unwrap());
    held.as_ref().unwrap().lock().unwrap();
    let_go_with(&sled, || held = None).unwrap();
    assert!(held.is_none());
    SledEngine::open(dir.path()).unwrap();
}

#[test]
fn an_older_format_is_read_and_becomes_ours() {
    let dir = closed_store();
    let engine = SledEngine::open(dir.path()).unwrap();
    let older = Change::default().put(Key::Meta(Meta::Format).to_bytes(), 1_u32.to_be_bytes().to_vec());
    engine.commit(&[older.unwrap()]).unwrap();
    drop(engine);
    assert_opens_with_data(dir.path());
    assert_eq!(SledEngine::open(dir.path()).unwrap().meta(Meta::Format).unwrap(), Some(FORMAT));
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
        assert!(
            matches!(refused, Err(StoreError::NewerFormat { found, known: FORMAT }) if found == FORMAT + 1)
        );
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
    let db_file = std::mem::replace(&mut engine.log.file, File::open("/dev/null").unwrap());
    assert!(matches!(engine.commit(&[put("first")]), Err(StoreError::Unavailable(_))));
    assert!(engine.health().failed);

    engine.log.file = db_file;
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
    let key = |number: usize| format!("{number:0KEY_BYTES_MAX$}").into_bytes();
    let scattered = || (0..1_000).map(|number| number * 7_919 % 1_000);
    for round in 0..5_u8 {
        let value = vec![round; parts::ENTRY_BYTES_MAX - 1];
        let put = |number| Change::default().put(key(number), value.clone()).unwrap();
        engine.commit(&scattered().map(put).collect::<Vec<_>>()).unwrap();
        let long = Change::default().put(b"long".into(), vec![round; VALUE_BYTES_MAX]).unwrap();
        engine.commit(&[long]).unwrap();
        // Pages are merged when they have become almost empty.
        let gone = scattered().filter(|number| (number / 20 + usize::from(round)) % 3 == 0);
        let delete = |number| Change::default().delete(key(number)).unwrap();
        engine.commit(&gone.map(delete).collect::<Vec<_>>()).unwrap();
    }
    assert_eq!(fs::read_dir(dir.path().join("sled/blobs")).unwrap().count(), 0);
}

#[test]
fn a_long_value_leaves_no_parts_behind() {
    let dir = tempfile::tempdir().unwrap();
    let long = |length| Change::default().put(b"key".into(), vec![7; length]).unwrap();
    let delete = Change::default().delete(b"key".into()).unwrap();
    let engine = SledEngine::open(dir.path()).unwrap();
    engine.commit(&[long(100_000), long(50_000)]).unwrap();
    engine.commit(&[long(20_000), delete.clone(), long(30_000)]).unwrap();
    drop(engine);

    let engine = SledEngine::open(dir.path()).unwrap();
    assert_eq!(engine.get(b"key").unwrap(), Some(vec![7; 30_000]));
    engine.commit(&[delete]).unwrap();
    assert_eq!(engine.db.scan_prefix([0]).count(), 0);
}

#[test]
fn a_reader_never_sees_half_of_a_long_value() {
    let dir = tempfile::tempdir().unwrap();
    let engine = SledEngine::open(dir.path()).unwrap();
    let long = |byte| Change::default().put(b"key".into(), vec![byte; 20_000]).unwrap();
    engine.commit(&[long(0)]).unwrap();
    let is_whole = |value: &[u8]| value.len() == 20_000 && value.iter().all(|byte| *byte == value[0]);
    thread::scope(|scope| {
        let writer = scope.spawn(|| (0..200).for_each(|byte| engine.commit(&[long(byte)]).unwrap()));
        while !writer.is_finished() {
            assert!(is_whole(&engine.get(b"key").unwrap().unwrap()));
            let entries = engine.scan(&KeyRange::prefix(b"key"), Direction::Forward, 1).unwrap();
            assert!(is_whole(&entries[0].1));
        }
    });
}

/// The directory of a store as a crash leaves it, with `db` as the content of sled's file.
fn crash_image(dir: &Path, db: &[u8]) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    fs::create_dir_all(image.path().join("sled/blobs")).unwrap();
    fs::copy(dir.join("sled/conf"), image.path().join("sled/conf")).unwrap();
    fs::write(image.path().join("sled/db"), db).unwrap();
    image
}

#[test]
fn a_change_torn_by_a_crash_is_whole_or_absent_and_those_before_it_stay() {
    let dir = tempfile::tempdir().unwrap();
    let engine = SledEngine::open(dir.path()).unwrap();
    let change = |number: u32| {
        let short = Change::default().put(format!("a{number}").into(), vec![1; 100]).unwrap();
        short.put(format!("b{number}").into(), vec![2; 20_000]).unwrap()
    };
    let file = || fs::read(dir.path().join("sled/db")).unwrap();
    (0..20).for_each(|number| engine.commit(&[change(number)]).unwrap());
    let before = file();
    engine.commit(&[change(20)]).unwrap();
    let after = file();
    let start = before.iter().zip(&after).position(|(old, new)| old != new).unwrap_or(before.len());
    let held = |engine: &SledEngine, number: u32| {
        let [short, long] = ["a", "b"].map(|half| engine.get(format!("{half}{number}").as_bytes()).unwrap());
        assert_eq!(short.is_some(), long.is_some(), "change {number} is torn");
        assert!(long.is_none_or(|long| long == vec![2; 20_000]), "change {number} is damaged");
        short.is_some()
    };
    for step in 0..16 {
        let written = start + (after.len() - start) * step / 16;
        let old = before.get(written..).unwrap_or_default();
        let image = crash_image(dir.path(), &[&after[..written], old].concat());
        let engine = SledEngine::open(image.path()).unwrap();
        assert!((0..20).all(|number| held(&engine, number)), "an acknowledged change is lost");
        held(&engine, 20);
    }
}
