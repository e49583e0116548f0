//! What a disk may have kept when the power went: five answers, each as a directory.

use std::{collections::HashMap, fs, path::Path};

use windlass_tests::chance::Chance;

use crate::disk::{Disk, File, Names, Node, Written};

/// What is written as a whole or not at all.
const SECTOR_BYTES: usize = 512;
/// What file systems write back at once, or later.
const PAGE_BYTES: usize = 4096;

/// What became of that which was written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// It is gone.
    Synced,
    /// It is there.
    Written,
    /// Any of its pages are there, and the names up to some moment: file systems with a journal keep their order.
    Reordered,
    /// It is there up to one write, of which any sectors are.
    Torn,
    /// Files are as long as they should be, and zero where they grew.
    Zeroed,
}

impl Mode {
    pub(crate) const ALL: [Self; 5] =
        [Self::Synced, Self::Written, Self::Reordered, Self::Torn, Self::Zeroed];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Written => "written",
            Self::Reordered => "reordered",
            Self::Torn => "torn",
            Self::Zeroed => "zeroed",
        }
    }
}

/// Makes an empty directory what the disk may have kept.
pub(crate) fn write(disk: &Disk, mode: Mode, chance: &mut Chance, directory: &Path) {
    let names = names(disk, mode, chance);
    for (path, node, is_directory) in Disk::walk(&names) {
        let path = directory.join(path);
        if is_directory {
            fs::create_dir(path).unwrap();
        } else {
            fs::write(path, bytes(&disk.files[node], mode, chance)).unwrap();
        }
    }
}

fn names(disk: &Disk, mode: Mode, chance: &mut Chance) -> HashMap<Node, Names> {
    // File systems differ in whether a synced file has its name.
    let counts_files = chance.below(2) == 0;
    let kept_first = chance.below(disk.renamed.len() as u64 + 1);
    let mut names = disk.durable.clone();
    for (index, renamed) in (0..).zip(&disk.renamed) {
        let is_kept = match mode {
            Mode::Synced => false,
            Mode::Written | Mode::Zeroed => true,
            Mode::Reordered | Mode::Torn => index < kept_first,
        };
        if is_kept || counts_files && renamed.is_synced_by_file {
            renamed.apply(&mut names);
        }
    }
    names
}

fn bytes(file: &File, mode: Mode, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = file.durable.clone();
    match mode {
        Mode::Synced => {}
        Mode::Written => file.written.iter().for_each(|written| written.apply(&mut bytes)),
        Mode::Reordered => {
            // A page reaches the disk with all that was written to it up to some moment.
            let mut moments = HashMap::new();
            for (index, written) in (0..).zip(&file.written) {
                for piece in pieces(written, PAGE_BYTES) {
                    let end = file.written.len() as u64 + 1;
                    let moment =
                        moments.entry(piece.page()).or_insert_with(|| chance.below(2) * chance.below(end));
                    if index < *moment {
                        piece.apply(&mut bytes);
                    }
                }
            }
        }
        Mode::Torn => {
            let whole = chance.below(file.written.len() as u64 + 1);
            let (whole, rest) = file.written.split_at(usize::try_from(whole).unwrap());
            for written in whole {
                written.apply(&mut bytes);
            }
            let sectors = rest.first().into_iter().flat_map(|written| pieces(written, SECTOR_BYTES));
            sectors.filter(|_| chance.below(2) == 0).for_each(|sector| sector.apply(&mut bytes));
        }
        Mode::Zeroed => {
            let mut whole = bytes.clone();
            file.written.iter().for_each(|written| written.apply(&mut whole));
            bytes.resize(whole.len(), 0);
        }
    }
    bytes
}

impl Written {
    /// The page it lies in, if it lies in one; the length of a file lies elsewhere.
    fn page(&self) -> Option<usize> {
        match self {
            Self::Bytes(offset, _) => Some(offset / PAGE_BYTES),
            Self::Length(_) => None,
        }
    }
}

/// A write, cut where the disk's pages or sectors end.
fn pieces(written: &Written, piece_bytes: usize) -> Vec<Written> {
    let Written::Bytes(offset, bytes) = written else { return vec![written.clone()] };
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let end = bytes.len().min(at + piece_bytes - (offset + at) % piece_bytes);
        pieces.push(Written::Bytes(offset + at, bytes[at..end].to_vec()));
        at = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        let written = vec![Written::Bytes(4, vec![2; 1000]), Written::Bytes(1004, vec![3; 9000])];
        File { durable: vec![1; 8], written }
    }

    #[test]
    fn what_was_synced_is_kept_in_every_mode() {
        for mode in Mode::ALL {
            for seed in 0..20 {
                let bytes = bytes(&file(), mode, &mut Chance::new(seed));
                assert_eq!(bytes[..4], [1; 4], "{mode:?}");
            }
        }
    }

    #[test]
    fn modes_keep_what_they_say() {
        let with = |mode| bytes(&file(), mode, &mut Chance::new(1));
        assert_eq!(with(Mode::Synced), [1; 8]);
        assert_eq!(with(Mode::Written).len(), 10_004);
        assert_eq!(with(Mode::Zeroed)[..8], [1; 8]);
        assert!(with(Mode::Zeroed).len() == 10_004 && with(Mode::Zeroed)[8..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn torn_writes_end_at_sectors() {
        let torn = (0..50).map(|seed| bytes(&file(), Mode::Torn, &mut Chance::new(seed)));
        let mut holes = torn.filter(|bytes| bytes[8..].contains(&0));
        let hole = holes.next().expect("some write is torn");
        let begin = 8 + hole[8..].iter().position(|byte| *byte == 0).unwrap();
        assert!(begin.is_multiple_of(SECTOR_BYTES) || begin == 1004, "{begin}");
    }
}
