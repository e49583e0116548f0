//! An engine that keeps everything in memory and nothing after its process: for tests and `--store memory`.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use windlass_core::job::Digest;

use super::{
    engine::{Change, Direction, Engine, Entry, KeyRange, Op, SCAN_ENTRIES_MAX},
    error::{Limit, StoreError},
    health::Health,
};

/// Records and blobs in ordered maps. Its one start is start 1.
#[derive(Debug, Default)]
pub struct MemoryEngine {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    commits: u64,
}

impl MemoryEngine {
    // A thread that panicked while it held the lock was between two operations on a map, each of which
    // leaves the map whole; so a poisoned lock is used on.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for MemoryEngine {
    fn commit(&self, group: &[Change]) -> Result<(), StoreError> {
        let mut state = self.write();
        state.commits += 1;
        for op in group.iter().flat_map(Change::ops) {
            match op {
                Op::Delete(key) => state.records.remove(key),
                Op::Put(key, value) => state.records.insert(key.clone(), value.clone()),
            };
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().records.get(key).cloned())
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let state = self.read();
        let entries = state.records.range::<[u8], _>(range.bounds());
        let limit = limit.min(SCAN_ENTRIES_MAX);
        let own = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(match direction {
            Direction::Forward => entries.take(limit).map(own).collect(),
            Direction::Reverse => entries.rev().take(limit).map(own).collect(),
        })
    }

    fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        Limit::Blob.check(bytes.len())?;
        self.write().blobs.entry(*digest).or_insert_with(|| bytes.to_vec());
        Ok(())
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().blobs.get(digest).cloned())
    }

    fn remove_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        self.write().blobs.remove(digest);
        Ok(())
    }

    fn blobs(&self, first: u8) -> Result<Vec<Digest>, StoreError> {
        Ok(self.read().blobs.keys().filter(|digest| digest.0[0] == first).copied().collect())
    }

    fn commits(&self) -> Option<u64> {
        Some(self.read().commits)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn start_number(&self) -> u32 {
        1
    }

    fn health(&self) -> Health {
        let state = self.read();
        let records = state.records.iter().map(|(key, value)| key.len() + value.len());
        let size: usize = records.chain(state.blobs.values().map(Vec::len)).sum();
        Health { state_bytes: size as u64, ..Health::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[test]
    fn conforms() {
        conformance::exercise(|| Box::new(MemoryEngine::default()));
    }
}
