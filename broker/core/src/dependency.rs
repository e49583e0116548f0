//! Jobs that wait for other jobs.

use alloc::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use windlass_wire::{
    id::JobId,
    submit::{EndedAs, Need},
};

use crate::planted::{Bug, planted};

/// What must have ended, and how, before a job may start. Jobs can only name jobs that exist already, so there
/// are no cycles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// The jobs.
    pub jobs: BTreeSet<JobId>,
    /// Whether all of them are needed or any one is enough.
    pub need: Need,
    /// Which ends count.
    pub ended: EndedAs,
}

/// What the end of one job means for another that waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Nothing is left to wait for.
    Met,
    /// What is needed cannot come about any more.
    Unreachable,
    /// Others are still awaited.
    Waiting,
}

impl After {
    /// Takes `job` off what is `left` to wait for, now that it has ended.
    pub fn settle(&self, left: &mut BTreeSet<JobId>, job: JobId, succeeded: bool) -> Settled {
        if !left.remove(&job) {
            return Settled::Waiting;
        }
        let counts = succeeded || self.ended == EndedAs::Finished;
        match (self.need, counts) {
            (Need::All, false) => Settled::Unreachable,
            (Need::Any, true) => Settled::Met,
            (Need::All, true) if left.len() <= usize::from(planted(Bug::DependencyOffByOne)) => Settled::Met,
            (Need::Any, false) if left.is_empty() => Settled::Unreachable,
            (Need::All, true) | (Need::Any, false) => Settled::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn settle(need: Need, ended: EndedAs, ends: &[bool]) -> Vec<Settled> {
        let jobs: BTreeSet<_> = (0..2).map(JobId).collect();
        let after = After { jobs: jobs.clone(), need, ended };
        let mut left = jobs;
        (0..).zip(ends).map(|(job, succeeded)| after.settle(&mut left, JobId(job), *succeeded)).collect()
    }

    #[test]
    fn all_or_any_of_two_jobs_that_succeed_or_only_end() {
        use EndedAs::{Finished, Success};
        use Need::{All, Any};
        use Settled::{Met, Unreachable, Waiting};
        for (need, ended, ends, expected) in [
            (All, Success, [true, true].as_slice(), [Waiting, Met].as_slice()),
            (All, Success, &[false], &[Unreachable]),
            (All, Success, &[true, false], &[Waiting, Unreachable]),
            (All, Finished, &[false, true], &[Waiting, Met]),
            (Any, Success, &[true], &[Met]),
            (Any, Success, &[false, true], &[Waiting, Met]),
            (Any, Success, &[false, false], &[Waiting, Unreachable]),
            (Any, Finished, &[false], &[Met]),
        ] {
            assert_eq!(settle(need, ended, ends), expected, "{need:?} {ended:?} {ends:?}");
        }
    }

    #[test]
    fn an_end_that_is_told_twice_counts_once() {
        let jobs: BTreeSet<_> = (0..2).map(JobId).collect();
        let after = After { jobs: jobs.clone(), need: Need::All, ended: EndedAs::Success };
        let mut left = jobs;
        assert_eq!(after.settle(&mut left, JobId(0), true), Settled::Waiting);
        assert_eq!(after.settle(&mut left, JobId(0), true), Settled::Waiting);
    }
}
