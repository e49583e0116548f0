//! Losses of power: what a process did to its files is recorded, and at random moments of it the disk keeps what it may.

use std::{collections::BTreeMap, fmt, fs, ops::ControlFlow};

use tempfile::TempDir;
use windlass_tests::{broker::Broker, chance::Chance};

use crate::{
    check::{Findings, check},
    disk::Disk,
    images::{self, Mode},
    jobs,
    play::{Acknowledged, Play, Stage},
    promised, scratch, seed, setting,
    trace::{Record, Trace},
};

const LOSSES: usize = 60;
/// Losses of one history; the next ones are those of another.
const LOSSES_OF_ONE: usize = 200;
const GROUPS: u32 = 160;
/// One loss in so many is followed by others, while the store is opened and goes on with so many groups.
const AGAIN_ONE_IN: usize = 10;
const LOSSES_AGAIN: usize = 5;
const GROUPS_AGAIN: u32 = 20;
/// Losses of one broker; one in so many is looked at by a broker, too.
const LOSSES_OF_BROKER: usize = 1_000;
const ASKED_ONE_IN: usize = 20;

/// A recorded history.
struct Recorded {
    seed: u64,
    stage: Stage,
    trace: Trace,
    acknowledged: Vec<Acknowledged>,
    _home: TempDir,
}

/// Plays a history: it is closed and opened again, later just ends, and goes on in another process.
fn record(chance: &mut Chance, bug: Option<&'static str>) -> Recorded {
    let home = scratch();
    let seed = chance.below(u64::MAX);
    let stage = Stage { bug, ..Stage::new(home.path()) };
    let part = u32::try_from(20 + chance.below(u64::from(GROUPS) / 2)).unwrap();
    let parts = [(1, part, part / 2, false), (part + 1, GROUPS, 0, chance.below(2) == 0)];
    for (first, last, reopened_after, is_closed) in parts {
        let play = Play { seed, first, last, reopened_after, is_closed, is_concurrent: true };
        let ended = stage.play(play, None);
        let is_good = ended.status.is_some_and(|status| status.success());
        // A planted bug may keep it from being opened again even without a loss.
        assert!(is_good || bug.is_some(), "{:?}: {}", ended.status, ended.stderr);
    }
    let (trace, (acknowledged, _)) = (stage.trace(), stage.ledger());
    Recorded { seed, stage, trace, acknowledged, _home: home }
}

impl Recorded {
    /// Loses power so often. Each loss is told by its mode, none = it was lost again and again, and what was found.
    fn check_losses(
        &self,
        chance: &mut Chance,
        losses: usize,
        mut each: impl FnMut(Option<Mode>, Findings) -> ControlFlow<()>,
    ) {
        let (mut loss, mut others) = (0, chance.clone());
        lose(chance, &self.trace, Disk::new(&self.stage.root()), losses, |mode, position, home| {
            loss += 1;
            if loss % AGAIN_ONE_IN == 0 {
                each(None, self.check_again(&mut others, position, &home))
            } else {
                each(Some(mode), self.check(position, &home))
            }
        });
    }

    /// What is left after a loss of power when the trace was so long.
    fn check(&self, position: u64, home: &TempDir) -> Findings {
        check(&home.path().join("data"), self.seed, groups(&self.acknowledged, position))
    }

    /// What is left after power is lost again while the store is opened, or soon after.
    fn check_again(&self, chance: &mut Chance, position: u64, home: &TempDir) -> Findings {
        let (seed, before, again) = (self.seed, groups(&self.acknowledged, position), scratch());
        let stage = Stage { bug: self.stage.bug, ..Stage::new(again.path()) };
        fs::rename(home.path(), stage.root()).unwrap();
        let disk = Disk::of(&stage.root());
        // The group that was on its way comes again, the same whether it is there or not.
        let (first, last) = (before + 1, before + GROUPS_AGAIN);
        let goes_on = Play { seed, first, last, reopened_after: 0, is_closed: true, is_concurrent: true };
        let ended = stage.play(goes_on, None);
        let mut findings = Findings::default();
        if !ended.status.is_some_and(|status| status.success()) {
            findings.refuse(&ended.stderr);
        }
        let (acknowledged, _) = stage.ledger();
        lose(chance, &stage.trace(), disk, LOSSES_AGAIN, |_, position, home| {
            let groups = before.max(groups(&acknowledged, position));
            findings += check(&home.path().join("data"), seed, groups);
            ControlFlow::Continue(())
        });
        findings
    }
}

/// The last group that was acknowledged when the trace was so long.
fn groups(acknowledged: &[Acknowledged], position: u64) -> u32 {
    let told = acknowledged.iter().filter(|told| told.position <= position);
    told.map(|told| told.group).max().unwrap_or(0)
}

/// Loses power at random moments, in all modes in turn. Each loss is told by its mode, how long the trace was, and a
/// directory with what the disk has kept.
fn lose(
    chance: &mut Chance,
    trace: &Trace,
    mut disk: Disk,
    losses: usize,
    mut each: impl FnMut(Mode, u64, TempDir) -> ControlFlow<()>,
) {
    let records = trace.records();
    let mut moments: Vec<_> =
        (0..losses).map(|loss| (moment(chance, records), Mode::ALL[loss % Mode::ALL.len()])).collect();
    moments.sort_unstable();
    let mut applied = 0;
    for (moment, mode) in moments {
        records[applied..moment].iter().for_each(|record| disk.apply(trace, record));
        applied = moment;
        let position = records[..moment].last().map_or(0, |record| record.end);
        let home = scratch();
        images::write(&disk, mode, chance, home.path());
        if each(mode, position, home).is_break() {
            return;
        }
    }
}

/// Any moment, or the last before a sync, when most is unsynced.
fn moment(chance: &mut Chance, records: &[Record]) -> usize {
    let moment = usize::try_from(chance.below(records.len() as u64 + 1)).unwrap();
    let before_sync = || records[moment..].iter().position(Record::is_sync).map(|after| moment + after);
    if chance.below(2) == 0 { moment } else { before_sync().unwrap_or(moment) }
}

/// Loses power until what is found is wrong; answers after how many losses. The bug is in both: who writes and who reads.
#[cfg(feature = "planted")]
pub(crate) fn until_found(seed: u64, bug: &'static str, losses_max: usize) -> (Findings, usize) {
    let (mut chance, mut all, mut losses) = (Chance::new(seed), Findings::default(), 0);
    while losses < losses_max && all.violations() == 0 {
        let recorded = record(&mut chance, Some(bug));
        crate::plant::plant(Some(bug));
        recorded.check_losses(&mut chance, LOSSES_OF_ONE, |_, findings| {
            losses += findings.stores;
            all += findings;
            if all.violations() > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        crate::plant::plant(None);
    }
    (all, losses)
}

/// What was found, by mode.
#[derive(Default)]
struct ByMode(BTreeMap<Mode, Findings>);

impl ByMode {
    fn all(&self) -> Findings {
        let mut all = Findings::default();
        self.0.values().for_each(|findings| all += findings.clone());
        all
    }
}

impl fmt::Display for ByMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all();
        write!(f, "{} images (", all.stores)?;
        for (index, (mode, findings)) in self.0.iter().enumerate() {
            write!(f, "{}{} {}", if index > 0 { ", " } else { "" }, mode.name(), findings.stores)?;
        }
        write!(f, "), {all}")
    }
}

fn losses() -> usize {
    setting("WINDLASS_IMAGES").map_or(LOSSES, |images| usize::try_from(images).unwrap())
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are the point of the test")]
fn what_a_store_acknowledged_survives_a_loss_of_power() {
    let seed = seed();
    println!("power: seed {seed}");
    let (mut chance, mut left) = (Chance::new(seed), losses());
    let (mut found, mut again) = (ByMode::default(), Findings::default());
    while left > 0 {
        let recorded = record(&mut chance, None);
        let now = left.min(LOSSES_OF_ONE);
        recorded.check_losses(&mut chance, now, |mode, findings| {
            *mode.map_or(&mut again, |mode| found.0.entry(mode).or_default()) += findings;
            ControlFlow::Continue(())
        });
        left -= now;
    }
    println!("power: store: {found}; lost again and again, images {}: {again}", again.stores);
    assert_eq!(found.all().violations() + again.violations(), 0, "{found}; {again}");
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are the point of the test")]
async fn what_a_broker_acknowledged_survives_a_loss_of_power() {
    let seed = seed();
    println!("power: seed {seed}");
    let (mut chance, mut left) = (Chance::new(seed), losses());
    let (mut found, mut asked) = (ByMode::default(), Findings::default());
    while left > 0 {
        let life = jobs::live().await;
        let now = left.min(LOSSES_OF_BROKER);
        let (mut kept, mut loss) = (Vec::new(), 0);
        lose(&mut chance, &life.trace, Disk::new(&life.root), now, |mode, position, home| {
            let promised: Vec<_> = life.promised.iter().filter(|told| told.position <= position).collect();
            loss += 1;
            if loss % ASKED_ONE_IN == 0 && !promised.is_empty() {
                kept.push((promised, home));
            } else {
                *found.0.entry(mode).or_default() += promised::check(&home.path().join("data"), &promised);
            }
            ControlFlow::Continue(())
        });
        for (promised, home) in kept {
            let mut broker = Broker::start_at(home, &[], Vec::new()).await;
            asked += promised::ask(&mut broker, &promised).await;
        }
        left -= now;
    }
    println!("power: broker: {found}; {} more asked by a broker: {asked}", asked.stores);
    assert_eq!(found.all().violations() + asked.violations(), 0, "{found}; {asked}");
}
