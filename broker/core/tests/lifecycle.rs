//! Every state against every event: what becomes of the job, as one table.

use std::{fmt::Write, sync::Arc};

use windlass_core::{
    dependency::After,
    job::{Digest, Failure, Fence, Job, Lease, Payload, Spec, State, Timestamp, WorkerId, compose_id},
    lifecycle::{Event, next},
    retry::RetryPolicy,
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    job::Usage,
    submit::{EndedAs, Need, RetryOn},
};

const NOW: Timestamp = Timestamp(1000);

fn lease(fence: u64) -> Lease {
    Lease { fence: Fence(fence), worker: WorkerId(0), since: Timestamp(900) }
}

fn spec(max_attempts: u32) -> Spec {
    Spec {
        retry: RetryPolicy { max_attempts, jitter: 0.0, ..RetryPolicy::default() },
        ..Spec::new("demo/add", Digest([0; 32]), Payload::Inline("{}".into()), Timestamp(0))
    }
}

fn job(state: State, spec: Spec) -> Job {
    Job { state, attempt: 1, ..Job::new(compose_id(0, 0, 1, 0), Arc::new(spec), [].into(), NOW) }
}

fn failure() -> Failure {
    Failure { code: ErrorCode::Trap, message: "unreachable".into(), detail: None }
}

fn states() -> Vec<State> {
    let result = Payload::Inline("30".into());
    vec![
        State::Scheduled { due: NOW },
        State::Held,
        State::Blocked { left: [JobId(7), JobId(8)].into(), held: false },
        State::Blocked { left: [JobId(7)].into(), held: true },
        State::Ready,
        State::Running(lease(7)),
        State::Succeeded { at: NOW, result },
        State::Failed { at: NOW, failure: failure() },
        State::Cancelled { at: NOW, because_of: None },
        State::Expired { at: NOW },
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    let usage = Usage::default();
    let result = Payload::Inline("30".into());
    let complete = |fence| Event::Complete { fence, result: result.clone(), usage };
    vec![
        ("come due", Event::ComeDue),
        ("settle, succeeded", Event::Settle { job: JobId(7), succeeded: true }),
        ("settle, failed", Event::Settle { job: JobId(7), succeeded: false }),
        ("settle, unknown", Event::Settle { job: JobId(9), succeeded: false }),
        ("release", Event::Release),
        ("expire", Event::Expire),
        ("grant", Event::Grant(lease(8))),
        ("complete", complete(Fence(7))),
        ("complete, stale", complete(Fence(6))),
        ("fail", Event::Fail { fence: Fence(7), failure: failure(), usage }),
        ("fail, stale", Event::Fail { fence: Fence(6), failure: failure(), usage }),
        ("hand back", Event::HandBack { fence: Fence(7) }),
        ("hand back, stale", Event::HandBack { fence: Fence(6) }),
        ("lose worker", Event::LoseWorker { fence: Fence(7) }),
        ("cancel", Event::Cancel { because_of: None }),
    ]
}

/// The state's name, with what the name does not tell.
fn shown(state: &State) -> String {
    let name = state.name().name();
    let is_held = matches!(state, State::Held | State::Blocked { held: true, .. });
    if is_held { format!("{name} (held)") } else { name.to_owned() }
}

#[test]
fn every_state_against_every_event() {
    let mut table = String::new();
    let after = After { jobs: [JobId(7), JobId(8)].into(), need: Need::All, ended: EndedAs::Success };
    let spec = Spec { after: Some(after), ..spec(2) };
    for state in states() {
        for (name, event) in events() {
            let outcome = match next(&job(state.clone(), spec.clone()), event, NOW) {
                Ok(job) => {
                    format!("{} (attempt {}, failures {})", job.state.name(), job.attempt, job.failures)
                }
                Err(refusal) => format!("refused: {refusal}"),
            };
            writeln!(table, "{:>15} + {name:<17} = {outcome}", shown(&state)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_failure_is_final_once_attempts_are_spent() {
    let event = Event::Fail { fence: Fence(7), failure: failure(), usage: Usage::default() };
    let ended = next(&job(State::Running(lease(7)), spec(1)), event, NOW).unwrap();
    assert_eq!(ended.state, State::Failed { at: NOW, failure: failure() });
}

#[test]
fn a_retry_waits_for_the_pause_of_its_policy() {
    let event = Event::Fail { fence: Fence(7), failure: failure(), usage: Usage::default() };
    let waiting = next(&job(State::Running(lease(7)), spec(2)), event, NOW).unwrap();
    assert_eq!(waiting.state, State::Scheduled { due: Timestamp(2000) });
}

#[test]
fn a_job_that_kills_its_workers_is_quarantined() {
    let mut poison = job(State::Ready, spec(1));
    for fence in 1..=3 {
        poison = next(&poison, Event::Grant(lease(fence)), NOW).unwrap();
        poison = next(&poison, Event::LoseWorker { fence: Fence(fence) }, NOW).unwrap();
    }
    let State::Failed { failure, .. } = poison.state else { panic!("not final: {:?}", poison.state) };
    assert_eq!(failure.code, ErrorCode::Quarantined);
}

#[test]
fn a_job_that_must_not_run_twice_fails_with_its_worker() {
    let mut spec = spec(5);
    spec.retry.on.remove(&RetryOn::WorkerLost);
    let lost =
        next(&job(State::Running(lease(7)), spec), Event::LoseWorker { fence: Fence(7) }, NOW).unwrap();
    assert!(matches!(lost.state, State::Failed { failure: Failure { code: ErrorCode::WorkerLost, .. }, .. }));
}

#[test]
fn only_the_last_attempts_are_kept() {
    let mut job = job(State::Ready, spec(100));
    for fence in 1..=20 {
        job = next(&job, Event::Grant(lease(fence)), NOW).unwrap();
        job =
            next(&job, Event::Fail { fence: Fence(fence), failure: failure(), usage: Usage::default() }, NOW)
                .unwrap();
        job = next(&job, Event::ComeDue, NOW).unwrap();
    }
    let numbers: Vec<_> = job.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (12..=21).collect::<Vec<_>>());
}

#[test]
fn one_clock_runs_over_waiting_for_jobs_and_for_a_slot_and_anew_for_each_attempt() {
    let spec = Spec {
        queue_timeout_millis: Some(50),
        after: Some(After { jobs: [JobId(7)].into(), need: Need::All, ended: EndedAs::Success }),
        ..spec(2)
    };
    let blocked = Job::new(compose_id(0, 0, 1, 0), Arc::new(spec), [JobId(7)].into(), Timestamp(0));
    assert_eq!(blocked.expires_at, Some(Timestamp(50)));
    let settled = Event::Settle { job: JobId(7), succeeded: true };
    let ready = next(&blocked, settled, Timestamp(20)).unwrap();
    assert_eq!((&ready.state, ready.expires_at), (&State::Ready, Some(Timestamp(50))));
    let running = next(&ready, Event::Grant(lease(7)), Timestamp(30)).unwrap();
    assert_eq!(running.expires_at, None);
    let back = next(&running, Event::HandBack { fence: Fence(7) }, Timestamp(40)).unwrap();
    assert_eq!(back.expires_at, Some(Timestamp(90)));
}

#[test]
fn a_held_job_waits_for_its_jobs_and_then_for_its_release_and_its_time() {
    let after = After { jobs: [JobId(7)].into(), need: Need::All, ended: EndedAs::Success };
    let spec = Spec { hold: true, run_at: Some(Timestamp(2000)), after: Some(after), ..spec(1) };
    let blocked = Job::new(compose_id(0, 0, 1, 0), Arc::new(spec), [JobId(7)].into(), NOW);
    let held = next(&blocked, Event::Settle { job: JobId(7), succeeded: true }, NOW).unwrap();
    assert_eq!(held.state, State::Held);
    assert_eq!(next(&held, Event::Release, NOW).unwrap().state, State::Scheduled { due: Timestamp(2000) });
    assert_eq!(next(&held, Event::Release, Timestamp(2000)).unwrap().state, State::Ready);
    let released = next(&blocked, Event::Release, NOW).unwrap();
    let settled = next(&released, Event::Settle { job: JobId(7), succeeded: true }, NOW).unwrap();
    assert_eq!(settled.state, State::Scheduled { due: Timestamp(2000) });
}
