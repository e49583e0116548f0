//! The schedules there are, by name and by when they come next.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
};

use windlass_wire::limits::CHANNEL_SCHEDULES_MAX;

use crate::{
    command::Refusal,
    job::Timestamp,
    limits::SCHEDULES_MAX,
    planted::{Bug, planted},
    schedule::{Calendar, Schedule, ScheduleId, Tick},
};

/// Every schedule.
#[derive(Debug)]
pub(crate) struct Schedules {
    calendar: Box<dyn Calendar>,
    rows: BTreeMap<ScheduleId, Row>,
    names: BTreeMap<String, BTreeMap<String, ScheduleId>>,
    due: BTreeSet<(Timestamp, ScheduleId)>,
}

/// A schedule, and where it stands.
#[derive(Debug)]
struct Row {
    schedule: Arc<Schedule>,
    next: Next,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing.
    Never,
    /// This tick, whose time is `at`.
    Due { tick: Timestamp, at: Timestamp },
    /// This tick has come and is on its way to a job.
    Asked { tick: Timestamp, mark: Timestamp },
}

impl Schedules {
    pub(crate) fn new(calendar: Box<dyn Calendar>) -> Self {
        Self { calendar, rows: BTreeMap::new(), names: BTreeMap::new(), due: BTreeSet::new() }
    }

    pub(crate) fn get(&self, id: ScheduleId) -> Option<&Arc<Schedule>> {
        self.rows.get(&id).map(|row| &row.schedule)
    }

    pub(crate) fn named(&self, channel: &str, name: &str) -> Option<&Arc<Schedule>> {
        self.names.get(channel)?.get(name).and_then(|id| self.get(*id))
    }

    /// Whether there is room for another one.
    pub(crate) fn check_room(&self, channel: &str) -> Result<(), Refusal> {
        let in_channel = self.names.get(channel).map_or(0, BTreeMap::len);
        if in_channel >= CHANNEL_SCHEDULES_MAX || self.rows.len() >= SCHEDULES_MAX {
            return Err(Refusal::Full("the limit of schedules"));
        }
        Ok(())
    }

    /// The one place where a schedule changes. A tick that is on its way stays so.
    pub(crate) fn put(&mut self, schedule: Arc<Schedule>) {
        let id = schedule.id;
        let asked = self.asked(id);
        self.clear(id);
        self.names.entry(schedule.channel.clone()).or_default().insert(schedule.name.clone(), id);
        let next = asked.unwrap_or_else(|| match schedule.next_tick(self.calendar.as_ref()) {
            Some(tick) => Next::Due { tick, at: schedule.time_of(tick) },
            None => Next::Never,
        });
        if let Next::Due { at, .. } = next {
            let is_taken = || self.due.iter().any(|(other, _)| *other == at);
            if !(planted(Bug::TickKeyWithoutSchedule) && is_taken()) {
                self.due.insert((at, id));
            }
        }
        self.rows.insert(id, Row { schedule, next });
    }

    pub(crate) fn remove(&mut self, channel: &str, name: &str) -> Option<Arc<Schedule>> {
        let names = self.names.get_mut(channel)?;
        let id = names.remove(name)?;
        if names.is_empty() {
            self.names.remove(channel);
        }
        self.clear(id);
        self.rows.remove(&id).map(|row| row.schedule)
    }

    /// The next schedule whose time has come.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<ScheduleId> {
        let early = if planted(Bug::TickTooEarly) { 1000 } else { 0 };
        self.due.first().filter(|(at, _)| *at <= now.plus_millis(early)).map(|(_, id)| *id)
    }

    /// When a schedule comes next.
    pub(crate) fn time(&self, id: ScheduleId) -> Option<Timestamp> {
        match self.rows.get(&id)?.next {
            Next::Due { at, .. } => Some(at),
            Next::Never | Next::Asked { .. } => None,
        }
    }

    /// When the next of all comes.
    pub(crate) fn next_time(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the tick that is due on its way.
    pub(crate) fn ask(&mut self, id: ScheduleId, now: Timestamp) -> Option<(Arc<Schedule>, Timestamp)> {
        self.clear(id);
        let row = self.rows.get_mut(&id)?;
        let Next::Due { tick, .. } = row.next else { return None };
        row.next = Next::Asked { tick, mark: row.schedule.mark_after(tick, now) };
        Some((Arc::clone(&row.schedule), tick))
    }

    /// Whether this tick is on its way.
    pub(crate) fn is_asked(&self, id: ScheduleId, tick: Timestamp) -> bool {
        matches!(self.asked(id), Some(Next::Asked { tick: asked, .. }) if asked == tick)
    }

    /// A tick or trigger is done with; answers the record to remember.
    pub(crate) fn done(&mut self, id: ScheduleId, tick: Tick) -> Option<Arc<Schedule>> {
        let row = self.rows.get_mut(&id)?;
        let mut mark = row.schedule.mark;
        if let Next::Asked { tick: asked, mark: after } = row.next
            && tick.scheduled_for == Some(asked)
        {
            mark = after;
            row.next = Next::Never;
        }
        let schedule = Arc::new(row.schedule.done(tick, mark));
        self.put(Arc::clone(&schedule));
        Some(schedule)
    }

    fn asked(&self, id: ScheduleId) -> Option<Next> {
        self.rows.get(&id).map(|row| row.next).filter(|next| matches!(next, Next::Asked { .. }))
    }

    fn clear(&mut self, id: ScheduleId) {
        if let Some(Row { next: Next::Due { at, .. }, .. }) = self.rows.get(&id) {
            self.due.remove(&(*at, id));
        }
    }
}
