//! Laws that hold over any history of commands, worker reports and restarts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use windlass_core::{
    command::{Answer, AttemptEnd, CallId, Command, Refusal},
    decision::{Decision, QueueNumber},
    job::{Digest, Failure, Fence, Job, Payload, Spec, State, Timestamp, WorkerId},
    retry::RetryPolicy,
    scheduler::Scheduler,
};
use windlass_wire::{code::ErrorCode, id::JobId, job::Usage, state::JobState};

/// What chance may do in one step.
#[derive(Debug, Clone)]
enum Step {
    Submit { queue: u8, priority: i8, delay_millis: u64, attempts: u32 },
    Cancel(prop::sample::Index),
    Retry(prop::sample::Index),
    Call { patience_millis: u64 },
    EndCall(prop::sample::Index),
    Complete(prop::sample::Index),
    Fail(prop::sample::Index),
    Release(prop::sample::Index),
    Replay(prop::sample::Index),
    Wait { millis: u64 },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        4 => (0..3_u8, -2..3_i8, 0..2000_u64, 0..4_u32).prop_map(|(queue, priority, delay, attempts)| Step::Submit {
            queue, priority, delay_millis: delay.saturating_sub(1000), attempts
        }),
        1 => index().prop_map(Step::Cancel),
        1 => index().prop_map(Step::Retry),
        2 => (1..3000_u64).prop_map(|patience_millis| Step::Call { patience_millis }),
        2 => index().prop_map(Step::EndCall),
        3 => index().prop_map(Step::Complete),
        2 => index().prop_map(Step::Fail),
        1 => index().prop_map(Step::Release),
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
    queues: Vec<QueueNumber>,
    running: BTreeMap<Fence, Arc<Job>>,
    calls: BTreeSet<CallId>,
    old_fences: Vec<Fence>,
    last_call: u64,
}

const WORKER: WorkerId = WorkerId(0);
const SLOTS: u32 = 2;

impl World {
    fn new() -> Self {
        let (scheduler, _) = Scheduler::restore(1, [], [], Timestamp(0));
        let mut world = Self {
            scheduler,
            now: Timestamp(0),
            start: 1,
            records: BTreeMap::new(),
            ready_since: BTreeMap::new(),
            queues: Vec::new(),
            running: BTreeMap::new(),
            calls: BTreeSet::new(),
            old_fences: Vec::new(),
            last_call: 0,
        };
        world.command(Command::Join { worker: WORKER, slots: SLOTS }).unwrap();
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
                Decision::Save(job) => self.save(&job),
                Decision::SaveRetried(job) => {
                    let old = self.records.insert(job.id, Job::clone(&job)).unwrap();
                    assert_eq!(
                        (&old.state, &old.spec),
                        (&job.state, &job.spec),
                        "a final job stays as it is"
                    );
                }
                Decision::SaveQueue(queue) => self.queues.push(queue),
                Decision::Assign { fence, job, .. } => {
                    assert!(
                        self.old_fences.iter().chain(self.running.keys()).all(|old| *old < fence),
                        "fences grow"
                    );
                    assert_eq!(job.lease().map(|lease| lease.fence), Some(fence));
                    assert!(
                        self.running.values().all(|other| other.id != job.id || other.lease() != job.lease())
                    );
                    self.running.insert(fence, job);
                }
                Decision::AssignCall { call, .. } => assert!(self.calls.insert(call), "a call runs once"),
                Decision::RefuseCall(call) => {
                    assert!(!self.calls.contains(&call), "a running call is not refused")
                }
                Decision::Stop { fence, .. } => {
                    assert!(self.running.contains_key(&fence), "only what runs is stopped")
                }
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

    fn retry(&mut self, index: prop::sample::Index) {
        let ids: Vec<_> = self.records.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let original = Arc::new(self.records[index.get(&ids)].clone());
        let spec = Spec { retry_of: Some(original.id), ..Spec::clone(&original.spec) };
        let retry = Command::Retry { spec: spec.into(), original: Arc::clone(&original), salt: 6 };
        match self.command(retry) {
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
        let live = self.records.values().filter(|job| !job.state.is_final()).cloned().collect::<Vec<_>>();
        let (scheduler, decisions) = Scheduler::restore(self.start, self.queues.clone(), live, self.now);
        self.scheduler = scheduler;
        self.ready_since.values_mut().for_each(|since| *since = self.now);
        self.old_fences.extend(std::mem::take(&mut self.running).into_keys());
        self.calls.clear();
        self.carry_out(decisions);
        self.command(Command::Join { worker: WORKER, slots: SLOTS }).unwrap();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit { queue, priority, delay_millis, attempts } => {
                let spec = Arc::new(spec(queue, priority, attempts, self.now));
                let due = (delay_millis > 0).then(|| self.now.plus_millis(delay_millis));
                let answer = self.command(Command::Submit { spec, due, salt: 5 });
                let Ok(Answer::Submitted(id)) = answer else { panic!("refused: {answer:?}") };
                assert!(self.records.contains_key(&id), "an accepted job has a record");
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
            Step::Release(index) => self.end(index, AttemptEnd::Stopped),
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
        for _ in 0..10_000 {
            if let Some(fence) = self.running.keys().next().copied() {
                self.end_run(fence, completed());
            } else if let Some(call) = self.calls.pop_first() {
                self.command(Command::EndCall(call)).unwrap();
            } else if let Some((at, _)) = self.scheduler.poll_timeout() {
                self.now = self.now.max(at);
                let decisions = self.scheduler.handle_timeout(self.now);
                self.carry_out(decisions);
            } else {
                break;
            }
        }
        assert_eq!(self.scheduler.live_jobs(), 0, "every accepted job becomes final");
        assert!(self.records.values().all(|job| job.state.is_final()));
    }
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
            steps.into_iter().for_each(|step| world.step(step));
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
        world.command(Command::Submit { spec, due: None, salt: 0 }).unwrap();
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
        world.command(Command::Submit { spec: Arc::clone(&spec), due: None, salt: 0 }).unwrap();
    }
    world.command(Command::Call { call: CallId(1), deadline: None }).unwrap();
    let (_, decisions) = world.scheduler.handle(Command::Drain, world.now);
    assert_eq!(decisions, [Decision::RefuseCall(CallId(1))]);
    assert_eq!(world.command(Command::Submit { spec, due: None, salt: 0 }), Err(Refusal::Draining));
    let fence = *world.running.keys().next().unwrap();
    world.running.remove(&fence);
    world.command(Command::EndAttempt { fence, end: AttemptEnd::Stopped }).unwrap();
    assert_eq!(world.running.len(), 1, "a freed slot stays free");
}
