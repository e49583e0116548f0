//! Jobs are found by what they have, whatever happened to them.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use windlass_core::{
    dependency::After,
    job::{Spec, Timestamp, compose_id, sequence},
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    submit::{EndedAs, Need},
};

use super::*;
use crate::store::{
    MemoryEngine,
    engine::{Direction, Engine as _, KeyRange},
    listing::{Listing, Within, tests::job},
};

const STATES: [JobState; 4] = [JobState::Scheduled, JobState::Failed, JobState::Cancelled, JobState::Expired];

fn state(name: JobState) -> State {
    let at = Timestamp(9);
    let failure =
        || windlass_core::job::Failure { code: ErrorCode::Trap, message: String::new(), detail: None };
    match name {
        JobState::Scheduled => State::Scheduled { due: at },
        JobState::Failed => State::Failed { at, failure: failure() },
        JobState::Cancelled => State::Cancelled { at, because_of: None },
        JobState::Expired => State::Expired { at },
        JobState::Blocked => State::Blocked { left: [JobId(1)].into(), held: false },
        JobState::Ready | JobState::Running | JobState::Succeeded => State::Ready,
    }
}

#[test]
fn a_job_that_waits_for_no_other_any_more_is_not_found_among_those_that_do() {
    let after = After { jobs: [JobId(1)].into(), need: Need::All, ended: EndedAs::Success };
    let first = submitted(1, "a", "x");
    let spec = Spec { after: Some(after), ..Spec::clone(&first.spec) };
    let blocked = Job { spec: Arc::new(spec), state: state(JobState::Blocked), ..first };
    let entries = |engine: &MemoryEngine| {
        let prefix =
            [&[Family::Index.prefix()], Term::state("0", JobState::Blocked).unwrap().0.as_slice()].concat();
        engine.scan(&KeyRange::prefix(&prefix), Direction::Forward, 9).unwrap().len()
    };
    for next in [JobState::Ready, JobState::Scheduled, JobState::Cancelled, JobState::Expired] {
        let engine = MemoryEngine::default();
        store(&engine, std::slice::from_ref(&blocked));
        assert_eq!(entries(&engine), 1);
        store(&engine, &[moved(&blocked, next)]);
        assert_eq!(entries(&engine), 0, "{next}");
    }
}

/// A job just submitted.
fn submitted(sequence: u64, handler: &str, tag: &str) -> Job {
    let id = compose_id((sequence % 3) as u32, 0, sequence, 7);
    let first = job(id, State::Ready);
    let tags = [("who".to_owned(), tag.to_owned())].into();
    let spec = Spec { handler: handler.to_owned(), tags, ..Spec::clone(&first.spec) };
    Job { spec: Arc::new(spec), ..first }
}

fn moved(job: &Job, to: JobState) -> Job {
    Job { revision: job.revision + 1, state: state(to), ..job.clone() }
}

fn store(engine: &MemoryEngine, jobs: &[Job]) {
    let group: Vec<_> = jobs.iter().map(|job| Change::default().set_job(job).unwrap()).collect();
    engine.commit(&group).unwrap();
}

fn found(store: &Store, groups: Vec<Vec<Term>>) -> Vec<u64> {
    let within = Within::Terms { groups, queues: [0, 1, 2].into() };
    let mut listing = Listing { within, limit: 3, ..Listing::default() };
    let mut sequences = Vec::new();
    loop {
        let page = store.jobs(&listing, |_| Ok(true)).unwrap();
        sequences.extend(page.jobs.iter().map(|job| sequence(job.id)));
        listing.cursor = page.next;
        if page.next.is_none() {
            return sequences;
        }
    }
}

#[test]
fn jobs_are_found_by_handler_tag_and_state() {
    let engine = MemoryEngine::default();
    let jobs =
        [submitted(1, "a", "x"), submitted(2, "a", "y"), submitted(3, "b", "x"), submitted(4, "a", "x")];
    store(&engine, &jobs);
    store(&engine, &[moved(&jobs[3], JobState::Failed)]);
    let opened = Store::new(engine).unwrap();
    let (handler, tag) = (Term::handler("0", "a"), Term::tag("0", "who", "x"));
    let failed = Term::state("0", JobState::Failed).unwrap();
    for (groups, expected) in [
        (vec![vec![handler]], vec![4, 2, 1]),
        (vec![vec![tag]], vec![4, 3, 1]),
        (vec![vec![handler], vec![tag]], vec![4, 1]),
        (vec![vec![failed], vec![tag], vec![handler]], vec![4]),
        (vec![vec![handler, Term::handler("0", "b")]], vec![4, 3, 2, 1]),
        (vec![vec![Term::handler("1", "a")]], vec![]),
        (vec![vec![Term::tag("0", "who", "")]], vec![]),
    ] {
        assert_eq!(found(&opened, groups.clone()), expected, "{groups:?}");
    }
}

#[test]
fn jobs_are_found_by_what_they_come_after() {
    let engine = MemoryEngine::default();
    let first = submitted(1, "a", "x");
    let behind = |sequence, jobs: &[u128]| {
        let jobs = jobs.iter().copied().map(JobId).collect();
        let after = After { jobs, need: Need::Any, ended: EndedAs::Success };
        let job = submitted(sequence, "a", "x");
        Job { spec: Arc::new(Spec { after: Some(after), ..Spec::clone(&job.spec) }), ..job }
    };
    let (second, third) = (behind(2, &[first.id.0]), behind(3, &[first.id.0, 7]));
    store(&engine, &[first.clone(), second.clone(), third]);
    store(&engine, &[moved(&second, JobState::Failed)]);
    let opened = Store::new(engine).unwrap();
    let after = |channel, job| vec![vec![Term::after(channel, job)]];
    for (groups, expected) in [
        (after("0", first.id), vec![3, 2]),
        (after("0", JobId(7)), vec![3]),
        (after("0", second.id), vec![]),
        (after("1", first.id), vec![]),
    ] {
        assert_eq!(found(&opened, groups.clone()), expected, "{groups:?}");
    }
}

#[test]
fn only_jobs_of_the_queues_are_found() {
    let engine = MemoryEngine::default();
    store(&engine, &[submitted(1, "a", "x"), submitted(2, "a", "x"), submitted(3, "a", "x")]);
    let within = Within::Terms { groups: vec![vec![Term::handler("0", "a")]], queues: [2].into() };
    let listing = Listing { within, limit: 9, ..Listing::default() };
    let page = Store::new(engine).unwrap().jobs(&listing, |_| Ok(true)).unwrap();
    assert_eq!(page.jobs.iter().map(|job| sequence(job.id)).collect::<Vec<_>>(), [2]);
}

#[test]
fn jobs_of_an_older_broker_are_indexed_once() {
    let engine = MemoryEngine::default();
    let old = moved(&submitted(1, "a", "x"), JobState::Failed);
    engine.commit(&[Change::default().set(&Key::FinalJob(old.id), &old).unwrap()]).unwrap();
    let opened = Store::new(engine).unwrap();
    let failed = vec![vec![Term::state("0", JobState::Failed).unwrap()], vec![Term::handler("0", "a")]];
    assert!(found(&opened, failed.clone()).is_empty());
    assert_eq!(opened.count_leaving(Timestamp(u64::MAX)).unwrap(), 0);
    opened.complete_index().unwrap();
    assert_eq!(found(&opened, failed.clone()), [1]);
    assert_eq!(opened.count_leaving(Timestamp(u64::MAX)).unwrap(), 1);
    let unseen = moved(&submitted(2, "a", "x"), JobState::Failed);
    let change = Change::default().set(&Key::FinalJob(unseen.id), &unseen).unwrap();
    opened.engine.commit(&[change]).unwrap();
    opened.complete_index().unwrap();
    assert_eq!(found(&opened, failed), [1], "what is indexed is not read again");
}

/// What happens to one job: its handler, its tag, and the states it goes through.
fn any_life() -> impl Strategy<Value = (usize, usize, Vec<usize>)> {
    (0..3_usize, 0..3_usize, prop::collection::vec(0..=STATES.len(), 0..4))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_index_finds_what_a_search_through_everything_finds(
        lives in prop::collection::vec(any_life(), 0..200),
        handlers in prop::collection::btree_set(0..3_usize, 1..3),
        tag in 0..3_usize,
        wanted in prop::option::of(0..STATES.len()),
    ) {
        let (names, engine) = (["a", "b", "c"], MemoryEngine::default());
        let mut jobs: Vec<(JobId, usize, usize, JobState)> = Vec::new();
        for (place, (handler, tag, states)) in (1..).zip(&lives) {
            let mut job = submitted(place, names[*handler], names[*tag]);
            store(&engine, std::slice::from_ref(&job));
            for name in states.iter().map(|place| STATES.get(*place).copied().unwrap_or(JobState::Ready)) {
                if !job.state.is_final() {
                    job = moved(&job, name);
                    store(&engine, std::slice::from_ref(&job));
                }
            }
            jobs.push((job.id, *handler, *tag, job.state.name()));
        }
        let wanted = wanted.map(|place| STATES[place]);
        let expected: BTreeSet<u64> = jobs.iter()
            .filter(|(_, handler, has, state)| {
                handlers.contains(handler) && *has == tag && wanted.is_none_or(|wanted| wanted == *state)
            })
            .map(|(id, ..)| sequence(*id))
            .collect();
        let mut groups = vec![
            handlers.iter().map(|handler| Term::handler("0", names[*handler])).collect(),
            vec![Term::tag("0", "who", names[tag])],
        ];
        groups.extend(wanted.map(|state| vec![Term::state("0", state).unwrap()]));
        let listed = found(&Store::new(engine).unwrap(), groups);
        prop_assert_eq!(listed, expected.into_iter().rev().collect::<Vec<_>>());
    }
}
