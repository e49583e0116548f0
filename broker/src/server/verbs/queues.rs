//! Queues: look at them, pause, limit and purge them.

use std::future::ready;

use futures_util::{StreamExt as _, stream};
use windlass_core::command::{LimitChange, Refusal};
use windlass_wire::{
    code::ErrorCode,
    name::is_name,
    problem::Problem,
    queue::{LimitOptions, PurgeView, QueueView},
};

use crate::{
    driver::Refused,
    server::{
        context::{Caller, Context},
        translate::{limit_change, queue_view, refused},
    },
};

/// Parked jobs that one purge cancels.
const PARKED_JOBS_MAX: usize = 4_096;
/// Of them at once: enough to share each write to the disk.
const IN_FLIGHT_MAX: usize = 256;

/// The queues of the caller's channel, by name.
pub(in crate::server) async fn queues(context: &Context, caller: &Caller) -> Result<Vec<QueueView>, Problem> {
    let queues = context.driver.queues(&caller.channel).await.map_err(refused)?;
    Ok(queues.iter().map(queue_view).collect())
}

/// One queue.
pub(in crate::server) async fn queue(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<QueueView, Problem> {
    let queues = queues(context, caller).await?;
    queues.into_iter().find(|queue| queue.name == name).ok_or_else(|| unknown(name))
}

/// Lets the jobs of a queue start, or not; durable when this answers.
pub(in crate::server) async fn pause_queue(
    context: &Context,
    caller: &Caller,
    name: &str,
    is_paused: bool,
) -> Result<QueueView, Problem> {
    let change = LimitChange { is_paused: Some(is_paused), ..LimitChange::default() };
    change_queue(context, caller, name, change).await
}

/// Limits how many jobs of a queue run at once and start in a span; durable when this answers.
pub(in crate::server) async fn limit_queue(
    context: &Context,
    caller: &Caller,
    name: &str,
    options: LimitOptions,
) -> Result<QueueView, Problem> {
    change_queue(context, caller, name, limit_change(options)?).await
}

/// Cancels the jobs of a queue that do not run, some thousands at a time.
pub(in crate::server) async fn purge_queue(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<PurgeView, Problem> {
    match context.driver.purge_queue(&caller.channel, name).await {
        Ok((0, true)) => purge_parked(context, caller, name).await,
        Ok((cancelled, more)) => Ok(PurgeView { cancelled, more }),
        Err(Refused::Core(Refusal::UnknownQueue)) => Err(unknown(name)),
        Err(other) => Err(refused(other)),
    }
}

/// Cancels jobs of a queue that are parked, one by one, which lets the driver read them.
async fn purge_parked(context: &Context, caller: &Caller, name: &str) -> Result<PurgeView, Problem> {
    let queues = context.driver.queues(&caller.channel).await.map_err(refused)?;
    let number = queues.iter().find(|status| status.queue.name == name).map(|status| status.queue.number);
    let number = number.ok_or_else(|| unknown(name))?;
    let jobs = context.with_store(move |store| store.plain_jobs_of(number, PARKED_JOBS_MAX)).await?;
    let more = jobs.len() == PARKED_JOBS_MAX;
    let cancels = jobs.into_iter().map(|job| context.driver.cancel(job, &caller.channel));
    // One that has just begun or ended is none of those meant.
    let cancelled =
        stream::iter(cancels).buffered(IN_FLIGHT_MAX).filter(|done| ready(done.is_ok())).count().await;
    Ok(PurgeView { cancelled, more })
}

async fn change_queue(
    context: &Context,
    caller: &Caller,
    name: &str,
    change: LimitChange,
) -> Result<QueueView, Problem> {
    if !is_name(name) {
        return Err(Problem::new(ErrorCode::BadRequest, format!("`{}` is not a name", name.escape_debug())));
    }
    context.driver.limit_queue(&caller.channel, name, change).await.map_err(refused)?;
    queue(context, caller, name).await
}

fn unknown(name: &str) -> Problem {
    Problem::new(ErrorCode::NotFound, format!("there is no queue `{}`", name.escape_debug()))
        .with_hint("`queue.list` or `GET /v1/queues` shows those there are")
}
