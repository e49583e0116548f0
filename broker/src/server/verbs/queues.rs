//! Queues: look at them, pause, limit and purge them.

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
        Ok((cancelled, more)) => Ok(PurgeView { cancelled, more }),
        Err(Refused::Core(Refusal::UnknownQueue)) => Err(unknown(name)),
        Err(other) => Err(refused(other)),
    }
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
