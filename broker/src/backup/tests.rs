//! A backup becomes the store it was of, or says what is wrong with it.

use std::{fs, io, path::Path};

use windlass_core::job::{Job, Payload, Spec, State, Timestamp, compose_id};

use super::{file::Writer, *};
use crate::store::{Change, JournalEngine, Pinned, SledEngine, Store, blobs::digest_of};

fn open(data: &Path) -> Store {
    let state = SledEngine::open(data).unwrap();
    Store::new(JournalEngine::open(&data.join("journal"), state).unwrap()).unwrap()
}

fn blob_job(store: &Store, sequence: u64) -> (Job, Pinned) {
    let (digest, pinned) = store.put_blob(format!("\"{sequence}\"").as_bytes()).unwrap();
    let spec = Spec::new("demo/add", digest, Payload::Blob(digest), Timestamp(1));
    let job = Job::new(compose_id(1, 0, sequence, 0), spec.into(), [].into(), Timestamp(1));
    (Job { state: State::Held, ..job }, pinned)
}

/// A data directory with a few jobs and blobs, and its store.
async fn filled(data: &Path) -> (Store, Vec<Job>) {
    let store = open(data);
    let (jobs, pinned): (Vec<_>, Vec<_>) = (1..=3).map(|sequence| blob_job(&store, sequence)).unzip();
    let changes = jobs.iter().map(|job| Change::default().set_job(job).unwrap()).collect();
    store.committer().commit(changes).await.unwrap();
    drop(pinned);
    (store, jobs)
}

fn backup(store: &Store) -> Vec<u8> {
    let (mut bytes, about) = (Vec::new(), About::of(store, Timestamp(1_000)));
    let counts = write(store.copy().unwrap(), &about, &mut bytes, || Ok(())).unwrap();
    assert_eq!(counts.bytes, bytes.len() as u64);
    bytes
}

fn check_bytes(bytes: &[u8]) -> Result<Counts, BackupError> {
    check_file(bytes)
}

#[tokio::test]
async fn a_restored_store_has_what_the_backup_had_under_other_start_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let (store, jobs) = filled(&dir.path().join("old")).await;
    let bytes = backup(&store);
    let new = dir.path().join("deep/er/new");
    let restored = restore(bytes.as_slice(), &new, Timestamp(1_000)).unwrap();
    assert_eq!((restored.about.start, restored.counts.blobs), (1, 3));
    let beside: Vec<_> = fs::read_dir(new.parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 1, "nothing else is left there");
    let restored = open(&new);
    assert!(restored.start_number() > store.start_number() + 1_000);
    for job in jobs {
        assert_eq!(restored.job(job.id).unwrap().as_ref(), Some(&job));
        let Payload::Blob(digest) = job.spec.args else { panic!("it has long arguments") };
        assert_eq!(restored.blob(&digest).unwrap(), store.blob(&digest).unwrap());
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_anywhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(&dir.path().join("old")).await;
    let bytes = backup(&store);
    check_bytes(&bytes).unwrap();
    for cut in 0..bytes.len() {
        let refused = check_bytes(&bytes[..cut]);
        assert!(matches!(refused, Err(BackupError::Cut(_) | BackupError::Foreign)), "{cut}: {refused:?}");
    }
    let new = dir.path().join("new");
    restore(&bytes[..bytes.len() - 1], &new, Timestamp(0)).unwrap_err();
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["old"], "nothing that looks like a store is left");
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(&dir.path().join("old")).await;
    let mut bytes = backup(&store);
    for at in 0..bytes.len() {
        let bit = 1 << (at % 8);
        bytes[at] ^= bit;
        assert!(check_bytes(&bytes).is_err(), "byte {at}");
        bytes[at] ^= bit;
    }
    bytes.push(0);
    assert!(matches!(check_bytes(&bytes), Err(BackupError::Damaged { .. })), "there is more after its end");
}

#[tokio::test]
async fn frames_of_two_backups_are_not_taken_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(&dir.path().join("old")).await;
    let (one, other) = (backup(&store), backup(&store));
    assert_eq!(one.len(), other.len());
    let spliced = [&one[..200], &other[200..]].concat();
    assert!(matches!(check_bytes(&spliced), Err(BackupError::Damaged { .. })));
}

#[tokio::test]
async fn a_newer_format_is_refused_naming_both() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(&dir.path().join("old")).await;
    let mut bytes = backup(&store);
    bytes[19] += 1;
    let checksum = crc32fast::hash(&bytes[..32]).to_be_bytes();
    bytes[32..36].copy_from_slice(&checksum);
    let refused = check_bytes(&bytes).unwrap_err();
    assert!(
        refused.to_string().contains("the backup has format 2 and this windlass knows up to 1"),
        "{refused}"
    );

    let mut bytes = Vec::new();
    let about = About { store_format: 1_000, ..About::of(&store, Timestamp(0)) };
    Writer::begin(&mut bytes, &about).unwrap().finish().unwrap();
    let refused = restore(bytes.as_slice(), &dir.path().join("new"), Timestamp(0)).unwrap_err();
    assert!(refused.to_string().contains("the store in it has format 1000"), "{refused}");
}

#[tokio::test]
async fn a_backup_that_was_given_up_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(&dir.path().join("old")).await;
    let (mut bytes, about) = (Vec::new(), About::of(&store, Timestamp(0)));
    let stop = || Err(BackupError::Stopping);
    assert!(write(store.copy().unwrap(), &about, &mut bytes, stop).is_err());
    let refused = check_bytes(&bytes).unwrap_err();
    assert!(refused.to_string().contains("gave it up: the broker is shutting down"), "{refused}");
}

#[test]
fn something_else_is_no_backup() {
    for bytes in [&b""[..], b"windlass", b"PK\x03\x04 and so on, for longer than a header has"] {
        assert!(matches!(check_bytes(bytes), Err(BackupError::Foreign)));
    }
    let foreign = restore(io::empty(), Path::new("/"), Timestamp(0));
    assert!(matches!(foreign, Err(BackupError::Exists(_))), "the root is not written over");
}

#[tokio::test]
async fn a_directory_with_anything_in_it_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(&dir.path().join("old")).await;
    let (bytes, new) = (backup(&store), dir.path().join("new"));
    fs::create_dir(&new).unwrap();
    restore(bytes.as_slice(), &new, Timestamp(0)).unwrap();
    let again = restore(bytes.as_slice(), &new, Timestamp(0));
    assert!(matches!(again, Err(BackupError::Exists(path)) if path == new));
}

#[tokio::test]
async fn backups_and_directories_are_verified_by_a_copy_that_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (data, scratch) = (dir.path().join("old"), dir.path().join("scratch"));
    fs::create_dir(&scratch).unwrap();
    let (store, jobs) = filled(&data).await;
    let bytes = backup(&store);
    let report = verify_file(bytes.as_slice(), &scratch, |_| ()).unwrap();
    // The component of their version was never uploaded, and no queue has their number; nobody points there.
    assert_eq!((report.problem_count, report.records["jobs"]), (0, jobs.len() as u64), "{report:?}");

    let locked = verify_directory(&data, &scratch, |_| ()).unwrap_err();
    assert!(locked.to_string().contains("in use by another broker"), "{locked}");
    store.close().await.unwrap();
    drop(store);
    let report = loop {
        // The committer's thread may hold the store for a moment longer.
        match verify_directory(&data, &scratch, |_| ()) {
            Err(error) if error.to_string().contains("in use") => std::thread::yield_now(),
            report => break report.unwrap(),
        }
    };
    assert_eq!((report.problem_count, report.records["jobs"]), (0, jobs.len() as u64), "{report:?}");
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    assert_eq!(open(&data).start_number(), 2, "a verification is no start");
}

/// A backup as the first format has it, made by hand from its description.
const GOLDEN: &[u8] = include_bytes!("golden-v1.backup");

#[test]
fn the_first_format_is_still_read() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let made_at = Timestamp(1_700_000_000_000);
    let Restored { about, counts } = restore(GOLDEN, &data, made_at).unwrap();
    let meant = About { windlass: "0.1.0".into(), store_format: 2, start: 3, made_at: made_at.0 };
    assert_eq!((about, counts), (meant, Counts { groups: 2, blobs: 1, bytes: GOLDEN.len() as u64 }));
    let store = open(&data);
    let queues: Vec<_> =
        store.queues().unwrap().into_iter().map(|queue| (queue.name, queue.number)).collect();
    assert_eq!(queues, [("mail".to_owned(), 7)]);
    let blob = b"a blob of the first format";
    assert_eq!(store.blob(&digest_of(blob)).unwrap().as_deref(), Some(blob.as_slice()));
}
