//! Forgets final jobs: when somebody asks for it, and by itself once their retention is over or there are too many.
//!
//! A job leaves its tombstone and nothing else. First everything in the store goes with one write, then the blobs
//! that no other job points to; what a crash leaves of those is found at the next start. Nothing is removed while it
//! is pinned, so what was read of a job stays true for whoever needs it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::{Mutex, SetOnce},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;
use windlass_core::{
    job::{Digest, Timestamp},
    limits::TOMBSTONES_MAX,
    retention::due,
};
use windlass_wire::{id::JobId, span::Timeout};

use crate::{
    driver::Clock,
    metrics::Metrics,
    store::{Change, Leaving, Store, StoreError, Target, Tombstone, tombstones::Block},
};

/// How often it is looked whether something is due.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Jobs removed with one write.
const BATCH_JOBS_MAX: usize = 256;
/// Operations after which a write takes in no more jobs. One job may have logged much.
const BATCH_OPS_MAX: usize = 4_096;
/// How long a purge that was asked for waits for those that use the job.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the operator decides about final jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long each is kept, unless it says otherwise.
    pub retention: Timeout,
    /// How many are kept at most of those that are not kept for ever.
    pub jobs_max: u64,
}

/// Forgets final jobs.
pub struct Retention {
    store: Store,
    metrics: Arc<Metrics>,
    clock: Clock,
    policy: Policy,
    opened_at: Timestamp,
    /// Set once what is kept was counted.
    counted: SetOnce<()>,
    /// Held while tombstones change: one of a block replaces the whole block.
    burying: Mutex<()>,
}

/// Jobs on their way out.
#[derive(Default)]
struct Batch {
    leaving: Vec<Leaving>,
    tombstones: Vec<(String, Tombstone)>,
    changes: Vec<Change>,
    blobs: Vec<Digest>,
    /// Jobs among them that would have left by themselves.
    retained: u32,
}

impl Retention {
    /// Make it before any job ends. Nothing is forgotten before [`Retention::run`] has begun.
    pub fn new(store: Store, metrics: Arc<Metrics>, clock: Clock, policy: Policy) -> Arc<Self> {
        let opened_at = clock.now();
        Arc::new(Self {
            store,
            metrics,
            clock,
            policy,
            opened_at,
            counted: SetOnce::new(),
            burying: Mutex::default(),
        })
    }

    /// How long a final job is kept that does not say.
    pub fn default_span(&self) -> Timeout {
        self.policy.retention
    }

    /// Forgets a final job; durable when it answers. False: there is no final job of this id, or it is still in use
    /// after a few seconds.
    ///
    /// Cancel safe: once begun, it is finished for nobody.
    pub async fn purge(self: &Arc<Self>, job: JobId) -> Result<bool, StoreError> {
        let retention = Arc::clone(self);
        self.counted.wait().await;
        // What is begun must not be left half done when whoever asks goes away.
        let purge = tokio::spawn(async move { retention.purge_all(vec![job], PATIENCE).await });
        Ok(purge.await.unwrap_or(Err(StoreError::Stopped))? == 1)
    }

    /// Looks what is due until it is stopped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let sweep = async {
            if let Err(error) = self.sweep(&stop).await {
                tracing::error!(%error, "what a crash left of final jobs is not removed before the next start");
            }
        };
        let look = async {
            if let Err(error) = self.count().await {
                tracing::error!(%error, "it is not known how many final jobs are kept");
            }
            // It is set here alone.
            drop(self.counted.set(()));
            self.look_again(&stop).await;
        };
        tokio::join!(look, sweep);
    }

    /// Counts what the starts before have left; what comes to it is counted as it does.
    async fn count(&self) -> Result<(), StoreError> {
        let before = self.opened_at;
        let jobs = self.with_store(move |store| store.count_leaving(before)).await?;
        self.metrics.jobs_retained.inc_by(i64::try_from(jobs).unwrap_or(i64::MAX));
        let tombstones = self.with_store(Store::count_tombstones).await?;
        self.metrics.tombstones.inc_by(i64::try_from(tombstones).unwrap_or(i64::MAX));
        Ok(())
    }

    async fn look_again(&self, stop: &CancellationToken) {
        let mut pause = tokio::time::interval(LOOK_PAUSE);
        loop {
            // Both branches are cancel safe.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = pause.tick() => {}
            }
            if let Err(error) = self.look(stop).await {
                tracing::error!(%error, "final jobs that are due could not be forgotten");
            }
        }
    }

    async fn look(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        self.purge_due(stop).await?;
        self.forget_due(stop).await?;
        self.sweep_unpinned().await
    }

    /// Forgets the jobs that are due, batch by batch.
    async fn purge_due(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let began = Instant::now();
            let jobs = self.due().await?;
            if jobs.is_empty() || self.purge_all(jobs, Duration::ZERO).await? == 0 {
                break;
            }
            rest(began).await;
        }
        Ok(())
    }

    /// Forgets the tombstones that are due.
    async fn forget_due(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let began = Instant::now();
            if self.forget_oldest().await? == 0 {
                break;
            }
            rest(began).await;
        }
        Ok(())
    }

    /// Forgets the oldest of the tombstones that are due; answers how many.
    async fn forget_oldest(&self) -> Result<u64, StoreError> {
        let _alone = self.burying.lock().await;
        let (now, mut forgotten) = (self.clock.now(), 0);
        let excess = kept(&self.metrics.tombstones).saturating_sub(TOMBSTONES_MAX);
        let blocks = self.with_store(Store::oldest_tombstones).await?;
        let due = blocks.into_iter().take_while(|block| {
            let is_due = block.until <= now || forgotten < excess;
            forgotten += if is_due { block.tombstones } else { 0 };
            is_due
        });
        let changes: Vec<_> = due.map(Block::forget).collect::<Result<_, _>>()?;
        if !changes.is_empty() {
            self.store.committer().commit(changes).await?;
        }
        self.metrics.tombstones.dec_by(i64::try_from(forgotten).unwrap_or(i64::MAX));
        Ok(forgotten)
    }

    /// The jobs that leave now, the first of them.
    async fn due(&self) -> Result<Vec<JobId>, StoreError> {
        let mut next = self.with_store(move |store| store.leaves_next(BATCH_JOBS_MAX)).await?;
        let times = next.iter().map(|(until, _)| *until);
        next.truncate(due(times, kept(&self.metrics.jobs_retained), self.policy.jobs_max, self.clock.now()));
        Ok(next.into_iter().map(|(_, job)| job).collect())
    }

    /// Forgets those of these jobs that are final and are not in use, or not any more after `patience`; answers how
    /// many. Must not be dropped before it answers.
    async fn purge_all(&self, jobs: Vec<JobId>, patience: Duration) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let batch = self.with_store(move |store| Batch::gather(store, jobs, patience, now)).await?;
        let Batch { leaving, tombstones, changes, blobs, retained } = batch;
        if leaving.is_empty() {
            return Ok(0);
        }
        let alone = self.burying.lock().await;
        let mut buried = self.with_store(move |store| store.bury(&tombstones)).await?;
        buried.extend(changes);
        self.store.committer().commit(buried).await?;
        drop(alone);
        let count = leaving.len();
        self.metrics.jobs_purged.inc_by(count as u64);
        self.metrics.jobs_retained.dec_by(retained.into());
        self.metrics.tombstones.inc_by(i64::try_from(count).unwrap_or(i64::MAX));
        drop(leaving);
        self.sweep_blobs(blobs).await?;
        Ok(count)
    }

    /// Looks for blobs that a crash left without a job.
    async fn sweep(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut swept = 0;
        for first in 0..=u8::MAX {
            if stop.is_cancelled() {
                return Ok(());
            }
            let began = Instant::now();
            let blobs = self.with_store(move |store| store.blobs(first)).await?;
            swept += self.sweep_blobs(blobs).await?;
            rest(began).await;
        }
        if swept > 0 {
            tracing::info!(blobs = swept, "removed what belonged to no job any more");
        }
        Ok(())
    }

    /// Looks at the blobs whose last user has just done with them.
    async fn sweep_unpinned(&self) -> Result<(), StoreError> {
        self.sweep_blobs(self.store.take_unpinned_blobs().collect()).await.map(drop)
    }

    /// Removes those of these blobs that nothing uses; answers how many.
    async fn sweep_blobs(&self, blobs: Vec<Digest>) -> Result<usize, StoreError> {
        if blobs.is_empty() {
            return Ok(0);
        }
        let remove = move |store: &Store| {
            blobs
                .iter()
                .try_fold(0, |removed, blob| Ok(removed + usize::from(store.remove_unused_blob(blob)?)))
        };
        self.with_store(remove).await
    }

    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        spawn_blocking(move || work(&store)).await.unwrap_or(Err(StoreError::Stopped))
    }
}

impl Batch {
    fn gather(
        store: &Store,
        jobs: Vec<JobId>,
        patience: Duration,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let (mut batch, mut ops) = (Self::default(), 0);
        for id in jobs {
            let Some(leaving) = store.leave_within(Target::Job(id), patience) else { continue };
            // Read only now that nobody else can purge it.
            let job = match store.final_job(id) {
                Ok(Some(job)) => job,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(job = %id, %error, "a job cannot be purged");
                    continue;
                }
            };
            let changes = store.without_job(&job)?;
            ops += changes.iter().map(Change::len).sum::<usize>();
            batch.changes.extend(changes);
            batch.blobs.extend(job.blobs());
            batch.tombstones.push((job.spec.channel.clone(), Tombstone::new(&job, now)));
            batch.retained += u32::from(job.kept_until().is_some());
            batch.leaving.push(leaving);
            if ops >= BATCH_OPS_MAX {
                break;
            }
        }
        Ok(batch)
    }
}

fn kept(gauge: &Gauge) -> u64 {
    u64::try_from(gauge.get()).unwrap_or_default()
}

/// Leaves as much time for others as was taken.
async fn rest(began: Instant) {
    tokio::time::sleep(began.elapsed().min(LOOK_PAUSE)).await;
}

#[cfg(test)]
mod tests {
    use windlass_wire::state::JobState;

    use super::*;
    use crate::store::{MemoryEngine, gated::GatedEngine};

    fn retention(store: &Store) -> Arc<Retention> {
        let policy = Policy { retention: Timeout::Never, jobs_max: 10 };
        Retention::new(store.clone(), Arc::default(), Clock::start(), policy)
    }

    fn tombstone(job: u128, purged_at: Timestamp) -> (String, Tombstone) {
        ("0".into(), Tombstone { job: JobId(job << 32), state: JobState::Succeeded, purged_at })
    }

    #[tokio::test]
    async fn where_nothing_is_due_nothing_is_written() {
        let (engine, begun, verdicts) = GatedEngine::new();
        verdicts.send(Ok(())).unwrap();
        let store = Store::new(engine).unwrap();
        retention(&store).look(&CancellationToken::new()).await.unwrap();
        assert!(begun.try_recv().is_err(), "a broker without work leaves its disk alone");
    }

    #[tokio::test]
    async fn tombstones_are_forgotten_when_their_time_is_over() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        let retention = retention(&store);
        let known = [tombstone(1, Timestamp(0)), tombstone(1_000, retention.clock.now())];
        store.committer().commit(store.bury(&known).unwrap()).await.unwrap();
        retention.count().await.unwrap();
        retention.look(&CancellationToken::new()).await.unwrap();
        let found =
            known.map(|(channel, tombstone)| store.tombstone(&channel, tombstone.job).unwrap().is_some());
        assert_eq!((found, kept(&retention.metrics.tombstones)), ([false, true], 1));
    }
}
