//! The jobs that have all of several terms, newest first.

use std::collections::VecDeque;

use super::Term;
use crate::store::{
    Engine, Family, StoreError,
    engine::{Direction, KeyRange},
    keys::{Key, Place},
};

/// Entries of one term read at once, at first and at most.
const ENTRIES_MIN: usize = 4;
const ENTRIES_MAX: usize = 256;

/// The jobs that have one term of each group.
pub(in crate::store) struct Postings {
    groups: Vec<Vec<Posting>>,
    /// Everything from this sequence number on has been looked at; none = everything.
    before: Option<u64>,
}

/// What one step found.
pub(in crate::store) enum Step {
    /// A job that has all terms.
    Job(Place),
    /// No job has all terms from this sequence number on.
    Nothing { from: u64 },
}

impl Postings {
    /// Begins below a sequence number.
    pub(in crate::store) fn new(groups: &[Vec<Term>], before: u64) -> Self {
        let groups = groups.iter().map(|group| group.iter().copied().map(Posting::new).collect());
        Self { groups: groups.collect(), before: Some(before) }
    }

    /// Makes one step: asks each group for its newest job that can still have all terms.
    pub(in crate::store) fn next(&mut self, engine: &dyn Engine) -> Result<Option<Step>, StoreError> {
        let Some(mut before) = self.before else { return Ok(None) };
        let (mut found, mut is_common) = (None, true);
        for group in &mut self.groups {
            let mut newest = None;
            for posting in group {
                newest = newest.max(posting.newest(engine, before)?);
            }
            let Some(place) = newest else {
                self.before = None;
                return Ok(None);
            };
            is_common &= found.is_none_or(|found| found == place);
            found = Some(place);
            before = place.sequence + 1;
        }
        let Some(place) = found else { return Ok(None) };
        if is_common {
            self.before = Some(place.sequence);
            Ok(Some(Step::Job(place)))
        } else {
            self.before = Some(before);
            Ok(Some(Step::Nothing { from: before }))
        }
    }
}

/// The entries of one term, read from the newest backwards.
struct Posting {
    prefix: Vec<u8>,
    entries: VecDeque<Place>,
    /// Entries to read next.
    limit: usize,
    is_read: bool,
}

impl Posting {
    fn new(term: Term) -> Self {
        let prefix = [&[Family::Index.prefix()], term.0.as_slice()].concat();
        Self { prefix, entries: VecDeque::new(), limit: ENTRIES_MIN, is_read: false }
    }

    /// The newest entry below a sequence number, which never grows from one question to the next.
    fn newest(&mut self, engine: &dyn Engine, before: u64) -> Result<Option<Place>, StoreError> {
        while let Some(place) = self.entries.front() {
            if place.sequence < before {
                return Ok(Some(*place));
            }
            self.entries.pop_front();
        }
        if self.is_read {
            return Ok(None);
        }
        let end = [self.prefix.as_slice(), &before.to_be_bytes()].concat();
        let range = KeyRange::prefix(&self.prefix).below(&end);
        let entries = engine.scan(&range, Direction::Reverse, self.limit)?;
        self.is_read = entries.len() < self.limit;
        self.limit = (self.limit * 2).min(ENTRIES_MAX);
        for (key, _) in entries {
            match Key::from_bytes(&key)? {
                Key::Index { place, .. } => self.entries.push_back(place),
                other @ (Key::Connection(_)
                | Key::FinalJob(_)
                | Key::Idempotency { .. }
                | Key::LiveJob(_)
                | Key::Meta(_)
                | Key::Output { .. }
                | Key::PlainJobs(_)
                | Key::Plugin(_)
                | Key::ReadyJob(_)
                | Key::ScheduledJob(_)
                | Key::Timetable { .. }
                | Key::Queue { .. }
                | Key::Schedule { .. }
                | Key::Reference { .. }
                | Key::Retention { .. }
                | Key::Tombstones { .. }
                | Key::Version(_)) => return Err(StoreError::corrupt("an index key", format!("{other:?}"))),
            }
        }
        Ok(self.entries.front().copied())
    }
}
