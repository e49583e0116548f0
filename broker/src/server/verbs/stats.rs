//! How the broker is doing.

use prometheus_client::metrics::gauge::Gauge;
use windlass_wire::{
    problem::Problem,
    stats::{CallsView, RetentionView, SlotsView, StatsView, StoreView},
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
    let Figures { rates, sync, health, failures, history } =
        context.live.figures(&caller.channel, now, with_history);
    let count = |count: usize| count as u64;
    let kept = |gauge: &Gauge| u64::try_from(gauge.get()).unwrap_or_default();
    Ok(StatsView {
        at: time(now),
        started_at: time(context.started_at),
        states: stats.states.iter().map(|(state, jobs)| (state.name().to_owned(), count(*jobs))).collect(),
        totals: context.metrics.totals().into_iter().map(|(name, total)| (name.to_owned(), total)).collect(),
        rates,
        oldest_ready_at: stats.oldest_ready.map(time),
        slots: SlotsView { used: count(stats.held_slots), total: u64::from(worker.slots()) },
        calls: CallsView { running: count(worker.running_calls()), waiting: count(stats.waiting_calls) },
        retention: RetentionView {
            jobs: kept(&context.metrics.jobs_retained),
            tombstones: kept(&context.metrics.tombstones),
        },
        sync,
        store: StoreView {
            state_bytes: health.state_bytes,
            journal_bytes: health.journal_bytes,
            unfolded_bytes: health.unfolded_bytes,
            unfolded_bytes_max: health.unfolded_bytes_max,
            folded_last_millis: health.folded_last_millis,
            folded_ago_millis: health.folded_ago_millis,
        },
        failures,
        history,
    })
}
