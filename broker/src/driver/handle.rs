//! The way to the driver: what the rest of the broker may ask of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot};
use windlass_core::{
    command::{Answer, Command, LimitChange, Refusal, ScheduleChange, Submission},
    job::{Failure, Job, Spec, Timestamp},
    schedule::ScheduleId,
    scheduler::{QueueStatus, Waiting},
};
use windlass_wire::{id::JobId, state::JobState};

use crate::{
    registry::Version,
    sandbox::{Arguments, Control, Limits},
    store::Pinned,
    worker::{CallError, LocalWorker},
};

/// A job to accept.
#[derive(Debug)]
pub struct NewJob {
    /// What is asked for.
    pub spec: Spec,
    /// Of the jobs it comes after those that are final: whether they have succeeded.
    pub ended: BTreeMap<JobId, bool>,
    /// The final job it tries again, as the store has it.
    pub original: Option<Arc<Job>>,
    /// What must stay until the job is durable: its arguments, and the job it tries again.
    pub pinned: Vec<Pinned>,
}

impl NewJob {
    /// A job that has nothing to do with others.
    pub fn new(spec: Spec) -> Self {
        Self { spec, ended: BTreeMap::new(), original: None, pinned: Vec::new() }
    }

    fn submission(self) -> Result<(Submission, Vec<Pinned>), Refused> {
        let salt = getrandom::u32().map_err(|error| {
            tracing::error!(%error, "the system has no random numbers, which the ids of jobs need");
            Refused::Stopped
        })?;
        let Self { spec, ended, original, pinned } = self;
        Ok((Submission { spec: Arc::new(spec), ended, original, salt }, pinned))
    }
}

/// A call to run.
#[derive(Debug)]
pub struct NewCall {
    /// The plugin version.
    pub version: Arc<Version>,
    /// The handler's place in the version's signatures.
    pub handler: usize,
    /// Its checked arguments.
    pub args: Arguments,
    /// The one clock over waiting for a slot and running; none = no limit.
    pub timeout: Option<Duration>,
}

/// A job changed, and the change is durable.
#[derive(Debug, Clone)]
pub struct JobEvent {
    /// Grows with every event, over all starts of the broker.
    pub seq: u64,
    /// When it became known.
    pub at: Timestamp,
    /// The job as it is since.
    pub job: Arc<Job>,
}

/// Why the driver did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// The core refused.
    #[error(transparent)]
    Core(#[from] Refusal),
    /// The disk does not keep up with what is accepted.
    #[error("the disk does not keep up")]
    Behind,
    /// The store failed or the broker is going down; nothing is known about what became of the request.
    #[error("the broker is going down")]
    Stopped,
}

/// How much there is of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Live jobs by state.
    pub states: BTreeMap<JobState, usize>,
    /// Since when the ready job that waits longest is ready.
    pub oldest_ready: Option<Timestamp>,
    /// Jobs that are not final.
    pub live_jobs: usize,
    /// Calls that wait for a slot.
    pub waiting_calls: usize,
    /// Slots in which something runs.
    pub held_slots: usize,
}

/// What may arrive in the driver's mailbox.
pub(super) enum Input {
    Command(Command, oneshot::Sender<Result<Answer, Refused>>, Vec<Pinned>),
    Wait { job: JobId, channel: String, answer: oneshot::Sender<Option<Arc<Job>>> },
    Call(Box<CallRequest>),
    Queues { channel: String, answer: oneshot::Sender<Vec<QueueStatus>> },
    Waiting(JobId, oneshot::Sender<Option<Waiting>>),
    Stats(oneshot::Sender<Stats>),
    Drain(oneshot::Sender<()>),
    Cut,
}

/// A call on its way to a worker.
pub(super) struct CallRequest {
    pub(super) call: NewCall,
    pub(super) deadline: Option<Timestamp>,
    pub(super) control: Control,
    pub(super) answer: oneshot::Sender<Result<String, CallError>>,
}

/// Asks the driver. Clones ask the same one.
#[derive(Clone)]
pub struct Handle {
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) events: broadcast::Sender<JobEvent>,
    pub(super) worker: Arc<LocalWorker>,
    pub(super) clock: super::Clock,
}

impl Handle {
    /// Accepts a job; durable when it answers.
    ///
    /// Cancel safety: dropped before the answer, the job may have been accepted or not.
    pub async fn submit(&self, job: NewJob) -> Result<JobId, Refused> {
        let (job, pinned) = job.submission()?;
        match self.command_with(Command::Submit(job), pinned).await? {
            Answer::Submitted(id) => Ok(id),
            Answer::Done | Answer::Purged(..) | Answer::ScheduleMade | Answer::SubmittedMany(_) => {
                Err(Refused::Stopped)
            }
        }
    }

    /// Accepts jobs, all or none, and all with one commit; durable when it answers.
    ///
    /// Cancel safety: dropped before the answer, all of them may have been accepted or none.
    pub async fn submit_many(&self, jobs: Vec<NewJob>) -> Result<Vec<JobId>, Refused> {
        let jobs = jobs.into_iter().map(NewJob::submission).collect::<Result<Vec<_>, _>>()?;
        let (jobs, pinned): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        match self.command_with(Command::SubmitMany(jobs), pinned.into_iter().flatten().collect()).await? {
            Answer::SubmittedMany(ids) => Ok(ids),
            Answer::Done | Answer::Purged(..) | Answer::ScheduleMade | Answer::Submitted(_) => {
                Err(Refused::Stopped)
            }
        }
    }

    /// Cancels a job of a channel; final and durable when it answers. [`Refusal::Unknown`] means that it is not
    /// live: what the store shows then is its final record, or it has none.
    ///
    /// Cancel safety: dropped before the answer, the job may have been cancelled or not.
    pub async fn cancel(&self, job: JobId, channel: &str) -> Result<(), Refused> {
        let channel = channel.to_owned();
        self.command(Command::Cancel { job, channel }).await.map(drop)
    }

    /// Lets a job of a channel go on that was held; durable when it answers.
    ///
    /// Cancel safety: dropped before the answer, the job may have been released or not.
    pub async fn release(&self, job: JobId, channel: &str) -> Result<(), Refused> {
        let channel = channel.to_owned();
        self.command(Command::Release { job, channel }).await.map(drop)
    }

    /// Changes what holds back the jobs of a queue; durable when it answers. A queue that does not exist is made.
    ///
    /// Cancel safety: dropped before the answer, the change may have been made or not.
    pub async fn limit_queue(&self, channel: &str, name: &str, change: LimitChange) -> Result<(), Refused> {
        let (channel, name) = (channel.to_owned(), name.to_owned());
        self.command(Command::LimitQueue { channel, name, change }).await.map(drop)
    }

    /// Cancels the jobs of a queue that do not run, some thousands at a time: answers how many, and whether more
    /// are left. Final and durable when it answers.
    ///
    /// Cancel safety: dropped before the answer, the jobs may have been cancelled or not.
    pub async fn purge_queue(&self, channel: &str, name: &str) -> Result<(usize, bool), Refused> {
        let (channel, name) = (channel.to_owned(), name.to_owned());
        match self.command(Command::PurgeQueue { channel, name }).await? {
            Answer::Purged(count, has_more) => Ok((count, has_more)),
            Answer::Done | Answer::ScheduleMade | Answer::Submitted(_) | Answer::SubmittedMany(_) => {
                Err(Refused::Stopped)
            }
        }
    }

    /// Changes a schedule, which is made if it is put and there is none; durable when it answers whether it was made.
    /// `pinned` are the arguments it is put with.
    ///
    /// Cancel safety: dropped before the answer, the change may have been made or not.
    pub async fn change_schedule(
        &self,
        channel: &str,
        name: &str,
        change: ScheduleChange,
        pinned: Vec<Pinned>,
    ) -> Result<bool, Refused> {
        let (channel, name) = (channel.to_owned(), name.to_owned());
        let answer = self.command_with(Command::ChangeSchedule { channel, name, change }, pinned).await?;
        Ok(answer == Answer::ScheduleMade)
    }

    /// Accepts the job that was made of a tick, or because the schedule is triggered, or remembers why none can be;
    /// durable when it answers. None: it was remembered.
    ///
    /// Cancel safety: dropped before the answer, the job may have been accepted or not.
    pub async fn run_schedule(
        &self,
        schedule: ScheduleId,
        tick: Option<Timestamp>,
        made: Result<NewJob, Failure>,
    ) -> Result<Option<JobId>, Refused> {
        let (made, pinned) = match made {
            Ok(job) => {
                let (job, pinned) = job.submission()?;
                (Ok(job), pinned)
            }
            Err(failure) => (Err(failure), Vec::new()),
        };
        match self.command_with(Command::RunSchedule { schedule, tick, made }, pinned).await? {
            Answer::Submitted(id) => Ok(Some(id)),
            Answer::Done | Answer::Purged(..) | Answer::ScheduleMade | Answer::SubmittedMany(_) => Ok(None),
        }
    }

    /// The queues of a channel as they are now, by name.
    pub async fn queues(&self, channel: &str) -> Result<Vec<QueueStatus>, Refused> {
        let channel = channel.to_owned();
        self.ask(|answer| Input::Queues { channel, answer }).await
    }

    /// What a job waits for; none = it runs, or is not live.
    pub async fn waiting(&self, job: JobId) -> Result<Option<Waiting>, Refused> {
        self.ask(|answer| Input::Waiting(job, answer)).await
    }

    /// Waits for the final, durable record of a channel's job. None: no such job is live, so the store has all
    /// there is to know.
    ///
    /// Cancel safety: dropping it only ends the waiting.
    pub async fn wait(&self, job: JobId, channel: &str) -> Result<Option<Arc<Job>>, Refused> {
        let channel = channel.to_owned();
        self.ask(|answer| Input::Wait { job, channel, answer }).await
    }

    /// Runs a call in the next free slot and answers its result as JSON text.
    ///
    /// Cancel safety: dropping it stops the guest.
    pub async fn call(&self, call: NewCall) -> Result<String, CallError> {
        let deadline = call.timeout.map(|timeout| {
            self.clock.now().plus_millis(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
        });
        let control = Control::new(&Limits::default());
        let stop_when_dropped = StopOnDrop(control.clone());
        let end = self
            .ask(|answer| Input::Call(Box::new(CallRequest { call, deadline, control, answer })))
            .await
            .unwrap_or(Err(CallError::Stopped));
        drop(stop_when_dropped);
        end
    }

    /// Every change of every job from now on. A receiver that is too slow is told how many it missed.
    pub fn events(&self) -> broadcast::Receiver<JobEvent> {
        self.events.subscribe()
    }

    /// What the attempt in progress has logged so far; none = no attempt of it is running here.
    pub fn running_log(&self, job: JobId) -> Option<String> {
        self.worker.running_log(job)
    }

    /// The worker inside the broker.
    pub fn worker(&self) -> &LocalWorker {
        &self.worker
    }

    /// How much there is of what.
    pub async fn stats(&self) -> Result<Stats, Refused> {
        self.ask(Input::Stats).await
    }

    /// Stops granting and accepting; answers when nothing runs any more and everything is durable.
    pub async fn drain(&self) -> Result<(), Refused> {
        self.ask(Input::Drain).await
    }

    /// Stops every run; jobs are handed back without counting the attempt.
    pub async fn cut(&self) {
        // A driver that is gone already has nothing left to cut.
        drop(self.inputs.send(Input::Cut).await);
    }

    /// The broker's clock.
    pub fn clock(&self) -> super::Clock {
        self.clock
    }

    async fn command(&self, command: Command) -> Result<Answer, Refused> {
        self.command_with(command, Vec::new()).await
    }

    /// Whatever becomes of whoever asks, what is pinned stays so until the command is carried out and durable.
    async fn command_with(&self, command: Command, pinned: Vec<Pinned>) -> Result<Answer, Refused> {
        self.ask(|answer| Input::Command(command, answer, pinned)).await?
    }

    async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Result<T, Refused> {
        let (answer, answered) = oneshot::channel();
        self.inputs.send(input(answer)).await.map_err(|_| Refused::Stopped)?;
        answered.await.map_err(|_| Refused::Stopped)
    }
}

struct StopOnDrop(Control);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
