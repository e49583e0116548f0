//! The beginning of a line, which is here, while its end is parked in the store.
//!
//! Everything parked comes after the place `above`. So the order of the line is kept: an entry that is here but beyond
//! that place waits until what is parked before it has been read.

use alloc::{collections::BTreeSet, vec::Vec};
use core::ops::Bound::{Excluded, Unbounded};

use crate::planted::{Bug, planted};

/// What is here of a line of entries that may be parked.
#[derive(Debug)]
pub(crate) struct Window<K> {
    here: BTreeSet<K>,
    parked: Option<Parked<K>>,
    /// With more entries than this some are parked.
    most: usize,
}

#[derive(Debug)]
struct Parked<K> {
    above: K,
    /// More are read once the first one here comes after this place.
    mark: K,
    /// While some are read: those that have gone meanwhile.
    loading: Option<BTreeSet<K>>,
}

impl<K: Ord + Copy> Window<K> {
    /// An empty line of which about `size` entries are to be here.
    pub(crate) const fn new(size: usize) -> Self {
        Self { here: BTreeSet::new(), parked: None, most: 2 * size }
    }

    /// A line of which everything is parked, after this place.
    pub(crate) fn park_all(&mut self, above: K) {
        self.parked = Some(Parked { above, mark: above, loading: None });
    }

    /// Adds an entry.
    pub(crate) fn insert(&mut self, entry: K) {
        self.here.insert(entry);
    }

    /// Takes an entry out. What is being read may be older.
    pub(crate) fn remove(&mut self, entry: K) {
        self.here.remove(&entry);
        if let Some(gone) = self.parked.as_mut().and_then(|parked| parked.loading.as_mut())
            && !planted(Bug::GoneWhileLoading)
        {
            gone.insert(entry);
        }
    }

    /// What is here.
    pub(crate) const fn here(&self) -> &BTreeSet<K> {
        &self.here
    }

    /// The entry that comes first; none = there is none, or it is not known yet.
    pub(crate) fn first(&self) -> Option<K> {
        let first = self.here.first().copied()?;
        self.parked.as_ref().is_none_or(|parked| first <= parked.above).then_some(first)
    }

    /// Whether nothing is in it, here or parked.
    pub(crate) fn is_empty(&self) -> bool {
        self.here.is_empty() && self.parked.is_none()
    }

    /// Whether an entry that is not here may be parked.
    pub(crate) fn may_have(&self, entry: K) -> bool {
        self.parked.as_ref().is_some_and(|parked| entry > parked.above)
    }

    /// Whether some of it is parked.
    pub(crate) const fn is_cut(&self) -> bool {
        self.parked.is_some()
    }

    /// Parks what is too much, as far as it `may_leave`: answers what has left.
    pub(crate) fn park(&mut self, size: usize, may_leave: impl Fn(&K) -> bool) -> Vec<K> {
        let is_loading = self.parked.as_ref().is_some_and(|parked| parked.loading.is_some());
        if self.here.len() <= self.most || is_loading && !planted(Bug::ParkedWhileLoading) {
            return Vec::new();
        }
        let place = |index| self.here.iter().nth(index).copied();
        let (Some(mark), Some(above)) = (place(size / 2), place(size.saturating_sub(1))) else {
            return Vec::new();
        };
        let left: Vec<_> = self.here.range((Excluded(above), Unbounded)).copied().filter(may_leave).collect();
        for entry in &left {
            self.here.remove(entry);
        }
        if !left.is_empty() {
            let (above, loading) = match self.parked.take() {
                Some(parked) => (parked.above.min(above), parked.loading),
                None => (above, None),
            };
            self.parked = Some(Parked { above, mark: mark.min(above), loading });
        }
        // Where most may not leave, looking again for each that comes would cost too much.
        self.most = 2 * self.here.len().max(size);
        left
    }

    /// After which place entries are to be read now, if they are. `whole` = all are wanted here.
    pub(crate) fn load(&mut self, whole: bool) -> Option<K> {
        let first = self.here.first().copied();
        let parked = self.parked.as_mut().filter(|parked| parked.loading.is_none())?;
        let is_low = whole || first.is_none_or(|first| first > parked.mark);
        is_low.then(|| {
            parked.loading = Some(BTreeSet::new());
            parked.above
        })
    }

    /// Whether an entry that was read is to be added: not if it was known already.
    pub(crate) fn is_new(&self, entry: &K) -> bool {
        let loading = self.parked.as_ref().and_then(|parked| parked.loading.as_ref());
        loading.is_some_and(|gone| !gone.contains(entry)) && !self.here.contains(entry)
    }

    /// All entries up to the last of `read` are known; there are none after it if that `is_end`.
    pub(crate) fn loaded(&mut self, read: &[K], is_end: bool) {
        let Some(parked) = self.parked.as_mut() else { return };
        parked.loading = None;
        if is_end {
            self.parked = None;
        } else if let (Some(mark), Some(last)) = (read.get(read.len() / 2), read.last()) {
            (parked.mark, parked.above) = (*mark, *last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A window of 0..count, of which two are here.
    fn cut(count: u32) -> Window<u32> {
        let mut window = Window::new(2);
        (0..count).for_each(|entry| window.insert(entry));
        assert_eq!(window.park(2, |_| true), (2..count).collect::<Vec<_>>());
        window
    }

    #[test]
    fn nothing_is_parked_up_to_twice_the_size() {
        let mut window = Window::new(2);
        (0..4).for_each(|entry| window.insert(entry));
        assert!(window.park(2, |_| true).is_empty());
        assert!(!window.is_cut());
    }

    #[test]
    fn what_may_not_leave_stays_and_waits_for_what_is_before_it() {
        let mut window = Window::new(2);
        (0..6).for_each(|entry| window.insert(entry));
        assert_eq!(window.park(2, |entry| *entry != 5), [2, 3, 4]);
        (0..2).for_each(|entry| window.remove(entry));
        assert_eq!((window.first(), window.load(false)), (None, Some(1)));
        [2, 3, 4]
            .into_iter()
            .filter(|entry| window.is_new(entry))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|entry| window.insert(entry));
        window.loaded(&[2, 3, 4], true);
        assert_eq!(window.first(), Some(2));
    }

    #[test]
    fn more_is_read_before_the_last_is_gone() {
        let mut window = cut(9);
        assert_eq!(window.load(false), None);
        window.remove(0);
        assert_eq!((window.first(), window.load(false)), (Some(1), None));
        window.remove(1);
        assert_eq!((window.first(), window.load(false)), (None, Some(1)));
        assert_eq!(window.load(false), None, "once at a time");
    }

    #[test]
    fn what_went_while_it_was_read_does_not_come_back() {
        let mut window = cut(9);
        (0..2).for_each(|entry| window.remove(entry));
        assert_eq!(window.load(false), Some(1));
        window.insert(4);
        window.remove(4);
        assert!(window.is_new(&3) && !window.is_new(&4));
    }

    proptest! {
        /// Whatever comes and goes in between, the order is that of one set.
        #[test]
        fn a_line_that_is_parked_keeps_its_order(steps in prop::collection::vec((0..4_u8, 0..60_u32), 0..200)) {
            let (mut window, mut parked, mut line) = (Window::new(3), BTreeSet::new(), BTreeSet::new());
            let mut loading: Option<(u32, BTreeSet<u32>)> = None;
            for (what, entry) in steps {
                match what {
                    0 | 1 if !line.contains(&entry) => {
                        line.insert(entry);
                        window.insert(entry);
                        parked.extend(window.park(3, |entry| entry % 5 != 0));
                    }
                    2 => if let Some(first) = window.first() {
                        prop_assert_eq!(line.pop_first(), Some(first));
                        window.remove(first);
                    },
                    3 => if let Some((above, seen)) = loading.take() {
                        let read: Vec<_> = seen.range((Excluded(above), Unbounded)).copied().take(4).collect();
                        for entry in &read {
                            if window.is_new(entry) {
                                prop_assert!(parked.remove(entry), "{} was not parked", entry);
                                window.insert(*entry);
                            }
                        }
                        window.loaded(&read, read.len() < 4);
                    },
                    _ => {}
                }
                if loading.is_none() {
                    loading = window.load(false).map(|above| (above, line.clone()));
                }
                prop_assert_eq!(window.here().len() + parked.len(), line.len());
                prop_assert!(!line.is_empty() || window.first().is_none());
                prop_assert!(window.first().is_some() || loading.is_some() || line.is_empty());
            }
        }
    }
}
