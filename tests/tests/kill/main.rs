//! The broker is killed with SIGKILL at random moments while jobs are submitted, again and again on one data
//! directory. Every job it acknowledged must be there, whole, or be gone after it ran to its end; every job it shows
//! must be one that was asked for, whole; and of those that are gone nothing may be left.
//!
//! `WINDLASS_KILL_SEED` replays the choice of moments, `WINDLASS_KILL_ROUNDS` sets their number.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken assumption of a test fails that test")]

mod ledger;
mod rounds;

use rounds::Rounds;

const ROUNDS: usize = 50;

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are the point of the test")]
async fn kill_9_under_load_loses_nothing_and_leaves_nothing_half_there() {
    let setting = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = setting("WINDLASS_KILL_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    let count = setting("WINDLASS_KILL_ROUNDS").map_or(ROUNDS, |rounds| usize::try_from(rounds).unwrap());
    println!("kill: seed {seed}");
    let mut rounds = Rounds::start(seed).await;
    for _ in 0..count {
        rounds.play().await;
    }
    let report = rounds.settle().await;
    println!("kill: {report}");
    assert!(report.acknowledged > count, "the load was real: {report}");
    assert_eq!(
        (report.lost, report.half_there, report.unexpected, report.unfinished),
        (0, 0, 0, 0),
        "{report}"
    );
}
