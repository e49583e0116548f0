//! What is in use is not removed, and what is being removed is not taken into use.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::planted::{Bug, planted};

/// What is pinned by its users, and what is leaving.
#[derive(Debug)]
pub struct Pins<K> {
    users: BTreeMap<K, u32>,
    leaving: BTreeSet<K>,
}

impl<K> Default for Pins<K> {
    fn default() -> Self {
        Self { users: BTreeMap::new(), leaving: BTreeSet::new() }
    }
}

impl<K: Ord> Pins<K> {
    /// Somebody uses it from now on, unless it is leaving; answers whether it is pinned.
    pub fn pin(&mut self, key: K) -> bool {
        let stays = !self.leaving.contains(&key);
        if stays {
            *self.users.entry(key).or_default() += 1;
        }
        stays
    }

    /// One of its users has done with it; answers whether that was the last.
    pub fn unpin(&mut self, key: &K) -> bool {
        match self.users.get_mut(key) {
            Some(users) if *users > 1 => {
                *users -= 1;
                false
            }
            Some(_) | None => self.users.remove(key).is_some(),
        }
    }

    /// It leaves from now on, unless it is in use or leaves already; answers whether it does.
    pub fn leave(&mut self, key: K) -> bool {
        let is_free = !self.users.contains_key(&key) || planted(Bug::PurgedInUse);
        is_free && self.leaving.insert(key)
    }

    /// It has left, or has stayed after all.
    pub fn left(&mut self, key: &K) {
        self.leaving.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pinned_does_not_leave_before_its_last_user_has_done_with_it() {
        let mut pins = Pins::default();
        assert!(pins.pin(7) && pins.pin(7));
        assert!(!pins.leave(7));
        assert!(!pins.unpin(&7) && !pins.leave(7));
        assert!(pins.unpin(&7) && pins.leave(7));
        assert!(!pins.unpin(&7), "nobody used it any more");
    }

    #[test]
    fn what_leaves_is_not_pinned_before_it_has_left() {
        let mut pins = Pins::default();
        assert!(pins.leave(7));
        assert!(!pins.pin(7) && !pins.leave(7));
        assert!(pins.pin(8), "others stay");
        pins.left(&7);
        assert!(pins.pin(7));
    }
}
