//! Queues and their limits, between the wire and the core.

use windlass_core::{command::LimitChange, queue::Rate, scheduler::QueueStatus};
use windlass_wire::{
    limits::{QUEUE_LIMIT_MAX, RATE_SPAN_MILLIS_MAX},
    problem::Problem,
    queue::{LimitOptions, QueueView, RateOptions},
    span::Span,
};

use super::time;
use crate::server::typed::refused_at;

/// The queue as clients see it.
pub(in crate::server) fn queue_view(status: &QueueStatus) -> QueueView {
    let limits = status.queue.limits;
    let rate = |rate: Rate| RateOptions { count: rate.count, per: Span::from_millis(rate.per_millis) };
    QueueView {
        name: status.queue.name.clone(),
        paused: limits.is_paused,
        concurrency: limits.concurrency,
        rate: limits.rate.map(rate),
        scheduled: status.depths.scheduled,
        blocked: status.depths.blocked,
        ready: status.depths.ready,
        running: status.depths.running,
        oldest_ready_at: status.oldest_ready.as_ref().map(|job| time(job.spec.submitted_at)),
    }
}

/// Checks limits; a refusal points to the parameter.
pub(in crate::server) fn limit_change(options: LimitOptions) -> Result<LimitChange, Problem> {
    let range = || format!("expected 1 to {QUEUE_LIMIT_MAX}, or null for no limit");
    let is_right = |count: u32| (1..=QUEUE_LIMIT_MAX).contains(&count);
    if options.concurrency.flatten().is_some_and(|count| !is_right(count)) {
        return Err(refused_at("/concurrency", range()));
    }
    if let Some(rate) = options.rate.flatten() {
        if !is_right(rate.count) {
            return Err(refused_at("/rate/count", range()));
        }
        if !(1..=RATE_SPAN_MILLIS_MAX).contains(&rate.per.millis()) {
            return Err(refused_at("/rate/per", "expected a span above 0 and up to 7d"));
        }
    }
    let rate = |rate: RateOptions| Rate { count: rate.count, per_millis: rate.per.millis() };
    Ok(LimitChange {
        is_paused: None,
        concurrency: options.concurrency,
        rate: options.rate.map(|given| given.map(rate)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_out_of_bounds_are_pointed_to() {
        for (options, pointer) in [
            (json!({ "concurrency": 0 }), "/concurrency"),
            (json!({ "concurrency": 10_001 }), "/concurrency"),
            (json!({ "rate": { "count": 0, "per": "1s" } }), "/rate/count"),
            (json!({ "rate": { "count": 1, "per": 0 } }), "/rate/per"),
            (json!({ "rate": { "count": 1, "per": "8d" } }), "/rate/per"),
        ] {
            let refused = limit_change(serde_json::from_value(options).unwrap()).unwrap_err();
            assert_eq!(refused.detail, Some(json!({ "pointer": pointer })));
        }
    }
}
