//! Schedules in a world: what clients do to them, what the shell makes of their ticks, and what is checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use windlass_core::{
    command::{Answer, Command, Refusal, ScheduleChange, Submission},
    job::{Digest, Failure, Job, Payload, Spec, Timestamp},
    schedule::{DueTick, Plan, Schedule, ScheduleId},
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    schedule::{CatchUp, Overlap},
    submit::SubmitOptions,
};

use super::{Asked, World};
use crate::{broker::Beats, judge::Guarantee};

/// What a world knows of ticks.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    /// Those on their way to a job, and when they arrive there.
    on_their_way: Vec<(Timestamp, DueTick)>,
    /// Up to when each schedule's ticks are done with, as far as this start of the broker has told.
    done: BTreeMap<ScheduleId, Timestamp>,
    /// The jobs that were written for each tick.
    jobs: BTreeMap<(ScheduleId, Timestamp), BTreeSet<JobId>>,
}

impl Ticks {
    /// What was on its way is lost with the broker.
    pub(super) fn forget(&mut self) {
        self.on_their_way.clear();
        self.done.clear();
    }
}

impl World {
    fn some_name(&mut self) -> String {
        format!("s{}", self.chance.below(4))
    }

    fn plan(&mut self) -> Plan {
        let chance = &mut self.chance;
        Plan {
            cron: [1000, 1000, 2000, 7000][usize::try_from(chance.below(4)).unwrap_or_default()].to_string(),
            timezone: "UTC".into(),
            handler: "demo/add".into(),
            args: Payload::Inline("{}".into()),
            opts: SubmitOptions::default(),
            overlap: [Overlap::Allow, Overlap::Skip, Overlap::Cancel]
                [usize::try_from(chance.below(3)).unwrap_or_default()],
            catch_up: if chance.percent(70) { CatchUp::Once } else { CatchUp::Skip },
            jitter_millis: if chance.percent(30) { 400 } else { 0 },
            is_paused: chance.percent(10),
        }
    }

    pub(super) fn change_schedule(&mut self) {
        let name = self.some_name();
        let before = self.broker.schedules.get(&name).map(Arc::clone);
        let change = match (self.chance.below(10), &before) {
            (0..5, _) | (_, None) => ScheduleChange::Put(self.plan().into()),
            (5..9, Some(schedule)) => ScheduleChange::Pause(!schedule.plan.is_paused),
            _ => ScheduleChange::Delete,
        };
        if !self.broker.is_open() {
            return;
        }
        self.ask(Asked::Other, Command::ChangeSchedule { channel: "0".into(), name: name.clone(), change });
        // Whatever passed while it was paused, or before it was made or had these times, does not come back.
        if let Some(now) = self.broker.schedules.get(&name).filter(|schedule| !schedule.plan.is_paused) {
            let same_times = |before: &Arc<Schedule>| {
                let times = |plan: &Plan| (plan.cron.clone(), plan.jitter_millis);
                !before.plan.is_paused && times(&before.plan) == times(&now.plan)
            };
            if !before.is_some_and(|before| before.id == now.id && same_times(&before)) {
                let done = self.ticks.done.entry(now.id).or_default();
                *done = self.now.max(*done);
            }
        }
    }

    pub(super) fn delete_schedules(&mut self) {
        for name in self.broker.schedules.keys().cloned().collect::<Vec<_>>() {
            let change = ScheduleChange::Delete;
            let deleted =
                self.broker.tell(Command::ChangeSchedule { channel: "0".into(), name, change }, self.now);
            assert_eq!(deleted, Ok(Answer::Done));
        }
    }

    fn submission(&mut self, schedule: &Schedule, tick: Option<Timestamp>) -> Submission {
        let mut spec = Spec::new("demo/add", Digest([0; 32]), schedule.plan.args.clone(), self.now);
        spec.queue = format!("q{}", self.chance.below(3));
        spec.schedule = Some(schedule.origin(tick));
        let salt = u32::try_from(self.chance.below(1 << 24)).unwrap_or_default();
        Submission { spec: Arc::new(spec), ended: BTreeMap::new(), original: None, salt }
    }

    pub(super) fn trigger(&mut self) {
        let name = self.some_name();
        let Some(schedule) = self.broker.schedules.get(&name).map(Arc::clone) else { return };
        let submission = self.submission(&schedule, None);
        let asked = Asked::Submit(Arc::clone(&submission.spec));
        let run = Command::RunSchedule { schedule: schedule.id, tick: None, made: Ok(submission) };
        self.ask(asked, run);
    }

    /// The broker says that a tick has come: the shell begins to make a job of it.
    pub(super) fn tick_came(&mut self, due: DueTick) {
        let DueTick { schedule, tick } = &due;
        let early = || format!("{due:?} at {:?}", self.now);
        self.verdict.judge(Guarantee::NeverEarly, schedule.time_of(*tick) <= self.now, early);
        let done = self.ticks.done.get(&schedule.id).copied().unwrap_or_default();
        self.verdict
            .judge(Guarantee::TicksCome, *tick > done, || format!("{due:?} is done with since {done:?}"));
        let overdue = Timestamp(self.now.0.saturating_sub(schedule.offset_millis()));
        self.ticks.done.insert(schedule.id, overdue.max(*tick).max(done));
        if schedule.plan.overlap == Overlap::Skip {
            let live = self.live_jobs(schedule.id, None);
            self.verdict.judge(Guarantee::Overlap, live.is_empty(), || format!("{due:?} beside {live:?}"));
        }
        let late = if self.chance.percent(30) { self.chance.below(3000) } else { 0 };
        self.ticks.on_their_way.push((self.now.plus_millis(late), due));
    }

    fn live_jobs(&self, schedule: ScheduleId, but: Option<JobId>) -> Vec<JobId> {
        let is_of = |job: &&Arc<Job>| {
            !job.state.is_final()
                && job.spec.schedule.as_ref().is_some_and(|origin| origin.schedule == schedule)
        };
        let jobs = self.broker.jobs.values().filter(is_of).map(|job| job.id);
        jobs.filter(|job| Some(*job) != but).collect()
    }

    /// The shell comes back with jobs for ticks, or with why there are none; sometimes twice.
    pub(super) fn run_ticks(&mut self) {
        let on_their_way = std::mem::take(&mut self.ticks.on_their_way);
        let (arrived, left) = on_their_way.into_iter().partition(|(at, _)| *at <= self.now);
        self.ticks.on_their_way = left;
        for (_, DueTick { schedule, tick }) in arrived {
            let failure = Failure { code: ErrorCode::BadArguments, message: String::new(), detail: None };
            let made = if self.chance.percent(10) {
                Err(failure)
            } else {
                Ok(self.submission(&schedule, Some(tick)))
            };
            let run = Command::RunSchedule { schedule: schedule.id, tick: Some(tick), made };
            let ran = self.broker.tell(run.clone(), self.now);
            if let Ok(Answer::Submitted(job)) = ran {
                let plan = self.broker.schedules.get(&schedule.name).map(|schedule| schedule.plan.overlap);
                let live = self.live_jobs(schedule.id, Some(job));
                let held = plan != Some(Overlap::Cancel) || live.is_empty();
                self.verdict.judge(Guarantee::Overlap, held, || format!("{job} beside {live:?}"));
            }
            if self.chance.percent(10) {
                let again = self.broker.tell(run, self.now);
                let refused = matches!(again, Err(Refusal::StaleTick | Refusal::UnknownSchedule));
                self.verdict.judge(Guarantee::TickOnce, refused, || format!("{tick:?} again is {again:?}"));
            }
        }
    }

    /// A job of a tick goes to the disk: with the tick, and no other job for it.
    pub(super) fn check_tick_written(&mut self, job: &Job, schedule: Option<&Schedule>) {
        let Some(origin) = job.spec.schedule.as_ref().filter(|_| job.revision == 1) else { return };
        let Some(tick) = origin.tick else { return };
        let with_it =
            schedule.is_some_and(|schedule| schedule.id == origin.schedule && schedule.mark >= tick);
        self.verdict.judge(Guarantee::WholeOrNothing, with_it, || format!("{} without its tick", job.id));
        let jobs = self.ticks.jobs.entry((origin.schedule, tick)).or_default();
        jobs.insert(job.id);
        let one = jobs.len() == 1;
        self.verdict.judge(Guarantee::TickOnce, one, || format!("{origin:?} became {jobs:?}"));
    }

    /// Whatever has come due is on its way by now.
    pub(super) fn check_ticks_come(&mut self) {
        for schedule in self.broker.schedules.values() {
            let is_asked = self.ticks.on_their_way.iter().any(|(_, due)| due.schedule.id == schedule.id);
            let overdue =
                schedule.next_tick(&Beats).filter(|tick| !is_asked && schedule.time_of(*tick) <= self.now);
            let story = || format!("{schedule:?} has forgotten {overdue:?} at {:?}", self.now);
            self.verdict.judge(Guarantee::TicksCome, overdue.is_none(), story);
        }
    }
}
