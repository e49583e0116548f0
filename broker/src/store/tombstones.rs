//! What is known of jobs that were purged: that they were there, and how they had ended.
//!
//! Jobs that were submitted one after the other lie together in a block, because they are purged in about that order.
//! A state of a record each would be mostly tombstones, and sled would have to move them again and again.

use std::collections::{BTreeMap, btree_map::Entry};

use windlass_core::{
    job::{Job, Timestamp, sequence},
    limits::TOMBSTONE_MILLIS,
};
use windlass_wire::{id::JobId, state::JobState};

use super::{
    Change, Family, Key, Store, StoreError,
    engine::{Direction, KeyRange, SCAN_ENTRIES_MAX},
    record,
};

/// So many jobs share a block.
const BLOCK_JOBS: u64 = 64;
/// A tombstone in its block: job 16, state 1, time 8.
const TOMBSTONE_BYTES: usize = 25;
/// The states, in the order of the bytes that stand for them.
const STATES: [JobState; 4] = [JobState::Succeeded, JobState::Failed, JobState::Cancelled, JobState::Expired];
/// Blocks read at once.
const BLOCKS_READ_MAX: usize = 4;

/// What is known of a purged job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The job.
    pub job: JobId,
    /// Its final state.
    pub state: JobState,
    /// When it was purged.
    pub purged_at: Timestamp,
}

/// Tombstones that are forgotten together.
#[derive(Debug)]
pub struct Block {
    key: Vec<u8>,
    /// How many they are.
    pub tombstones: u64,
    /// Until when they are to be known.
    pub until: Timestamp,
}

impl Store {
    /// The changes that remember that these jobs of a channel were purged. They replace what is there, so only one at a
    /// time may be made and committed. Blocks on the disk.
    pub fn bury(&self, jobs: &[(String, Tombstone)]) -> Result<Vec<Change>, StoreError> {
        let mut blocks = BTreeMap::<Key, Vec<Tombstone>>::new();
        for (channel, tombstone) in jobs {
            let key = block_key(channel, tombstone.job);
            let block = match blocks.entry(key) {
                Entry::Occupied(block) => block.into_mut(),
                Entry::Vacant(vacant) => {
                    let block = self.block(vacant.key())?;
                    vacant.insert(block)
                }
            };
            block.retain(|other| other.job != tombstone.job);
            block.push(*tombstone);
        }
        blocks.iter().map(|(key, block)| Change::default().put(key.to_bytes(), write(block))).collect()
    }

    /// What is known of a purged job of a channel.
    pub fn tombstone(&self, channel: &str, job: JobId) -> Result<Option<Tombstone>, StoreError> {
        let block = self.block(&block_key(channel, job))?;
        Ok(block.into_iter().find(|tombstone| tombstone.job == job))
    }

    /// The blocks whose jobs were submitted first, a few of them.
    pub fn oldest_tombstones(&self) -> Result<Vec<Block>, StoreError> {
        let all = KeyRange::prefix(&[Family::Tombstones.prefix()]);
        let entries = self.engine.scan(&all, Direction::Forward, BLOCKS_READ_MAX)?.into_iter();
        let blocks = entries.map(|(key, value)| {
            let tombstones = read(&value)?;
            let last = tombstones.iter().map(|tombstone| tombstone.purged_at).max().unwrap_or(Timestamp(0));
            let until = last.plus_millis(TOMBSTONE_MILLIS);
            Ok(Block { key, tombstones: tombstones.len() as u64, until })
        });
        blocks.collect()
    }

    /// Counts all tombstones. Reads all of them; blocks on the disk.
    pub fn count_tombstones(&self) -> Result<u64, StoreError> {
        let (mut range, mut count) = (KeyRange::prefix(&[Family::Tombstones.prefix()]), 0);
        loop {
            let page = self.engine.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX)?;
            count += page.iter().map(|(_, block)| (block.len() / TOMBSTONE_BYTES) as u64).sum::<u64>();
            let Some((last, _)) = page.last() else { return Ok(count) };
            range = range.above(last);
        }
    }

    /// Puts the tombstones of an older broker, which were records of their own, into blocks.
    pub(super) fn gather_tombstones(&self) -> Result<(), StoreError> {
        let (records, times) = (KeyRange::prefix(b"g"), KeyRange::prefix(b"e\x01"));
        loop {
            let page = self.engine.scan(&records, Direction::Forward, SCAN_ENTRIES_MAX)?;
            if page.is_empty() {
                break;
            }
            let tombstones = page.iter().map(|(key, value)| old_tombstone(key, value));
            let mut changes = self.bury(&tombstones.collect::<Result<Vec<_>, _>>()?)?;
            let removed = page.into_iter().map(|(key, _)| Change::default().delete(key));
            changes.extend(removed.collect::<Result<Vec<_>, _>>()?);
            self.engine.commit(&changes)?;
        }
        loop {
            let page = self.engine.scan(&times, Direction::Forward, SCAN_ENTRIES_MAX)?;
            if page.is_empty() {
                return Ok(());
            }
            let removed = page.into_iter().map(|(key, _)| Change::default().delete(key));
            self.engine.commit(&removed.collect::<Result<Vec<_>, _>>()?)?;
        }
    }

    fn block(&self, key: &Key) -> Result<Vec<Tombstone>, StoreError> {
        self.engine.get(&key.to_bytes())?.map_or(Ok(Vec::new()), |block| read(&block))
    }
}

impl Block {
    /// The change that forgets them.
    pub fn forget(self) -> Result<Change, StoreError> {
        Change::default().delete(self.key)
    }
}

impl Tombstone {
    /// The tombstone of a final job.
    pub fn new(job: &Job, purged_at: Timestamp) -> Self {
        Self { job: job.id, state: job.state.name(), purged_at }
    }
}

pub(super) fn block_key(channel: &str, job: JobId) -> Key {
    Key::Tombstones { block: sequence(job) / BLOCK_JOBS, channel: channel.to_owned() }
}

pub(super) fn write(block: &[Tombstone]) -> Vec<u8> {
    let mut bytes = vec![record::RECORD_VERSION];
    for Tombstone { job, state, purged_at } in block {
        bytes.extend(job.to_bytes());
        let place = STATES.iter().position(|known| known == state);
        bytes.push(place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX));
        bytes.extend(purged_at.0.to_be_bytes());
    }
    bytes
}

pub(super) fn read(block: &[u8]) -> Result<Vec<Tombstone>, StoreError> {
    let damaged = |what: &str| StoreError::corrupt("a block of tombstones", what);
    let Some((&version, mut rest)) = block.split_first() else { return Err(damaged("it is empty")) };
    if version > record::RECORD_VERSION {
        return Err(StoreError::NewerFormat { found: version.into(), known: record::RECORD_VERSION.into() });
    }
    let mut tombstones = Vec::new();
    while let Some((tombstone, others)) = rest.split_first_chunk::<TOMBSTONE_BYTES>() {
        let [id @ .., state, t0, t1, t2, t3, t4, t5, t6, t7] = *tombstone;
        let state = STATES.get(usize::from(state)).ok_or_else(|| damaged("a state is none"))?;
        let purged_at = Timestamp(u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]));
        tombstones.push(Tombstone { job: JobId::from_bytes(id), state: *state, purged_at });
        rest = others;
    }
    if rest.is_empty() { Ok(tombstones) } else { Err(damaged("it is cut off")) }
}

/// Reads a tombstone as it was when each was a record: `g`, job 16.
fn old_tombstone(key: &[u8], value: &[u8]) -> Result<(String, Tombstone), StoreError> {
    #[derive(serde::Deserialize)]
    struct Old {
        channel: String,
        state: JobState,
        purged_at: Timestamp,
    }
    let id = key.get(1..).and_then(|id| id.try_into().ok());
    let job =
        JobId::from_bytes(id.ok_or_else(|| StoreError::corrupt("a tombstone's key", key.escape_ascii()))?);
    let Old { channel, state, purged_at } = record::decode(value)?;
    Ok((channel, Tombstone { job, state, purged_at }))
}

#[cfg(test)]
mod tests {
    use windlass_core::job::compose_id;

    use super::*;
    use crate::store::MemoryEngine;

    fn tombstone(sequence: u64, purged_at: u64) -> (String, Tombstone) {
        let job = compose_id(1, 0, sequence, 9);
        ("0".into(), Tombstone { job, state: JobState::Failed, purged_at: Timestamp(purged_at) })
    }

    fn buried(store: &Store, tombstones: &[(String, Tombstone)]) {
        store.engine.commit(&store.bury(tombstones).unwrap()).unwrap();
    }

    #[test]
    fn jobs_of_a_block_are_remembered_one_by_one() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        for tombstone in [tombstone(130, 5), tombstone(131, 6), tombstone(190, 7), tombstone(131, 8)] {
            buried(&store, &[tombstone]);
        }
        assert_eq!(store.count_tombstones().unwrap(), 3);
        let (channel, last) = tombstone(131, 8);
        assert_eq!(store.tombstone(&channel, last.job).unwrap(), Some(last));
        assert_eq!(store.tombstone("1", last.job).unwrap(), None, "another channel learns nothing");
        assert_eq!(store.tombstone(&channel, compose_id(1, 0, 132, 9)).unwrap(), None);
        assert_eq!(store.tombstone(&channel, compose_id(1, 0, 131, 8)).unwrap(), None, "another job's salt");
    }

    #[test]
    fn a_block_is_known_until_its_last_job_may_be_forgotten() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        buried(&store, &[tombstone(1, 50), tombstone(2, 60), tombstone(100, 10)]);
        let blocks = store.oldest_tombstones().unwrap();
        let known: Vec<_> = blocks.iter().map(|block| (block.tombstones, block.until)).collect();
        let until = |at| Timestamp(at).plus_millis(TOMBSTONE_MILLIS);
        assert_eq!(known, [(2, until(60)), (1, until(10))]);
        let forget = blocks.into_iter().map(Block::forget).collect::<Result<Vec<_>, _>>().unwrap();
        store.engine.commit(&forget).unwrap();
        assert_eq!(store.count_tombstones().unwrap(), 0);
    }

    #[test]
    fn tombstones_of_an_older_broker_are_gathered() {
        #[derive(serde::Serialize)]
        struct Old {
            channel: &'static str,
            state: JobState,
            purged_at: Timestamp,
        }
        let store = Store::new(MemoryEngine::default()).unwrap();
        let known = [tombstone(1, 50), tombstone(2, 60), tombstone(100, 10)];
        for (_, Tombstone { job, state, purged_at }) in known.clone() {
            let old = record::encode(&Old { channel: "0", state, purged_at }).unwrap();
            let key = |prefix: &[u8]| [prefix, &job.to_bytes()].concat();
            let change = Change::default().put(key(b"g"), old).unwrap();
            let until = purged_at.plus_millis(TOMBSTONE_MILLIS).0.to_be_bytes();
            let change = change.put(key(&[b"e\x01".as_slice(), &until].concat()), vec![0; 8]).unwrap();
            store.engine.commit(&[change]).unwrap();
        }
        store.complete_index().unwrap();
        for (channel, tombstone) in known {
            assert_eq!(store.tombstone(&channel, tombstone.job).unwrap(), Some(tombstone));
        }
        assert_eq!(store.count_tombstones().unwrap(), 3);
        assert_eq!(store.count_leaving(Timestamp(u64::MAX)).unwrap(), 0);
    }

    #[test]
    fn damaged_blocks_are_refused() {
        let whole = write(&[tombstone(1, 50).1]);
        assert_eq!(read(&whole).unwrap(), [tombstone(1, 50).1]);
        let mut foreign = whole.clone();
        foreign[17] = 9;
        for bytes in [&[], &whole[..whole.len() - 1], &foreign[..]] {
            assert!(matches!(read(bytes), Err(StoreError::Corrupt { .. })), "{bytes:?}");
        }
        assert!(matches!(read(&[9]), Err(StoreError::NewerFormat { .. })));
    }
}
