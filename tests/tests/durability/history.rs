//! A short life of a store, which a seed decides: groups of changes to records that can be told from any others.
//!
//! Each record has an index entry written in the same change, and some have a blob; so what is half there shows.

use std::collections::BTreeMap;

use windlass::store::{Change, blobs::digest_of};
use windlass_core::job::Digest;
use windlass_tests::chance::Chance;

pub(crate) const RECORD: u8 = b'r';
pub(crate) const INDEX: u8 = b't';
/// How many records there are, as the seed is even or odd: few change often, many make the store large.
const RECORDS: [u64; 2] = [300, 3_000];
const STEPS_MAX: u64 = 60;
const SHORT_BYTES_MAX: u64 = 700;
const LONG_BYTES_MAX: u64 = 30_000;
const BLOB_BYTES_MAX: u64 = 20_000;

/// Which group wrote a record last.
pub(crate) type Version = u32;

/// What one change does to one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) record: u32,
    pub(crate) before: Option<Version>,
    pub(crate) after: Option<Version>,
}

/// The groups of a life, one after the other, and what is there after them.
pub(crate) struct History {
    chance: Chance,
    seed: u64,
    pub(crate) groups: u32,
    pub(crate) records: BTreeMap<u32, Version>,
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed), seed, groups: 0, records: BTreeMap::new() }
    }

    /// The history after so many groups.
    pub(crate) fn after(seed: u64, groups: u32) -> Self {
        let mut history = Self::new(seed);
        (0..groups).for_each(|_| drop(history.next_group()));
        history
    }

    /// What the next group does; each record at most once.
    pub(crate) fn next_group(&mut self) -> Vec<Step> {
        self.groups += 1;
        let mut steps = BTreeMap::new();
        for _ in 0..=self.chance.below(STEPS_MAX) {
            let record = u32::try_from(self.chance.below(RECORDS[usize::from(self.seed % 2 == 1)])).unwrap();
            let before = self.records.get(&record).copied();
            let is_removed = before.is_some() && self.chance.below(4) == 0;
            let after = (!is_removed).then_some(self.groups);
            steps.entry(record).or_insert(Step { record, before, after });
        }
        for step in steps.values() {
            match step.after {
                Some(version) => self.records.insert(step.record, version),
                None => self.records.remove(&step.record),
            };
        }
        steps.into_values().collect()
    }

    pub(crate) fn change(&self, step: Step) -> Change {
        let Step { record, before, after } = step;
        let mut change = Change::default();
        if let Some(before) = before {
            change = change.delete(index_key(record, before)).unwrap();
        }
        match after {
            Some(after) => {
                let change = change.put(record_key(record), value(self.seed, record, after)).unwrap();
                change.put(index_key(record, after), Vec::new()).unwrap()
            }
            None => change.delete(record_key(record)).unwrap(),
        }
    }

    /// The bytes that lie beside a record, if it has some.
    pub(crate) fn blob(&self, record: u32, version: Version) -> Option<Vec<u8>> {
        let mut chance = chance_of(!self.seed, record, version);
        (chance.below(12) == 0).then(|| fill(&mut chance, BLOB_BYTES_MAX))
    }

    pub(crate) fn blob_digest(&self, record: u32, version: Version) -> Option<Digest> {
        self.blob(record, version).map(|bytes| digest_of(&bytes))
    }
}

pub(crate) fn record_key(record: u32) -> Vec<u8> {
    [&[RECORD], record.to_be_bytes().as_slice()].concat()
}

pub(crate) fn index_key(record: u32, version: Version) -> Vec<u8> {
    [&[INDEX], record.to_be_bytes().as_slice(), &version.to_be_bytes()].concat()
}

/// What a record holds: its number, its version and bytes that follow from both.
pub(crate) fn value(seed: u64, record: u32, version: Version) -> Vec<u8> {
    let mut chance = chance_of(seed, record, version);
    let bytes_max = if chance.below(20) == 0 { LONG_BYTES_MAX } else { SHORT_BYTES_MAX };
    [record.to_be_bytes().as_slice(), &version.to_be_bytes(), &fill(&mut chance, bytes_max)].concat()
}

/// The version a value says it has, if it is wholly that.
pub(crate) fn version_of(seed: u64, record: u32, bytes: &[u8]) -> Option<Version> {
    let version = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
    (bytes == value(seed, record, version)).then_some(version)
}

fn chance_of(seed: u64, record: u32, version: Version) -> Chance {
    Chance::new(seed ^ (u64::from(record) << 32) ^ u64::from(version))
}

fn fill(chance: &mut Chance, bytes_max: u64) -> Vec<u8> {
    let length = chance.below(bytes_max);
    (0..length).map(|_| u8::try_from(chance.below(256)).unwrap()).collect()
}
