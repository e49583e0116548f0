//! Slots inside the broker: a runtime of their own, so that no guest can hold up the network.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{runtime::Runtime, sync::mpsc};
use windlass_core::{
    command::AttemptEnd,
    job::{Failure, Fence, Job, Payload},
};
use windlass_wire::{code::ErrorCode, id::JobId};

use super::{
    CallError, CallWork, JobWork, Report,
    outcome::{Stopped, failure, settle, usage},
};
use crate::{
    registry::Registry,
    sandbox::{Arguments, Control, Finished, Limits, arguments::check, run::run},
    store::{Pinned, Store},
};

/// Runs what the driver grants it, each in a fresh sandbox.
pub struct LocalWorker {
    /// There until the worker is dropped.
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
}

struct Shared {
    slots: u32,
    registry: Registry,
    store: Store,
    running: Mutex<HashMap<Fence, (Arc<Job>, Control)>>,
    calls: Mutex<HashMap<u64, Control>>,
    reports: mpsc::Sender<Report>,
}

impl LocalWorker {
    /// A worker with so many slots and as many threads. The receiver is for the driver.
    pub fn start(
        slots: u32,
        registry: Registry,
        store: Store,
    ) -> std::io::Result<(Self, mpsc::Receiver<Report>)> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(slots.max(1) as usize)
            .thread_name("windlass-slot")
            .enable_time()
            // A version whose compiled form is not there is compiled by a child process, which whoever waits for it starts.
            .enable_io()
            .build()?;
        let (reports, received) = mpsc::channel(slots.max(1) as usize);
        let (running, calls) = (Mutex::default(), Mutex::default());
        Ok((
            Self {
                runtime: Some(runtime),
                shared: Arc::new(Shared { slots, registry, store, running, calls, reports }),
            },
            received,
        ))
    }

    /// Jobs and calls it runs at once.
    pub fn slots(&self) -> u32 {
        self.shared.slots
    }

    /// Begins a job's run; returns at once.
    pub fn start_job(&self, work: JobWork) {
        let shared = Arc::clone(&self.shared);
        let limits =
            Limits { time: work.job.spec.run_timeout_millis.map(Duration::from_millis), ..Limits::default() };
        let control = Control::new(&limits);
        shared.running().insert(work.fence, (Arc::clone(&work.job), control.clone()));
        self.spawn(async move {
            let (end, result) = shared.run_job(&work.job, limits, &control).await;
            shared.running().remove(&work.fence);
            let (fence, job, attempt) = (work.fence, work.job.id, work.job.attempt);
            let (log, pinned) = (control.log().text(), work.pinned.into_iter().chain(result).collect());
            shared.report(Report::AttemptEnded { fence, job, attempt, end, log, pinned }).await;
        });
    }

    /// Begins a call's run; returns at once.
    pub fn start_call(&self, work: CallWork) {
        let shared = Arc::clone(&self.shared);
        shared.calls().insert(work.call.0, work.control.clone());
        self.spawn(async move {
            let limits = Limits { time: work.time_left, ..Limits::default() };
            let finished = match work.version.program().await {
                Ok(program) => {
                    let handler = &work.version.signatures[work.handler].name;
                    Ok(run(&program, handler, work.args, &limits, &work.control).await)
                }
                Err(problem) => Err(failure(problem.code, problem.message, problem.detail)),
            };
            shared.calls().remove(&work.call.0);
            // Whoever asked may have gone meanwhile.
            drop(work.answer.send(finished.and_then(call_result).map_err(CallError::Failed)));
            shared.report(Report::CallEnded(work.call)).await;
        });
    }

    fn spawn(&self, run: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            drop(runtime.spawn(run));
        }
    }

    /// Stops the run under a lease, if it is still going on.
    pub fn stop(&self, fence: Fence) {
        if let Some((_, control)) = self.shared.running().get(&fence) {
            control.cancel();
        }
    }

    /// Stops every run.
    pub fn stop_all(&self) {
        for (_, control) in self.shared.running().values() {
            control.cancel();
        }
        for control in self.shared.calls().values() {
            control.cancel();
        }
    }

    /// What the attempt in progress of a job has logged so far.
    pub fn running_log(&self, job: JobId) -> Option<String> {
        self.shared
            .running()
            .values()
            .find(|(running, _)| running.id == job)
            .map(|(_, control)| control.log().text())
    }

    /// The jobs it runs now, as they were when it was given them.
    pub fn running_jobs(&self) -> Vec<Arc<Job>> {
        self.shared.running().values().map(|(job, _)| Arc::clone(job)).collect()
    }

    /// How many calls it runs now.
    pub fn running_calls(&self) -> usize {
        self.shared.calls().len()
    }
}

impl Drop for LocalWorker {
    /// Guests still running are left to end by themselves, because dropping a runtime waits for its threads.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    /// How the run ended, and what keeps its result until that is known.
    async fn run_job(&self, job: &Job, limits: Limits, control: &Control) -> (AttemptEnd, Option<Pinned>) {
        let end = match self.try_run_job(job, limits, control).await {
            Err(failure) => AttemptEnd::Failed { failure, usage: windlass_wire::job::Usage::default() },
            Ok(Finished { outcome, usage: used }) => {
                let usage = usage(&used);
                match settle(outcome) {
                    Err(Stopped) => AttemptEnd::Stopped,
                    Ok(Err(failure)) => AttemptEnd::Failed { failure, usage },
                    Ok(Ok(value)) => match self.keep(value).await {
                        Ok((result, pinned)) => return (AttemptEnd::Completed { result, usage }, pinned),
                        Err(failure) => AttemptEnd::Failed { failure, usage },
                    },
                }
            }
        };
        (end, None)
    }

    async fn try_run_job(&self, job: &Job, limits: Limits, control: &Control) -> Result<Finished, Failure> {
        let version = self.registry.version(&job.spec.version).ok_or_else(|| {
            failure(ErrorCode::UnknownHandler, format!("plugin version `{}` is gone", job.spec.version), None)
        })?;
        let function = job.spec.handler.split_once('/').map_or("", |(_, function)| function);
        let handler = version.handler(function).ok_or_else(|| {
            failure(ErrorCode::UnknownHandler, format!("the plugin has no handler `{function}`"), None)
        })?;
        let args = self.arguments(job, &version, handler).await?;
        let program = version
            .program()
            .await
            .map_err(|problem| failure(problem.code, problem.message, problem.detail))?;
        Ok(run(&program, &version.signatures[handler].name, args, &limits, control).await)
    }

    async fn arguments(
        &self,
        job: &Job,
        version: &crate::registry::Version,
        handler: usize,
    ) -> Result<Arguments, Failure> {
        let internal = |message: String| failure(ErrorCode::Internal, message, None);
        let text = self.store.bring(&job.spec.args).await.map_err(|error| internal(error.to_string()))?;
        let args: Value = serde_json::from_str(&text).map_err(|error| internal(error.to_string()))?;
        check(&version.signatures[handler], &args)
            .map_err(|error| failure(ErrorCode::BadArguments, error.to_string(), None))
    }

    /// Puts a result where it belongs.
    async fn keep(&self, value: String) -> Result<(Payload, Option<Pinned>), Failure> {
        let kept = self.store.keep(value).await;
        kept.map_err(|error| failure(ErrorCode::Internal, error.to_string(), None))
    }

    async fn report(&self, report: Report) {
        // The driver is gone only when the broker is, and then nobody has a use for the report.
        drop(self.reports.send(report).await);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Fence, (Arc<Job>, Control)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u64, Control>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn call_result(finished: Finished) -> Result<String, Failure> {
    settle(finished.outcome)
        .unwrap_or_else(|Stopped| Err(failure(ErrorCode::Cancelled, "the call was stopped".to_owned(), None)))
}
