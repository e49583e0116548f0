//! Jobs of many queues, newest first.
//!
//! The key of a job begins with its queue and priority, its *lane*; within a lane keys are in the order of
//! submission, and sequence numbers count over all lanes. So the lanes are found by skipping from one to the
//! next, and merged from their ends.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    fmt,
    str::FromStr,
};

use windlass_core::{
    job::{Job, Timestamp, queue_number, sequence},
    limits::COUNTER_BITS,
};
use windlass_wire::{id::JobId, limits::SEARCH_ROWS_MAX};

use super::{
    Engine, Family, Store, StoreError,
    engine::{Direction, KeyRange},
    index::{Postings, Step, Term},
    jobs::job_keys,
    lanes::{LanePrefix, find_lanes, job_id},
    record,
};

/// Bytes of the records on one page, above which it ends early: about, because its last record may be long.
pub const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Lanes one listing merges.
pub const LANES_MAX: usize = 4_096;
/// Records held in memory while lanes are merged, about.
const ROWS_HELD_MAX: usize = 4_096;
/// Records of one lane and family read at once, at most.
const LANE_ROWS_MAX: usize = 64;

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Where to look.
    pub within: Within,
    /// Jobs in which part of their life.
    pub life: Life,
    /// Jobs accepted at this time or later; others are passed over.
    pub since: Option<Timestamp>,
    /// Jobs accepted before this time; others are passed over.
    pub until: Option<Timestamp>,
    /// Where the page before ended; none = begin with the newest.
    pub cursor: Option<Cursor>,
    /// Jobs wanted on the page.
    pub limit: usize,
}

/// Where to look for jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Within {
    /// Everywhere.
    #[default]
    All,
    /// Among these.
    Jobs(BTreeSet<JobId>),
    /// In the queues with these numbers.
    Queues(BTreeSet<u32>),
    /// Among those that have one term of each group, and are in a queue with one of these numbers.
    Terms {
        /// The groups of terms.
        groups: Vec<Vec<Term>>,
        /// The numbers.
        queues: BTreeSet<u32>,
    },
}

/// A part of a job's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Life {
    /// The whole of it.
    #[default]
    Any,
    /// Before it is final.
    Live,
    /// Once it is final.
    Final,
}

impl Life {
    /// In the order in which a job moves through them, so one that moves between two reads is seen twice and never
    /// missed.
    const fn families(self) -> &'static [Family] {
        match self {
            Self::Any => &[Family::ScheduledJob, Family::ReadyJob, Family::LiveJob, Family::FinalJob],
            Self::Live => &[Family::ScheduledJob, Family::ReadyJob, Family::LiveJob],
            Self::Final => &[Family::FinalJob],
        }
    }
}

/// A page of jobs, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The jobs that matched.
    pub jobs: Vec<Job>,
    /// Where the next page begins; none = nothing is left.
    pub next: Option<Cursor>,
    /// Whether [`SEARCH_ROWS_MAX`] records were looked at before the page was full.
    pub cut: bool,
}

/// The place between two pages. Opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(u64);

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor; pass `next` of the page before, or leave it out")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        if text.len() != 16 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(CursorError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| CursorError)
    }
}

impl Store {
    /// Lists the jobs for which `matches` answers yes, newest first. Blocks on the disk.
    pub fn jobs(
        &self,
        listing: &Listing,
        mut matches: impl FnMut(&Job) -> Result<bool, StoreError>,
    ) -> Result<Page, StoreError> {
        let before = listing.cursor.map_or(u64::MAX, |cursor| cursor.0);
        let mut source = Source::open(self, listing, before)?;
        let mut page = Page { jobs: Vec::new(), next: None, cut: false };
        let (mut rows, mut bytes) = (0, 0);
        while page.jobs.len() < listing.limit && rows < SEARCH_ROWS_MAX && bytes < PAGE_BYTES_MAX {
            let Some(row) = source.next(self)? else { return Ok(Page { next: None, ..page }) };
            rows += 1;
            page.next = Some(Cursor(row.from));
            let Some(Record { job, size }) = row.record else { continue };
            if let Some(before) = self.pass_over(listing, &job)? {
                source = Source::open(self, listing, before)?;
                page.next = Some(Cursor(before));
            } else if matches(&job)? {
                page.jobs.push(job);
                bytes += size;
            }
        }
        page.cut = rows == SEARCH_ROWS_MAX && page.jobs.len() < listing.limit;
        if source.next(self)?.is_none() {
            (page.next, page.cut) = (None, false);
        }
        Ok(page)
    }
}

/// The sequence numbers of one start of the broker, below which those of the starts before it lie.
const START_NUMBERS: u64 = 1 << COUNTER_BITS;

impl Store {
    /// Below which sequence number to go on, if the job was not accepted in the time asked for. Within one start of
    /// the broker the time grows with the sequence number; from one to the next it may have been set back.
    fn pass_over(&self, listing: &Listing, job: &Job) -> Result<Option<u64>, StoreError> {
        let (number, accepted) = (sequence(job.id), job.spec.submitted_at);
        let start = number - number % START_NUMBERS;
        if listing.since.is_some_and(|since| accepted < since) {
            return Ok(Some(start));
        }
        match listing.until.filter(|until| accepted >= *until) {
            Some(until) => self.find_older(listing, start, number, until).map(Some),
            None => Ok(None),
        }
    }

    /// Finds by halving where the jobs of a start begin to be too new, which the one with the number `high` is.
    fn find_older(
        &self,
        listing: &Listing,
        start: u64,
        mut high: u64,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        // Steps through an index may find no job for long, so each of them is looked at.
        if matches!(listing.within, Within::Terms { .. }) {
            return Ok(high);
        }
        let mut low = start;
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            let newest = Source::open(self, listing, middle)?.next(self)?.and_then(|row| row.record);
            let newest = newest.map(|record| record.job).filter(|job| sequence(job.id) > start);
            match newest.filter(|job| job.spec.submitted_at >= until) {
                Some(job) => high = sequence(job.id),
                None => low = middle,
            }
        }
        Ok(high)
    }
}

/// One step of a search.
struct Row {
    /// Everything from this sequence number on has been looked at.
    from: u64,
    /// What was found by it, if something was.
    record: Option<Record>,
}

/// A job, and the bytes of its record.
struct Record {
    job: Job,
    size: usize,
}

impl Record {
    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Ok(Self { job: record::decode(bytes)?, size: bytes.len() })
    }

    fn read(engine: &dyn Engine, id: JobId) -> Result<Option<Self>, StoreError> {
        for key in job_keys(id) {
            if let Some(bytes) = engine.get(&key.to_bytes())? {
                return Self::decode(&bytes).map(Some);
            }
        }
        Ok(None)
    }
}

/// Where jobs come from, newest first.
enum Source {
    /// The jobs asked for, the newest last.
    Jobs(Vec<JobId>),
    Merge(Merge),
    Postings(Postings, BTreeSet<u32>),
}

impl Source {
    fn open(store: &Store, listing: &Listing, before: u64) -> Result<Self, StoreError> {
        let engine = store.engine.as_ref();
        let queues = match &listing.within {
            Within::All => None,
            Within::Queues(queues) => Some(queues),
            Within::Terms { groups, queues } => {
                return Ok(Self::Postings(Postings::new(groups, before), queues.clone()));
            }
            Within::Jobs(jobs) => {
                let mut jobs: Vec<_> = jobs.iter().copied().filter(|id| sequence(*id) < before).collect();
                jobs.sort_unstable_by_key(|id| sequence(*id));
                return Ok(Self::Jobs(jobs));
            }
        };
        Merge::open(engine, listing.life.families(), queues, before).map(Self::Merge)
    }

    fn next(&mut self, store: &Store) -> Result<Option<Row>, StoreError> {
        let engine = store.engine.as_ref();
        match self {
            Self::Merge(merge) => {
                let record = merge.next(engine)?;
                Ok(record.map(|record| Row { from: sequence(record.job.id), record: Some(record) }))
            }
            Self::Jobs(jobs) => {
                let Some(id) = jobs.pop() else { return Ok(None) };
                Ok(Some(Row { from: sequence(id), record: Record::read(engine, id)? }))
            }
            Self::Postings(postings, queues) => Ok(match postings.next(engine)? {
                None => None,
                Some(Step::Nothing { from }) => Some(Row { from, record: None }),
                Some(Step::Job(place)) => {
                    let is_meant = queues.contains(&queue_number(place.id()));
                    let record = if is_meant { Record::read(engine, place.id())? } else { None };
                    Some(Row { from: place.sequence, record })
                }
            }),
        }
    }
}

/// The newest job of each lane on top.
struct Merge {
    families: &'static [Family],
    lanes: Vec<Lane>,
    newest: BinaryHeap<(u64, usize)>,
    lane_rows: usize,
}

impl Merge {
    fn open(
        engine: &dyn Engine,
        families: &'static [Family],
        queues: Option<&BTreeSet<u32>>,
        before: u64,
    ) -> Result<Self, StoreError> {
        let lanes = find_lanes(engine, families, queues)?;
        let lane_rows = (ROWS_HELD_MAX / lanes.len().max(1)).clamp(1, LANE_ROWS_MAX);
        let lanes =
            lanes.into_iter().map(|prefix| Lane { prefix, before: Some(before), rows: BTreeMap::new() });
        let mut merge = Self { families, lanes: lanes.collect(), newest: BinaryHeap::new(), lane_rows };
        for index in 0..merge.lanes.len() {
            merge.offer(engine, index)?;
        }
        Ok(merge)
    }

    fn next(&mut self, engine: &dyn Engine) -> Result<Option<Record>, StoreError> {
        let Some((_, index)) = self.newest.pop() else {
            return Ok(None);
        };
        let row = self.lanes[index].rows.pop_last();
        self.offer(engine, index)?;
        row.map(|(_, value)| Record::decode(&value)).transpose()
    }

    fn offer(&mut self, engine: &dyn Engine, index: usize) -> Result<(), StoreError> {
        if let Some(id) = self.lanes[index].newest(engine, self.families, self.lane_rows)? {
            self.newest.push((sequence(id), index));
        }
        Ok(())
    }
}

/// One queue and priority, read from its newest job backwards.
struct Lane {
    prefix: LanePrefix,
    /// Everything from this sequence number on has been read; none = everything.
    before: Option<u64>,
    rows: BTreeMap<JobId, Vec<u8>>,
}

impl Lane {
    /// The newest job not taken yet.
    fn newest(
        &mut self,
        engine: &dyn Engine,
        families: &[Family],
        limit: usize,
    ) -> Result<Option<JobId>, StoreError> {
        while self.rows.is_empty()
            && let Some(before) = self.before
        {
            self.before = self.read(engine, families, before, limit)?;
        }
        Ok(self.rows.last_key_value().map(|(id, _)| *id))
    }

    /// Reads on below `before` and answers how far down all families are known now.
    fn read(
        &mut self,
        engine: &dyn Engine,
        families: &[Family],
        before: u64,
        limit: usize,
    ) -> Result<Option<u64>, StoreError> {
        let mut known_from = None;
        for family in families {
            let prefix = [&[family.prefix()], self.prefix.as_slice()].concat();
            let end = [prefix.as_slice(), &before.to_be_bytes()].concat();
            let range = KeyRange::prefix(&prefix).below(&end);
            let entries = engine.scan(&range, Direction::Reverse, limit)?;
            let full = entries.len() == limit;
            for (index, (key, value)) in entries.into_iter().enumerate() {
                let id = job_id(&key)?;
                if full && index + 1 == limit {
                    known_from = known_from.max(Some(sequence(id)));
                }
                self.rows.insert(id, value);
            }
        }
        // What one family has below the end of the other would be taken out of order; it is read again.
        if let Some(known_from) = known_from {
            self.rows.retain(|id, _| sequence(*id) >= known_from);
        }
        Ok(known_from)
    }
}

/// Finds the lanes that hold jobs by skipping from the first key of one to the first of the next.
#[cfg(test)]
pub(super) mod tests;
