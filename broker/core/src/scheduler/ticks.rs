//! Changing schedules, and what a tick of one leads to.

use alloc::sync::Arc;

use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    schedule::{CatchUp, Overlap},
};

use super::Scheduler;
use crate::{
    command::{Answer, Refusal, ScheduleChange, Submission},
    decision::Decision,
    job::{Failure, Timestamp},
    planted::{Bug, planted},
    schedule::{DueTick, Plan, Schedule, ScheduleId, Tick, TickOutcome},
};

impl Scheduler {
    pub(super) fn change_schedule(
        &mut self,
        channel: &str,
        name: &str,
        change: ScheduleChange,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let old = self.schedules.named(channel, name).map(Arc::clone);
        let is_new = old.is_none();
        let before = old.clone();
        let schedule = match (change, old) {
            (ScheduleChange::Put(plan), Some(old)) => old.with(*plan, now),
            (ScheduleChange::Put(plan), None) => {
                self.schedules.check_room(channel)?;
                Schedule::new(ScheduleId(self.numbers.next()), channel, name, *plan, now)
            }
            (ScheduleChange::Pause(is_paused), Some(old)) if old.plan.is_paused != is_paused => {
                old.with(Plan { is_paused, ..old.plan.clone() }, now)
            }
            (ScheduleChange::Pause(_), Some(_)) => return Ok(Answer::Done),
            (ScheduleChange::Pause(_) | ScheduleChange::Delete, None) => {
                return Err(Refusal::UnknownSchedule);
            }
            (ScheduleChange::Delete, Some(_)) => {
                let removed = self.schedules.remove(channel, name);
                self.decisions.extend(removed.map(Decision::ForgetSchedule));
                return Ok(Answer::Done);
            }
        };
        let schedule = Arc::new(schedule);
        self.schedules.put(Arc::clone(&schedule));
        let before = before.filter(|before| before.plan.args != schedule.plan.args);
        self.decisions.push(Decision::SaveSchedule { schedule, before });
        Ok(if is_new { Answer::ScheduleMade } else { Answer::Done })
    }

    /// Takes up a remembered schedule: what passed since its mark was missed.
    pub(super) fn restore_schedule(&mut self, schedule: Schedule, now: Timestamp) {
        let (id, catch_up) = (schedule.id, schedule.plan.catch_up);
        self.schedules.put(Arc::new(schedule));
        let is_missed = self.schedules.time(id).is_some_and(|at| at <= now);
        if is_missed
            && catch_up == CatchUp::Skip
            && let Some((_, tick)) = self.schedules.ask(id, now)
        {
            self.skip(id, Some(tick), TickOutcome::Missed, now);
        }
    }

    /// Ticks whose time has come go on their way to a job, unless one before is in it.
    pub(super) fn tick(&mut self, now: Timestamp) {
        while !self.draining
            && let Some(id) = self.schedules.next_due(now)
            && let Some((schedule, tick)) = self.schedules.ask(id, now)
        {
            if schedule.plan.overlap == Overlap::Skip && !self.indexes.jobs_of(id).is_empty() {
                self.skip(id, Some(tick), TickOutcome::Overlap, now);
            } else {
                self.decisions.push(Decision::Tick(DueTick { schedule, tick }));
            }
        }
    }

    /// What was made of a tick, or of a trigger if `tick` is none: a job is accepted, or it is remembered why not.
    pub(super) fn run_schedule(
        &mut self,
        id: ScheduleId,
        tick: Option<Timestamp>,
        made: Result<Submission, Failure>,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        if self.draining {
            return Err(Refusal::Draining);
        }
        let schedule = self.schedules.get(id).map(Arc::clone).ok_or(Refusal::UnknownSchedule)?;
        if tick.is_some_and(|tick| !self.schedules.is_asked(id, tick)) {
            return Err(Refusal::StaleTick);
        }
        let submission = match made {
            Ok(submission) => match (self.check(&submission, 1), tick) {
                (Ok(()), _) => submission,
                (Err(refusal), None) => return Err(refusal),
                (Err(refusal), Some(_)) => return Ok(self.skip(id, tick, refused(refusal), now)),
            },
            Err(failure) => return Ok(self.skip(id, tick, TickOutcome::Refused(failure), now)),
        };
        if tick.is_some() && schedule.plan.overlap == Overlap::Cancel {
            for job in self.indexes.jobs_of(id) {
                self.cancel(job, &schedule.channel, now)?;
            }
        }
        self.accept(submission, Some((id, tick)), now).map(Answer::Submitted)
    }

    fn skip(
        &mut self,
        id: ScheduleId,
        tick: Option<Timestamp>,
        outcome: TickOutcome,
        now: Timestamp,
    ) -> Answer {
        let done = self.schedules.done(id, Tick { at: now, scheduled_for: tick, outcome });
        self.decisions.extend(done.map(Decision::SkipTick));
        Answer::Done
    }

    /// The record of the schedule that goes with a job of it.
    pub(super) fn note_run(
        &mut self,
        id: ScheduleId,
        tick: Option<Timestamp>,
        job: JobId,
        now: Timestamp,
    ) -> Option<Arc<Schedule>> {
        let outcome = TickOutcome::Submitted(job);
        let done = self.schedules.done(id, Tick { at: now, scheduled_for: tick, outcome });
        done.filter(|_| !planted(Bug::TickOnlyInMemory))
    }
}

fn refused(refusal: Refusal) -> TickOutcome {
    let message = alloc::string::ToString::to_string(&refusal);
    TickOutcome::Refused(Failure { code: ErrorCode::Overloaded, message, detail: None })
}
