//! Schedules, between the wire and the core.

use serde_json::value::RawValue;
use windlass_core::{
    job::Timestamp,
    schedule::{Schedule, Tick, TickOutcome},
};
use windlass_wire::{
    limits::{JITTER_MILLIS_MAX, NEXT_TICKS_SHOWN_MAX},
    problem::Problem,
    schedule::{ScheduleOptions, ScheduleView, SkipReason, TIMEZONE_DEFAULT, TickView},
    span::Span,
    submit::SubmitOptions,
};

use super::{failure, time};
use crate::calendar::{CalendarError, Cron};
use crate::server::typed::refused_at;

/// The checked times of a schedule.
#[derive(Debug)]
pub(in crate::server) struct Times {
    pub(in crate::server) cron: String,
    pub(in crate::server) timezone: String,
    pub(in crate::server) jitter_millis: u64,
}

impl Times {
    /// Checks when a schedule is to run; a refusal points to the parameter.
    pub(in crate::server) fn new(options: &ScheduleOptions, now: Timestamp) -> Result<Self, Problem> {
        let text = options.cron.trim();
        let timezone = options.timezone.as_deref().unwrap_or(TIMEZONE_DEFAULT);
        let cron = Cron::new(text, timezone);
        let cron = cron.and_then(|cron| cron.next(now).map(|_| cron).ok_or(CalendarError::Never));
        let cron = cron.map_err(|error| match error {
            CalendarError::Cron(_) | CalendarError::Never => refused_at("/cron", error),
            CalendarError::Timezone => refused_at("/timezone", error),
        })?;
        if options.jitter.millis() > JITTER_MILLIS_MAX {
            let longest = Span::from_millis(JITTER_MILLIS_MAX);
            return Err(refused_at("/jitter", format!("expected at most {longest}")));
        }
        let timezone = cron.timezone().to_owned();
        Ok(Self { cron: text.to_owned(), timezone, jitter_millis: options.jitter.millis() })
    }
}

/// Refuses options that make sense for one job only.
pub(in crate::server) fn once_only(opts: &SubmitOptions) -> Result<(), Problem> {
    let given = [
        ("after", opts.after.is_some()),
        ("delay", opts.delay.is_some()),
        ("hold", opts.hold),
        ("idempotency_key", opts.idempotency_key.is_some()),
        ("parent", opts.parent.is_some()),
        ("run_at", opts.run_at.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((name, _)) => {
            let pointer = format!("/opts/{name}");
            Err(refused_at(&pointer, "a schedule submits many jobs; leave this out"))
        }
    }
}

/// The schedule as clients see it, with its arguments if they are given.
pub(in crate::server) fn schedule_view(
    schedule: &Schedule,
    args: Option<Box<RawValue>>,
    now: Timestamp,
) -> ScheduleView {
    let plan = &schedule.plan;
    let cron = Cron::new(&plan.cron, &plan.timezone);
    if let Err(error) = &cron {
        tracing::error!(schedule = schedule.name, %error, "a schedule is not understood any more");
    }
    let cron = cron.ok();
    // Those before are done with, or about to be.
    let overdue = Timestamp(now.0.saturating_sub(schedule.offset_millis()));
    let next = |after| cron.as_ref().filter(|_| !plan.is_paused).and_then(|cron| cron.next(after));
    let ticks = std::iter::successors(next(schedule.mark.max(overdue)), |tick| next(*tick));
    let recent: Vec<_> = schedule.recent.iter().map(tick_view).collect();
    ScheduleView {
        name: schedule.name.clone(),
        channel: schedule.channel.clone(),
        cron: plan.cron.clone(),
        description: cron.as_ref().map(Cron::description).unwrap_or_default(),
        timezone: plan.timezone.clone(),
        handler: plan.handler.clone(),
        args,
        opts: plan.opts.clone(),
        overlap: plan.overlap,
        catch_up: plan.catch_up,
        jitter: Span::from_millis(plan.jitter_millis),
        paused: plan.is_paused,
        created_at: time(schedule.created_at),
        changed_at: time(schedule.changed_at),
        next: ticks.take(NEXT_TICKS_SHOWN_MAX).map(time).collect(),
        last: recent.first().cloned(),
        recent,
    }
}

fn tick_view(tick: &Tick) -> TickView {
    let (job, skipped, error) = match &tick.outcome {
        TickOutcome::Submitted(job) => (Some(*job), None, None),
        TickOutcome::Missed => (None, Some(SkipReason::Missed), None),
        TickOutcome::Overlap => (None, Some(SkipReason::Overlap), None),
        TickOutcome::Refused(reason) => (None, Some(SkipReason::Refused), Some(failure(reason))),
    };
    TickView { at: time(tick.at), scheduled_for: tick.scheduled_for.map(time), job, skipped, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn options(more: &Value) -> ScheduleOptions {
        let mut options = json!({ "cron": "@daily", "handler": "demo/add" });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(options).unwrap()
    }

    #[test]
    fn times_are_kept_as_they_were_written_and_zones_by_their_own_name() {
        let given = options(&json!({ "cron": " 0 9 * * MON ", "timezone": "europe/berlin", "jitter": "5m" }));
        let times = Times::new(&given, Timestamp(0)).unwrap();
        assert_eq!((times.cron.as_str(), times.timezone.as_str()), ("0 9 * * MON", "Europe/Berlin"));
        assert_eq!(times.jitter_millis, 300_000);
        assert_eq!(Times::new(&options(&json!({})), Timestamp(0)).unwrap().timezone, "UTC");
    }

    #[test]
    fn mistakes_are_pointed_to() {
        for (given, pointer) in [
            (json!({ "cron": "every day" }), "/cron"),
            (json!({ "cron": "0 0 30 2 *" }), "/cron"),
            (json!({ "timezone": "Mars/Olympus" }), "/timezone"),
            (json!({ "jitter": "2h" }), "/jitter"),
        ] {
            let refused = Times::new(&options(&given), Timestamp(0)).unwrap_err();
            assert_eq!(refused.detail, Some(json!({ "pointer": pointer })), "{given}");
        }
        for (opts, name) in [
            (json!({ "delay": "1s" }), "delay"),
            (json!({ "run_at": "2030-01-01T00:00:00Z" }), "run_at"),
            (json!({ "hold": true }), "hold"),
            (json!({ "after": ["00000000000000000000000000000007"] }), "after"),
            (json!({ "idempotency_key": "k" }), "idempotency_key"),
            (json!({ "parent": "00000000000000000000000000000007" }), "parent"),
        ] {
            let refused = once_only(&options(&json!({ "opts": opts })).opts).unwrap_err();
            assert_eq!(refused.detail, Some(json!({ "pointer": format!("/opts/{name}") })), "{opts}");
        }
    }
}
