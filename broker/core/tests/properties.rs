//! Laws that hold over any history of commands, worker reports and restarts.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a broken law fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use windlass_core::{
    command::{Answer, AttemptEnd, CallId, Command, LimitChange, Refusal, Submission},
    decision::Decision,
    dependency::After,
    idempotency::{Idempotency, KeyRecord},
    job::{Digest, Failure, Fence, Job, Payload, Spec, State, Timestamp, WorkerId},
    limits::WINDOW_JOBS,
    queue::{Queue, TagLimit},
    rate::Rate,
    retry::RetryPolicy,
    scheduler::{Remembered, Scheduler},
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    job::Usage,
    state::JobState,
    submit::{EndedAs, Need},
};

/// What chance may do in one step.
#[derive(Debug, Clone)]
enum Step {
    Submit(Wish),
    SubmitMany(Vec<Wish>),
    Cancel(prop::sample::Index),
    Release(prop::sample::Index),
    Limit { queue: u8, change: LimitChange },
    Purge { queue: u8 },
    Retry(prop::sample::Index),
    Call { patience_millis: u64 },
    EndCall(prop::sample::Index),
    Complete(prop::sample::Index),
    Fail(prop::sample::Index),
    HandBack(prop::sample::Index),
    Replay(prop::sample::Index),
    Wait { millis: u64 },
    Restart,
}

/// What chance may ask of a job.
#[derive(Debug, Clone)]
struct Wish {
    queue: u8,
    priority: i8,
    delay_millis: u64,
    attempts: u32,
    hold: bool,
    queue_timeout_millis: Option<u64>,
    after: Option<(Vec<prop::sample::Index>, Need, EndedAs)>,
    serial: bool,
    tag: Option<bool>,
    parent: Option<prop::sample::Index>,
    key: Option<(u8, u8)>,
}

fn wishes() -> impl Strategy<Value = Wish> {
    let need = prop_oneof![Just(Need::All), Just(Need::Any)];
    let ended = prop_oneof![Just(EndedAs::Success), Just(EndedAs::Finished)];
    let after = (prop::collection::vec(any::<prop::sample::Index>(), 1..4), need, ended);
    let basics = (0..3_u8, -2..3_i8, 0..2000_u64, 0..4_u32);
    let waits = (prop::bool::weighted(0.1), prop::option::weighted(0.2, 1..2000_u64));
    let links = (prop::option::weighted(0.4, after), prop::bool::weighted(0.3), any::<Option<bool>>());
    let key = prop::option::weighted(0.3, (0..3_u8, 0..2_u8));
    let parent = prop::option::weighted(0.3, any::<prop::sample::Index>());
    (basics, waits, links, parent, key).prop_map(
        |(basics, (hold, queue_timeout_millis), (after, serial, tag), parent, key)| {
            let (queue, priority, delay, attempts) = basics;
            let delay_millis = delay.saturating_sub(1000);
            Wish {
                queue,
                priority,
                delay_millis,
                attempts,
                hold,
                queue_timeout_millis,
                after,
                serial,
                tag,
                parent,
                key,
            }
        },
    )
}

fn changes() -> impl Strategy<Value = LimitChange> {
    let rate = || {
        let rate = prop::option::of((1..3_u32, 1..500_u64));
        rate.prop_map(|rate| rate.map(|(count, per_millis)| Rate { count, per_millis }))
    };
    let most = || prop::option::of(1..3_u32);
    let per_tag =
        (most(), rate()).prop_map(|(concurrency, rate)| TagLimit { tag: TAG.into(), concurrency, rate });
    let pause = prop::option::of(any::<bool>());
    let per_tag = prop::option::of(prop::option::of(per_tag));
    (pause, prop::option::of(most()), prop::option::of(rate()), per_tag).prop_map(
        |(is_paused, concurrency, rate, per_tag)| LimitChange { is_paused, concurrency, rate, per_tag },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        6 => wishes().prop_map(Step::Submit),
        1 => prop::collection::vec(wishes(), 0..4).prop_map(Step::SubmitMany),
        1 => index().prop_map(Step::Cancel),
        1 => index().prop_map(Step::Release),
        1 => (0..3_u8, changes()).prop_map(|(queue, change)| Step::Limit { queue, change }),
        1 => (0..3_u8).prop_map(|queue| Step::Purge { queue }),
        1 => index().prop_map(Step::Retry),
        2 => (1..3000_u64).prop_map(|patience_millis| Step::Call { patience_millis }),
        2 => index().prop_map(Step::EndCall),
        3 => index().prop_map(Step::Complete),
        2 => index().prop_map(Step::Fail),
        1 => index().prop_map(Step::HandBack),
        1 => index().prop_map(Step::Replay),
        2 => (0..1500_u64).prop_map(|millis| Step::Wait { millis }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

/// A world around the scheduler: a store that remembers every record, and workers that run what is assigned.
struct World {
    scheduler: Scheduler,
    now: Timestamp,
    start: u32,
    records: BTreeMap<JobId, Job>,
    ready_since: BTreeMap<JobId, Timestamp>,
    queues: BTreeMap<u32, Queue>,
    keys: BTreeMap<String, KeyRecord>,
    running: BTreeMap<Fence, Arc<Job>>,
    calls: BTreeSet<CallId>,
    old_fences: Vec<Fence>,
    last_call: u64,
}

const WORKER: WorkerId = WorkerId(0);
const SLOTS: u32 = 2;
const TAG: &str = "customer";

impl World {
    fn new() -> Self {
        let (scheduler, _) =
            Scheduler::restore(1, Remembered::default(), WINDOW_JOBS, Box::new(()), Timestamp(0));
        let mut world = Self {
            scheduler,
            now: Timestamp(0),
            start: 1,
            records: BTreeMap::new(),
            ready_since: BTreeMap::new(),
            queues: BTreeMap::new(),
            keys: BTreeMap::new(),
            running: BTreeMap::new(),
            calls: BTreeSet::new(),
            old_fences: Vec::new(),
            last_call: 0,
        };
        world.command(Command::Join { worker: WORKER, slots: SLOTS, lease_millis: None }).unwrap();
        world
    }

    fn command(&mut self, command: Command) -> Result<Answer, Refusal> {
        let (answer, decisions) = self.scheduler.handle(command, self.now);
        self.carry_out(decisions);
        answer
    }

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Accept { job, key, schedule: None } => {
                    assert_eq!((job.revision, key.is_some()), (1, job.spec.idempotency.is_some()));
                    if let Some(key) = key {
                        assert_eq!(key.job, job.id);
                        let old = self.keys.insert(key.name.key.clone(), key);
                        assert!(old.is_none(), "one key, one job: {old:?}");
                    }
                    self.save(&job);
                }
                Decision::Save(job) => self.save(&job),
                Decision::ForgetKey(name) => drop(self.keys.remove(&name.key)),
                Decision::SaveRetried(job) => {
                    let old = self.records.insert(job.id, Job::clone(&job)).unwrap();
                    assert_eq!(
                        (&old.state, &old.spec),
                        (&job.state, &job.spec),
                        "a final job stays as it is"
                    );
                }
                Decision::SaveQueue(queue) => drop(self.queues.insert(queue.number, queue)),
                Decision::Assign { fence, job, .. } => {
                    assert!(
                        self.old_fences.iter().chain(self.running.keys()).all(|old| *old < fence),
                        "fences grow"
                    );
                    assert_eq!(job.lease().map(|lease| lease.fence), Some(fence));
                    self.check_start(&job);
                    self.check_limits(&job);
                    assert!(
                        self.running.values().all(|other| other.id != job.id || other.lease() != job.lease())
                    );
                    self.running.insert(fence, job);
                }
                Decision::AssignCall { call, .. } => assert!(self.calls.insert(call), "a call runs once"),
                Decision::RefuseCall(call) => {
                    assert!(!self.calls.contains(&call), "a running call is not refused");
                }
                Decision::Stop { fence, .. } => {
                    assert!(self.running.contains_key(&fence), "only what runs is stopped");
                }
                Decision::Accept { schedule: Some(_), .. }
                | Decision::SaveSchedule { .. }
                | Decision::SkipTick(_)
                | Decision::ForgetSchedule(_)
                | Decision::Tick(_) => unreachable!("there are no schedules"),
                Decision::Load(_) => unreachable!("nothing is parked"),
            }
        }
        assert!(self.running.len() + self.calls.len() <= SLOTS as usize, "never more runs than slots");
        assert_eq!(self.scheduler.held_slots(), self.running.len() + self.calls.len());
    }

    fn save(&mut self, job: &Job) {
        self.ready_since.remove(&job.id);
        if matches!(job.state, State::Ready) {
            self.ready_since.insert(job.id, self.now);
        }
        if let Some(old) = self.records.insert(job.id, job.clone()) {
            assert!(!old.state.is_final(), "a final state never changes: {old:?}");
            assert_eq!(job.revision, old.revision + 1, "every change is one revision");
            assert_eq!(job.spec, old.spec, "what was asked for never changes");
        }
        assert!(job.failures <= job.attempt && job.worker_deaths <= job.attempt);
        assert!(job.failures <= job.spec.retry.max_attempts.max(1), "no more attempts than allowed");
    }

    fn check_start(&self, job: &Job) {
        assert!(job.spec.run_at.is_none_or(|at| at <= self.now), "never early");
        let Some(After { jobs, need, ended }) = &job.spec.after else { return };
        let counts = |id: &JobId| {
            let state = self.records[id].state.name();
            state == JobState::Succeeded || state.is_final() && *ended == EndedAs::Finished
        };
        let met = match need {
            Need::All => jobs.iter().all(counts),
            Need::Any => jobs.iter().any(counts),
        };
        assert!(met, "no job starts before what it comes after: {job:?}");
    }

    /// Of what runs, as far as the records tell, when a job starts.
    fn check_limits(&self, job: &Job) {
        let running = || self.records.values().filter(|job| job.state.name() == JobState::Running);
        let in_queue = || running().filter(|other| other.spec.queue == job.spec.queue);
        let queue = self.queues.values().find(|queue| queue.name == job.spec.queue).unwrap();
        assert!(!queue.limits.is_paused, "nothing starts in a paused queue");
        if let Some(most) = queue.limits.concurrency {
            assert!(in_queue().count() <= most as usize, "no more run than the queue allows");
        }
        if let Some(TagLimit { tag, concurrency: Some(most), .. }) = &queue.limits.per_tag
            && let Some(value) = job.spec.tags.get(tag)
        {
            let alike = in_queue().filter(|other| other.spec.tags.get(tag) == Some(value)).count();
            assert!(alike <= *most as usize, "no more run with the same value of a tag than may");
        }
        assert!(
            running().filter(|job| job.spec.serial_key.is_some()).count() <= 1,
            "one serial key, one run"
        );
    }

    fn end(&mut self, index: prop::sample::Index, end: AttemptEnd) {
        let fences: Vec<_> = self.running.keys().copied().collect();
        if fences.is_empty() {
            return;
        }
        self.end_run(*index.get(&fences), end);
    }

    fn end_run(&mut self, fence: Fence, end: AttemptEnd) {
        let job = self.running.remove(&fence).unwrap();
        self.old_fences.push(fence);
        let cancelled = self.records[&job.id].state.is_final();
        let answer = self.command(Command::EndAttempt { fence, end });
        assert_eq!(answer.is_ok(), !cancelled, "a live lease counts, a cancelled job's does not");
    }

    /// Every final job, and whether it succeeded.
    fn ended(&self) -> BTreeMap<JobId, bool> {
        let ended = self.records.values().filter(|job| job.state.is_final());
        ended.map(|job| (job.id, job.state.name() == JobState::Succeeded)).collect()
    }

    fn submission(&self, wish: Wish) -> Submission {
        let ids: Vec<_> = self.records.keys().copied().collect();
        let after = wish.after.filter(|_| !ids.is_empty()).map(|(jobs, need, ended)| After {
            jobs: jobs.iter().map(|index| *index.get(&ids)).collect(),
            need,
            ended,
        });
        let idempotency = wish
            .key
            .map(|(key, request)| Idempotency { key: format!("k{key}"), request: Digest([request; 32]) });
        let spec = Spec {
            run_at: (wish.delay_millis > 0).then(|| self.now.plus_millis(wish.delay_millis)),
            hold: wish.hold,
            queue_timeout_millis: wish.queue_timeout_millis,
            after,
            serial_key: wish.serial.then(|| "s".into()),
            tags: wish.tag.map(|value| (TAG.into(), value.to_string())).into_iter().collect(),
            parent: wish.parent.filter(|_| !ids.is_empty()).map(|index| *index.get(&ids)),
            idempotency,
            ..spec(wish.queue, wish.priority, wish.attempts, self.now)
        };
        Submission { spec: spec.into(), ended: self.ended(), original: None, salt: 5 }
    }

    fn submit(&mut self, wish: Wish) {
        let submission = self.submission(wish);
        let spec = Arc::clone(&submission.spec);
        let known = spec.idempotency.as_ref().and_then(|asked| self.keys.get(&asked.key).cloned());
        let answer = self.command(Command::Submit(submission));
        match (answer, known) {
            (Ok(Answer::Submitted(id)), Some(key)) => {
                assert_eq!((id, spec.idempotency.as_ref().unwrap().request), (key.job, key.request));
            }
            (Ok(Answer::Submitted(id)), None) => {
                assert_eq!(self.records[&id].spec, spec, "an accepted job has a record");
            }
            (Err(Refusal::KeyTaken(job)), Some(key)) => {
                assert_eq!(job, key.job);
                assert_ne!(spec.idempotency.as_ref().unwrap().request, key.request);
            }
            (Err(Refusal::ParentEnded(job)), _) => {
                assert!(self.records[&job].state.is_final(), "only of a job that has ended");
            }
            (Err(Refusal::Unreachable(job)), _) => {
                assert!(!self.ended()[&job], "only what cannot come about is refused");
            }
            other => panic!("{other:?}"),
        }
    }

    fn submit_many(&mut self, wishes: Vec<Wish>) {
        let (count, before) = (wishes.len(), self.records.len());
        let submissions = wishes.into_iter().map(|wish| self.submission(wish)).collect();
        match self.command(Command::SubmitMany(submissions)) {
            Ok(Answer::SubmittedMany(jobs)) => assert_eq!(jobs.len(), count),
            Err(_) => assert_eq!(self.records.len(), before, "all or none"),
            other => panic!("{other:?}"),
        }
    }

    fn release(&mut self, index: prop::sample::Index) {
        let ids: Vec<_> = self.records.keys().copied().collect();
        if let Some(job) = (!ids.is_empty()).then(|| *index.get(&ids)) {
            let was = self.records[&job].state.clone();
            let done = self.command(Command::Release { job, channel: "0".into() });
            let held = matches!(was, State::Held | State::Blocked { held: true, .. });
            assert_eq!(done.is_ok(), held, "{was:?}");
        }
    }

    fn limit(&mut self, queue: u8, change: LimitChange) {
        let name = format!("q{queue}");
        self.command(Command::LimitQueue { channel: "0".into(), name, change }).unwrap();
    }

    fn retry(&mut self, index: prop::sample::Index) {
        let ids: Vec<_> = self.records.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let original = Arc::new(self.records[index.get(&ids)].clone());
        let spec = original.spec.again(original.id, original.spec.version, self.now).into();
        let original_too = Some(Arc::clone(&original));
        let submission = Submission { spec, ended: BTreeMap::new(), original: original_too, salt: 6 };
        match self.command(Command::Submit(submission)) {
            Ok(Answer::Submitted(id)) => {
                assert!(original.state.is_final(), "only final jobs are tried again");
                assert_eq!(self.records[&id].spec.retry_of, Some(original.id));
                assert_eq!(self.records[&original.id].retried_as, Some(id));
            }
            refused => assert_eq!(refused, Err(Refusal::WrongState(original.state.name()))),
        }
    }

    fn restart(&mut self) {
        self.start += 1;
        let remembered = Remembered {
            queues: self.queues.values().cloned().collect(),
            jobs: self.records.values().filter(|job| !job.state.is_final()).cloned().collect(),
            ended: self.records.values().map(|job| (job.id, job.state.name())).collect(),
            keys: self.keys.values().cloned().collect(),
            ..Remembered::default()
        };
        let (scheduler, decisions) =
            Scheduler::restore(self.start, remembered, WINDOW_JOBS, Box::new(()), self.now);
        self.scheduler = scheduler;
        self.ready_since.values_mut().for_each(|since| *since = self.now);
        self.old_fences.extend(std::mem::take(&mut self.running).into_keys());
        self.calls.clear();
        self.carry_out(decisions);
        self.command(Command::Join { worker: WORKER, slots: SLOTS, lease_millis: None }).unwrap();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit(wish) => self.submit(wish),
            Step::SubmitMany(wishes) => self.submit_many(wishes),
            Step::Release(index) => self.release(index),
            Step::Limit { queue, change } => self.limit(queue, change),
            Step::Purge { queue } => {
                let name = format!("q{queue}");
                let known = self.queues.values().any(|queue| queue.name == name);
                let done = self.command(Command::PurgeQueue { channel: "0".into(), name });
                assert_eq!(done.is_ok(), known);
            }
            Step::Cancel(index) => {
                let ids: Vec<_> = self.records.keys().copied().collect();
                if !ids.is_empty() {
                    let job = *index.get(&ids);
                    let was_final = self.records[&job].state.is_final();
                    let done = self.command(Command::Cancel { job, channel: "0".into() });
                    assert_eq!(done.is_err(), was_final);
                }
            }
            Step::Retry(index) => self.retry(index),
            Step::Call { patience_millis } => {
                self.last_call += 1;
                let deadline = Some(self.now.plus_millis(patience_millis));
                self.command(Command::Call { call: CallId(self.last_call), deadline }).unwrap();
            }
            Step::EndCall(index) => {
                let calls: Vec<_> = self.calls.iter().copied().collect();
                if !calls.is_empty() {
                    let call = *index.get(&calls);
                    self.calls.remove(&call);
                    self.command(Command::EndCall(call)).unwrap();
                }
            }
            Step::Complete(index) => self.end(index, completed()),
            Step::Fail(index) => self.end(index, failed()),
            Step::HandBack(index) => self.end(index, AttemptEnd::Stopped),
            Step::Replay(index) => {
                if !self.old_fences.is_empty() {
                    let fence = *index.get(&self.old_fences);
                    let before = self.records.clone();
                    assert_eq!(
                        self.command(Command::EndAttempt { fence, end: completed() }),
                        Err(Refusal::StaleFence)
                    );
                    assert_eq!(self.records, before, "a stale fence changes nothing");
                }
            }
            Step::Wait { millis } => {
                self.now = self.now.plus_millis(millis);
                let decisions = self.scheduler.handle_timeout(self.now);
                self.carry_out(decisions);
            }
            Step::Restart => self.restart(),
        }
        let overdue = self.scheduler.poll_timeout().is_some_and(|(at, _)| at <= self.now);
        if overdue {
            let decisions = self.scheduler.handle_timeout(self.now);
            self.carry_out(decisions);
        }
        self.check_census();
        self.check_children();
    }

    fn check_children(&self) {
        for job in self.records.values().filter(|job| !job.state.is_final()) {
            let Some(parent) = job.spec.parent.map(|parent| &self.records[&parent]) else { continue };
            assert_ne!(parent.state.name(), JobState::Cancelled, "it is cancelled with its parent: {job:?}");
            assert_eq!(job.depth, parent.depth + 1);
        }
    }

    fn check_census(&self) {
        let census = self.scheduler.census();
        for state in JobState::ALL.into_iter().filter(|state| !state.is_final()) {
            let count = self.records.values().filter(|job| job.state.name() == state).count();
            assert_eq!(census.in_state(state), count, "jobs that are {state}");
        }
        assert_eq!(
            census.oldest_ready(),
            self.ready_since.values().min().copied(),
            "the one that waits longest"
        );
    }

    /// Lets everything end: every accepted job becomes final.
    fn drain(&mut self) {
        let open = LimitChange { is_paused: Some(false), ..LimitChange::default() };
        let names: Vec<_> = self.queues.values().map(|queue| queue.name.clone()).collect();
        for name in names {
            self.command(Command::LimitQueue { channel: "0".into(), name, change: open.clone() }).unwrap();
        }
        let held = |job: &&Job| matches!(job.state, State::Held | State::Blocked { held: true, .. });
        let held: Vec<_> = self.records.values().filter(held).map(|job| job.id).collect();
        for job in held {
            self.command(Command::Release { job, channel: "0".into() }).unwrap();
        }
        while self.scheduler.live_jobs() > 0 || !self.calls.is_empty() || !self.running.is_empty() {
            if let Some(fence) = self.running.keys().next().copied() {
                self.end_run(fence, completed());
            } else if let Some(call) = self.calls.pop_first() {
                self.command(Command::EndCall(call)).unwrap();
            } else if let Some((at, _)) = self.scheduler.poll_timeout() {
                self.now = self.now.max(at);
                let decisions = self.scheduler.handle_timeout(self.now);
                self.carry_out(decisions);
            } else {
                panic!("nothing can happen any more");
            }
        }
        assert_eq!(self.scheduler.live_jobs(), 0, "every accepted job becomes final");
        assert!(self.records.values().all(|job| job.state.is_final()));
    }
}

fn plain(spec: Arc<Spec>) -> Submission {
    Submission { spec, ended: BTreeMap::new(), original: None, salt: 0 }
}

fn completed() -> AttemptEnd {
    AttemptEnd::Completed { result: Payload::Inline("1".into()), usage: Usage::default() }
}

fn failed() -> AttemptEnd {
    let failure = Failure { code: ErrorCode::Trap, message: String::new(), detail: None };
    AttemptEnd::Failed { failure, usage: Usage::default() }
}

fn spec(queue: u8, priority: i8, max_attempts: u32, now: Timestamp) -> Spec {
    Spec {
        queue: format!("q{queue}"),
        priority,
        retry: RetryPolicy { max_attempts, ..RetryPolicy::default() },
        ..Spec::new("demo/add", Digest([0; 32]), Payload::Inline("{}".into()), now)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn laws_hold_over_any_history(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.drain();
    }

    #[test]
    fn the_same_history_leads_to_the_same_records(steps in steps()) {
        let run = |steps: Vec<Step>| {
            let mut world = World::new();
            for step in steps {
                world.step(step);
            }
            world.records
        };
        prop_assert_eq!(run(steps.clone()), run(steps));
    }
}

#[test]
fn calls_and_jobs_share_a_slot_by_turns() {
    let mut world = World::new();
    for _ in 0..6 {
        let spec = Arc::new(spec(0, 0, 1, world.now));
        world.command(Command::Submit(plain(spec))).unwrap();
    }
    for call in 1..=6 {
        world.command(Command::Call { call: CallId(call), deadline: None }).unwrap();
    }
    let mut order = String::new();
    while let Some((fence, _)) = world.running.pop_first() {
        world.old_fences.push(fence);
        world.command(Command::EndAttempt { fence, end: completed() }).unwrap();
        order.push('j');
        if let Some(call) = world.calls.pop_first() {
            world.command(Command::EndCall(call)).unwrap();
            order.push('c');
        }
    }
    assert!(order.starts_with("jcjcjc"), "neither starves the other: {order}");
}

#[test]
fn draining_grants_nothing_and_refuses_what_waits() {
    let mut world = World::new();
    let spec = Arc::new(spec(0, 0, 1, world.now));
    for _ in 0..3 {
        world.command(Command::Submit(plain(Arc::clone(&spec)))).unwrap();
    }
    world.command(Command::Call { call: CallId(1), deadline: None }).unwrap();
    let (_, decisions) = world.scheduler.handle(Command::Drain, world.now);
    assert_eq!(decisions, [Decision::RefuseCall(CallId(1))]);
    assert_eq!(world.command(Command::Submit(plain(spec))), Err(Refusal::Draining));
    let fence = *world.running.keys().next().unwrap();
    world.running.remove(&fence);
    world.command(Command::EndAttempt { fence, end: AttemptEnd::Stopped }).unwrap();
    assert_eq!(world.running.len(), 1, "a freed slot stays free");
}
