//! Whether a store is what it should be: every record can be read, whatever belongs to another record is there and
//! nothing else is, and every blob has its digest.
//!
//! A store that is written to can be checked too. Each record is judged by what else there is, and what seems wrong is
//! looked at again until all that was read for it held at once.

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;

use windlass_core::{
    job::{Digest, queue_number},
    parked::PlainJobs,
};
use windlass_wire::verify::{StoreProblem, VerifyReport};

use super::{
    Engine, Family, Key, Store, StoreError,
    copy::all_records,
    engine::{Direction, Entry, KeyRange, SCAN_ENTRIES_MAX},
    parked::read_count,
    tombstones,
};

mod judge;
mod reads;

use judge::{Known, Wrong};
use reads::Reads;

/// Records looked at in one step.
const PAGE_ENTRIES: usize = 128;
/// Problems that are told; the others are counted.
const PROBLEMS_MAX: usize = 100;
/// How often a record is looked at again that changes while it is.
const ATTEMPTS_MAX: u32 = 16;
/// How often the plain jobs of a queue are counted again because some came or went.
const COUNTS_MAX: u32 = 3;

/// A check that is under way.
pub(crate) struct Check {
    engine: Arc<dyn Engine>,
    stage: Stage,
    known: Known,
    /// Plain jobs of each queue, as they were met and as they are said to be.
    counted: BTreeMap<u32, PlainJobs>,
    told: BTreeMap<u32, PlainJobs>,
    report: VerifyReport,
}

enum Stage {
    Records(KeyRange),
    /// Counts of plain jobs, from this queue on.
    Counts(u32),
    /// The folder of blobs that is next.
    Blobs(u8),
    Done,
}

impl Store {
    /// Begins to check everything.
    pub(crate) fn check(&self) -> Check {
        Check::new(Arc::clone(&self.engine))
    }
}

impl Check {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            stage: Stage::Records(all_records()),
            known: Known::default(),
            counted: BTreeMap::new(),
            told: BTreeMap::new(),
            report: VerifyReport::default(),
        }
    }

    /// What was found so far.
    pub(crate) fn report(&self) -> &VerifyReport {
        &self.report
    }

    /// Looks at a few more records or blobs; false = that was all. Blocks on the disk.
    pub(crate) fn step(&mut self) -> Result<bool, StoreError> {
        self.stage = match &self.stage {
            Stage::Records(range) => {
                let page = self.engine.scan(range, Direction::Forward, PAGE_ENTRIES)?;
                let rest = page.last().map(|(last, _)| range.clone().above(last));
                page.iter().try_for_each(|entry| self.look_at(entry))?;
                rest.map_or(Stage::Counts(0), Stage::Records)
            }
            Stage::Counts(from) => {
                let queues = self.counted.range(from..).chain(self.told.range(from..));
                match queues.map(|(queue, _)| *queue).min() {
                    Some(queue) => {
                        self.look_at_count(queue)?;
                        Stage::Counts(queue + 1)
                    }
                    None => Stage::Blobs(0),
                }
            }
            Stage::Blobs(folder) => {
                let folder = *folder;
                self.look_at_blobs(folder)?;
                folder.checked_add(1).map_or(Stage::Done, Stage::Blobs)
            }
            Stage::Done => {
                self.report.done = true;
                Stage::Done
            }
        };
        Ok(!self.report.done)
    }

    fn look_at(&mut self, (key, value): &Entry) -> Result<(), StoreError> {
        self.count(key, value);
        let engine = Arc::clone(&self.engine);
        let mut wrong = judge::judge(&mut Reads::new(engine.as_ref()), &mut self.known, key, value)?;
        for _ in 0..ATTEMPTS_MAX {
            if wrong.is_none() {
                return Ok(());
            }
            let mut reads = Reads::new(engine.as_ref());
            let Some(value) = reads.get(key)? else { return Ok(()) };
            wrong = judge::judge(&mut reads, &mut self.known, key, &value)?;
            if wrong.is_some() && reads.still_hold()? {
                self.tell(key, wrong);
                return Ok(());
            }
        }
        self.report.unsettled += u64::from(wrong.is_some());
        Ok(())
    }

    fn count(&mut self, key: &[u8], value: &[u8]) {
        let parsed = Key::from_bytes(key);
        let kind = parsed.as_ref().map_or("unknown", kind);
        *self.report.records.entry(kind.to_owned()).or_default() += 1;
        let plain = |queue, counted: &mut BTreeMap<u32, PlainJobs>, ready, scheduled| {
            let plain = counted.entry(queue).or_default();
            plain.ready += ready;
            plain.scheduled += scheduled;
        };
        match parsed {
            Ok(Key::ReadyJob(id)) => plain(queue_number(id), &mut self.counted, 1, 0),
            Ok(Key::ScheduledJob(id)) => plain(queue_number(id), &mut self.counted, 0, 1),
            Ok(Key::Tombstones { .. }) => {
                self.known.tombstones += tombstones::read(value).map_or(0, |block| block.len() as u64);
            }
            Ok(Key::PlainJobs(queue)) => drop(read_count(value).map(|told| self.told.insert(queue, told))),
            Ok(_) | Err(_) => {}
        }
    }

    fn tell(&mut self, key: &[u8], wrong: Wrong) {
        let name =
            Key::from_bytes(key).map_or_else(|_| key.escape_ascii().to_string(), |key| format!("{key:?}"));
        self.tell_of(name, wrong.unwrap_or_default());
    }

    fn tell_of(&mut self, key: String, wrong: String) {
        self.report.problem_count += 1;
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(StoreProblem { key, wrong });
        }
    }

    /// Compares the plain jobs of a queue with their count. Only while nothing is written can that be told.
    fn look_at_count(&mut self, queue: u32) -> Result<(), StoreError> {
        let mut counted = self.counted.get(&queue).copied().unwrap_or_default();
        let mut told = self.told.get(&queue).copied().unwrap_or_default();
        let mut is_quiet = false;
        for _ in 0..COUNTS_MAX {
            if counted == told || is_quiet {
                break;
            }
            let commits = self.engine.commits();
            counted = PlainJobs {
                ready: self.count_plain(Family::ReadyJob, queue)?,
                scheduled: self.count_plain(Family::ScheduledJob, queue)?,
            };
            let value = self.engine.get(&Key::PlainJobs(queue).to_bytes())?;
            told = value.and_then(|value| read_count(&value).ok()).unwrap_or_default();
            is_quiet = commits.is_some() && commits == self.engine.commits();
        }
        if counted != told && is_quiet {
            let wrong = format!(
                "it says {} ready and {} scheduled; there are {} and {}",
                told.ready, told.scheduled, counted.ready, counted.scheduled
            );
            self.tell(&Key::PlainJobs(queue).to_bytes(), Some(wrong));
        } else if counted != told {
            self.report.unsettled += 1;
        }
        Ok(())
    }

    fn count_plain(&self, family: Family, queue: u32) -> Result<usize, StoreError> {
        let mut range = KeyRange::prefix(&[&[family.prefix()], &queue.to_be_bytes()[1..]].concat());
        let mut count = 0;
        loop {
            let page = self.engine.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX)?;
            let Some((last, _)) = page.last() else { return Ok(count) };
            range = range.above(last);
            count += page.len();
        }
    }

    /// Reads the blobs of a folder, and looks whether those that records point to are there.
    fn look_at_blobs(&mut self, folder: u8) -> Result<(), StoreError> {
        let blobs: BTreeSet<Digest> = self.engine.blobs(folder)?.into_iter().collect();
        for blob in &blobs {
            match self.engine.blob(blob) {
                Ok(_) => self.report.blobs += 1,
                Err(StoreError::Corrupt { detail, .. }) => self.tell_of(format!("blob {blob}"), detail),
                Err(error) => return Err(error),
            }
        }
        let mut range = KeyRange::prefix(&[Family::Reference.prefix(), folder]);
        loop {
            let page = self.engine.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            range = range.above(last);
            for (key, _) in page {
                let Ok(Key::Reference { blob, .. }) = Key::from_bytes(&key) else { continue };
                if !blobs.contains(&blob) && self.is_lost(&key, &blob)? {
                    self.tell(&key, Some("the blob is missing".into()));
                }
            }
        }
    }

    /// Whether a reference leads nowhere. A blob is there before it and for as long as it is.
    fn is_lost(&self, reference: &[u8], blob: &Digest) -> Result<bool, StoreError> {
        let is_there = |engine: &dyn Engine| Ok::<_, StoreError>(engine.get(reference)?.is_some());
        Ok(is_there(self.engine.as_ref())?
            && !Reads::new(self.engine.as_ref()).has_blob(blob)?
            && is_there(self.engine.as_ref())?)
    }
}

/// What a record is counted as.
const fn kind(key: &Key) -> &'static str {
    match key {
        Key::ScheduledJob(_) | Key::ReadyJob(_) | Key::LiveJob(_) | Key::FinalJob(_) => "jobs",
        Key::Connection(_) => "connections",
        Key::Idempotency { .. } => "idempotency_keys",
        Key::Index { .. } => "index_entries",
        Key::Meta(_) => "meta",
        Key::Output { .. } => "log_pieces",
        Key::PlainJobs(_) => "counts",
        Key::Plugin(_) => "plugins",
        Key::Queue { .. } => "queues",
        Key::Reference { .. } => "references",
        Key::Retention { .. } => "retention_entries",
        Key::Schedule { .. } => "schedules",
        Key::Timetable { .. } => "timetable_entries",
        Key::Tombstones { .. } => "tombstone_blocks",
        Key::Version(_) => "plugin_versions",
    }
}

#[cfg(test)]
mod tests;
