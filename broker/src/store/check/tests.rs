//! Every kind of damage is found, and nothing else.

use windlass_core::{
    dependency::After,
    idempotency::{KeyName, KeyRecord},
    job::{Job, Payload, Spec, State, Timestamp, compose_id},
    queue::{Queue, QueueLimits},
    schedule::{Plan, Schedule},
};
use windlass_wire::{
    id::JobId,
    state::JobState,
    submit::{EndedAs, Need},
};

use super::*;
use crate::store::{
    Change, MemoryEngine, Tombstone,
    blobs::digest_of,
    engine::Op,
    listing::tests::job,
    schedules::tests::schedule,
    tombstones::{block_key, write},
};

/// One of everything.
struct Everything {
    engine: Arc<MemoryEngine>,
    ready: Job,
    scheduled: Job,
    done: Job,
    blob: Digest,
    interface: Digest,
}

const PURGED: JobId = JobId(5 << 32 | 1 << 104);

/// Writes the tombstone of a job, and nothing else, to the block where that of `place` belongs.
fn bury(place: JobId, job: JobId) -> Change {
    let tombstone = Tombstone { job, state: JobState::Failed, purged_at: Timestamp(7) };
    Change::default().put(block_key("0", place).to_bytes(), write(&[tombstone])).unwrap()
}

fn change(job: &Job) -> Change {
    Change::default().set_job(job).unwrap()
}

fn with_spec(job: Job, spec: impl FnOnce(&mut Spec)) -> Job {
    let mut changed = (*job.spec).clone();
    spec(&mut changed);
    Job { spec: Arc::new(changed), ..job }
}

impl Everything {
    fn new() -> Self {
        let engine = Arc::new(MemoryEngine::default());
        let put_blob = |bytes: &[u8]| {
            let digest = digest_of(bytes);
            engine.put_blob(&digest, bytes).unwrap();
            digest
        };
        let (blob, component, interface) = (put_blob(b"long"), put_blob(b"wasm"), put_blob(b"types"));
        let id = |sequence| compose_id(1, 0, sequence, 3);
        let ready = job(id(1), State::Ready);
        let scheduled = with_spec(job(id(2), State::Scheduled { due: Timestamp(9) }), |spec| {
            spec.run_at = Some(Timestamp(9));
        });
        let result = Payload::Blob(blob);
        let done = Job { revision: 3, ..job(id(3), State::Succeeded { at: Timestamp(4), result }) };
        let blocked = State::Blocked { left: [id(1)].into(), held: false };
        let blocked = with_spec(job(id(4), blocked), |spec| {
            spec.after = Some(After { jobs: [id(1)].into(), need: Need::All, ended: EndedAs::Success });
        });
        let schedule = Schedule {
            plan: Plan { args: Payload::Blob(blob), ..schedule("0", "nightly").plan },
            ..schedule("0", "nightly")
        };
        let key = KeyRecord {
            name: Arc::new(KeyName { channel: "0".into(), key: "once".into() }),
            job: PURGED,
            request: blob,
            until: Timestamp(9),
        };
        let queue =
            Queue { channel: "0".into(), name: "mail".into(), number: 1, limits: QueueLimits::default() };
        let record = |value: serde_json::Value| crate::store::record::encode(&value).unwrap();
        let version = record(serde_json::json!({ "interface": interface.0, "bytes": 4 }));
        let plugin = record(serde_json::json!({ "active": component.0 }));
        let group = [
            change(&ready),
            change(&scheduled),
            change(&Job { revision: 1, state: State::Ready, ..done.clone() }),
            change(&done),
            change(&blocked),
            bury(PURGED, PURGED),
            Change::default().set_schedule(&schedule).unwrap(),
            Change::default().set_idempotency_key(&key).unwrap(),
            Change::default().set_queue(&queue).unwrap(),
            Change::default().set_log(done.id, 1, "said").unwrap(),
            Change::default().set_plain_jobs(1, PlainJobs { ready: 1, scheduled: 1 }).unwrap(),
            Change::default().put(Key::Version(component).to_bytes(), version).unwrap(),
            Change::default().put(Key::Plugin("demo".into()).to_bytes(), plugin).unwrap(),
        ];
        engine.commit(&group).unwrap();
        Self { engine, ready, scheduled, done, blob, interface }
    }

    fn report(&self) -> VerifyReport {
        let mut check = Check::new(Arc::clone(&self.engine) as Arc<dyn Engine>);
        while check.step().unwrap() {}
        check.report().clone()
    }

    fn commit(&self, change: Change) {
        self.engine.commit(&[change]).unwrap();
    }

    /// Removes the record under the only key of a family, or one of them.
    fn remove_one(&self, family: Family) {
        let range = KeyRange::prefix(&[family.prefix()]);
        let (key, _) = self.engine.scan(&range, Direction::Forward, 1).unwrap().remove(0);
        self.commit(Change::default().delete(key).unwrap());
    }
}

#[test]
fn in_a_sound_store_nothing_is_wrong() {
    let report = Everything::new().report();
    assert_eq!((report.problem_count, report.problems.as_slice()), (0, [].as_slice()));
    assert_eq!((report.done, report.unsettled, report.blobs, report.records["jobs"]), (true, 0, 3, 4));
}

#[track_caller]
fn found(what: &str, damage: impl FnOnce(&Everything), wrong: &str) {
    let everything = Everything::new();
    damage(&everything);
    let problems = everything.report().problems;
    assert!(problems.iter().any(|problem| problem.wrong.contains(wrong)), "{what}: {problems:?}");
}

#[test]
fn a_record_without_what_belongs_to_it_is_found() {
    for (family, wrong) in [
        (Family::Index, "is missing"),
        (Family::Reference, "is missing"),
        (Family::Timetable, "is missing"),
        (Family::Retention, "is missing"),
        (Family::Version, "its version"),
        (Family::PlainJobs, "it says 0 ready and 0 scheduled; there are 1 and 1"),
    ] {
        found(&format!("{family:?}"), |everything| everything.remove_one(family), wrong);
    }
}

#[test]
fn what_belongs_to_a_record_that_is_not_there_is_found() {
    for (family, wrong) in [
        (Family::FinalJob, "there is no such job"),
        (Family::ScheduledJob, "there is no such job"),
        (Family::ReadyJob, "it says 1 ready and 1 scheduled; there are 0 and 1"),
        (Family::Tombstones, "there is no such job"),
        (Family::Schedule, "there is no such schedule"),
    ] {
        found(&format!("{family:?}"), |everything| everything.remove_one(family), wrong);
    }
}

#[test]
fn a_job_in_two_families_is_found() {
    let other = |everything: &Everything| {
        let value = crate::store::record::encode(&everything.ready).unwrap();
        everything
            .commit(Change::default().put(Key::LiveJob(everything.ready.id).to_bytes(), value).unwrap());
    };
    found("the one where it belongs", other, "the job is also there as");
    found("the other", other, "does not belong there");
}

#[test]
fn a_record_under_the_key_of_another_is_found() {
    let swap = |everything: &Everything| {
        let value = crate::store::record::encode(&everything.done).unwrap();
        everything
            .commit(Change::default().put(Key::ReadyJob(everything.ready.id).to_bytes(), value).unwrap());
    };
    found("a job", swap, "it is the record of");
}

#[test]
fn entries_that_say_something_else_are_found() {
    let timetable = |everything: &Everything| {
        let key = Key::Timetable { due: Timestamp(8), job: everything.scheduled.id };
        everything.commit(Change::default().put(key.to_bytes(), Vec::new()).unwrap());
    };
    found("a timetable", timetable, "its job has no such thing");
    let state = |everything: &Everything| {
        let scheduled = change(&everything.scheduled);
        let ready = Job { state: State::Ready, revision: 2, ..everything.scheduled.clone() };
        everything.commit(change(&ready));
        // As if its terms had not been written in the same change.
        for op in scheduled.ops() {
            if let Op::Put(key, value) = op
                && key[0] == Family::Index.prefix()
            {
                everything.commit(Change::default().put(key.clone(), value.clone()).unwrap());
            }
        }
    };
    found("the term of a state that is over", state, "its job has no such thing");
}

#[test]
fn a_tombstone_in_the_block_of_others_is_found() {
    let stray = |everything: &Everything| everything.commit(bury(PURGED, JobId(PURGED.0 + (1000 << 32))));
    found("a tombstone", stray, "does not belong there");
}

#[test]
fn bytes_that_are_no_records_are_found() {
    let put = |key: Vec<u8>| {
        move |everything: &Everything| {
            everything.commit(Change::default().put(key, b"\x01\xc1".to_vec()).unwrap());
        }
    };
    found("a job", put(Key::LiveJob(JobId(1 << 100)).to_bytes()), "damaged");
    found("a queue", put(Key::Queue { channel: "0".into(), name: "x".into() }.to_bytes()), "damaged");
    found("a connection", put(Key::Connection("1".into()).to_bytes()), "damaged");
    found("a number", put(b"mindex".to_vec()), "it has not 4 bytes");
    found("no key at all", put(b"zzz".to_vec()), "a key");
}

#[test]
fn blobs_that_are_missing_are_found() {
    let lose = |blob: fn(&Everything) -> Digest| {
        move |everything: &Everything| everything.engine.remove_blob(&blob(everything)).unwrap()
    };
    found("a result", lose(|everything| everything.blob), "the blob is missing");
    found("a version's", lose(|everything| everything.interface), "is missing");
}

#[test]
fn a_blob_with_another_digest_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let engine = crate::store::SledEngine::open(dir.path()).unwrap();
    let digest = digest_of(b"true");
    engine.put_blob(&digest, b"true").unwrap();
    let name = digest.to_string();
    std::fs::write(dir.path().join("blobs").join(&name[..2]).join(&name), b"lies").unwrap();
    let mut check = Check::new(Arc::new(engine));
    while check.step().unwrap() {}
    assert_eq!(check.report().problem_count, 1);
    assert!(check.report().problems[0].key.contains(&name));
}

#[test]
fn what_changes_between_two_reads_is_no_problem() {
    let everything = Everything::new();
    let key = Key::ReadyJob(everything.ready.id).to_bytes();
    let mut reads = Reads::new(everything.engine.as_ref());
    reads.get(&key).unwrap();
    assert!(reads.still_hold().unwrap());
    everything.commit(Change::default().delete(key).unwrap());
    assert!(!reads.still_hold().unwrap());
}
