//! One bit of a store flips while nobody uses it, at a random place.
//!
//! Journal and blobs have checksums of ours, and nothing flipped in them is believed. sled leaves out what it cannot
//! read of the end of its log, and rarely of its middle, too; how often is printed and is not promised.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use windlass_tests::chance::Chance;

use crate::{
    check::{Findings, check},
    history::History,
    play::{Play, Stage},
    scratch, seed, setting,
};

const FLIPS: usize = 200;
/// Not one after which a checkpoint is made.
const GROUPS: u32 = 60;

/// What became of flipped bits in one kind of file.
#[derive(Debug, Default)]
struct Seen {
    flips: usize,
    detected: usize,
    harmless: usize,
    /// The last group of a store that just ended was taken for one that was cut off, which nothing tells apart.
    cut_off: usize,
    believed: usize,
    first: Option<String>,
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are the point of the test")]
fn a_flipped_bit_is_never_believed() {
    let seed = seed();
    println!("flips: seed {seed}");
    let mut chance = Chance::new(seed);
    let count = setting("WINDLASS_FLIPS").map_or(FLIPS, |flips| usize::try_from(flips).unwrap());
    let mut ours_believed = 0;
    for is_closed in [true, false] {
        let home = scratch();
        let stage = Stage::new(home.path());
        let play = Play { seed, first: 1, last: GROUPS, reopened_after: 20, is_closed, is_concurrent: false };
        assert!(stage.play(play, None).status.is_some_and(|status| status.success()));
        let files = files(&stage.data());
        let mut by_kind: BTreeMap<&str, Seen> = BTreeMap::new();
        for _ in 0..count / 2 {
            let (kind, files) = files.iter().nth(below(&mut chance, files.len())).unwrap();
            flip(&stage.data(), files, seed, &mut chance, by_kind.entry(kind).or_default());
        }
        for (kind, seen) in &by_kind {
            let Seen { flips, detected, harmless, cut_off, believed, first } = seen;
            println!(
                "flips: {kind} of a {} store: {flips} flipped, {detected} detected, {harmless} harmless, {cut_off} \
                 taken for cut off, {believed} believed {}",
                if is_closed { "closed" } else { "killed" },
                first.as_deref().unwrap_or_default()
            );
        }
        let ours = by_kind.iter().filter(|(kind, _)| **kind != "sled");
        ours_believed += ours.map(|(_, seen)| seen.believed).sum::<usize>();
    }
    assert_eq!(ours_believed, 0);
}

/// Flips a bit in a copy of a store and reads all of it.
fn flip(data: &Path, files: &[PathBuf], seed: u64, chance: &mut Chance, tally: &mut Seen) {
    let file = &files[below(chance, files.len())];
    let mut bytes = fs::read(data.join(file)).unwrap();
    let at = below(chance, bytes.len());
    bytes[at] ^= 1 << chance.below(8);
    let check = |groups| {
        let flipped = scratch();
        copy(data, flipped.path());
        fs::write(flipped.path().join(file), &bytes).unwrap();
        check(flipped.path(), seed, groups)
    };
    let findings = check(GROUPS);
    tally.flips += 1;
    if findings.refused > 0 {
        tally.detected += 1;
    } else if findings.violations() == 0 {
        tally.harmless += 1;
    } else if is_without_last_group(&check(GROUPS - 1), seed) {
        tally.cut_off += 1;
    } else {
        tally.believed += 1;
        tally
            .first
            .get_or_insert_with(|| format!("{} at {at} of {}: {findings}", file.display(), bytes.len()));
    }
}

/// Whether everything is as before the last group, but for the blobs that went with it.
fn is_without_last_group(findings: &Findings, seed: u64) -> bool {
    let mut history = History::after(seed, GROUPS - 1);
    let steps = history.next_group();
    let blobs = steps.iter().filter_map(|step| history.blob_digest(step.record, step.before?));
    findings.violations() == findings.lost && findings.lost <= blobs.count()
}

fn below(chance: &mut Chance, bound: usize) -> usize {
    usize::try_from(chance.below(bound as u64)).unwrap()
}

/// The files of a store that have any bytes, by the folder they are in.
fn files(data: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut left = vec![data.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            } else if entry.metadata().unwrap().len() > 0 {
                let inner = entry.path().strip_prefix(data).unwrap().to_owned();
                let kind = inner.iter().next().unwrap().to_string_lossy().into_owned();
                files.entry(kind).or_default().push(inner);
            }
        }
    }
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
