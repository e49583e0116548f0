//! What whoever watches the whole broker is told: figures once a second, changed jobs a few times a second, lists
//! when they changed. One loop gathers it once for all who watch, so that a hundred consoles cost little more than
//! one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::value::RawValue;
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::{Instant, interval_at, sleep_until},
};
use windlass_core::job::Timestamp;
use windlass_wire::{
    job::ChangedJobs,
    problem::Problem,
    stats::{FailureView, HistoryView, StatsView, SyncView},
};

use super::{
    context::{Caller, Context},
    translate::{job_view, time},
    verbs,
};
use crate::{driver::JobEvent, store::health::Health};

mod changes;
mod failures;
mod feeds;
mod series;
mod syncs;

pub(super) use self::feeds::{ChangesKey, List, ListKey, Told};
use self::{changes::Window, failures::Failures, feeds::Feeds, series::Series, syncs::Syncs};

const SECOND: Duration = Duration::from_secs(1);
/// Events of jobs taken under one lock.
const BATCH_EVENTS_MAX: usize = 512;

/// What is gathered, and who is told of it.
#[derive(Debug, Default)]
pub(super) struct Live(Mutex<Gathered>);

#[derive(Debug, Default)]
struct Gathered {
    series: Series,
    syncs: Syncs,
    health: Health,
    failures: Failures,
    sampled_at: Option<Timestamp>,
    feeds: Feeds,
}

/// The part of the figures that was gathered.
pub(super) struct Figures {
    pub(super) rates: std::collections::BTreeMap<String, u64>,
    pub(super) sync: SyncView,
    pub(super) health: Health,
    pub(super) failures: Vec<FailureView>,
    pub(super) history: Option<HistoryView>,
}

impl Live {
    /// What was gathered for a channel, with the last hour or without.
    pub(super) fn figures(&self, channel: &str, now: Timestamp, with_history: bool) -> Figures {
        let mut gathered = self.gathered();
        Figures {
            rates: gathered.series.rates(),
            sync: gathered.syncs.view(),
            health: gathered.health,
            failures: gathered.failures.view(channel, now),
            history: with_history.then(|| HistoryView {
                end_at: time(gathered.sampled_at.unwrap_or(now)),
                step_seconds: 1,
                series: gathered.series.history(),
            }),
        }
    }

    /// Begins to tell of changed jobs.
    pub(super) fn follow_changes(&self, key: ChangesKey) -> Result<Receiver<Told>, Problem> {
        self.gathered().feeds.follow_changes(key)
    }

    /// Begins to tell of a list; answers how it is now. What changes from then on is received.
    pub(super) async fn follow_list(
        &self,
        context: &Context,
        key: ListKey,
    ) -> Result<(Arc<RawValue>, Receiver<Told>), Problem> {
        let told = self.gathered().feeds.follow_list(key.clone())?;
        let now = render(context, &key, true).await?;
        self.gathered().feeds.set_shown(&key, &now);
        Ok((now, told))
    }

    /// Gathers and tells until it is dropped.
    pub(super) async fn run(&self, context: &Context) {
        let mut events = context.driver.events();
        let mut second = interval_at(Instant::now() + SECOND, SECOND);
        loop {
            let due = self.gathered().feeds.due();
            // Every branch is cancel safe. What is told comes first: jobs may change without a pause.
            tokio::select! {
                biased;
                () = until(due) => self.tell_changes(Instant::now()),
                _ = second.tick() => self.end_second(context).await,
                event = events.recv() => self.take(event, &mut events).await,
            }
        }
    }

    /// Takes an event and what else is there already.
    async fn take(&self, first: Result<JobEvent, RecvError>, events: &mut Receiver<JobEvent>) {
        if matches!(first, Err(RecvError::Closed)) {
            // The driver is gone, and the broker with it.
            std::future::pending::<()>().await;
        }
        let now = Instant::now();
        let mut gathered = self.gathered();
        let mut next = first.map_err(|error| match error {
            RecvError::Closed => TryRecvError::Closed,
            RecvError::Lagged(missed) => TryRecvError::Lagged(missed),
        });
        for _ in 0..BATCH_EVENTS_MAX {
            match next {
                Ok(JobEvent { seq, job, .. }) => {
                    gathered.failures.take(&job);
                    gathered.feeds.take(seq, &job, now);
                }
                Err(TryRecvError::Lagged(missed)) => gathered.feeds.miss(missed),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
            next = events.try_recv();
        }
    }

    fn tell_changes(&self, now: Instant) {
        // Writing the jobs as JSON takes longer than the lock should be held.
        let windows = self.gathered().feeds.end_windows(now);
        for (teller, window) in windows {
            match changes(&window) {
                Ok(data) => teller.tell(window.seq, data),
                Err(problem) => tracing::error!(%problem, "changed jobs cannot be told"),
            }
        }
    }

    async fn end_second(&self, context: &Context) {
        match context.with_store(|store| Ok(store.health())).await {
            Ok(health) => {
                let mut gathered = self.gathered();
                gathered.series.take(context.metrics.totals());
                gathered.syncs.take(health.sync_counts);
                gathered.health = health;
                gathered.sampled_at = Some(context.driver.clock().now());
            }
            Err(problem) => tracing::debug!(%problem, "a second is missing in the figures"),
        }
        let lists = self.gathered().feeds.lists(context.registry.revision());
        for key in lists {
            match render(context, &key, false).await {
                Ok(now) => self.gathered().feeds.tell_list(&key, &now),
                Err(problem) => tracing::debug!(%problem, "a list cannot be told"),
            }
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn changes(window: &Window) -> Result<Arc<RawValue>, Problem> {
    let items = window.jobs.iter().map(|job| job_view(job, None)).collect();
    verbs::json(&ChangedJobs { items, more: window.more as u64 }).map(Arc::from)
}

/// A list as clients see it. `is_first` is for the beginning of a subscription.
async fn render(context: &Context, key: &ListKey, is_first: bool) -> Result<Arc<RawValue>, Problem> {
    let caller = Caller { channel: key.channel.clone() };
    let text = match key.list {
        List::Connections => verbs::json(&verbs::connections(context, &caller)),
        List::Plugins => verbs::json(&verbs::plugins(context)),
        List::Stats => {
            let stats: StatsView = verbs::stats(context, &caller, is_first).await?;
            verbs::json(&stats)
        }
        List::Workers => verbs::json(&verbs::workers(context, &caller)),
    };
    text.map(Arc::from)
}
