//! Jobs of many queues, newest first, without an index for it.
//!
//! The key of a job begins with its queue and priority, its *lane*; within a lane keys are in the order of
//! submission, and sequence numbers count over all lanes. So the lanes are found by skipping from one to the
//! next, and merged from their ends.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    fmt,
    str::FromStr,
};

use windlass_core::job::{Job, sequence};
use windlass_wire::id::JobId;

use super::{
    Engine, Family, Store, StoreError,
    engine::{Direction, KeyRange},
    error::Limit,
    keys::{Key, LANE_BYTES},
    record,
};

/// Records looked at for one page.
pub const PAGE_ROWS_MAX: usize = 10_000;
/// Lanes one listing merges.
pub const LANES_MAX: usize = 4_096;
/// Records held in memory while lanes are merged, about.
const ROWS_HELD_MAX: usize = 4_096;
/// Records of one lane and family read at once, at most.
const LANE_ROWS_MAX: usize = 64;

/// Live jobs first: a job moves from live to final, so one that moves between the two reads is seen twice
/// and never missed.
const FAMILIES: [Family; 2] = [Family::LiveJob, Family::FinalJob];

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The numbers of the queues to look in; none = all.
    pub queues: Option<Vec<u32>>,
    /// Where the page before ended; none = begin with the newest.
    pub cursor: Option<Cursor>,
    /// Jobs wanted on the page.
    pub limit: usize,
}

/// A page of jobs, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The jobs that matched.
    pub jobs: Vec<Job>,
    /// Where the next page begins; none = nothing is left.
    pub next: Option<Cursor>,
    /// Whether [`PAGE_ROWS_MAX`] records were looked at before the page was full.
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
    pub fn jobs(&self, listing: &Listing, mut matches: impl FnMut(&Job) -> bool) -> Result<Page, StoreError> {
        let engine = self.engine.as_ref();
        let before = listing.cursor.map_or(u64::MAX, |cursor| cursor.0);
        let mut merge = Merge::open(engine, listing.queues.as_deref(), before)?;
        let mut page = Page { jobs: Vec::new(), next: None, cut: false };
        let mut rows = 0;
        while page.jobs.len() < listing.limit {
            let Some(job) = merge.next(engine)? else {
                break;
            };
            page.next = Some(Cursor(sequence(job.id)));
            if matches(&job) {
                page.jobs.push(job);
            }
            rows += 1;
            if rows == PAGE_ROWS_MAX {
                page.cut = page.jobs.len() < listing.limit;
                break;
            }
        }
        if merge.is_done() {
            page.next = None;
            page.cut = false;
        }
        Ok(page)
    }
}

type LanePrefix = [u8; LANE_BYTES];

/// The newest job of each lane on top.
struct Merge {
    lanes: Vec<Lane>,
    newest: BinaryHeap<(u64, usize)>,
    lane_rows: usize,
}

impl Merge {
    fn open(engine: &dyn Engine, queues: Option<&[u32]>, before: u64) -> Result<Self, StoreError> {
        let lanes = find_lanes(engine, queues)?;
        let lane_rows = (ROWS_HELD_MAX / lanes.len().max(1)).clamp(1, LANE_ROWS_MAX);
        let lanes =
            lanes.into_iter().map(|prefix| Lane { prefix, before: Some(before), rows: BTreeMap::new() });
        let mut merge = Self { lanes: lanes.collect(), newest: BinaryHeap::new(), lane_rows };
        for index in 0..merge.lanes.len() {
            merge.offer(engine, index)?;
        }
        Ok(merge)
    }

    fn next(&mut self, engine: &dyn Engine) -> Result<Option<Job>, StoreError> {
        let Some((_, index)) = self.newest.pop() else {
            return Ok(None);
        };
        let row = self.lanes[index].rows.pop_last();
        self.offer(engine, index)?;
        row.map(|(_, value)| record::decode(&value)).transpose()
    }

    fn is_done(&self) -> bool {
        self.newest.is_empty()
    }

    fn offer(&mut self, engine: &dyn Engine, index: usize) -> Result<(), StoreError> {
        if let Some(id) = self.lanes[index].newest(engine, self.lane_rows)? {
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
    fn newest(&mut self, engine: &dyn Engine, limit: usize) -> Result<Option<JobId>, StoreError> {
        while self.rows.is_empty()
            && let Some(before) = self.before
        {
            self.before = self.read(engine, before, limit)?;
        }
        Ok(self.rows.last_key_value().map(|(id, _)| *id))
    }

    /// Reads on below `before` and answers how far down both families are known now.
    fn read(&mut self, engine: &dyn Engine, before: u64, limit: usize) -> Result<Option<u64>, StoreError> {
        let mut known_from = None;
        for family in FAMILIES {
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
fn find_lanes(engine: &dyn Engine, queues: Option<&[u32]>) -> Result<BTreeSet<LanePrefix>, StoreError> {
    let mut lanes = BTreeSet::new();
    for family in FAMILIES {
        let family_prefix = vec![family.prefix()];
        let Some(queues) = queues else {
            find_lanes_in(engine, &family_prefix, &mut lanes)?;
            continue;
        };
        for queue in queues {
            let prefix = [family_prefix.as_slice(), &queue.to_be_bytes()[1..]].concat();
            find_lanes_in(engine, &prefix, &mut lanes)?;
        }
    }
    Ok(lanes)
}

fn find_lanes_in(
    engine: &dyn Engine,
    prefix: &[u8],
    lanes: &mut BTreeSet<LanePrefix>,
) -> Result<(), StoreError> {
    let mut range = KeyRange::prefix(prefix);
    while let Some((key, _)) = engine.scan(&range, Direction::Forward, 1)?.pop() {
        let lane = lane_of(job_id(&key)?);
        lanes.insert(lane);
        Limit::Lanes.check(lanes.len())?;
        let Some(next) = u32::from_be_bytes(lane).checked_add(1) else {
            break;
        };
        range = KeyRange::prefix(prefix).from(&[&key[..1], &next.to_be_bytes()].concat());
    }
    Ok(())
}

fn job_id(key: &[u8]) -> Result<JobId, StoreError> {
    match Key::from_bytes(key)? {
        Key::FinalJob(id) | Key::LiveJob(id) => Ok(id),
        other @ (Key::Connection(_)
        | Key::Meta(_)
        | Key::Output { .. }
        | Key::Plugin(_)
        | Key::Queue { .. }
        | Key::Version(_)) => Err(StoreError::corrupt("a job's key", format!("{other:?}"))),
    }
}

fn lane_of(id: JobId) -> LanePrefix {
    let bytes = id.to_bytes();
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

#[cfg(test)]
pub(super) mod tests;
