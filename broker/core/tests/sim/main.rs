//! A world from a seed: clients, workers, a disk and a network that lose, double and delay, around the scheduler
//! and the protocol of the driver. The same seed is the same world.
//!
//! `WINDLASS_SIM_SEED=7` runs one seed, `WINDLASS_SIM_SEEDS=100000` that many, `WINDLASS_SIM_MINUTES=60` as many as
//! there is time for.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test prints its figures and fails"
)]

mod broker;
mod chance;
mod judge;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use judge::{Guarantee, Verdict};
use world::World;

/// Worlds of a run, unless it is told otherwise.
const SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a seed is a number"))
}

#[test]
fn every_guarantee_holds_in_every_world() {
    let mut total = Verdict::default();
    let end = number("WINDLASS_SIM_MINUTES").map(|minutes| Instant::now() + Duration::from_mins(minutes));
    let seeds = match number("WINDLASS_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None if end.is_some() => 0..u64::MAX,
        None => 0..number("WINDLASS_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let mut count = 0;
    for seed in seeds.take_while(|_| end.is_none_or(|end| Instant::now() < end)) {
        let run = AssertUnwindSafe(|| World::new(seed).run());
        let (verdict, _) = catch_unwind(run).unwrap_or_else(|_| panic!("WINDLASS_SIM_SEED={seed} panics"));
        assert!(verdict.is_clean(), "WINDLASS_SIM_SEED={seed} breaks a guarantee:\n{verdict}");
        total.add(&verdict);
        count += 1;
    }
    println!("{count} worlds\n{total}");
    for guarantee in Guarantee::ALL {
        assert!(count < SEEDS || total.opportunities(guarantee) > 0, "{guarantee:?} was never at stake");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..50 {
        assert_eq!(World::new(seed).run().1, World::new(seed).run().1, "seed {seed}");
    }
}

#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_is_found() {
    use windlass_core::planted::{Bug, plant};

    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        plant(Some(bug));
        let breaks = |seed: &u64| {
            catch_unwind(|| World::new(*seed).run()).map_or(true, |(verdict, _)| !verdict.is_clean())
        };
        match (0..SEEDS).find(breaks) {
            Some(seed) => println!("{bug:?} is found by seed {seed}"),
            None => missed.push(bug),
        }
    }
    plant(None);
    drop(std::panic::take_hook());
    println!("{} of {} planted bugs found", Bug::ALL.len() - missed.len(), Bug::ALL.len());
    assert!(missed.is_empty(), "not found: {missed:?}");
}
