//! Values longer than sled may hold: cut into pieces beside their key, in the same batch.
//!
//! sled moves pages above 128 KiB to files it never syncs, and a page has 16 entries. So what is longer than a
//! piece is stored as `LONG` and the number of its pieces, which lie under `PIECE`, the key and their number.

use std::collections::HashMap;

use sled::{Batch, Tree};

use crate::store::error::StoreError;

/// Longest value kept under its own key, and longest piece, in bytes.
const PIECE_BYTES_MAX: usize = 7_600;
/// First byte of a value that follows.
const WHOLE: u8 = 0;
/// First byte of a value that lies in pieces.
const LONG: u8 = 1;
/// First byte of the keys of pieces. No family of records has it.
const PIECE: u8 = 0xff;

/// A batch for sled that keeps track of the pieces it writes and makes superfluous.
pub(super) struct LongBatch<'a> {
    tree: &'a Tree,
    batch: Batch,
    ops: usize,
    /// Pieces of keys this batch has written, which the tree does not show yet.
    written: HashMap<Vec<u8>, u16>,
}

impl<'a> LongBatch<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self { tree, batch: Batch::default(), ops: 0, written: HashMap::new() }
    }

    /// Operations so far.
    pub(super) fn ops(&self) -> usize {
        self.ops
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let old = self.pieces(key)?;
        let new = if value.len() <= PIECE_BYTES_MAX {
            self.insert(key.to_vec(), [&[WHOLE], value].concat());
            0
        } else {
            self.insert_long(key, value)
        };
        self.remove_pieces(key, new, old);
        self.written.insert(key.to_vec(), new);
        Ok(())
    }

    pub(super) fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let old = self.pieces(key)?;
        self.batch.remove(key);
        self.ops += 1;
        self.remove_pieces(key, 0, old);
        self.written.insert(key.to_vec(), 0);
        Ok(())
    }

    pub(super) fn apply(self) -> Result<(), StoreError> {
        Ok(self.tree.apply_batch(self.batch)?)
    }

    fn insert_long(&mut self, key: &[u8], value: &[u8]) -> u16 {
        let mut count = 0;
        for piece in value.chunks(PIECE_BYTES_MAX) {
            self.insert(piece_key(key, count), piece.to_vec());
            count += 1;
        }
        let [high, low] = count.to_be_bytes();
        self.insert(key.to_vec(), vec![LONG, high, low]);
        count
    }

    fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.batch.insert(key, value);
        self.ops += 1;
    }

    fn remove_pieces(&mut self, key: &[u8], from: u16, to: u16) {
        for number in from..to {
            self.batch.remove(piece_key(key, number));
            self.ops += 1;
        }
    }

    /// How many pieces the key has now, this batch included.
    fn pieces(&self, key: &[u8]) -> Result<u16, StoreError> {
        match self.written.get(key) {
            Some(pieces) => Ok(*pieces),
            None => Ok(self.tree.get(key)?.and_then(|stored| count(&stored)).unwrap_or(0)),
        }
    }
}

/// The value that was put under `key`, from what is stored there.
pub(super) fn value(tree: &Tree, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = |detail: &str| StoreError::corrupt(format!("`{}`", key.escape_ascii()), detail);
    match (stored.split_first(), count(stored)) {
        (Some((&WHOLE, value)), _) => Ok(value.to_vec()),
        (_, Some(pieces)) => {
            let mut value = Vec::with_capacity(usize::from(pieces) * PIECE_BYTES_MAX);
            for number in 0..pieces {
                let piece = tree.get(piece_key(key, number))?.ok_or_else(|| damaged("a piece is missing"))?;
                value.extend_from_slice(&piece);
            }
            Ok(value)
        }
        _ => Err(damaged("it is neither whole nor in pieces")),
    }
}

fn count(stored: &[u8]) -> Option<u16> {
    match stored {
        [LONG, high, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

fn piece_key(key: &[u8], number: u16) -> Vec<u8> {
    [&[PIECE], key, &number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> sled::Db {
        sled::Config::new().temporary(true).open().unwrap()
    }

    fn put(tree: &Tree, values: &[Option<usize>]) {
        let mut batch = LongBatch::new(tree);
        for value in values {
            match value {
                Some(bytes) => batch.put(b"key", &vec![7; *bytes]).unwrap(),
                None => batch.delete(b"key").unwrap(),
            }
        }
        batch.apply().unwrap();
    }

    #[test]
    fn a_long_value_reads_back_whole() {
        let tree = tree();
        for bytes in [0, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1, 10 * PIECE_BYTES_MAX] {
            put(&tree, &[Some(bytes)]);
            let stored = tree.get(b"key").unwrap().unwrap();
            assert_eq!(value(&tree, b"key", &stored).unwrap().len(), bytes);
        }
    }

    #[test]
    fn no_piece_is_left_behind() {
        let tree = tree();
        let long = Some(5 * PIECE_BYTES_MAX);
        for history in [&[long, Some(1)][..], &[long, None, Some(1)], &[Some(1), long, Some(1)]] {
            put(&tree, history);
            assert_eq!(tree.len(), 1, "in one batch: {history:?}");
            history.iter().for_each(|step| put(&tree, &[*step]));
            assert_eq!(tree.len(), 1, "one after the other: {history:?}");
        }
    }

    #[test]
    fn a_missing_piece_is_damage() {
        let tree = tree();
        put(&tree, &[Some(2 * PIECE_BYTES_MAX)]);
        tree.remove(piece_key(b"key", 1)).unwrap();
        let stored = tree.get(b"key").unwrap().unwrap();
        assert!(matches!(value(&tree, b"key", &stored), Err(StoreError::Corrupt { .. })));
    }
}
