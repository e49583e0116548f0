//! The load of a bench: who sends when, and which of it is measured.

use std::{
    fmt, io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::Value;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
    task::JoinSet,
};
use windlass_client::{CallOptions, Client, ClientError, SubmitOptions};

use super::{Operation, figures::Figures};

/// What is asked for, how often and for how long.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) operation: Operation,
    pub(super) handler: String,
    pub(super) args: Value,
    pub(super) call: CallOptions,
    pub(super) submit: SubmitOptions,
    /// Requests that may be unanswered at once.
    pub(super) in_flight: usize,
    /// The time between two requests; none = one is sent whenever one was answered.
    pub(super) interval: Option<Duration>,
    /// The time before anything is measured.
    pub(super) warmup: Duration,
    pub(super) end: End,
}

/// When no more is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// So long after the warm-up.
    After(Duration),
    /// When so many that are measured have been sent.
    Sent(u64),
}

impl End {
    fn is_reached(self, figures: &Figures) -> bool {
        match self {
            Self::After(time) => Instant::now() >= figures.measured_from + time,
            Self::Sent(count) => figures.sent >= count,
        }
    }
}

/// A plan that is carried out.
#[derive(Debug)]
pub(super) struct Load {
    plan: Plan,
    began: Instant,
    figures: Mutex<Figures>,
}

impl Load {
    pub(super) fn begin(plan: Plan) -> Self {
        let began = Instant::now();
        let figures = Mutex::new(Figures::new(began + plan.warmup));
        Self { plan, began, figures }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What was measured so far. Nothing more is sent from now on.
    pub(super) fn end(&self) -> Figures {
        let mut figures = self.figures();
        let ended = Figures { has_ended: true, ..Figures::new(self.measured_from()) };
        mem::replace(&mut *figures, ended)
    }

    /// Sends until the plan's end, and waits for the answers.
    ///
    /// Cancel safety: what was measured stays, and [`Load::end`] tells it.
    pub(super) async fn drive(self: &Arc<Self>, clients: &[Client]) -> anyhow::Result<()> {
        match self.plan.interval {
            None => self.drive_closed(clients).await,
            Some(interval) => self.drive_open(clients, interval).await,
        }
    }

    /// Each sender waits for its answer before it sends again.
    async fn drive_closed(self: &Arc<Self>, clients: &[Client]) -> anyhow::Result<()> {
        let mut senders = JoinSet::new();
        for client in clients.iter().cycle().take(self.plan.in_flight) {
            let (load, client) = (Arc::clone(self), client.clone());
            senders.spawn(async move {
                loop {
                    let at = Instant::now();
                    let Some(counts) = load.next(at) else { return };
                    load.send(&client, at, counts).await;
                }
            });
        }
        while let Some(ended) = senders.join_next().await {
            ended.context("a sender stopped")?;
        }
        Ok(())
    }

    /// One thread tells when to send: the timers of the runtime are too coarse for that.
    async fn drive_open(self: &Arc<Self>, clients: &[Client], interval: Duration) -> anyhow::Result<()> {
        let (load, clients, runtime) = (Arc::clone(self), clients.to_vec(), Handle::current());
        let (done, ended) = oneshot::channel();
        let beat = move || {
            load.beat(&clients, interval, &runtime);
            // Nobody waits for this after an interrupt.
            done.send(()).unwrap_or_default();
        };
        spawn(beat).context("cannot start a thread")?;
        ended.await.context("the thread that sends stopped")
    }

    /// Lets a request be sent whenever one is due, and waits for all answers. What had to wait because too many were
    /// unanswered is still measured from when it was due, as its sender would have waited.
    fn beat(self: &Arc<Self>, clients: &[Client], interval: Duration, runtime: &Handle) {
        let room = Arc::new(Semaphore::new(self.plan.in_flight));
        let mut due = self.began;
        for client in clients.iter().cycle() {
            if self.plan.end.is_reached(&self.figures()) {
                break;
            }
            let Ok(permit) = runtime.block_on(Arc::clone(&room).acquire_owned()) else { return };
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let Some(counts) = self.next(due) else { break };
            let (load, client, at) = (Arc::clone(self), client.clone(), due);
            runtime.spawn(async move {
                load.send(&client, at, counts).await;
                drop(permit);
            });
            due += interval;
        }
        for _ in 0..self.plan.in_flight {
            let Ok(permit) = runtime.block_on(room.acquire()) else { return };
            permit.forget();
        }
    }

    /// Whether the request that is due at this time is measured; none = nothing more is sent.
    fn next(&self, due: Instant) -> Option<bool> {
        let mut figures = self.figures();
        if figures.has_ended {
            return None;
        }
        if due < self.measured_from() {
            return Some(false);
        }
        if self.plan.end.is_reached(&figures) {
            return None;
        }
        figures.sent += 1;
        Some(true)
    }

    async fn send(&self, client: &Client, due: Instant, counts: bool) {
        let outcome = self.plan.ask(client).await;
        let answered = Instant::now();
        let mut figures = self.figures();
        if counts {
            figures.take(due, answered, &outcome);
        }
        if let Err(error) = outcome
            && error.problem().is_none()
        {
            figures.lose(error);
        }
    }

    fn measured_from(&self) -> Instant {
        self.began + self.plan.warmup
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    async fn ask(&self, client: &Client) -> Result<(), ClientError> {
        let args = self.args.clone();
        match self.operation {
            Operation::Call => client.call(&self.handler, args, &self.call).await.map(drop),
            Operation::Submit => client.submit(&self.handler, args, &self.submit).await.map(drop),
            Operation::Job => {
                let job = client.submit(&self.handler, args, &self.submit).await?;
                client.wait(job, self.call.timeout).await.map(drop)
            }
        }
    }
}

fn spawn(beat: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("windlass-beat".to_owned()).spawn(beat).map(drop)
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call => "call",
            Self::Job => "job",
            Self::Submit => "submit",
        })
    }
}
