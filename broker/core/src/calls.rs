//! Calls that wait for a slot, in the order they came.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::{command::CallId, job::Timestamp};

/// Waiting calls and when each is given up.
#[derive(Debug, Default)]
pub struct WaitingCalls {
    line: BTreeMap<u64, CallId>,
    places: BTreeMap<CallId, (u64, Option<Timestamp>)>,
    deadlines: BTreeSet<(Timestamp, CallId)>,
    next_place: u64,
}

impl WaitingCalls {
    /// Adds a call at the end of the line.
    pub fn push(&mut self, call: CallId, deadline: Option<Timestamp>) {
        self.line.insert(self.next_place, call);
        self.places.insert(call, (self.next_place, deadline));
        self.deadlines.extend(deadline.map(|deadline| (deadline, call)));
        self.next_place += 1;
    }

    /// Takes out the first call of the line.
    pub fn pop(&mut self) -> Option<CallId> {
        let call = *self.line.first_key_value()?.1;
        self.remove(call);
        Some(call)
    }

    /// Takes out a call, wherever it stands; answers whether it waited.
    pub fn remove(&mut self, call: CallId) -> bool {
        let Some((place, deadline)) = self.places.remove(&call) else { return false };
        self.line.remove(&place);
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, call));
        }
        true
    }

    /// Takes out a call whose time is over.
    pub fn pop_overdue(&mut self, now: Timestamp) -> Option<CallId> {
        let (_, call) = *self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        self.remove(call);
        Some(call)
    }

    /// When the next call is given up.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Calls that wait.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn calls_get_their_turn_in_the_order_they_came() {
        let mut calls = WaitingCalls::default();
        for (call, deadline) in [(3, Some(Timestamp(9))), (1, None), (2, Some(Timestamp(5)))] {
            calls.push(CallId(call), deadline);
        }
        assert!(calls.remove(CallId(1)));
        assert!(!calls.remove(CallId(1)));
        assert_eq!(core::iter::from_fn(|| calls.pop()).collect::<Vec<_>>(), [CallId(3), CallId(2)]);
        assert_eq!(calls.next_deadline(), None, "nothing is left behind");
    }

    #[test]
    fn a_call_is_overdue_at_its_deadline_and_not_before() {
        let mut calls = WaitingCalls::default();
        calls.push(CallId(1), Some(Timestamp(5)));
        assert_eq!(calls.pop_overdue(Timestamp(4)), None);
        assert_eq!(calls.pop_overdue(Timestamp(5)), Some(CallId(1)));
        assert!(calls.is_empty());
    }
}
