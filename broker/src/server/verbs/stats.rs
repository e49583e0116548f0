//! How the broker is doing.

use windlass_wire::{
    problem::Problem,
    stats::{CallsView, SlotsView, StatsView},
};

use crate::server::{
    context::{Caller, Context},
    live::Figures,
    translate::{refused, time},
};

/// Figures of the broker, with the failures of the caller's channel; the last hour only if it is asked for.
pub(in crate::server) async fn stats(
    context: &Context,
    caller: &Caller,
    with_history: bool,
) -> Result<StatsView, Problem> {
    let stats = context.driver.stats().await.map_err(refused)?;
    let now = context.driver.clock().now();
    let worker = context.driver.worker();
    let Figures { rates, sync, failures, history } = context.live.figures(&caller.channel, now, with_history);
    let count = |count: usize| count as u64;
    Ok(StatsView {
        at: time(now),
        started_at: time(context.started_at),
        states: stats.states.iter().map(|(state, jobs)| (state.name().to_owned(), count(*jobs))).collect(),
        totals: context.metrics.totals().into_iter().map(|(name, total)| (name.to_owned(), total)).collect(),
        rates,
        oldest_ready_at: stats.oldest_ready.map(time),
        slots: SlotsView { used: count(stats.held_slots), total: u64::from(worker.slots()) },
        calls: CallsView { running: count(worker.running_calls()), waiting: count(stats.waiting_calls) },
        sync,
        failures,
        history,
    })
}
