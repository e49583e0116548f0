//! One sled batch: applied as a whole or, after a crash, not at all.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use super::parts;
use crate::store::error::StoreError;

/// Operations on entries, gathered from operations on keys.
pub(super) struct Batch<'a> {
    tree: &'a sled::Tree,
    has_parts: &'a AtomicBool,
    gathered: sled::Batch,
    ops: usize,
    /// Further parts of the keys in this batch, which the tree does not show yet.
    counts: HashMap<Vec<u8>, u8>,
}

impl<'a> Batch<'a> {
    /// An empty batch. `has_parts` is set when it writes a value in parts.
    pub(super) fn new(tree: &'a sled::Tree, has_parts: &'a AtomicBool) -> Self {
        Self { tree, has_parts, gathered: sled::Batch::default(), ops: 0, counts: HashMap::new() }
    }

    /// Operations gathered since the last [`Batch::apply`].
    pub(super) fn ops(&self) -> usize {
        self.ops
    }

    /// Sets a key to a value and removes what a longer value had left.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let cut = parts::cut(value);
        let count = parts::count(&cut.head);
        if count > 0 {
            self.has_parts.store(true, Ordering::Relaxed);
        }
        let old_count = self.replace_count(key, count)?;
        self.gathered.insert(key, cut.head);
        for (index, part) in (0..count).zip(cut.parts) {
            self.gathered.insert(parts::key_of(key, index), part);
        }
        self.remove_parts(key, count, old_count);
        self.ops += 1 + usize::from(count.max(old_count));
        Ok(())
    }

    /// Removes a key with all parts of its value.
    pub(super) fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let old_count = self.replace_count(key, 0)?;
        self.gathered.remove(key);
        self.remove_parts(key, 0, old_count);
        self.ops += 1 + usize::from(old_count);
        Ok(())
    }

    /// Applies what was gathered and begins anew.
    pub(super) fn apply(&mut self) -> Result<(), StoreError> {
        self.tree.apply_batch(std::mem::take(&mut self.gathered))?;
        self.counts.clear();
        self.ops = 0;
        Ok(())
    }

    fn remove_parts(&mut self, key: &[u8], from: u8, to: u8) {
        (from..to).for_each(|index| self.gathered.remove(parts::key_of(key, index)));
    }

    /// Notes how many further parts a key has from now on, and answers how many it had.
    fn replace_count(&mut self, key: &[u8], count: u8) -> Result<u8, StoreError> {
        if !self.has_parts.load(Ordering::Relaxed) {
            return Ok(0);
        }
        match self.counts.insert(key.to_vec(), count) {
            Some(old_count) => Ok(old_count),
            None => Ok(self.tree.get(key)?.map_or(0, |head| parts::count(&head))),
        }
    }
}
