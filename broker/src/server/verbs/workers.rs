//! Workers: look at them. Today there is one, inside the broker.

use std::cmp::Reverse;

use windlass_core::job::{Job, Timestamp};
use windlass_wire::{
    limits::RUNNING_SHOWN_MAX,
    worker::{RunningView, WorkerList, WorkerView},
};

use crate::{
    driver::LOCAL_WORKER,
    server::{
        context::{Caller, Context},
        translate::{time, worker_id},
    },
};

/// Every worker, with the jobs of the caller's channel that it runs.
pub(in crate::server) fn workers(context: &Context, caller: &Caller) -> WorkerList {
    let worker = context.driver.worker();
    let (jobs, calls) = (worker.running_jobs(), worker.running_calls());
    let used = jobs.len() + calls;
    let ours = jobs.iter().filter(|job| job.spec.channel == caller.channel);
    let mut running: Vec<(Timestamp, &Job)> =
        ours.filter_map(|job| Some((job.lease()?.since, job.as_ref()))).collect();
    running.sort_by_key(|(since, job)| (*since, Reverse(job.id)));
    let running = running.into_iter().take(RUNNING_SHOWN_MAX).map(|(since, job)| RunningView {
        job: job.id,
        handler: job.spec.handler.clone(),
        attempt: job.attempt,
        since: time(since),
    });
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let local = WorkerView {
        id: worker_id(LOCAL_WORKER),
        name: "local".to_owned(),
        kind: "local".to_owned(),
        slots: worker.slots(),
        used: count(used),
        labels: [].into(),
        since: time(context.started_at),
        running: running.collect(),
        calls: count(calls),
    };
    WorkerList { items: vec![local] }
}
