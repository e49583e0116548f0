//! Schedules, with what came of their last ticks.

use windlass_core::schedule::Schedule;

use super::{Change, Family, Key, Store, StoreError, engine::SCAN_ENTRIES_MAX};

impl Change {
    /// Remembers a schedule.
    pub fn set_schedule(self, schedule: &Schedule) -> Result<Self, StoreError> {
        self.hold_args(schedule)?.set(&key(&schedule.channel, &schedule.name), schedule)
    }

    /// Forgets a schedule.
    pub fn forget_schedule(self, schedule: &Schedule) -> Result<Self, StoreError> {
        self.release_args(schedule)?.remove(&key(&schedule.channel, &schedule.name))
    }
}

fn key(channel: &str, name: &str) -> Key {
    Key::Schedule { channel: channel.to_owned(), name: name.to_owned() }
}

impl Store {
    /// Every schedule.
    pub fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        let (mut schedules, mut last) = (Vec::new(), None);
        loop {
            let page = self.list::<Schedule>(Family::Schedule, last.as_ref(), SCAN_ENTRIES_MAX)?;
            let Some((key, _)) = page.last() else { return Ok(schedules) };
            last = Some(key.clone());
            schedules.extend(page.into_iter().map(|(_, schedule)| schedule));
        }
    }

    /// A schedule of a channel.
    pub fn schedule(&self, channel: &str, name: &str) -> Result<Option<Schedule>, StoreError> {
        self.read(&key(channel, name))
    }

    /// Up to `limit` schedules of a channel by name, beginning after the name `after`.
    pub fn schedules_of(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Schedule>, StoreError> {
        let after = after.map(|name| key(channel, name));
        let page = self.list_prefix(&key(channel, "").to_bytes(), after.as_ref(), limit)?;
        Ok(page.into_iter().map(|(_, schedule)| schedule).collect())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{iter::once, sync::Arc};

    use windlass_core::{
        job::{Failure, Payload, Spec, Timestamp},
        schedule::{Plan, ScheduleId, Tick, TickOutcome},
    };
    use windlass_wire::{
        code::ErrorCode,
        id::JobId,
        schedule::{CatchUp, Overlap},
        submit::SubmitOptions,
    };

    use super::*;
    use crate::store::{Engine, MemoryEngine, engine::VALUE_BYTES_MAX, record};

    pub(in crate::store) fn schedule(channel: &str, name: &str) -> Schedule {
        let opts = serde_json::json!({
            "queue": "mail", "run_timeout": "never", "tags": { "a": "b" }, "retry": { "max": "1m", "factor": 1.5 },
        });
        let tick = |outcome| Tick { at: Timestamp(9), scheduled_for: Some(Timestamp(8)), outcome };
        let failure = Failure { code: ErrorCode::BadArguments, message: "no".into(), detail: None };
        Schedule {
            id: ScheduleId(7),
            channel: channel.into(),
            name: name.into(),
            plan: Plan {
                cron: "@daily".into(),
                timezone: "UTC".into(),
                handler: "demo/add".into(),
                args: Payload::Inline("{}".into()),
                opts: serde_json::from_value(opts).unwrap(),
                overlap: Overlap::Skip,
                catch_up: CatchUp::Once,
                jitter_millis: 5,
                is_paused: true,
            },
            created_at: Timestamp(1),
            changed_at: Timestamp(2),
            mark: Timestamp(8),
            recent: vec![tick(TickOutcome::Submitted(JobId(3))), tick(TickOutcome::Refused(failure))],
        }
    }

    fn store(schedules: &[Schedule]) -> Store {
        let engine = MemoryEngine::default();
        let group: Vec<_> =
            schedules.iter().map(|schedule| Change::default().set_schedule(schedule).unwrap()).collect();
        engine.commit(&group).unwrap();
        Store::new(engine).unwrap()
    }

    #[test]
    fn schedules_are_read_back_by_channel_and_name() {
        let all = [schedule("0", "a"), schedule("0", "b"), schedule("0", "c"), schedule("00", "a")];
        let store = store(&all);
        assert_eq!(store.schedules().unwrap(), all);
        assert_eq!(store.schedule("0", "b").unwrap().as_ref(), Some(&all[1]));
        assert_eq!(store.schedule("1", "b").unwrap(), None);
        assert_eq!(store.schedules_of("0", None, 2).unwrap(), all[..2]);
        assert_eq!(store.schedules_of("0", Some("b"), 2).unwrap(), all[2..3]);
        let forget = Change::default().forget_schedule(&all[0]).unwrap();
        store.engine.commit(&[forget]).unwrap();
        assert_eq!(store.schedules().unwrap(), all[1..]);
    }

    #[test]
    fn the_arguments_of_a_schedule_are_kept_for_as_long_as_it_has_them() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        let with = |text: &str| {
            let (digest, _pinned) = store.put_blob(text.as_bytes()).unwrap();
            let plan = Plan { args: Payload::Blob(digest), ..schedule("0", "a").plan };
            (digest, Schedule { plan, ..schedule("0", "a") })
        };
        let ((old, before), (new, after)) = (with("old"), with("new"));
        let commit = |change: Change| store.engine.commit(&[change]).unwrap();
        commit(Change::default().set_schedule(&before).unwrap());
        assert!(!store.remove_unused_blob(&old).unwrap());
        commit(Change::default().release_args(&before).unwrap().set_schedule(&after).unwrap());
        assert!(store.remove_unused_blob(&old).unwrap());
        assert!(!store.remove_unused_blob(&new).unwrap());
        commit(Change::default().forget_schedule(&after).unwrap());
        assert!(store.remove_unused_blob(&new).unwrap());
    }

    #[test]
    fn a_job_without_a_schedule_is_written_as_before_there_were_any() {
        let spec = Spec::new(
            "demo/add",
            windlass_core::job::Digest([0; 32]),
            Payload::Inline("{}".into()),
            Timestamp(0),
        );
        let bytes = record::encode(&Arc::new(spec)).unwrap();
        assert!(!bytes.windows(8).any(|part| part == b"schedule"));
    }

    #[test]
    fn the_longest_schedule_fits_a_record() {
        let text = |bytes: usize| "x".repeat(bytes);
        let failure = Failure { code: ErrorCode::Internal, message: text(1024), detail: Some(text(1024)) };
        let tick = Tick { at: Timestamp(9), scheduled_for: None, outcome: TickOutcome::Refused(failure) };
        let longest = Schedule {
            recent: vec![tick; 10],
            plan: Plan {
                args: Payload::Inline(text(crate::store::INLINE_BYTES_MAX).into()),
                opts: SubmitOptions {
                    tags: once((text(256), text(256))).collect(),
                    ..SubmitOptions::default()
                },
                ..schedule("0", "a").plan
            },
            ..schedule("0", "a")
        };
        assert!(record::encode(&longest).unwrap().len() < VALUE_BYTES_MAX / 8);
    }
}
