//! The files of a journal: `JOURNAL/NUMBER`, written to their end and read once.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::frame::{self, Found, HEADER_BYTES, Identity, SEGMENT};
use crate::store::{
    blobs::sync_dir,
    engine::{Change, Op},
    error::StoreError,
    planted::{Bug, planted},
};

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Segment {
    identity: Identity,
    file: File,
    end: u64,
}

impl Segment {
    /// Makes an empty segment; it and its name are durable when it is there.
    pub(super) fn create(dir: &Path, number: u32) -> Result<Self, StoreError> {
        let identity = Identity::draw(number)?;
        let file = File::create(path(dir, number))?;
        file.write_all_at(&SEGMENT.header(identity), 0)?;
        file.sync_all()?;
        if !planted(Bug::DirectoryNotSynced) {
            sync_dir(dir)?;
        }
        Ok(Self { identity, file, end: HEADER_BYTES as u64 })
    }

    pub(super) fn number(&self) -> u32 {
        self.identity.number
    }

    /// Where the next group is written.
    pub(super) fn end(&self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }

    /// Writes a group behind the others. Not yet durable.
    pub(super) fn append(&mut self, group: &[Change]) -> Result<(), StoreError> {
        let frame = frame::encode(group, self.identity, self.end)?;
        self.file.write_all_at(&frame, self.end)?;
        self.end += frame.len() as u64;
        Ok(())
    }

    /// Writes to another file from now on; answers the one before.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    /// Makes durable what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// What is in the segments above `folded`, in the order in which it was written, and the last segment's number.
///
/// Every frame was synced before the next was written: so only the last one may be cut off, and it was never
/// acknowledged. What there is of it is removed for good before anything is written after it; otherwise it would be
/// taken for damage by the next start. Damage anywhere else is not the work of a power loss.
pub(super) fn replay(dir: &Path, folded: u32, mut each: impl FnMut(Op)) -> Result<u32, StoreError> {
    let mut last = folded;
    let mut torn: Vec<(u32, usize)> = Vec::new();
    for number in numbers(dir)? {
        if number <= folded {
            fs::remove_file(path(dir, number))?;
            continue;
        }
        if number != last + 1 {
            return Err(StoreError::corrupt("the journal", format!("segment {} is missing", last + 1)));
        }
        last = number;
        let bytes = fs::read(path(dir, number))?;
        let (has_frames, end) = read(&bytes, number, &mut each)?;
        if let Some((number, offset)) = torn.first().filter(|_| has_frames) {
            return Err(damaged(*number, *offset));
        }
        if end < bytes.len() {
            torn.push((number, end));
        }
    }
    for (segment, offset) in torn {
        tracing::warn!(segment, offset, "the last group of the journal was cut off and never acknowledged");
        if !planted(Bug::TornTailLeft) {
            cut(&path(dir, segment), offset)?;
        }
    }
    Ok(last)
}

/// Ends a file earlier, durably.
fn cut(path: &Path, end: usize) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_len(end as u64)?;
    file.sync_all()
}

/// Reads a segment up to its end or to where it is cut off; answers whether there is any frame, and where it ends.
fn read(bytes: &[u8], number: u32, each: &mut impl FnMut(Op)) -> Result<(bool, usize), StoreError> {
    let Some(identity) = SEGMENT.read_header(bytes)? else {
        // A header is durable before anything is written behind it.
        return if bytes.len() > HEADER_BYTES { Err(damaged(number, 0)) } else { Ok((false, 0)) };
    };
    if identity.number != number {
        return Err(StoreError::corrupt(
            "the journal",
            format!("segment {number} is segment {}", identity.number),
        ));
    }
    let mut offset = HEADER_BYTES;
    loop {
        match frame::read(bytes, identity, offset) {
            Found::Frame(payload, end) => {
                frame::decode(payload)?.into_iter().for_each(&mut *each);
                offset = end;
            }
            Found::Damage if frame::has_frame_after(bytes, identity, offset) => {
                return Err(damaged(number, offset));
            }
            Found::End | Found::Damage => return Ok((offset > HEADER_BYTES, offset)),
        }
    }
}

/// Removes the segments up to one; what is left of them is removed at the next start.
pub(super) fn remove_up_to(dir: &Path, last: u32) -> Result<(), StoreError> {
    for number in numbers(dir)?.into_iter().filter(|number| *number <= last) {
        fs::remove_file(path(dir, number))?;
    }
    Ok(())
}

/// How many segments there are, and the space they take in bytes.
pub(super) fn sizes(dir: &Path) -> io::Result<(u64, u64)> {
    let (mut segments, mut bytes) = (0, 0);
    for entry in fs::read_dir(dir)? {
        // One that has just been folded is gone.
        bytes += entry?.metadata().map_or(0, |metadata| metadata.len());
        segments += 1;
    }
    Ok((segments, bytes))
}

pub(super) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:010}"))
}

/// The numbers of all segments, in their order.
fn numbers(dir: &Path) -> Result<Vec<u32>, StoreError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        let foreign = || StoreError::corrupt("the journal", format!("{} is no segment", name.display()));
        numbers.push(number.ok_or_else(foreign)?);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) fn damaged(segment: u32, offset: usize) -> StoreError {
    StoreError::corrupt(
        "the journal",
        format!("segment {segment} at byte {offset}, and more was written after it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str) -> Change {
        Change::default().put(key.into(), b"value".to_vec()).unwrap()
    }

    /// A folder with one segment of two groups, and where the second begins and ends.
    fn two_groups() -> (tempfile::TempDir, u64, u64) {
        let dir = tempfile::tempdir().unwrap();
        let mut segment = Segment::create(dir.path(), 1).unwrap();
        segment.append(&[put("first")]).unwrap();
        let second = segment.end;
        segment.append(&[put("second")]).unwrap();
        (dir, second, segment.end)
    }

    fn keys(dir: &Path) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        replay(dir, 0, |op| match op {
            Op::Put(key, _) | Op::Delete(key) => keys.push(String::from_utf8(key).unwrap()),
        })?;
        Ok(keys)
    }

    #[test]
    fn what_was_cut_off_at_any_place_is_left_out() {
        let (dir, second, end) = two_groups();
        let whole = fs::read(path(dir.path(), 1)).unwrap();
        for left in (second..end).map(|end| usize::try_from(end).unwrap()) {
            fs::write(path(dir.path(), 1), &whole[..left]).unwrap();
            assert_eq!(keys(dir.path()).unwrap(), ["first"], "cut at {left}");
        }
    }

    #[test]
    fn a_flipped_bit_before_the_last_group_is_damage() {
        let (dir, second, _) = two_groups();
        let whole = fs::read(path(dir.path(), 1)).unwrap();
        for at in 0..usize::try_from(second).unwrap() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(path(dir.path(), 1), bytes).unwrap();
            assert!(matches!(keys(dir.path()), Err(StoreError::Corrupt { .. })), "flipped at {at}");
        }
    }

    #[test]
    fn a_cut_segment_with_another_after_it_is_damage() {
        let (dir, _, end) = two_groups();
        cut(&path(dir.path(), 1), usize::try_from(end - 1).unwrap()).unwrap();
        Segment::create(dir.path(), 2).unwrap().append(&[put("third")]).unwrap();
        assert!(matches!(keys(dir.path()), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn a_journal_goes_on_after_what_was_cut_off() {
        let (dir, _, end) = two_groups();
        cut(&path(dir.path(), 1), usize::try_from(end - 1).unwrap()).unwrap();
        // Power went while the next segment was made.
        fs::write(path(dir.path(), 2), b"windl").unwrap();
        assert_eq!(keys(dir.path()).unwrap(), ["first"]);
        Segment::create(dir.path(), 3).unwrap().append(&[put("third")]).unwrap();
        assert_eq!(keys(dir.path()).unwrap(), ["first", "third"]);
    }

    #[test]
    fn a_missing_segment_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        Segment::create(dir.path(), 2).unwrap();
        assert!(matches!(keys(dir.path()), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn what_has_been_folded_is_removed_and_not_read() {
        let (dir, ..) = two_groups();
        Segment::create(dir.path(), 2).unwrap().append(&[put("third")]).unwrap();
        let mut count = 0;
        assert_eq!(replay(dir.path(), 1, |_| count += 1).unwrap(), 2);
        assert_eq!((count, path(dir.path(), 1).exists()), (1, false));
    }

    #[test]
    fn a_segment_whose_making_was_interrupted_is_empty() {
        let (dir, ..) = two_groups();
        fs::write(path(dir.path(), 2), b"windl").unwrap();
        assert_eq!(keys(dir.path()).unwrap(), ["first", "second"]);
    }
}
