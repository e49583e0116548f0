//! What the core alone costs: to submit, grant and complete a job beside a hundred that are ready and beside a hundred
//! thousand, without limits and with a thousand values of a limited tag; then jobs that wait for each other, and jobs
//! that come due.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench fails on the first thing that is wrong, and prints its figures"
)]

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use windlass_core::{
    command::{Answer, AttemptEnd, Command, LimitChange, Submission},
    decision::Decision,
    dependency::After,
    job::{Digest, Fence, Payload, Spec, Timestamp, WorkerId},
    limits::WINDOW_JOBS,
    queue::TagLimit,
    scheduler::{Remembered, Scheduler},
};
use windlass_tests::stats::{median, rate};
use windlass_wire::{
    id::JobId,
    job::Usage,
    submit::{EndedAs, Need},
};

const ROUNDS: usize = 9;
/// Jobs that go through in a round.
const JOBS: usize = 20_000;
const FEW: usize = 100;
const MANY: usize = 100_000;
const VALUES: usize = 1_000;
const DAG_JOBS: usize = 10_000;
/// Jobs each job of the graph comes after.
const DAG_AFTER: usize = 8;
const RATIO_MAX: f64 = 2.0;
const SLOTS: u32 = 8;
const TAG: &str = "customer";

fn main() {
    println!("the core alone, {ROUNDS} interleaved rounds of {JOBS} jobs, medians; target <= {RATIO_MAX}");
    println!("submit, grant and complete of a job, beside so many that are ready:");
    for (name, values) in [("no limit", 0), ("1,000 values of a tag, one at once of each", VALUES)] {
        let (mut few, mut many) = (Core::loaded(FEW, values), Core::loaded(MANY, values));
        let (mut beside_few, mut beside_many) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            beside_few.push(micros_each(JOBS, || few.turn_over(JOBS)));
            beside_many.push(micros_each(JOBS, || many.turn_over(JOBS)));
        }
        let (beside_few, beside_many) = (median(&beside_few), median(&beside_many));
        println!(
            "  {name}: {FEW:>7} {beside_few:.2} µs   {MANY} {beside_many:.2} µs   ratio {:.2}",
            beside_many / beside_few
        );
    }
    let (plain, graph) = (through(DAG_JOBS, 0), through(DAG_JOBS, DAG_AFTER));
    println!(
        "{DAG_JOBS} jobs to their ends: {plain:.2} µs each   each after {DAG_AFTER} others {graph:.2} µs   ratio {:.2}",
        graph / plain
    );
    let (ready, due) = (drain(None), drain(Some(Timestamp(1_000))));
    println!(
        "{MANY} jobs granted and completed: {ready:.2} µs each   come due at once {due:.2} µs   ratio {:.2}",
        due / ready
    );
}

/// A scheduler with one worker, and what runs.
struct Core {
    scheduler: Scheduler,
    now: Timestamp,
    running: VecDeque<Fence>,
    values: usize,
    submitted: usize,
    ended: usize,
}

impl Core {
    fn new(values: usize) -> Self {
        let (scheduler, _) =
            Scheduler::restore(1, Remembered::default(), WINDOW_JOBS, Box::new(()), Timestamp(0));
        let running = VecDeque::new();
        let mut core = Self { scheduler, now: Timestamp(0), running, values, submitted: 0, ended: 0 };
        if values > 0 {
            let limit = TagLimit { tag: TAG.into(), concurrency: Some(1), rate: None };
            let change = LimitChange { per_tag: Some(Some(limit)), ..LimitChange::default() };
            core.tell(Command::LimitQueue { channel: "0".into(), name: "default".into(), change });
        }
        core
    }

    /// With so many jobs that are ready, and a worker that is busy.
    fn loaded(ready: usize, values: usize) -> Self {
        let mut core = Self::new(values);
        for _ in 0..ready {
            core.submit(&[], None);
        }
        core.join();
        core
    }

    fn join(&mut self) {
        self.tell(Command::Join { worker: WorkerId(1), slots: SLOTS, lease_millis: None });
    }

    fn tell(&mut self, command: Command) -> Answer {
        let (answer, decisions) = self.scheduler.handle(command, self.now);
        self.carry_out(decisions);
        answer.expect("nothing is refused")
    }

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            if let Decision::Assign { fence, .. } = decision {
                self.running.push_back(fence);
            }
        }
    }

    fn submit(&mut self, after: &[JobId], run_at: Option<Timestamp>) -> JobId {
        let args = Payload::Inline(r#"{"x":10,"y":20}"#.into());
        let mut spec = Spec { run_at, ..Spec::new("demo/add", Digest([7; 32]), args, self.now) };
        if self.values > 0 {
            spec.tags.insert(TAG.into(), format!("customer {}", self.submitted % self.values));
        }
        if !after.is_empty() {
            let jobs: BTreeSet<_> = after.iter().copied().collect();
            spec.after = Some(After { jobs, need: Need::All, ended: EndedAs::Success });
        }
        self.submitted += 1;
        let salt = u32::try_from(self.submitted % (1 << 24)).expect("it fits 24 bits");
        let submission = Submission { spec: Arc::new(spec), ended: BTreeMap::new(), original: None, salt };
        let Answer::Submitted(id) = self.tell(Command::Submit(submission)) else {
            panic!("a submission is answered with a job");
        };
        id
    }

    fn complete(&mut self) -> bool {
        let Some(fence) = self.running.pop_front() else { return false };
        let result = Payload::Inline("30".into());
        let end = AttemptEnd::Completed { result, usage: Usage::default() };
        self.tell(Command::EndAttempt { fence, end });
        self.ended += 1;
        true
    }

    /// Each of so many jobs is submitted, and one is completed for it, so that as many are ready as before.
    fn turn_over(&mut self, jobs: usize) {
        for _ in 0..jobs {
            self.submit(&[], None);
            assert!(self.complete(), "a job runs");
        }
    }

    fn complete_all(&mut self) {
        while self.complete() {}
        assert_eq!((self.scheduler.live_jobs(), self.ended), (0, self.submitted), "every job has ended");
    }
}

fn micros_each(jobs: usize, work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    1e6 / rate(jobs, begin.elapsed())
}

/// So many jobs, each after up to so many of those before it, from their submission to their ends.
fn through(jobs: usize, after: usize) -> f64 {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut core = Core::new(0);
        rounds.push(micros_each(jobs, || {
            let mut ids: Vec<JobId> = Vec::new();
            for place in 0..jobs {
                // Spread over those before it, so that the graph is both deep and wide.
                let before: Vec<_> =
                    (1..=after.min(place)).map(|step| ids[place - 1 - (step * step * 7) % place]).collect();
                ids.push(core.submit(&before, None));
            }
            core.join();
            core.complete_all();
        }));
    }
    median(&rounds)
}

/// Many jobs that are ready, or that come due together, until all have ended.
fn drain(run_at: Option<Timestamp>) -> f64 {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS.min(3) {
        let mut core = Core::new(0);
        for _ in 0..MANY {
            core.submit(&[], run_at);
        }
        core.join();
        rounds.push(micros_each(MANY, || {
            core.now = Timestamp(1_000);
            let decisions = core.scheduler.handle_timeout(core.now);
            core.carry_out(decisions);
            core.complete_all();
        }));
    }
    median(&rounds)
}
