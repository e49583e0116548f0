//! Long values in parts.
//!
//! sled splits a page above 16 entries, merges one of up to 4 into its neighbour, and moves pages above 128 KiB
//! to files it never syncs. So 21 of the longest entries with their keys must stay below that: the entry of a key holds the number of further parts and the first part,
//! and the others lie under keys of their own, all below the keys of any family.
//!
//! | key | value |
//! |---|---|
//! | key | `0`, value |
//! | key | number of further parts: 1, stamp: 8, first part |
//! | `0`, key, index of the part: 1 | stamp: 8, part |
//!
//! The stamp comes from the whole value: a reader that meets parts of two values sees that they differ.

use crate::store::{blobs::digest_of, engine::KEY_BYTES_MAX, error::StoreError};

/// Longest value of one entry in sled, in bytes.
pub(super) const ENTRY_BYTES_MAX: usize = 5_888;
const STAMP_BYTES: usize = 8;
const PAGE_BYTES_MAX: usize = 128 * 1024;
/// What sled keeps about an entry beside its key and value, in bytes, rounded up.
const ENTRY_OVERHEAD_BYTES: usize = 20;
const PAGE_ENTRIES_MAX: usize = 21;
const _: () = assert!(
    (KEY_BYTES_MAX + 2 + ENTRY_BYTES_MAX + ENTRY_OVERHEAD_BYTES) * PAGE_ENTRIES_MAX < PAGE_BYTES_MAX,
    "a page of the longest entries stays in the file that is synced"
);
const PART_BYTES_MAX: usize = ENTRY_BYTES_MAX - 1 - STAMP_BYTES;

/// A value as it is stored: the entry of its key, and the further parts.
pub(super) struct Cut {
    pub(super) head: Vec<u8>,
    pub(super) parts: Vec<Vec<u8>>,
}

/// Cuts a value into entries.
pub(super) fn cut(value: &[u8]) -> Cut {
    if value.len() < ENTRY_BYTES_MAX {
        return Cut { head: [&[0], value].concat(), parts: Vec::new() };
    }
    let stamp = &digest_of(value).0[..STAMP_BYTES];
    let mut pieces = value.chunks(PART_BYTES_MAX);
    let first = pieces.next().unwrap_or_default();
    let parts: Vec<_> = pieces.map(|piece| [stamp, piece].concat()).collect();
    let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    Cut { head: [&[count], stamp, first].concat(), parts }
}

/// The number of further parts of a value, by the entry of its key.
pub(super) fn count(head: &[u8]) -> u8 {
    head.first().copied().unwrap_or(0)
}

/// Where a further part of a key's value lies.
pub(super) fn key_of(key: &[u8], index: u8) -> Vec<u8> {
    [&[0], key, &[index]].concat()
}

/// Puts a value together. Nothing when a part is missing or of another value, which happens while the value
/// is being replaced.
pub(super) fn join<P: AsRef<[u8]>>(
    head: &[u8],
    part: impl Fn(u8) -> Result<Option<P>, StoreError>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let damaged = || StoreError::corrupt("an entry", "it is too short");
    let (&count, rest) = head.split_first().ok_or_else(damaged)?;
    if count == 0 {
        return Ok(Some(rest.to_vec()));
    }
    let (stamp, first) = rest.split_at_checked(STAMP_BYTES).ok_or_else(damaged)?;
    let mut value = first.to_vec();
    for index in 0..count {
        match part(index)?.as_ref().and_then(|part| part.as_ref().strip_prefix(stamp)) {
            Some(piece) => value.extend_from_slice(piece),
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cut: &Cut) -> Option<Vec<u8>> {
        join(&cut.head, |index| Ok(cut.parts.get(usize::from(index)))).unwrap()
    }

    #[test]
    fn values_of_every_length_read_back_from_short_entries() {
        for length in
            [0, 1, PART_BYTES_MAX, ENTRY_BYTES_MAX - 1, ENTRY_BYTES_MAX, 3 * PART_BYTES_MAX, 100_000]
        {
            let value: Vec<u8> = (0..=255).cycle().take(length).collect();
            let cut = cut(&value);
            assert!(cut.head.len() <= ENTRY_BYTES_MAX, "{length}");
            assert!(cut.parts.iter().all(|part| part.len() <= ENTRY_BYTES_MAX), "{length}");
            assert_eq!(usize::from(count(&cut.head)), cut.parts.len(), "{length}");
            assert_eq!(read(&cut), Some(value), "{length}");
        }
    }

    #[test]
    fn parts_of_two_values_are_not_put_together() {
        let mut mixed = cut(&vec![1; 20_000]);
        mixed.parts[1] = cut(&vec![2; 20_000]).parts[1].clone();
        assert_eq!(read(&mixed), None);
    }
}
