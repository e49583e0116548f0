//! Workers that hold what they run for a time, and longer only if they say that they live.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a broken law fails the test")]

use std::{collections::BTreeMap, sync::Arc};

use windlass_core::{
    command::{Answer, AttemptEnd, Command, Refusal, Submission},
    decision::Decision,
    job::{Digest, Fence, Job, Payload, Spec, State, Timestamp, WorkerId},
    limits::WINDOW_JOBS,
    scheduler::{Remembered, Scheduler},
};
use windlass_wire::{code::ErrorCode, job::Usage};

const LEASE_MILLIS: u64 = 100;

/// A scheduler, and the job it has as it is now.
struct World {
    scheduler: Scheduler,
    job: Arc<Job>,
}

impl World {
    fn tell(&mut self, command: Command, at: u64) -> Result<Vec<Decision>, Refusal> {
        let (answer, decisions) = self.scheduler.handle(command, Timestamp(at));
        self.look(&decisions);
        answer.map(|_| decisions)
    }

    fn wake(&mut self, at: u64) -> Vec<Decision> {
        let decisions = self.scheduler.handle_timeout(Timestamp(at));
        self.look(&decisions);
        decisions
    }

    fn look(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            if let Decision::Save(job) = decision {
                self.job = Arc::clone(job);
            }
        }
    }

    fn join(&mut self, worker: u64, lease_millis: Option<u64>, at: u64) {
        self.tell(Command::Join { worker: WorkerId(worker), slots: 1, lease_millis }, at).unwrap();
    }

    fn fence(&self) -> Fence {
        self.job.lease().unwrap_or_else(|| panic!("it does not run: {:?}", self.job)).fence
    }

    fn complete(&mut self, fence: Fence, at: u64) -> Result<(), Refusal> {
        let result = Payload::Inline("1".into());
        let end = AttemptEnd::Completed { result, usage: Usage::default() };
        self.tell(Command::EndAttempt { fence, end }, at).map(drop)
    }
}

/// A job that worker 1 runs since the time 0, with this lease.
fn running(lease_millis: Option<u64>) -> World {
    let (mut scheduler, _) =
        Scheduler::restore(1, Remembered::default(), WINDOW_JOBS, Box::new(()), Timestamp(0));
    let spec = Spec::new("demo/add", Digest([0; 32]), Payload::Inline("{}".into()), Timestamp(0));
    let submission = Submission { spec: spec.into(), ended: BTreeMap::new(), original: None, salt: 0 };
    let (answer, _) = scheduler.handle(Command::Submit(submission), Timestamp(0));
    let Ok(Answer::Submitted(id)) = answer else { panic!("{answer:?}") };
    let job = Arc::clone(scheduler.job(id).unwrap());
    let mut world = World { scheduler, job };
    world.join(1, lease_millis, 0);
    assert!(world.job.lease().is_some());
    world
}

#[test]
fn a_worker_that_extends_in_time_keeps_what_it_runs() {
    let mut world = running(Some(LEASE_MILLIS));
    let fence = world.fence();
    for at in [99, 198, 297] {
        world.tell(Command::Extend(WorkerId(1)), at).unwrap();
    }
    assert_eq!(world.wake(396), []);
    assert_eq!(world.scheduler.poll_timeout().unwrap().0, Timestamp(397));
    world.complete(fence, 396).unwrap();
    assert!(matches!(world.job.state, State::Succeeded { .. }));
}

#[test]
fn a_lease_that_is_not_extended_ends_as_a_lost_worker_does() {
    let mut world = running(Some(LEASE_MILLIS));
    let fence = world.fence();
    let decisions = world.wake(100);
    assert!(decisions.contains(&Decision::Stop { worker: WorkerId(1), fence }), "it may live: {decisions:?}");
    assert_eq!((&world.job.state, world.job.worker_deaths, world.job.failures), (&State::Ready, 1, 0));
    assert_eq!(world.job.attempts[0].failure.as_ref().unwrap().code, ErrorCode::WorkerLost);
    assert_eq!(world.tell(Command::Extend(WorkerId(1)), 100), Err(Refusal::UnknownWorker));
    assert_eq!(world.scheduler.poll_timeout(), None, "nothing is left behind");
    world.join(2, None, 100);
    assert_ne!(world.fence(), fence, "another worker runs it now");
    assert_eq!(world.complete(fence, 101), Err(Refusal::StaleFence));
    let second = world.fence();
    world.complete(second, 102).unwrap();
}

#[test]
fn a_report_that_comes_when_the_lease_has_ended_is_refused_before_anybody_noticed() {
    let mut world = running(Some(LEASE_MILLIS));
    let fence = world.fence();
    assert_eq!(world.complete(fence, 100), Err(Refusal::StaleFence));
    assert_eq!(world.job.state, State::Ready);
    let mut world = running(Some(LEASE_MILLIS));
    let fence = world.fence();
    world.complete(fence, 99).unwrap();
}

#[test]
fn a_job_whose_workers_fall_silent_is_quarantined() {
    let mut world = running(Some(LEASE_MILLIS));
    for death in 1..=3 {
        world.wake(death * LEASE_MILLIS);
        assert_eq!(u64::from(world.job.worker_deaths), death);
        world.join(death + 1, Some(LEASE_MILLIS), death * LEASE_MILLIS);
    }
    let State::Failed { failure, .. } = &world.job.state else { panic!("{:?}", world.job.state) };
    assert_eq!(failure.code, ErrorCode::Quarantined);
}

#[test]
fn a_worker_without_a_lease_is_never_overdue() {
    let mut world = running(None);
    assert_eq!(world.scheduler.poll_timeout(), None);
    world.tell(Command::Extend(WorkerId(1)), 5).unwrap();
    assert_eq!(world.wake(u64::MAX), []);
    assert!(world.job.lease().is_some());
}
