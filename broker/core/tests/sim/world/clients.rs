//! What clients ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use windlass_core::{
    command::{Command, LimitChange, Submission},
    dependency::After,
    idempotency::Idempotency,
    job::{Digest, Job, Payload, Spec, State},
    queue::TagLimit,
    rate::Rate,
    retry::RetryPolicy,
};
use windlass_wire::{
    id::JobId,
    state::JobState,
    submit::{EndedAs, Need},
};

use super::{Asked, POISON, TAG_VALUES, World, purges::Prepared};
use crate::{broker::Target, chance::Chance};

impl World {
    pub(super) fn ask(&mut self, asked: Asked, command: Command) {
        self.ask_with(asked, command, Vec::new());
    }

    pub(super) fn ask_with(&mut self, asked: Asked, command: Command, pinned: Vec<Target>) {
        if self.broker.is_open() {
            self.last_request += 1;
            self.asked.insert(self.last_request, asked);
            self.broker.ask(self.last_request, command, pinned, self.now);
            self.check_stored_finals();
        } else {
            self.broker.unpin(pinned);
        }
    }

    pub(super) fn some_job(&mut self) -> Option<JobId> {
        self.chance.any(self.broker.jobs.keys().copied())
    }

    pub(super) fn submit(&mut self) {
        let chance = &mut self.chance;
        let queue = chance.below(3);
        let args = if chance.percent(4) { POISON } else { "{}" };
        let mut spec = Spec::new("demo/add", Digest([0; 32]), Payload::Inline(args.into()), self.now);
        spec.queue = format!("q{queue}");
        spec.priority = i8::try_from(chance.below(3)).unwrap_or_default();
        spec.retry = RetryPolicy {
            max_attempts: u32::try_from(chance.below(4)).unwrap_or_default(),
            initial_millis: 500,
            ..RetryPolicy::default()
        };
        spec.run_at = chance.percent(15).then(|| self.now.plus_millis(chance.below(3000)));
        spec.hold = chance.percent(5);
        spec.queue_timeout_millis = chance.percent(20).then(|| 1 + chance.below(4000));
        spec.retention_millis = chance.percent(60).then(|| chance.below(8000));
        spec.serial_key = chance.percent(25).then(|| "s".into());
        for (tag, percent) in [("user", 60), ("team", 30)] {
            let value = chance.percent(percent).then(|| chance.any(TAG_VALUES.iter())).flatten();
            spec.tags.extend(value.map(|value| (tag.to_owned(), (*value).to_owned())));
        }
        spec.idempotency = chance
            .percent(40)
            .then(|| Idempotency { key: format!("k{}", chance.below(12)), request: Digest([0; 32]) });
        if chance.percent(20) {
            let is_live = |id: &&JobId| self.broker.jobs.get(id).is_some_and(|job| !job.state.is_final());
            let live: Vec<_> = self.accepted.iter().filter(is_live).copied().collect();
            spec.parent = chance.any(live.into_iter());
        }
        if chance.percent(30) {
            let count = 1 + chance.below(3);
            let jobs: BTreeSet<JobId> =
                (0..count).filter_map(|_| chance.any(self.accepted.iter().copied())).collect();
            let need = if chance.percent(70) { Need::All } else { Need::Any };
            let ended = if chance.percent(70) { EndedAs::Success } else { EndedAs::Finished };
            spec.after = (!jobs.is_empty()).then_some(After { jobs, need, ended });
        }
        if chance.percent(30) && args != POISON {
            spec.args = Payload::Blob(self.some_blob());
        }
        self.ask_submit(Arc::new(spec));
    }

    /// What is kept beside the record is on the disk before the broker is asked.
    pub(super) fn ask_submit(&mut self, spec: Arc<Spec>) {
        let salt = u32::try_from(self.chance.below(1 << 24)).unwrap_or_default();
        let after = spec.after.iter().flat_map(|after| &after.jobs);
        let on_disk = after.filter_map(|id| self.disk.jobs.get(id)).filter(|job| job.state.is_final());
        let ended = on_disk.map(|job| (job.id, job.state.name() == JobState::Succeeded)).collect();
        let pinned = match spec.args {
            Payload::Blob(blob) => match self.put_blob(blob) {
                Some(pinned) => vec![pinned],
                None => return,
            },
            Payload::Inline(_) => Vec::new(),
        };
        self.prepare(Prepared { submission: Submission { spec, ended, original: None, salt }, pinned });
    }

    /// A client that got no answer asks again; that is what its key is for.
    pub(super) fn repeat(&mut self) {
        if let Some(spec) = self.unknown.pop() {
            self.ask_submit(spec);
        }
    }

    pub(super) fn retry(&mut self) {
        let finals = self.disk.jobs.values().filter(|job| job.state.is_final());
        let finals: Vec<_> = finals.map(Arc::clone).collect();
        let Some(original) = self.chance.any(finals.into_iter()) else { return };
        let pin = Target::Job(original.id);
        if self.broker.pins.pin(pin) {
            let spec = Arc::new(original.spec.again(original.id, original.spec.version, self.now));
            let submission = Submission { spec, ended: BTreeMap::new(), original: Some(original), salt: 0 };
            self.prepare(Prepared { submission, pinned: vec![pin] });
        }
    }

    pub(super) fn cancel(&mut self) {
        if let Some(job) = self.some_job() {
            self.ask(Asked::Cancel(job), Command::Cancel { job, channel: "0".into() });
        }
    }

    pub(super) fn release(&mut self) {
        let held = |job: &Job| matches!(job.state, State::Held | State::Blocked { held: true, .. });
        let held: Vec<_> = self.broker.jobs.values().filter(|job| held(job)).map(|job| job.id).collect();
        if let Some(job) = self.chance.any(held.into_iter()) {
            self.ask(Asked::Other, Command::Release { job, channel: "0".into() });
        }
    }

    pub(super) fn limit(&mut self) {
        let chance = &mut self.chance;
        let name = format!("q{}", chance.below(3));
        let count = |chance: &mut Chance| u32::try_from(1 + chance.below(2)).unwrap_or(1);
        let rate = |chance: &mut Chance, percent| {
            let rate = Rate { count: count(chance), per_millis: 1 + chance.below(800) };
            chance.percent(percent).then_some(rate)
        };
        let limits = match chance.below(4) {
            0 => LimitChange { is_paused: Some(chance.percent(40)), ..LimitChange::default() },
            1 => LimitChange {
                concurrency: Some(chance.percent(60).then(|| count(chance))),
                ..LimitChange::default()
            },
            2 => LimitChange { rate: Some(rate(chance, 50)), ..LimitChange::default() },
            _ => {
                let tag = if chance.percent(70) { "user" } else { "team" }.to_owned();
                let concurrency = chance.percent(60).then(|| count(chance));
                let limit = TagLimit { tag, concurrency, rate: rate(chance, 50) };
                LimitChange { per_tag: Some(chance.percent(80).then_some(limit)), ..LimitChange::default() }
            }
        };
        self.limited_at.insert(name.clone(), self.now);
        self.ask(Asked::Other, Command::LimitQueue { channel: "0".into(), name, change: limits });
    }

    pub(super) fn purge_queue(&mut self) {
        let name = format!("q{}", self.chance.below(3));
        self.ask(Asked::Other, Command::PurgeQueue { channel: "0".into(), name });
    }
}
