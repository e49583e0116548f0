//! What every engine must do. An engine's own tests call [`exercise`], and [`exercise_reopening`] when it
//! outlives its process.

use windlass_core::job::Digest;

use super::{
    blobs::digest_of,
    engine::{
        BLOB_BYTES_MAX, CHANGE_BYTES_MAX, CHANGE_OPS_MAX, Change, Direction, Engine, KEY_BYTES_MAX, KeyRange,
        SCAN_ENTRIES_MAX, VALUE_BYTES_MAX,
    },
    error::{Limit, StoreError},
};

/// Checks each fact on an engine with nothing in it.
pub(super) fn exercise(mut fresh: impl FnMut() -> Box<dyn Engine>) {
    for fact in [
        a_committed_value_is_read,
        an_absent_key_has_no_value,
        the_last_write_of_a_group_stands,
        the_same_group_twice_changes_nothing,
        an_empty_group_is_committed,
        the_largest_change_is_taken,
        values_of_any_length_replace_each_other,
        scans_follow_the_order_of_bytes,
        scans_keep_to_their_bounds,
        scans_keep_to_their_limit,
        an_empty_range_has_no_entries,
        blobs_are_read_by_digest,
        blobs_are_listed_by_their_first_byte_until_they_are_removed,
        a_blob_above_the_limit_is_refused,
        checkpoints_change_nothing,
    ] {
        fact(fresh().as_ref());
    }
}

/// Checks what must be there when the same store is opened again. The engine answered before is dropped by
/// then, without any farewell.
pub(super) fn exercise_reopening(mut open: impl FnMut() -> Box<dyn Engine>) {
    let engine = open();
    let start = engine.start_number();
    let group: Vec<_> = (0..1_000_u32).map(|number| pair(number, b"first")).collect();
    engine.commit(&group).unwrap();
    engine.commit(&[Change::default().delete(b"left500".to_vec()).unwrap()]).unwrap();
    let digest = put_blob(engine.as_ref(), b"kept");
    drop(engine);

    let engine = open();
    assert_eq!(engine.start_number(), start + 1, "each start has its own number");
    assert_eq!(engine.get(b"left500").unwrap(), None, "a deletion is durable");
    for number in (0..1_000).filter(|number| *number != 500) {
        let halves = ["left", "right"].map(|half| engine.get(format!("{half}{number}").as_bytes()).unwrap());
        assert_eq!(halves, [Some(b"first".to_vec()), Some(b"first".to_vec())], "change {number} is whole");
    }
    assert_eq!(engine.blob(&digest).unwrap().as_deref(), Some(b"kept".as_slice()), "a blob is durable");
}

fn pair(number: u32, value: &[u8]) -> Change {
    put(Change::default(), &format!("left{number}"), value)
        .put(format!("right{number}").into(), value.to_vec())
        .unwrap()
}

fn put(change: Change, key: &str, value: &[u8]) -> Change {
    change.put(key.into(), value.to_vec()).unwrap()
}

fn put_blob(engine: &dyn Engine, bytes: &[u8]) -> Digest {
    let digest = digest_of(bytes);
    engine.put_blob(&digest, bytes).unwrap();
    digest
}

fn fill(engine: &dyn Engine, keys: &[&str]) {
    let change = keys.iter().fold(Change::default(), |change, key| put(change, key, key.as_bytes()));
    engine.commit(&[change]).unwrap();
}

fn keys(engine: &dyn Engine, range: &KeyRange, direction: Direction, limit: usize) -> Vec<String> {
    let entries = engine.scan(range, direction, limit).unwrap();
    entries.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

fn a_committed_value_is_read(engine: &dyn Engine) {
    engine.commit(&[put(Change::default(), "key", b"value")]).unwrap();
    assert_eq!(engine.get(b"key").unwrap().as_deref(), Some(b"value".as_slice()));
}

fn an_absent_key_has_no_value(engine: &dyn Engine) {
    assert_eq!(engine.get(b"key").unwrap(), None);
}

fn the_last_write_of_a_group_stands(engine: &dyn Engine) {
    let change = put(put(Change::default(), "key", b"1"), "key", b"2");
    let gone = put(Change::default(), "gone", b"1").delete(b"gone".to_vec()).unwrap();
    engine.commit(&[change, put(Change::default(), "key", b"3"), gone]).unwrap();
    assert_eq!(engine.get(b"key").unwrap().as_deref(), Some(b"3".as_slice()));
    assert_eq!(engine.get(b"gone").unwrap(), None);
}

fn the_same_group_twice_changes_nothing(engine: &dyn Engine) {
    let group = [
        put(Change::default(), "key", b"1"),
        put(Change::default(), "other", b"2").delete(b"key".into()).unwrap(),
    ];
    engine.commit(&group).unwrap();
    engine.commit(&group).unwrap();
    assert_eq!(engine.get(b"key").unwrap(), None);
    assert_eq!(engine.get(b"other").unwrap().as_deref(), Some(b"2".as_slice()));
}

fn an_empty_group_is_committed(engine: &dyn Engine) {
    engine.commit(&[]).unwrap();
    engine.commit(&[Change::default()]).unwrap();
}

fn the_largest_change_is_taken(engine: &dyn Engine) {
    let key = |number: usize| format!("{number:0KEY_BYTES_MAX$}");
    let value = vec![7; CHANGE_BYTES_MAX / CHANGE_OPS_MAX - KEY_BYTES_MAX];
    let change =
        (0..CHANGE_OPS_MAX).fold(Change::default(), |change, number| put(change, &key(number), &value));
    engine.commit(&[change.clone(), change]).unwrap();
    for number in 0..CHANGE_OPS_MAX {
        assert_eq!(engine.get(key(number).as_bytes()).unwrap().as_ref(), Some(&value));
    }
}

fn values_of_any_length_replace_each_other(engine: &dyn Engine) {
    let value = |length: usize| -> Vec<u8> { (0..=250).cycle().take(length).collect() };
    let range = KeyRange::prefix(b"key");
    for length in [VALUE_BYTES_MAX, 0, 8_192, 100_000, 1, 20_000] {
        let longer = put(Change::default(), "key", &value(VALUE_BYTES_MAX));
        engine.commit(&[longer, put(Change::default(), "key", &value(length))]).unwrap();
        assert_eq!(engine.get(b"key").unwrap(), Some(value(length)));
        let entries = engine.scan(&range, Direction::Forward, 9).unwrap();
        assert_eq!(entries, [(b"key".to_vec(), value(length))]);
    }
    engine.commit(&[Change::default().delete(b"key".into()).unwrap()]).unwrap();
    assert_eq!(engine.get(b"key").unwrap(), None);
}

fn scans_follow_the_order_of_bytes(engine: &dyn Engine) {
    fill(engine, &["tb", "ta\x01", "ta", "ta\x7f", "t"]);
    let all = KeyRange::prefix(b"t");
    assert_eq!(keys(engine, &all, Direction::Forward, 9), ["t", "ta", "ta\x01", "ta\x7f", "tb"]);
    assert_eq!(keys(engine, &all, Direction::Reverse, 9), ["tb", "ta\x7f", "ta\x01", "ta", "t"]);
}

fn scans_keep_to_their_bounds(engine: &dyn Engine) {
    fill(engine, &["s9", "t1", "t2", "t3", "t4", "u0"]);
    let all = KeyRange::prefix(b"t");
    assert_eq!(keys(engine, &all, Direction::Forward, 9), ["t1", "t2", "t3", "t4"]);
    assert_eq!(keys(engine, &all.clone().above(b"t2"), Direction::Forward, 9), ["t3", "t4"]);
    assert_eq!(keys(engine, &all.clone().from(b"t2"), Direction::Reverse, 9), ["t4", "t3", "t2"]);
    assert_eq!(keys(engine, &all.below(b"t3"), Direction::Reverse, 9), ["t2", "t1"]);
}

fn scans_keep_to_their_limit(engine: &dyn Engine) {
    fill(engine, &["t1", "t2", "t3"]);
    let all = KeyRange::prefix(b"t");
    assert_eq!(keys(engine, &all, Direction::Reverse, 2), ["t3", "t2"]);
    assert_eq!(keys(engine, &all, Direction::Forward, 0), [""; 0]);
    let many: Vec<_> =
        (0..=SCAN_ENTRIES_MAX).map(|number| put(Change::default(), &format!("u{number}"), b"")).collect();
    engine.commit(&many).unwrap();
    assert_eq!(keys(engine, &KeyRange::prefix(b"u"), Direction::Forward, usize::MAX).len(), SCAN_ENTRIES_MAX);
}

fn an_empty_range_has_no_entries(engine: &dyn Engine) {
    fill(engine, &["t1", "t2", "t3"]);
    let reversed = KeyRange::prefix(b"t").above(b"t3").below(b"t1");
    let point = KeyRange::prefix(b"t").above(b"t2").below(b"t2");
    for range in [reversed, point] {
        assert_eq!(keys(engine, &range, Direction::Forward, 9), [""; 0]);
    }
}

fn blobs_are_read_by_digest(engine: &dyn Engine) {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let digest = put_blob(engine, &bytes);
    put_blob(engine, &bytes);
    assert_eq!(engine.blob(&digest).unwrap(), Some(bytes));
    assert_eq!(engine.blob(&Digest([0; 32])).unwrap(), None);
}

fn blobs_are_listed_by_their_first_byte_until_they_are_removed(engine: &dyn Engine) {
    let mut digests: Vec<_> = (0..600_u32).map(|number| put_blob(engine, &number.to_be_bytes())).collect();
    digests.sort_unstable();
    let listed = || {
        let mut all = Vec::new();
        for first in 0..=u8::MAX {
            let folder = engine.blobs(first).unwrap();
            assert!(folder.iter().all(|digest| digest.0[0] == first));
            all.extend(folder);
        }
        all.sort_unstable();
        all
    };
    assert_eq!(listed(), digests);
    let gone = digests.remove(7);
    engine.remove_blob(&gone).unwrap();
    engine.remove_blob(&gone).unwrap();
    assert_eq!((listed(), engine.blob(&gone).unwrap()), (digests, None));
}

fn a_blob_above_the_limit_is_refused(engine: &dyn Engine) {
    let refused = engine.put_blob(&Digest([0; 32]), &vec![0; BLOB_BYTES_MAX + 1]);
    assert!(matches!(refused, Err(StoreError::TooLarge { limit: Limit::Blob, .. })));
}

fn checkpoints_change_nothing(engine: &dyn Engine) {
    fill(engine, &["t1"]);
    engine.checkpoint().unwrap();
    assert_eq!(engine.get(b"t1").unwrap().as_deref(), Some(b"t1".as_slice()));
}
