//! Serial keys: of the jobs with the same key one runs at a time, in the order in which they were accepted.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
};

use windlass_wire::id::JobId;

use crate::job::sequence;

/// Where a job stands in the line of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It is ready to run.
    pub(crate) is_ready: bool,
    /// It has begun and not ended: nobody else of its key may start, not even while it waits to be tried again.
    pub(crate) is_begun: bool,
}

/// What changes for the line of ready jobs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The job that may no longer start.
    pub(crate) withdrawn: Option<JobId>,
    /// The job that may start now.
    pub(crate) offered: Option<JobId>,
}

impl Turn {
    /// What changes when another job is offered than before.
    pub(crate) fn between(before: Option<JobId>, next: Option<JobId>) -> Self {
        if before == next { Self::default() } else { Self { withdrawn: before, offered: next } }
    }
}

/// All keys that some live job has.
#[derive(Debug, Default)]
pub(crate) struct SerialKeys(BTreeMap<(u32, String), Line>);

#[derive(Debug, Default)]
struct Line {
    holder: Option<JobId>,
    ready: BTreeSet<(u64, JobId)>,
    offered: Option<JobId>,
}

impl SerialKeys {
    /// Notes where a job stands now, and answers who may start of its key.
    pub(crate) fn stand(&mut self, channel: u32, key: &str, job: JobId, standing: Standing) -> Turn {
        let name = (channel, String::from(key));
        let line = self.0.entry(name.clone()).or_default();
        let place = (sequence(job), job);
        if standing.is_ready {
            line.ready.insert(place);
        } else {
            line.ready.remove(&place);
        }
        if standing.is_begun {
            line.holder = Some(job);
        } else if line.holder == Some(job) {
            line.holder = None;
        }
        let next = match line.holder {
            Some(holder) => Some(holder).filter(|holder| line.ready.contains(&(sequence(*holder), *holder))),
            None => line.ready.first().map(|(_, job)| *job),
        };
        let before = core::mem::replace(&mut line.offered, next);
        if line.holder.is_none() && line.ready.is_empty() {
            self.0.remove(&name);
        }
        Turn::between(before, next)
    }

    /// Whoever of the key goes first: the one that has begun, else the one that may start.
    pub(crate) fn holder(&self, channel: u32, key: &str) -> Option<JobId> {
        let line = self.0.get(&(channel, String::from(key)))?;
        line.holder.or(line.offered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::compose_id;

    const READY: Standing = Standing { is_ready: true, is_begun: false };
    const RUNNING: Standing = Standing { is_ready: false, is_begun: true };
    const GONE: Standing = Standing { is_ready: false, is_begun: false };

    fn turn(withdrawn: Option<JobId>, offered: Option<JobId>) -> Turn {
        Turn { withdrawn, offered }
    }

    #[test]
    fn the_next_may_start_when_the_one_before_is_gone_and_not_while_it_waits_to_be_tried_again() {
        let (first, second) = (compose_id(0, 0, 1, 0), compose_id(0, 100, 2, 0));
        let mut keys = SerialKeys::default();
        assert_eq!(keys.stand(0, "k", first, READY), turn(None, Some(first)));
        assert_eq!(keys.stand(0, "k", second, READY), Turn::default());
        assert_eq!(keys.stand(0, "k", first, RUNNING), turn(Some(first), None));
        let pausing = RUNNING;
        assert_eq!(keys.stand(0, "k", first, pausing), Turn::default());
        let again = Standing { is_ready: true, is_begun: true };
        assert_eq!(keys.stand(0, "k", first, again), turn(None, Some(first)));
        assert_eq!(keys.stand(0, "k", first, RUNNING), turn(Some(first), None));
        assert_eq!(keys.stand(0, "k", first, GONE), turn(None, Some(second)));
        assert_eq!(keys.stand(0, "k", second, GONE), turn(Some(second), None));
        assert!(keys.0.is_empty(), "nothing is left behind");
    }

    #[test]
    fn the_one_accepted_earlier_takes_the_place_of_one_that_has_not_begun() {
        let (early, late) = (compose_id(0, 0, 1, 0), compose_id(0, 0, 2, 0));
        let mut keys = SerialKeys::default();
        keys.stand(0, "k", late, READY);
        assert_eq!(keys.stand(0, "k", early, READY), turn(Some(late), Some(early)));
        assert_eq!(keys.holder(0, "k"), Some(early));
    }
}
