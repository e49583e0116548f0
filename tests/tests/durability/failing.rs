//! Of a short history the n-th thing a process does to its files fails, for every n there is.

use windlass_tests::chance::Chance;

use crate::{
    check::{Findings, check},
    disk::Disk,
    images::{self, Mode},
    play::{Play, Stage},
    scratch,
};

const PLAY: Play =
    Play { seed: 5, first: 1, last: 12, reopened_after: 10, is_closed: true, is_concurrent: false };
/// How it fails: once, from then on, or because the disk is full.
const PLANS: [&str; 3] = ["io-once", "io", "full"];

/// What was seen while everything failed once.
#[derive(Debug, Default)]
struct Seen {
    /// Things that failed.
    covered: u64,
    /// Of these the store did without.
    harmless: usize,
    after_failure: usize,
    /// It neither went on nor ended.
    hung: usize,
    /// It ended as if nothing had been, or without a word.
    silent: usize,
    findings: Findings,
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are the point of the test")]
fn whatever_fails_nothing_is_acknowledged_after_it_and_nothing_acknowledged_is_lost() {
    let mut violations = 0;
    for plan in PLANS {
        let mut seen = Seen::default();
        while fail(plan, &mut seen) {}
        let Seen { covered, harmless, after_failure, hung, silent, findings } = &seen;
        println!(
            "failing: {plan}: n 1..={covered} ({harmless} harmless), acknowledged after the failure {after_failure}, \
             hung {hung}, silent {silent}, {findings}"
        );
        violations += after_failure + hung + silent + findings.violations();
        assert!(*covered > 50, "the history has something that can fail");
    }
    assert_eq!(violations, 0);
}

/// Lets the next thing fail; answers whether there was one.
fn fail(plan: &str, seen: &mut Seen) -> bool {
    let number = seen.covered + 1;
    let home = scratch();
    let stage = Stage::new(home.path());
    let ended = stage.play(PLAY, Some(&format!("{plan}:{number}")));
    let trace = stage.trace();
    if !trace.has_failure() {
        assert!(
            ended.status.is_some_and(|status| status.success()),
            "unharmed it ends well: {}",
            ended.stderr
        );
        return false;
    }
    seen.covered = number;
    let (acknowledged, after_failure) = stage.ledger();
    seen.after_failure += after_failure;
    let what = |text: &str| format!("{plan}:{number} {text}");
    match ended.status {
        None => {
            seen.hung += 1;
            seen.findings.note(|| what("hung"));
        }
        Some(status) if status.success() => seen.harmless += 1,
        Some(_) if ended.stderr.is_empty() => {
            seen.silent += 1;
            seen.findings.note(|| what("said nothing"));
        }
        Some(_) => {}
    }
    let groups = acknowledged.last().map_or(0, |told| told.group);
    // As it is, and as it would be had the power gone at the end.
    let mut disk = Disk::new(&stage.root());
    trace.records().iter().for_each(|record| disk.apply(&trace, record));
    let lost = scratch();
    images::write(&disk, Mode::Synced, &mut Chance::new(number), lost.path());
    for data in [stage.data(), lost.path().join("data")] {
        let mut findings = check(&data, PLAY.seed, groups);
        if findings.violations() > 0 {
            findings.first = findings.first.map(|first| what(&first));
        }
        seen.findings += findings;
    }
    true
}
