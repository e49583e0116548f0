//! What must be true of a record, and of those that belong to it.
//!
//! What belongs to a job or a schedule is what writing it once more would write.

use std::collections::HashMap;

use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};
use windlass_core::{
    job::{Digest, Job, Payload},
    limits::TOMBSTONES_MAX,
    schedule::Schedule,
};
use windlass_wire::id::JobId;

use super::reads::Reads;
use crate::store::{
    Change, Engine, Family, Key, StoreError, Tombstone,
    engine::{Direction, KeyRange, Op, SCAN_ENTRIES_MAX},
    idempotency,
    jobs::job_keys,
    parked::read_count,
    queues, record,
    tombstones::{self, block_key},
};

/// What is wrong with a record; none = nothing.
pub(super) type Wrong = Option<String>;

/// Of a plugin's record, what leads elsewhere.
#[derive(Deserialize)]
struct PluginRecord {
    active: Digest,
}

/// Of a version's record, what leads elsewhere.
#[derive(Deserialize)]
struct VersionRecord {
    interface: Digest,
}

/// What is known beside the records themselves.
#[derive(Default)]
pub(super) struct Known {
    /// Where the schedules are, by their ids. References name them so.
    schedules: HashMap<u64, Vec<u8>>,
    /// Tombstones seen. When there are too many they are forgotten before the idempotency keys of their jobs.
    pub(super) tombstones: u64,
}

impl Known {
    /// Reads where the schedules are, unless it is known where this one is.
    fn find_schedule(&mut self, engine: &dyn Engine, id: u64) -> Result<Option<&Vec<u8>>, StoreError> {
        if !self.schedules.contains_key(&id) {
            let mut range = KeyRange::prefix(&[Family::Schedule.prefix()]);
            loop {
                let page = engine.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX)?;
                let Some((last, _)) = page.last() else { break };
                range = range.above(last);
                for (key, value) in page {
                    if let Ok(schedule) = record::decode::<Schedule>(&value) {
                        self.schedules.insert(schedule.id.0, key);
                    }
                }
            }
        }
        Ok(self.schedules.get(&id))
    }
}

/// Judges one record by what else there is.
pub(super) fn judge(
    reads: &mut Reads<'_>,
    known: &mut Known,
    key: &[u8],
    value: &[u8],
) -> Result<Wrong, StoreError> {
    let parsed = match Key::from_bytes(key) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Some(error.to_string())),
    };
    match parsed {
        Key::ScheduledJob(id) | Key::ReadyJob(id) | Key::LiveJob(id) | Key::FinalJob(id) => {
            decoded(value, |job: Job| judge_job(reads, key, id, &job))
        }
        Key::Index { place, .. } => judge_of_job(reads, key, place.id()),
        Key::Timetable { job, .. } | Key::Retention { job, .. } => judge_of_job(reads, key, job),
        Key::Reference { job, .. } => match u64::try_from(job.0) {
            Ok(schedule) => judge_of_schedule(reads, known, key, schedule),
            Err(_) => judge_of_job(reads, key, job),
        },
        Key::Tombstones { channel, .. } => Ok(match tombstones::read(value) {
            Ok(block) => {
                let is_elsewhere = |other: &Tombstone| block_key(&channel, other.job).to_bytes() != key;
                let stray = block.into_iter().find(is_elsewhere);
                stray.map(|stray| format!("the tombstone of {} does not belong there", stray.job))
            }
            Err(error) => Some(error.to_string()),
        }),
        Key::Schedule { .. } => decoded(value, |schedule: Schedule| {
            companions(reads, key, &Change::default().set_schedule(&schedule)?)
        }),
        Key::Idempotency { channel, .. } => {
            decoded(value, |record: idempotency::Record| judge_key(reads, known, &channel, record.job))
        }
        Key::Output { job, .. } => {
            let wrong = decoded(value, |_: String| Ok(None))?;
            Ok(if wrong.is_none() && find_job(reads, job)?.is_none() { no_job() } else { wrong })
        }
        Key::Plugin(_) => decoded(value, |record: PluginRecord| {
            let version = reads.get(&Key::Version(record.active).to_bytes())?;
            Ok(version.is_none().then(|| format!("its version {} is missing", record.active)))
        }),
        Key::Version(component) => decoded(value, |record: VersionRecord| {
            for blob in [component, record.interface] {
                if !reads.has_blob(&blob)? {
                    return Ok(Some(format!("the blob {blob} is missing")));
                }
            }
            Ok(None)
        }),
        Key::Queue { .. } => decoded(value, |_: queues::QueueRecord| Ok(None)),
        Key::Connection(_) => decoded(value, |_: IgnoredAny| Ok(None)),
        Key::PlainJobs(_) => Ok(read_count(value).err().map(|error| error.to_string())),
        Key::Meta(_) => Ok((value.len() != 4).then(|| "it has not 4 bytes".into())),
    }
}

/// Judges what a record says, if it can be read.
fn decoded<T: DeserializeOwned>(
    value: &[u8],
    judge: impl FnOnce(T) -> Result<Wrong, StoreError>,
) -> Result<Wrong, StoreError> {
    match record::decode(value) {
        Ok(record) => judge(record),
        Err(error) => Ok(Some(error.to_string())),
    }
}

fn judge_job(reads: &mut Reads<'_>, key: &[u8], id: JobId, job: &Job) -> Result<Wrong, StoreError> {
    if job.id != id {
        return Ok(Some(format!("it is the record of {}", job.id)));
    }
    let change = of_job(job)?;
    if !puts(&change, key) {
        return Ok(Some(format!("a job that is {} does not belong there", job.state.name().name())));
    }
    for other in job_keys(id) {
        let bytes = other.to_bytes();
        if bytes != key && reads.get(&bytes)?.is_some() {
            return Ok(Some(format!("the job is also there as {other:?}")));
        }
    }
    companions(reads, key, &change)
}

/// What is written when a job is.
fn of_job(job: &Job) -> Result<Change, StoreError> {
    // Of a job that is new everything is written that it may ever have.
    let fresh = Job { revision: 1, ..job.clone() };
    Change::default().set_terms(&fresh)?.set_references(&fresh)?.set_retention(&fresh)?.set_record(job)
}

/// Whether everything a change puts is there; but for the record itself, which brought it up.
fn companions(reads: &mut Reads<'_>, record: &[u8], change: &Change) -> Result<Wrong, StoreError> {
    for op in change.ops() {
        let Op::Put(key, value) = op else { continue };
        if key == record {
            continue;
        }
        let name = || Key::from_bytes(key).map_or_else(|error| error.to_string(), |key| format!("{key:?}"));
        match reads.get(key)? {
            None => return Ok(Some(format!("{} is missing", name()))),
            Some(found) if found != *value => return Ok(Some(format!("{} says something else", name()))),
            Some(_) => {}
        }
    }
    Ok(None)
}

fn puts(change: &Change, wanted: &[u8]) -> bool {
    change.ops().iter().any(|op| matches!(op, Op::Put(key, _) if key == wanted))
}

/// Judges a record that is there because of a job.
fn judge_of_job(reads: &mut Reads<'_>, key: &[u8], id: JobId) -> Result<Wrong, StoreError> {
    let Some(value) = find_job(reads, id)? else { return Ok(no_job()) };
    // A job that cannot be read is told by itself.
    let Ok(job) = record::decode::<Job>(&value) else { return Ok(None) };
    Ok((!puts(&of_job(&job)?, key)).then(|| "its job has no such thing".into()))
}

/// Judges a reference that is there because of a schedule.
fn judge_of_schedule(
    reads: &mut Reads<'_>,
    known: &mut Known,
    key: &[u8],
    id: u64,
) -> Result<Wrong, StoreError> {
    let missing = || Some("there is no such schedule".into());
    let Some(place) = known.find_schedule(reads.engine(), id)?.cloned() else { return Ok(missing()) };
    let Some(value) = reads.get(&place)? else { return Ok(missing()) };
    let Ok(schedule) = record::decode::<Schedule>(&value) else { return Ok(None) };
    let is_its_own = matches!(schedule.plan.args, Payload::Blob(_)) && schedule.id.0 == id;
    let is_held = is_its_own && puts(&Change::default().hold_args(&schedule)?, key);
    Ok((!is_held).then(|| "its schedule has no such arguments".into()))
}

fn judge_key(reads: &mut Reads<'_>, known: &Known, channel: &str, id: JobId) -> Result<Wrong, StoreError> {
    if find_job(reads, id)?.is_some() || known.tombstones >= TOMBSTONES_MAX / 2 {
        return Ok(None);
    }
    let block = reads.get(&block_key(channel, id).to_bytes())?.map(|block| tombstones::read(&block));
    Ok(match block {
        // One that cannot be read is told by itself.
        Some(Err(_)) => None,
        Some(Ok(block)) if block.iter().any(|tombstone| tombstone.job == id) => None,
        Some(Ok(_)) | None => no_job(),
    })
}

/// The record of a job, wherever it is.
fn find_job(reads: &mut Reads<'_>, id: JobId) -> Result<Option<Vec<u8>>, StoreError> {
    for key in job_keys(id) {
        if let Some(value) = reads.get(&key.to_bytes())? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

#[expect(clippy::unnecessary_wraps, reason = "it is what is wrong")]
fn no_job() -> Wrong {
    Some("there is no such job".into())
}
