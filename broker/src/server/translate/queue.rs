//! Queues and their limits, between the wire and the core.

use windlass_core::{command::LimitChange, queue::TagLimit, rate::Rate, scheduler::QueueStatus};
use windlass_wire::{
    limits::{QUEUE_LIMIT_MAX, RATE_SPAN_MILLIS_MAX, TAG_BYTES_MAX},
    problem::Problem,
    queue::{LimitOptions, QueueView, RateOptions, TagLimitOptions},
    span::Span,
};

use super::time;
use crate::server::typed::refused_at;

/// The queue as clients see it.
pub(in crate::server) fn queue_view(status: &QueueStatus) -> QueueView {
    let limits = &status.queue.limits;
    let rate = |rate: Rate| RateOptions { count: rate.count, per: Span::from_millis(rate.per_millis) };
    QueueView {
        name: status.queue.name.clone(),
        paused: limits.is_paused,
        concurrency: limits.concurrency,
        rate: limits.rate.map(rate),
        per_tag: limits.per_tag.as_ref().map(|limit| TagLimitOptions {
            tag: limit.tag.clone(),
            concurrency: limit.concurrency,
            rate: limit.rate.map(rate),
        }),
        scheduled: status.depths.scheduled,
        blocked: status.depths.blocked,
        ready: status.depths.ready,
        running: status.depths.running,
        oldest_ready_at: status.oldest_ready.as_ref().map(|job| time(job.spec.submitted_at)),
    }
}

/// Checks limits; a refusal points to the parameter.
pub(in crate::server) fn limit_change(options: LimitOptions) -> Result<LimitChange, Problem> {
    let LimitOptions { concurrency, rate, per_tag } = options;
    let given = |rate| rate_at("/rate", rate);
    Ok(LimitChange {
        is_paused: None,
        concurrency: concurrency.map(|count| concurrency_at("/concurrency", count)).transpose()?,
        rate: rate.map(given).transpose()?,
        per_tag: per_tag.map(|limit| limit.map(tag_limit).transpose()).transpose()?,
    })
}

fn tag_limit(options: TagLimitOptions) -> Result<TagLimit, Problem> {
    let TagLimitOptions { tag, concurrency, rate } = options;
    if !(1..=TAG_BYTES_MAX).contains(&tag.len()) {
        return Err(refused_at("/per_tag/tag", format!("expected 1 to {TAG_BYTES_MAX} bytes")));
    }
    if concurrency.is_none() && rate.is_none() {
        return Err(refused_at("/per_tag", "expected `concurrency`, `rate` or both, or null for no limit"));
    }
    let concurrency = concurrency_at("/per_tag/concurrency", concurrency)?;
    Ok(TagLimit { tag, concurrency, rate: rate_at("/per_tag/rate", rate)? })
}

fn concurrency_at(pointer: &str, count: Option<u32>) -> Result<Option<u32>, Problem> {
    if count.is_some_and(|count| !is_count(count)) {
        return Err(refused_at(pointer, count_expected()));
    }
    Ok(count)
}

fn rate_at(pointer: &str, rate: Option<RateOptions>) -> Result<Option<Rate>, Problem> {
    let Some(RateOptions { count, per }) = rate else { return Ok(None) };
    if !is_count(count) {
        return Err(refused_at(&format!("{pointer}/count"), count_expected()));
    }
    if !(1..=RATE_SPAN_MILLIS_MAX).contains(&per.millis()) {
        return Err(refused_at(&format!("{pointer}/per"), "expected a span above 0 and up to 7d"));
    }
    Ok(Some(Rate { count, per_millis: per.millis() }))
}

fn is_count(count: u32) -> bool {
    (1..=QUEUE_LIMIT_MAX).contains(&count)
}

fn count_expected() -> String {
    format!("expected 1 to {QUEUE_LIMIT_MAX}, or null for no limit")
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
            (json!({ "per_tag": { "tag": "" } }), "/per_tag/tag"),
            (json!({ "per_tag": { "tag": "x".repeat(257), "concurrency": 1 } }), "/per_tag/tag"),
            (json!({ "per_tag": { "tag": "customer" } }), "/per_tag"),
            (json!({ "per_tag": { "tag": "customer", "concurrency": 0 } }), "/per_tag/concurrency"),
            (
                json!({ "per_tag": { "tag": "customer", "rate": { "count": 0, "per": "1s" } } }),
                "/per_tag/rate/count",
            ),
        ] {
            let refused = limit_change(serde_json::from_value(options).unwrap()).unwrap_err();
            assert_eq!(refused.detail, Some(json!({ "pointer": pointer })));
        }
    }
}
