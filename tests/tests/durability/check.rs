//! Opens a store that something happened to, reads everything in it and compares it with what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::AddAssign,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    path::Path,
};

use windlass::store::{
    Change, Engine, StoreError,
    engine::{Direction, KeyRange, SCAN_ENTRIES_MAX},
};

use crate::{
    history::{History, INDEX, RECORD, index_key, version_of},
    play,
};

/// What was found, and what should not have been.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) stores: usize,
    /// Acknowledged things that were looked for.
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) half_there: usize,
    pub(crate) unexpected: usize,
    pub(crate) refused: usize,
    /// The first thing that should not have been.
    pub(crate) first: Option<String>,
}

impl Findings {
    pub(crate) fn violations(&self) -> usize {
        self.lost + self.half_there + self.unexpected + self.refused
    }

    pub(crate) fn refuse(&mut self, error: &dyn fmt::Display) {
        self.refused += 1;
        self.note(|| format!("refused: {error}"));
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        self.first.get_or_insert_with(what);
    }
}

impl AddAssign for Findings {
    fn add_assign(&mut self, other: Self) {
        self.stores += other.stores;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.half_there += other.half_there;
        self.unexpected += other.unexpected;
        self.refused += other.refused;
        self.first = self.first.take().or(other.first);
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stores, acknowledged, lost, half_there, unexpected, refused, first } = self;
        write!(
            f,
            "lost {lost} of {acknowledged} acknowledged, half-there {half_there}, unexpected {unexpected}, \
             refused to open {refused} of {stores}"
        )?;
        first.as_ref().map_or(Ok(()), |first| write!(f, "; first: {first}"))
    }
}

/// Opens the store in `data` and compares it with a history of which so many groups were acknowledged.
pub(crate) fn check(data: &Path, seed: u64, acknowledged: u32) -> Findings {
    let mut findings = Findings { stores: 1, ..Findings::default() };
    // A panic of sled is a finding like any other; a thousand of its backtraces would hide what matters.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let opened = catch_unwind(AssertUnwindSafe(|| play::open(data)));
    set_hook(hook);
    let compared = match opened {
        Ok(Ok(store)) => compare(&store, seed, acknowledged, &mut findings),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            findings.refuse(&"it panicked");
            Ok(())
        }
    };
    if let Err(error) = compared {
        findings.refuse(&error);
    }
    findings
}

fn compare(store: &impl Engine, seed: u64, groups: u32, findings: &mut Findings) -> Result<(), StoreError> {
    let mut history = History::after(seed, groups);
    let records = history.records.clone();
    // The group that was on its way is there or not.
    let on_its_way: BTreeMap<_, _> =
        history.next_group().into_iter().map(|step| (step.record, step)).collect();
    let found = scan(store, RECORD)?;
    let mut index: BTreeSet<_> = scan(store, INDEX)?.into_keys().collect();
    findings.acknowledged += records.len();
    let mut arrived = BTreeSet::new();
    let numbers: BTreeSet<u32> = records.keys().chain(on_its_way.keys()).copied().collect();
    let mut left = found.clone();
    for record in numbers {
        let bytes = left.remove(&crate::history::record_key(record));
        let version = bytes.as_ref().map(|bytes| version_of(seed, record, bytes));
        let acknowledged = records.get(&record).copied();
        let step = on_its_way.get(&record);
        let entry = version.flatten().is_none_or(|version| index.remove(&index_key(record, version)));
        let problem = match version {
            Some(None) => Some((&mut findings.half_there, "has other bytes")),
            _ if !entry => Some((&mut findings.half_there, "has no index entry")),
            _ if version.flatten() == acknowledged => None,
            _ if step.is_some_and(|step| version.flatten() == step.after) => {
                arrived.insert(record);
                None
            }
            None => Some((&mut findings.lost, "is lost")),
            Some(version) if version < acknowledged => Some((&mut findings.lost, "is an old one")),
            Some(_) => Some((&mut findings.unexpected, "was never written")),
        };
        if let Some((count, problem)) = problem {
            *count += 1;
            findings.note(|| {
                format!(
                    "record {record} {problem}: {version:?}, acknowledged {acknowledged:?}, group {groups}"
                )
            });
            continue;
        }
        let digest = version.flatten().and_then(|version| history.blob_digest(record, version));
        if let Some(digest) = digest
            && store.blob(&digest)?.is_none()
        {
            findings.lost += 1;
            findings.note(|| format!("the blob of record {record} is lost, group {groups}"));
        }
    }
    let changes = on_its_way.values().filter(|step| step.before != step.after).count();
    if !arrived.is_empty() && arrived.len() != changes {
        findings.half_there += 1;
        findings.note(|| format!("of a group of {changes} changes {} are there", arrived.len()));
    }
    findings.unexpected += left.len() + index.len();
    if !left.is_empty() || !index.is_empty() {
        findings.note(|| format!("unknown: records {:?}, index {index:?}", left.keys()));
    }
    // It has to be of use again.
    store.commit(&[Change::default().put(b"zest".to_vec(), Vec::new())?])?;
    store.checkpoint()
}

fn scan(store: &impl Engine, prefix: u8) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
    let (mut range, mut all) = (KeyRange::prefix(&[prefix]), BTreeMap::new());
    loop {
        let entries = store.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX)?;
        let Some((last, _)) = entries.last() else { return Ok(all) };
        range = range.above(last);
        all.extend(entries);
    }
}
