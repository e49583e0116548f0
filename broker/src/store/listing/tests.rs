//! Listings over many lanes.

use std::sync::Arc;

use proptest::prelude::*;
use windlass_core::job::{Digest, Failure, Payload, Spec, State, Timestamp, compose_id};

use windlass_wire::code::ErrorCode;

use super::*;
use crate::store::{Change, MemoryEngine};
use crate::store::{error::Limit, keys::Key};

/// A job in a given state.
pub(in crate::store) fn job(id: JobId, state: State) -> Job {
    let spec = Spec::new("demo/add", Digest([7; 32]), Payload::Inline("{}".into()), Timestamp(1));
    let mut job = Job::new(id, Arc::new(spec), [].into(), Timestamp(1));
    job.state = state;
    job
}

/// A store that holds these jobs.
pub(in crate::store) fn stored(jobs: &[&Job]) -> Store {
    let engine = MemoryEngine::default();
    let group: Vec<_> = jobs.iter().map(|job| Change::default().set_job(job).unwrap()).collect();
    engine.commit(&group).unwrap();
    Store::new(engine).unwrap()
}

fn live(queue: u32, priority: i8, sequence: u64) -> Job {
    job(compose_id(queue, priority, sequence, 0), State::Ready)
}

fn done(queue: u32, priority: i8, sequence: u64) -> Job {
    job(compose_id(queue, priority, sequence, 0), State::Cancelled { at: Timestamp(2), because_of: None })
}

fn sequences(jobs: &[Job]) -> Vec<u64> {
    jobs.iter().map(|job| sequence(job.id)).collect()
}

fn all() -> Listing {
    Listing { limit: 1_000, ..Listing::default() }
}

#[test]
fn jobs_of_all_queues_and_priorities_come_newest_first() {
    let jobs = [live(1, 0, 1), done(2, 100, 2), live(1, -100, 3), done(1, 0, 4), live(0xff_ffff, -100, 5)];
    let page = stored(&jobs.each_ref()).jobs(&all(), |_| Ok(true)).unwrap();
    assert_eq!(sequences(&page.jobs), [5, 4, 3, 2, 1]);
    assert_eq!((page.next, page.cut), (None, false));
}

#[test]
fn only_the_queues_asked_for_are_listed() {
    let jobs = [live(1, 0, 1), live(2, 0, 2), done(3, 5, 3), done(2, -5, 4)];
    let listing = Listing { within: Within::Queues([2, 3].into()), ..all() };
    let page = stored(&jobs.each_ref()).jobs(&listing, |_| Ok(true)).unwrap();
    assert_eq!(sequences(&page.jobs), [4, 3, 2]);
}

#[test]
fn only_the_part_of_life_asked_for_is_listed() {
    let jobs = [live(1, 0, 1), done(1, 0, 2), live(2, 0, 3)];
    let store = stored(&jobs.each_ref());
    let listed = |life| sequences(&store.jobs(&Listing { life, ..all() }, |_| Ok(true)).unwrap().jobs);
    assert_eq!((listed(Life::Live), listed(Life::Final)), (vec![3, 1], vec![2]));
}

#[test]
fn named_jobs_are_listed_newest_first_in_pages_without_those_that_do_not_exist() {
    let jobs = [live(1, 0, 1), done(1, 0, 2), live(0, 9, 3), live(1, 0, 4)];
    let store = stored(&jobs.each_ref());
    let mut ids: BTreeSet<_> = jobs[..3].iter().map(|job| job.id).collect();
    ids.insert(JobId(7));
    let first = Listing { within: Within::Jobs(ids), limit: 2, ..all() };
    let page = store.jobs(&first, |_| Ok(true)).unwrap();
    assert_eq!(sequences(&page.jobs), [3, 2]);
    let page = store.jobs(&Listing { cursor: page.next, ..first }, |_| Ok(true)).unwrap();
    assert_eq!((sequences(&page.jobs), page.next), (vec![1], None));
}

/// A job of a start of the broker, accepted at a time.
fn accepted(start: u64, number: u64, at: u64) -> Job {
    let first = live(1, 0, (start << COUNTER_BITS) + number);
    let spec = Spec { submitted_at: Timestamp(at), ..Spec::clone(&first.spec) };
    Job { spec: Arc::new(spec), ..first }
}

#[test]
fn jobs_of_other_times_are_passed_over_without_being_read() {
    let first = (1..=9_000).map(|number| accepted(1, number, number));
    // The clock was set back between the two starts.
    let second = (1..=9_000).map(|number| accepted(2, number, 1_000 + number));
    let jobs: Vec<_> = first.chain(second).collect();
    let store = stored(&jobs.iter().collect::<Vec<_>>());
    for (since, until) in
        [(2_000, 2_003), (500, 502), (8_999, 20_000), (1, 1), (9_500, 9_501), (20_000, 30_000)]
    {
        let mut asked = 0;
        let is_asked = |job: &Job| (since..until).contains(&job.spec.submitted_at.0);
        let listing = Listing { since: Some(Timestamp(since)), until: Some(Timestamp(until)), ..all() };
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.jobs(&Listing { cursor, limit: 300, ..listing.clone() }, |job| {
                asked += 1;
                Ok(is_asked(job))
            });
            let page = page.unwrap();
            assert!(!page.cut);
            found.extend(page.jobs.iter().map(|job| job.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = jobs.iter().filter(|job| is_asked(job)).map(|job| job.id).collect();
        expected.sort_unstable_by_key(|id| std::cmp::Reverse(sequence(*id)));
        assert_eq!(found, expected, "{since}..{until}");
        assert_eq!(asked, expected.len(), "only those of the time are asked about");
    }
}

#[test]
fn only_jobs_that_match_are_listed() {
    let jobs = [live(1, 0, 1), done(1, 0, 2), live(1, 0, 3)];
    let page = stored(&jobs.each_ref()).jobs(&all(), |job| Ok(job.state.is_final())).unwrap();
    assert_eq!(sequences(&page.jobs), [2]);
}

#[test]
fn a_job_seen_live_and_final_is_listed_once_as_final() {
    let engine = MemoryEngine::default();
    let [before, after] = [live(1, 0, 1), done(1, 0, 1)];
    engine.commit(&[Change::default().set(&Key::LiveJob(before.id), &before).unwrap()]).unwrap();
    engine.commit(&[Change::default().set(&Key::FinalJob(after.id), &after).unwrap()]).unwrap();
    let page = Store::new(engine).unwrap().jobs(&all(), |_| Ok(true)).unwrap();
    assert_eq!(page.jobs, [after]);
}

#[test]
fn a_long_search_is_cut_and_goes_on_at_its_cursor() {
    let rows = SEARCH_ROWS_MAX as u64 + 1;
    let jobs: Vec<_> = (1..=rows).map(|sequence| live(1, 0, sequence)).collect();
    let store = stored(&jobs.iter().collect::<Vec<_>>());
    let oldest = |job: &Job| Ok(sequence(job.id) == 1);
    let first = store.jobs(&all(), oldest).unwrap();
    assert!(first.cut && first.jobs.is_empty());
    let second = store.jobs(&Listing { cursor: first.next, ..all() }, oldest).unwrap();
    assert_eq!(sequences(&second.jobs), [1]);
    assert_eq!((second.next, second.cut), (None, false));
}

#[test]
fn a_page_of_long_records_ends_early_and_goes_on_at_its_cursor() {
    let message = "m".repeat(400 * 1024);
    let long = |number| {
        let failure = Failure { code: ErrorCode::HandlerError, message: message.clone(), detail: None };
        job(compose_id(1, 0, number, 0), State::Failed { at: Timestamp(2), failure })
    };
    let jobs: Vec<_> = (1..=12).map(long).collect();
    let store = stored(&jobs.iter().collect::<Vec<_>>());
    let first = store.jobs(&all(), |_| Ok(true)).unwrap();
    assert_eq!((sequences(&first.jobs), first.cut), (vec![12, 11, 10, 9, 8, 7], false));
    let second = store.jobs(&Listing { cursor: first.next, ..all() }, |_| Ok(true)).unwrap();
    assert_eq!((sequences(&second.jobs), second.next), (vec![6, 5, 4, 3, 2, 1], None));
}

#[test]
fn too_many_lanes_are_refused() {
    let lanes = u32::try_from(LANES_MAX).unwrap() + 1;
    let jobs: Vec<_> = (0..lanes).map(|queue| live(queue, 0, queue.into())).collect();
    let refused = stored(&jobs.iter().collect::<Vec<_>>()).jobs(&all(), |_| Ok(true));
    assert!(matches!(refused, Err(StoreError::TooLarge { limit: Limit::Lanes, .. })));
}

#[test]
fn cursors_read_back_and_other_text_is_refused() {
    assert_eq!(Cursor(42).to_string().parse(), Ok(Cursor(42)));
    for text in ["", "42", "+00000000000002a", "zzzzzzzzzzzzzzzz"] {
        assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_together_hold_every_job_once(
        places in prop::collection::vec((0_u32..4, -2_i8..2, any::<bool>()), 0..600),
        limit in 1_usize..50,
    ) {
        let jobs: Vec<_> = (1..).zip(&places).map(|(sequence, (queue, priority, ended))| {
            if *ended { done(*queue, *priority, sequence) } else { live(*queue, *priority, sequence) }
        }).collect();
        let store = stored(&jobs.iter().collect::<Vec<_>>());
        let mut listed = Vec::new();
        let mut listing = Listing { limit, ..Listing::default() };
        loop {
            let page = store.jobs(&listing, |_| Ok(true)).unwrap();
            listed.extend(sequences(&page.jobs));
            listing.cursor = page.next;
            if page.next.is_none() {
                break;
            }
        }
        prop_assert_eq!(listed, (1..=jobs.len() as u64).rev().collect::<Vec<_>>());
    }
}
