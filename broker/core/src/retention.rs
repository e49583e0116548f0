//! Which final jobs are forgotten, and when: once their retention is over, and before that if there are too many.

use crate::{
    job::Timestamp,
    planted::{Bug, planted},
};

/// How many of those that leave next leave now. `next` tells, in order, until when each is kept; `kept` is how many
/// there are in all, of which at most `kept_max` stay.
pub fn due(next: impl IntoIterator<Item = Timestamp>, kept: u64, kept_max: u64, now: Timestamp) -> usize {
    let excess = usize::try_from(kept.saturating_sub(kept_max)).unwrap_or(usize::MAX);
    let early = if planted(Bug::PurgedTooEarly) { 1000 } else { 0 };
    let is_due = |(place, until): &(usize, Timestamp)| *place < excess || *until <= now.plus_millis(early);
    next.into_iter().enumerate().take_while(is_due).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: [Timestamp; 3] = [Timestamp(1), Timestamp(5), Timestamp(9)];

    #[test]
    fn what_is_kept_leaves_at_its_time_and_not_before() {
        for (now, leaving) in [(0, 0), (1, 1), (4, 1), (5, 2), (9, 3)] {
            assert_eq!(due(NEXT, 3, 10, Timestamp(now)), leaving, "at {now}");
        }
    }

    #[test]
    fn what_is_too_much_leaves_before_its_time() {
        for (kept, leaving) in [(10, 0), (11, 1), (12, 2), (100, 3)] {
            assert_eq!(due(NEXT, kept, 10, Timestamp(0)), leaving, "{kept}");
        }
        assert_eq!(due(NEXT, 11, 10, Timestamp(5)), 2, "whichever is more");
    }
}
