//! What is in the journal and not yet in the state under it: the newest value of each key, in memory.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::store::{
    engine::{Change, Direction, KeyRange, Op},
    error::StoreError,
};

/// A value, or that there is none.
pub(super) type Newest = Option<Vec<u8>>;

/// What one entry takes beside its key and value, in bytes.
const ENTRY_BYTES: usize = 96;

/// The newest values, in two generations: the older one is being folded into the state.
#[derive(Debug, Default)]
pub(super) struct Overlay(RwLock<Generations>);

#[derive(Debug, Default)]
struct Generations {
    newer: Generation,
    older: Option<Arc<Generation>>,
}

/// Changes by key.
#[derive(Debug, Default)]
pub(super) struct Generation {
    entries: BTreeMap<Vec<u8>, Newest>,
    bytes: usize,
}

impl Generation {
    pub(super) fn take(&mut self, op: Op) {
        let (key, value) = match op {
            Op::Put(key, value) => (key, Some(value)),
            Op::Delete(key) => (key, None),
        };
        let bytes = |value: &Newest| value.as_ref().map_or(0, Vec::len);
        self.bytes += bytes(&value);
        let key_bytes = key.len() + ENTRY_BYTES;
        match self.entries.insert(key, value) {
            Some(before) => self.bytes -= bytes(&before),
            None => self.bytes += key_bytes,
        }
    }

    /// The memory it takes, about.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same, to be handed to an engine. Each key is a change of its own: what the journal has need not be there at
    /// once.
    pub(super) fn changes(&self) -> Result<Vec<Change>, StoreError> {
        let changes = self.entries.iter().map(|(key, value)| match value {
            Some(value) => Change::default().put(key.clone(), value.clone()),
            None => Change::default().delete(key.clone()),
        });
        changes.collect()
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Vec<(Vec<u8>, Newest)> {
        let entries = self.entries.range::<[u8], (Bound<&[u8]>, Bound<&[u8]>)>(range.bounds());
        let owned = |(key, value): (&Vec<u8>, &Newest)| (key.clone(), value.clone());
        match direction {
            Direction::Forward => entries.take(limit).map(owned).collect(),
            Direction::Reverse => entries.rev().take(limit).map(owned).collect(),
        }
    }
}

impl Overlay {
    /// Begins with what a journal had when it was opened.
    pub(super) fn with_older(older: Generation) -> Self {
        Self(RwLock::new(Generations { newer: Generation::default(), older: Some(Arc::new(older)) }))
    }

    /// Takes a group; answers how many bytes there are to fold next.
    pub(super) fn take(&self, group: &[Change]) -> usize {
        let mut generations = self.write();
        for op in group.iter().flat_map(Change::ops) {
            generations.newer.take(op.clone());
        }
        generations.newer.bytes
    }

    /// The newest value of a key; none = the state knows.
    pub(super) fn get(&self, key: &[u8]) -> Option<Newest> {
        let generations = self.read();
        let older = || generations.older.as_ref().and_then(|older| older.entries.get(key));
        generations.newer.entries.get(key).or_else(older).cloned()
    }

    /// The first entries of a range: as many as asked for, or all.
    pub(super) fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> BTreeMap<Vec<u8>, Newest> {
        let generations = self.read();
        let newer = generations.newer.scan(range, direction, limit);
        let older = generations.older.as_ref().map(|older| older.scan(range, direction, limit));
        let mut entries: BTreeMap<_, _> = older.into_iter().flatten().chain(newer).collect();
        while entries.len() > limit {
            match direction {
                Direction::Forward => entries.pop_last(),
                Direction::Reverse => entries.pop_first(),
            };
        }
        entries
    }

    /// Lets what has come in until now be the older generation, which is to be folded.
    ///
    /// The generation before must have been folded.
    pub(super) fn age(&self) -> Arc<Generation> {
        let mut generations = self.write();
        debug_assert!(generations.older.is_none(), "one generation is folded at a time");
        let older = Arc::new(std::mem::take(&mut generations.newer));
        generations.older = Some(Arc::clone(&older));
        older
    }

    /// The generation that is to be folded.
    pub(super) fn older(&self) -> Option<Arc<Generation>> {
        self.read().older.clone()
    }

    /// Forgets the older generation: the state has it.
    pub(super) fn forget_older(&self) {
        self.write().older = None;
    }

    /// Bytes that are not yet in the state.
    pub(super) fn bytes(&self) -> usize {
        let generations = self.read();
        generations.newer.bytes + generations.older.as_ref().map_or(0, |older| older.bytes)
    }

    // No code that holds the lock can leave the maps half changed, so poison is ignored.
    fn read(&self) -> RwLockReadGuard<'_, Generations> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Generations> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Change {
        Change::default().put(key.into(), value.into()).unwrap()
    }

    #[test]
    fn the_newer_generation_hides_the_older() {
        let overlay = Overlay::default();
        overlay.take(&[put("a", "1"), put("b", "1")]);
        overlay.age();
        overlay.take(&[put("a", "2"), Change::default().delete(b"b".to_vec()).unwrap()]);
        assert_eq!(overlay.get(b"a"), Some(Some(b"2".to_vec())));
        assert_eq!(overlay.get(b"b"), Some(None), "it is known to be gone");
        assert_eq!(overlay.get(b"c"), None, "the state knows");
        let all = overlay.scan(&KeyRange::prefix(b""), Direction::Forward, 9);
        assert_eq!(all, [(b"a".to_vec(), Some(b"2".to_vec())), (b"b".to_vec(), None)].into());
    }

    #[test]
    fn the_first_entries_are_those_of_both_generations() {
        let overlay = Overlay::default();
        overlay.take(&[put("a", ""), put("c", "")]);
        overlay.age();
        overlay.take(&[put("b", ""), put("d", "")]);
        let keys = |direction| {
            let entries = overlay.scan(&KeyRange::prefix(b""), direction, 2);
            entries.into_keys().map(|key| String::from_utf8(key).unwrap()).collect::<String>()
        };
        assert_eq!((keys(Direction::Forward).as_str(), keys(Direction::Reverse).as_str()), ("ab", "cd"));
    }

    #[test]
    fn a_replaced_value_gives_its_bytes_back() {
        let mut generation = Generation::default();
        generation.take(Op::Put(b"a".to_vec(), vec![0; 100]));
        let once = generation.bytes();
        generation.take(Op::Put(b"a".to_vec(), vec![0; 100]));
        assert_eq!(generation.bytes(), once);
        generation.take(Op::Delete(b"a".to_vec()));
        assert_eq!(generation.bytes(), once - 100);
    }
}
