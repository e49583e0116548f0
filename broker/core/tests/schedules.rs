//! What schedules do, one story each. The calendar here has a tick at every so many milliseconds.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, also at what it does not know"
)]

use std::{collections::BTreeMap, sync::Arc};

use windlass_core::{
    command::{Answer, Command, Refusal, ScheduleChange, Submission},
    decision::Decision,
    job::{Digest, Failure, Job, Payload, Spec, Timestamp},
    limits::WINDOW_JOBS,
    schedule::{Calendar, DueTick, Plan, Schedule, TickOutcome},
    scheduler::{Remembered, Scheduler},
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    limits::CHANNEL_SCHEDULES_MAX,
    schedule::{CatchUp, Overlap},
    submit::SubmitOptions,
};

#[derive(Debug)]
struct Beats;

impl Calendar for Beats {
    fn next(&self, cron: &str, _: &str, after: Timestamp) -> Option<Timestamp> {
        let period: u64 = cron.parse().ok()?;
        Some(Timestamp((after.0 / period + 1) * period))
    }
}

fn plan() -> Plan {
    Plan {
        cron: "1000".into(),
        timezone: "UTC".into(),
        handler: "demo/add".into(),
        args: Payload::Inline("{}".into()),
        opts: SubmitOptions::default(),
        overlap: Overlap::Allow,
        catch_up: CatchUp::Once,
        jitter_millis: 0,
        is_paused: false,
    }
}

/// A scheduler, and what it has decided.
struct House {
    scheduler: Scheduler,
    now: Timestamp,
    jobs: BTreeMap<JobId, Arc<Job>>,
    schedules: BTreeMap<String, Arc<Schedule>>,
    ticks: Vec<DueTick>,
}

impl House {
    fn new() -> Self {
        Self::restored(Vec::new(), 500)
    }

    fn restored(remembered: Vec<Schedule>, now: u64) -> Self {
        let known =
            remembered.iter().map(|schedule| (schedule.name.clone(), Arc::new(schedule.clone()))).collect();
        let remembered = Remembered { schedules: remembered, ..Remembered::default() };
        let (scheduler, decisions) =
            Scheduler::restore(1, remembered, WINDOW_JOBS, Box::new(Beats), Timestamp(now));
        let (jobs, ticks) = (BTreeMap::new(), Vec::new());
        let mut house = Self { scheduler, now: Timestamp(now), jobs, schedules: known, ticks };
        house.take(decisions);
        house
    }

    fn take(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Accept { job, schedule, .. } => {
                    self.jobs.insert(job.id, job);
                    self.schedules.extend(schedule.map(|schedule| (schedule.name.clone(), schedule)));
                }
                Decision::Save(job) => drop(self.jobs.insert(job.id, job)),
                Decision::SaveSchedule { schedule, .. } | Decision::SkipTick(schedule) => {
                    drop(self.schedules.insert(schedule.name.clone(), schedule));
                }
                Decision::ForgetSchedule(schedule) => drop(self.schedules.remove(&schedule.name)),
                Decision::Tick(due) => self.ticks.push(due),
                other => assert!(matches!(other, Decision::SaveQueue(_)), "{other:?}"),
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<Answer, Refusal> {
        let (answer, decisions) = self.scheduler.handle(command, self.now);
        self.take(decisions);
        answer
    }

    fn change(&mut self, name: &str, change: ScheduleChange) -> Result<Answer, Refusal> {
        self.command(Command::ChangeSchedule { channel: "0".into(), name: name.into(), change })
    }

    fn put(&mut self, plan: Plan) -> Answer {
        self.change("s", ScheduleChange::Put(Box::new(plan))).unwrap()
    }

    /// Lets time pass until then; answers the times of the ticks that came.
    fn until(&mut self, now: u64) -> Vec<u64> {
        self.now = Timestamp(now);
        if self.scheduler.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
            let decisions = self.scheduler.handle_timeout(self.now);
            self.take(decisions);
        }
        self.ticks.iter().map(|due| due.tick.0).collect()
    }

    /// Comes back with jobs for the ticks that came; answers them.
    fn run(&mut self) -> Vec<JobId> {
        let mut jobs = Vec::new();
        for DueTick { schedule, tick } in std::mem::take(&mut self.ticks) {
            let made = Ok(submission(&schedule, Some(tick)));
            match self.command(Command::RunSchedule { schedule: schedule.id, tick: Some(tick), made }) {
                Ok(Answer::Submitted(job)) => jobs.push(job),
                other => panic!("{other:?}"),
            }
        }
        jobs
    }

    fn schedule(&self) -> &Schedule {
        &self.schedules["s"]
    }

    fn last(&self) -> &TickOutcome {
        &self.schedule().recent[0].outcome
    }

    fn is_live(&self, job: JobId) -> bool {
        !self.jobs[&job].state.is_final()
    }
}

fn submission(schedule: &Schedule, tick: Option<Timestamp>) -> Submission {
    let mut spec = Spec::new("demo/add", Digest([0; 32]), Payload::Inline("{}".into()), Timestamp(0));
    spec.schedule = Some(schedule.origin(tick));
    Submission { spec: Arc::new(spec), ended: BTreeMap::new(), original: None, salt: 0 }
}

#[test]
fn each_tick_makes_one_job_at_its_time() {
    let mut house = House::new();
    assert_eq!(house.put(plan()), Answer::ScheduleMade);
    assert_eq!(house.until(999), [0; 0]);
    assert_eq!(house.until(1000), [1000]);
    let [first] = house.run()[..] else { panic!() };
    assert_eq!(house.last(), &TickOutcome::Submitted(first));
    assert_eq!(house.jobs[&first].spec.schedule, Some(house.schedule().origin(Some(Timestamp(1000)))));
    assert_eq!(house.until(1999), [0; 0]);
    assert_eq!(house.until(2000), [2000]);
}

#[test]
fn schedules_with_the_same_ticks_do_not_mind_each_other() {
    let mut house = House::new();
    for name in ["a", "b", "c"] {
        house.change(name, ScheduleChange::Put(Box::new(plan()))).unwrap();
    }
    assert_eq!(house.until(1000), [1000, 1000, 1000]);
    assert_eq!(house.run().len(), 3);
}

#[test]
fn a_tick_that_is_late_does_not_swallow_the_next() {
    let mut house = House::new();
    house.put(plan());
    assert_eq!(house.until(1000), [1000]);
    // What is made of it takes longer than until the next.
    house.now = Timestamp(2100);
    house.run();
    assert_eq!(house.until(2100), [2000]);
}

#[test]
fn missed_ticks_make_one_job_or_none() {
    for (catch_up, came) in [(CatchUp::Once, vec![1000]), (CatchUp::Skip, vec![])] {
        let mut house = House::new();
        house.put(Plan { catch_up, ..plan() });
        let mut house = House::restored(vec![house.schedule().clone()], 7300);
        assert_eq!(house.until(7300), came, "{catch_up:?}");
        if catch_up == CatchUp::Skip {
            assert_eq!(house.last(), &TickOutcome::Missed);
        }
        house.run();
        assert_eq!(house.until(7999), [0; 0], "no more is made up for");
        assert_eq!(house.until(8000), [8000]);
    }
}

#[test]
fn a_clock_that_went_back_repeats_no_tick() {
    let mut house = House::new();
    house.put(plan());
    house.until(5000);
    house.run();
    let mut house = House::restored(vec![house.schedule().clone()], 2000);
    assert_eq!(house.until(5999), [0; 0]);
    assert_eq!(house.until(6000), [6000]);
}

#[test]
fn while_a_job_is_live_a_tick_is_skipped_or_takes_its_place() {
    for overlap in [Overlap::Allow, Overlap::Skip, Overlap::Cancel] {
        let mut house = House::new();
        house.put(Plan { overlap, ..plan() });
        house.until(1000);
        let [first] = house.run()[..] else { panic!() };
        house.until(2000);
        let second = house.run();
        assert_eq!(second.is_empty(), overlap == Overlap::Skip);
        assert_eq!(house.is_live(first), overlap != Overlap::Cancel);
        if overlap == Overlap::Skip {
            assert_eq!(house.last(), &TickOutcome::Overlap);
            house.command(Command::Cancel { job: first, channel: "0".into() }).unwrap();
            assert_eq!(house.until(3000), [3000], "once it has ended the next tick comes");
        }
    }
}

#[test]
fn what_passed_in_a_pause_does_not_come_back() {
    let mut house = House::new();
    house.put(plan());
    house.change("s", ScheduleChange::Pause(true)).unwrap();
    assert_eq!(house.until(5500), [0; 0]);
    assert_eq!(house.scheduler.poll_timeout(), None);
    house.change("s", ScheduleChange::Pause(false)).unwrap();
    assert_eq!(house.until(5999), [0; 0]);
    assert_eq!(house.until(6000), [6000]);
}

#[test]
fn a_new_calendar_has_no_past() {
    let mut house = House::new();
    house.put(Plan { cron: "10000".into(), ..plan() });
    house.until(9500);
    assert_eq!(house.put(plan()), Answer::Done);
    assert_eq!(house.until(9999), [0; 0]);
    assert_eq!(house.until(10_000), [10_000]);
}

#[test]
fn a_tick_on_its_way_outlives_a_change_but_not_the_schedule() {
    let mut house = House::new();
    house.put(plan());
    house.until(1000);
    house.put(Plan { cron: "5000".into(), ..plan() });
    assert_eq!(house.run().len(), 1);
    house.until(5000);
    let DueTick { schedule, tick } = house.ticks.pop().unwrap();
    house.change("s", ScheduleChange::Delete).unwrap();
    house.put(plan());
    let made = Ok(submission(&schedule, Some(tick)));
    let run = Command::RunSchedule { schedule: schedule.id, tick: Some(tick), made };
    assert_eq!(house.command(run), Err(Refusal::UnknownSchedule), "one of the same name is another");
}

#[test]
fn a_tick_is_done_once() {
    let mut house = House::new();
    house.put(plan());
    house.until(1000);
    let DueTick { schedule, tick } = house.ticks[0].clone();
    house.run();
    let made = Ok(submission(&schedule, Some(tick)));
    let again = Command::RunSchedule { schedule: schedule.id, tick: Some(tick), made };
    assert_eq!(house.command(again), Err(Refusal::StaleTick));
}

#[test]
fn a_tick_that_cannot_become_a_job_is_remembered() {
    let mut house = House::new();
    house.put(plan());
    house.until(1000);
    let DueTick { schedule, tick } = house.ticks.pop().unwrap();
    let failure = Failure { code: ErrorCode::BadArguments, message: "no".into(), detail: None };
    let made = Err(failure.clone());
    house.command(Command::RunSchedule { schedule: schedule.id, tick: Some(tick), made }).unwrap();
    assert_eq!(house.last(), &TickOutcome::Refused(failure));
    assert_eq!(house.until(2000), [2000], "it goes on");
}

#[test]
fn a_trigger_makes_a_job_also_while_it_is_paused_or_one_is_live() {
    let mut house = House::new();
    house.put(Plan { overlap: Overlap::Skip, is_paused: true, ..plan() });
    for _ in 0..2 {
        let (schedule, made) = (house.schedule().id, Ok(submission(house.schedule(), None)));
        let triggered = house.command(Command::RunSchedule { schedule, tick: None, made });
        assert!(matches!(triggered, Ok(Answer::Submitted(_))), "{triggered:?}");
    }
    assert_eq!(house.schedule().recent.len(), 2);
    assert!(house.schedule().recent.iter().all(|tick| tick.scheduled_for.is_none()));
}

#[test]
fn jitter_moves_all_ticks_of_a_schedule_by_one_span() {
    let mut house = House::new();
    house.put(Plan { jitter_millis: 800, cron: "2000".into(), ..plan() });
    let offset = house.schedule().offset_millis();
    assert!(offset <= 800);
    for tick in [2000, 4000] {
        assert_eq!(house.scheduler.poll_timeout().map(|(at, _)| at), Some(Timestamp(tick + offset)));
        assert_eq!(house.until(tick + offset), [tick]);
        house.run();
    }
}

#[test]
fn a_draining_broker_leaves_ticks_to_the_next() {
    let mut house = House::new();
    house.put(plan());
    house.command(Command::Drain).unwrap();
    assert_eq!(house.scheduler.poll_timeout(), None, "it does not wake for what it will not do");
    assert_eq!(house.until(5000), [0; 0]);
}

#[test]
fn a_channel_has_so_many_schedules() {
    let mut house = House::new();
    for number in 0..CHANNEL_SCHEDULES_MAX {
        house.change(&format!("s{number}"), ScheduleChange::Put(Box::new(plan()))).unwrap();
    }
    let one_more = house.change("more", ScheduleChange::Put(Box::new(plan())));
    assert_eq!(one_more, Err(Refusal::Full("the limit of schedules")));
    house.change("s0", ScheduleChange::Put(Box::new(plan()))).unwrap();
}

#[test]
fn unknown_schedules_are_unknown() {
    let mut house = House::new();
    for change in [ScheduleChange::Pause(true), ScheduleChange::Pause(false), ScheduleChange::Delete] {
        assert_eq!(house.change("s", change), Err(Refusal::UnknownSchedule));
    }
}
