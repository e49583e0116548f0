//! Schedules: jobs that are submitted again and again, at the ticks of a calendar.
//!
//! A schedule remembers one time, its mark: ticks up to there are done with. The next tick is the first one the
//! calendar has after the mark, so a tick that is done with cannot come again, whatever the clock does, and ticks
//! that passed unseen are one.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt::Debug;

use serde::{Deserialize, Serialize};
use windlass_wire::{
    id::JobId,
    limits::TICKS_KEPT_MAX,
    schedule::{CatchUp, Overlap},
    submit::SubmitOptions,
};

use crate::{
    job::{Failure, Payload, Timestamp},
    planted::{Bug, planted},
    retry::mix,
};

/// Knows when the ticks of a schedule are. That takes a database of time zones, so it arrives as an argument.
pub trait Calendar: Debug + Send {
    /// The first tick after a time; none = there is none any more.
    fn next(&self, cron: &str, timezone: &str, after: Timestamp) -> Option<Timestamp>;
}

/// A calendar that is empty: no schedule has any tick.
impl Calendar for () {
    fn next(&self, _: &str, _: &str, _: Timestamp) -> Option<Timestamp> {
        None
    }
}

/// A schedule: one that is made anew under the same name is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(pub u64);

/// What a schedule is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// When, as a cron expression.
    pub cron: String,
    /// The time zone it is meant in.
    pub timezone: String,
    /// The handler of its jobs, `plugin/function`.
    pub handler: String,
    /// Their arguments.
    pub args: Payload,
    /// Their options, as a submission has them.
    pub opts: SubmitOptions,
    /// What happens while a job before is live.
    pub overlap: Overlap,
    /// What happens to missed ticks.
    pub catch_up: CatchUp,
    /// How much later than its tick a job may be submitted, in milliseconds.
    pub jitter_millis: u64,
    /// Whether it does nothing.
    pub is_paused: bool,
}

impl Plan {
    fn has_times_of(&self, other: &Self) -> bool {
        self.cron == other.cron
            && self.timezone == other.timezone
            && self.jitter_millis == other.jitter_millis
    }
}

/// The record of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// The channel it belongs to.
    pub channel: String,
    /// Its name there.
    pub name: String,
    /// What it is asked to do.
    pub plan: Plan,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// Ticks up to this time are done with.
    pub mark: Timestamp,
    /// What came of the last ticks and triggers, newest first.
    pub recent: Vec<Tick>,
}

/// What came of a tick or a trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// When that was decided.
    pub at: Timestamp,
    /// The time of the tick; none = it was triggered.
    pub scheduled_for: Option<Timestamp>,
    /// What came of it.
    pub outcome: TickOutcome,
}

/// A job, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickOutcome {
    /// This job was accepted.
    Submitted(JobId),
    /// The broker was down.
    Missed,
    /// A job before was live.
    Overlap,
    /// The job could not be accepted.
    Refused(Failure),
}

/// Where a job comes from that was submitted by a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The schedule.
    pub schedule: ScheduleId,
    /// Its name.
    pub name: String,
    /// The time of the tick; none = it was triggered, or retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<Timestamp>,
}

impl Schedule {
    /// A schedule just made. No tick before now concerns it.
    pub(crate) fn new(id: ScheduleId, channel: &str, name: &str, plan: Plan, now: Timestamp) -> Self {
        Self {
            id,
            channel: channel.into(),
            name: name.into(),
            plan,
            created_at: now,
            changed_at: now,
            mark: now,
            recent: Vec::new(),
        }
    }

    /// The schedule with another plan. Ticks that passed do not come back: neither those of the new calendar, nor
    /// those of a pause.
    pub(crate) fn with(&self, plan: Plan, now: Timestamp) -> Self {
        let goes_on = !self.plan.is_paused && self.plan.has_times_of(&plan);
        let is_kept = goes_on || planted(Bug::PausedTicksComeBack);
        let mark = if is_kept { self.mark } else { self.mark.max(now) };
        Self { plan, changed_at: now, mark, ..self.clone() }
    }

    /// How much later than its ticks its jobs are submitted, in milliseconds: the same span for all of them, so that
    /// they keep their order and distance.
    pub fn offset_millis(&self) -> u64 {
        mix(self.id.0) % self.plan.jitter_millis.saturating_add(1)
    }

    /// The next tick.
    pub fn next_tick(&self, calendar: &dyn Calendar) -> Option<Timestamp> {
        let Plan { cron, timezone, .. } = &self.plan;
        if self.plan.is_paused { None } else { calendar.next(cron, timezone, self.mark) }
    }

    /// When a tick's job is submitted.
    pub fn time_of(&self, tick: Timestamp) -> Timestamp {
        tick.plus_millis(self.offset_millis())
    }

    /// The mark once a tick is done with at this time. Ticks that are overdue by then are done with too.
    pub(crate) fn mark_after(&self, tick: Timestamp, now: Timestamp) -> Timestamp {
        let overdue = Timestamp(now.0.saturating_sub(self.offset_millis()));
        if planted(Bug::MissedTicksAllRun) { tick } else { tick.max(overdue) }
    }

    /// The schedule with a tick done.
    pub(crate) fn done(&self, tick: Tick, mark: Timestamp) -> Self {
        let mut schedule = Self { mark: self.mark.max(mark), ..self.clone() };
        schedule.recent.truncate(TICKS_KEPT_MAX - 1);
        schedule.recent.insert(0, tick);
        schedule
    }

    /// What its jobs say about where they come from.
    pub fn origin(&self, tick: Option<Timestamp>) -> Origin {
        Origin { schedule: self.id, name: self.name.clone(), tick }
    }
}

/// A tick that has come, on its way to a job.
#[derive(Debug, Clone, PartialEq)]
pub struct DueTick {
    /// The schedule as it was when the tick came.
    pub schedule: Arc<Schedule>,
    /// The time of the tick.
    pub tick: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(jitter_millis: u64) -> Schedule {
        let plan = Plan {
            cron: "* * * * *".into(),
            timezone: "UTC".into(),
            handler: "demo/add".into(),
            args: Payload::Inline("{}".into()),
            opts: SubmitOptions::default(),
            overlap: Overlap::Allow,
            catch_up: CatchUp::Once,
            jitter_millis,
            is_paused: false,
        };
        Schedule::new(ScheduleId(7), "0", "nightly", plan, Timestamp(1_000_000))
    }

    #[test]
    fn ticks_that_passed_unseen_are_one() {
        let schedule = schedule(0);
        assert_eq!(schedule.mark_after(Timestamp(2_000_000), Timestamp(9_000_000)), Timestamp(9_000_000));
    }

    #[test]
    fn a_tick_within_the_jitter_is_still_to_come() {
        let schedule = schedule(60_000);
        let offset = schedule.offset_millis();
        assert!((1..=60_000).contains(&offset), "{offset}");
        let tick = Timestamp(2_000_000);
        assert_eq!(schedule.mark_after(tick, schedule.time_of(tick)), tick);
    }

    #[test]
    fn a_change_of_what_is_done_keeps_the_ticks_and_one_of_the_times_does_not() {
        let (schedule, now) = (schedule(0), Timestamp(5_000_000));
        let plan = |change: fn(&mut Plan)| {
            let mut plan = schedule.plan.clone();
            change(&mut plan);
            plan
        };
        let renamed = plan(|plan| plan.handler = "demo/divide".into());
        assert_eq!(schedule.with(renamed, now).mark, schedule.mark);
        assert_eq!(schedule.with(plan(|plan| plan.cron = "@daily".into()), now).mark, now);
        let paused = schedule.with(plan(|plan| plan.is_paused = true), now);
        assert_eq!(paused.mark, schedule.mark);
        assert_eq!(paused.with(schedule.plan.clone(), now).mark, now);
    }

    #[test]
    fn only_the_last_ticks_are_kept() {
        let tick = |n| Tick { at: Timestamp(n), scheduled_for: None, outcome: TickOutcome::Missed };
        let done = (0..15).fold(schedule(0), |schedule, n| schedule.done(tick(n), Timestamp(n)));
        assert_eq!(
            done.recent.iter().map(|tick| tick.at.0).collect::<Vec<_>>(),
            (5..15).rev().collect::<Vec<_>>()
        );
        assert_eq!(done.mark, Timestamp(1_000_000), "a mark never goes back");
    }
}
