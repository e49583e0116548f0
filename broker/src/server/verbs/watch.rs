//! Watching jobs change, one change at a time.

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use windlass_core::job::Job;
use windlass_wire::{id::JobId, problem::Problem, state::JobState, topic::Topic};

use super::{
    super::{
        context::{Caller, Context},
        translate::job_view,
    },
    follow::Notice,
    jobs::find,
    json,
};
use crate::driver::JobEvent;

/// Which jobs to watch: those that match everything given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct WatchFilter {
    /// This one job.
    #[serde(default)]
    pub(in crate::server) job: Option<JobId>,
    /// Jobs of this queue.
    #[serde(default)]
    pub(in crate::server) queue: Option<String>,
    /// Jobs of this handler, by its full name.
    #[serde(default)]
    pub(in crate::server) handler: Option<String>,
    /// Changes into this state.
    #[serde(default)]
    pub(in crate::server) state: Option<JobState>,
}

impl WatchFilter {
    /// Whether a job is one of them, as it is now.
    pub(in crate::server) fn matches(&self, job: &Job) -> bool {
        let Self { job: id, queue, handler, state } = self;
        id.is_none_or(|id| id == job.id)
            && queue.as_ref().is_none_or(|queue| *queue == job.spec.queue)
            && handler.as_ref().is_none_or(|handler| *handler == job.spec.handler)
            && state.is_none_or(|state| state == job.state.name())
    }
}

/// Follows the changes of the jobs of one channel.
pub(in crate::server) struct Watch {
    context: Arc<Context>,
    caller: Arc<Caller>,
    filter: WatchFilter,
    events: Receiver<JobEvent>,
    found: Option<Arc<Job>>,
    missed: u64,
    revision_seen: u32,
}

impl Watch {
    /// Begins to watch. A filter that names a job first tells how that job is now.
    pub(in crate::server) async fn open(
        context: Arc<Context>,
        caller: Arc<Caller>,
        filter: WatchFilter,
    ) -> Result<Self, Problem> {
        // Events are received before the job is read, so that no change falls between the two.
        let events = context.driver.events();
        let mut watch = Self { context, caller, filter, events, found: None, missed: 0, revision_seen: 0 };
        watch.look().await?;
        Ok(watch)
    }

    /// The next notice; none = the broker goes down. Cancel safe.
    pub(in crate::server) async fn next(&mut self) -> Option<Result<Notice, Problem>> {
        loop {
            if self.missed > 0 {
                // Forgotten only after the job was read anew, so that nothing is lost if this is dropped.
                let looked = self.look().await;
                let missed = std::mem::take(&mut self.missed);
                return Some(looked.map(|()| Notice::Gap(missed)));
            }
            if let Some(job) = self.found.take()
                && self.is_wanted(&job)
            {
                return Some(self.notice(0, &job));
            }
            match self.events.recv().await {
                Ok(event) if self.is_wanted(&event.job) => return Some(self.notice(event.seq, &event.job)),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Reads the one job the filter names, if it names one.
    async fn look(&mut self) -> Result<(), Problem> {
        if let Some(job) = self.filter.job {
            self.found = Some(Arc::new(find(&self.context, &self.caller, job).await?));
        }
        Ok(())
    }

    fn is_wanted(&self, job: &Job) -> bool {
        let is_news = self.filter.job.is_none() || job.revision > self.revision_seen;
        is_news && job.spec.channel == self.caller.channel && self.filter.matches(job)
    }

    fn notice(&mut self, seq: u64, job: &Job) -> Result<Notice, Problem> {
        self.revision_seen = job.revision;
        let data = json(&job_view(job, None))?.into();
        Ok(Notice::Event { topic: Topic::Job, seq, data, is_last: job.state.is_final() })
    }
}
