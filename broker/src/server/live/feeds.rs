//! Who is told what: one feed for all who asked for the same.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    sync::broadcast::{Receiver, Sender, channel},
    time::Instant,
};
use windlass_core::job::Job;
use windlass_wire::{
    code::ErrorCode,
    limits::{CHANGE_EVENTS_PER_SECOND_MAX, CHANGED_JOBS_MAX, CHANGED_JOBS_PER_SECOND_MAX},
    problem::Problem,
    topic::Topic,
};

use super::changes::{Changes, Window};
use crate::server::verbs::WatchFilter;

/// Feeds there are at once. Every change of a job is held against every feed of changes.
const FEEDS_MAX: usize = 256;
/// What is kept for somebody who reads slowly, before it becomes a gap.
const TOLD_KEPT_MAX: usize = 16;

/// What a feed tells.
#[derive(Debug, Clone)]
pub(in crate::server) enum Told {
    /// Something happened.
    Event {
        /// Grows with every event of a feed.
        seq: u64,
        /// What happened.
        data: Arc<RawValue>,
    },
    /// So many changes were missed by the feed itself.
    Gap(u64),
}

/// Which changed jobs are told, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::server) struct ChangesKey {
    pub(in crate::server) channel: String,
    pub(in crate::server) filter: WatchFilter,
    pub(in crate::server) every: Duration,
}

/// What is told as a whole when it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::server) enum List {
    /// The connections.
    Connections,
    /// The plugins.
    Plugins,
    /// The figures of the broker, each second.
    Stats,
    /// The workers.
    Workers,
}

impl List {
    /// What its events are about.
    pub(in crate::server) fn topic(self) -> Topic {
        match self {
            Self::Connections => Topic::Connections,
            Self::Plugins => Topic::Plugins,
            Self::Stats => Topic::Stats,
            Self::Workers => Topic::Workers,
        }
    }
}

/// A list as one channel sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::server) struct ListKey {
    pub(in crate::server) list: List,
    pub(in crate::server) channel: String,
}

/// Tells all who follow a feed.
#[derive(Debug, Clone)]
pub(super) struct Teller(Sender<Told>);

impl Teller {
    fn new() -> Self {
        Self(channel(TOLD_KEPT_MAX).0)
    }

    pub(super) fn tell(&self, seq: u64, data: Arc<RawValue>) {
        // Whoever followed may have gone meanwhile.
        drop(self.0.send(Told::Event { seq, data }));
    }

    fn tell_gap(&self, missed: u64) {
        drop(self.0.send(Told::Gap(missed)));
    }

    fn followers(&self) -> usize {
        self.0.receiver_count()
    }
}

#[derive(Debug)]
struct ChangesFeed {
    changes: Changes,
    teller: Teller,
}

#[derive(Debug)]
struct ListFeed {
    shown: Option<Arc<RawValue>>,
    revision: u64,
    seq: u64,
    teller: Teller,
}

/// All feeds. One that nobody follows any more is dropped when it next had something to tell.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    changes: HashMap<ChangesKey, ChangesFeed>,
    /// Who follows changes, as counted last.
    followers: u64,
    lists: HashMap<ListKey, ListFeed>,
}

impl Feeds {
    pub(super) fn follow_changes(&mut self, key: ChangesKey) -> Result<Receiver<Told>, Problem> {
        if !self.changes.contains_key(&key) {
            self.check_room()?;
        }
        let feed = self.changes.entry(key).or_insert_with_key(|key| ChangesFeed {
            changes: Changes::new(key.filter.clone()),
            teller: Teller::new(),
        });
        let told = feed.teller.0.subscribe();
        self.count_followers();
        Ok(told)
    }

    pub(super) fn follow_list(&mut self, key: ListKey) -> Result<Receiver<Told>, Problem> {
        if !self.lists.contains_key(&key) {
            self.check_room()?;
        }
        let feed = self.lists.entry(key).or_insert_with(|| ListFeed {
            shown: None,
            revision: 0,
            seq: 0,
            teller: Teller::new(),
        });
        Ok(feed.teller.0.subscribe())
    }

    fn check_room(&mut self) -> Result<(), Problem> {
        self.changes.retain(|_, feed| feed.teller.followers() > 0);
        self.lists.retain(|_, feed| feed.teller.followers() > 0);
        if self.changes.len() + self.lists.len() < FEEDS_MAX {
            return Ok(());
        }
        let message = format!("{FEEDS_MAX} different subscriptions of changed jobs and lists are open");
        Err(Problem::new(ErrorCode::Overloaded, message).with_hint("subscribe without a filter"))
    }

    /// Takes a change of a job.
    pub(super) fn take(&mut self, seq: u64, job: &Arc<Job>, now: Instant) {
        let shortest = self.window(Duration::ZERO);
        for (key, feed) in &mut self.changes {
            if key.channel == job.spec.channel {
                feed.changes.take(seq, job, key.every.max(shortest), now);
            }
        }
    }

    /// So many changes of jobs were missed.
    pub(super) fn miss(&self, missed: u64) {
        self.changes.values().for_each(|feed| feed.teller.tell_gap(missed));
    }

    /// When the first feed has changes to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        self.changes.values().filter_map(|feed| feed.changes.due()).min()
    }

    /// Ends every window that is over; what it comes to is to be told by its teller.
    pub(super) fn end_windows(&mut self, now: Instant) -> Vec<(Teller, Window)> {
        self.count_followers();
        let jobs_max = self.jobs_max();
        let due = self.changes.values_mut().filter(|feed| feed.changes.due().is_some_and(|due| due <= now));
        let windows = due.map(|feed| (feed.teller.clone(), feed.changes.end(jobs_max, now)));
        windows.filter(|(_, window)| !window.jobs.is_empty()).collect()
    }

    /// How long a window is that was asked for as `every`: longer, if so many follow that all together would be
    /// told too often.
    fn window(&self, every: Duration) -> Duration {
        every.max(Duration::from_millis(self.followers * 1_000 / CHANGE_EVENTS_PER_SECOND_MAX as u64))
    }

    /// How many jobs one event may tell, so that all together are not told more than is allowed in a second.
    fn jobs_max(&self) -> usize {
        let millis = |every| self.window(every).as_millis().max(1);
        let per_kilosecond = |(key, feed): (&ChangesKey, &ChangesFeed)| {
            feed.teller.followers() as u128 * 1_000_000 / millis(key.every)
        };
        let events: u128 = self.changes.iter().map(per_kilosecond).sum();
        let jobs = CHANGED_JOBS_PER_SECOND_MAX as u128 * 1_000 / events.max(1);
        usize::try_from(jobs).unwrap_or(usize::MAX).clamp(1, CHANGED_JOBS_MAX)
    }

    fn count_followers(&mut self) {
        self.changes.retain(|_, feed| feed.teller.followers() > 0);
        self.followers = self.changes.values().map(|feed| feed.teller.followers() as u64).sum();
    }

    /// The lists to look at: all that somebody follows and that may have changed.
    pub(super) fn lists(&mut self, plugins_revision: u64) -> Vec<ListKey> {
        self.lists.retain(|_, feed| feed.teller.followers() > 0);
        let may_have_changed = self.lists.iter_mut().filter_map(|(key, feed)| {
            let is_same =
                key.list == List::Plugins && feed.shown.is_some() && feed.revision == plugins_revision;
            feed.revision = plugins_revision;
            (!is_same).then(|| key.clone())
        });
        may_have_changed.collect()
    }

    /// Somebody was shown the list as it is now.
    pub(super) fn set_shown(&mut self, key: &ListKey, now: &Arc<RawValue>) {
        if let Some(feed) = self.lists.get_mut(key) {
            feed.shown.get_or_insert_with(|| Arc::clone(now));
        }
    }

    /// Tells a list, if it is not what was told last.
    pub(super) fn tell_list(&mut self, key: &ListKey, now: &Arc<RawValue>) {
        let Some(feed) = self.lists.get_mut(key) else { return };
        if feed.shown.as_ref().is_none_or(|shown| shown.get() != now.get()) {
            feed.seq += 1;
            feed.shown = Some(Arc::clone(now));
            feed.teller.tell(feed.seq, Arc::clone(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::live::changes::tests::job;

    const EVERY: Duration = Duration::from_millis(250);

    fn key(channel: &str) -> ChangesKey {
        ChangesKey { channel: channel.to_owned(), filter: WatchFilter::default(), every: EVERY }
    }

    #[test]
    fn changes_of_other_channels_are_not_told() {
        let (mut feeds, now) = (Feeds::default(), Instant::now());
        let _ours = feeds.follow_changes(key("0")).unwrap();
        let _theirs = feeds.follow_changes(key("ci")).unwrap();
        feeds.take(1, &Arc::new(job(1)), now);
        assert_eq!(feeds.end_windows(now).len(), 1);
    }

    #[test]
    fn the_more_follow_the_less_often_and_the_fewer_jobs_each_is_told() {
        let mut feeds = Feeds::default();
        let _one = feeds.follow_changes(key("0")).unwrap();
        assert_eq!((feeds.window(EVERY), feeds.jobs_max()), (EVERY, CHANGED_JOBS_MAX));
        let _some: Vec<_> = (0..9).map(|_| feeds.follow_changes(key("0")).unwrap()).collect();
        assert_eq!((feeds.window(EVERY), feeds.jobs_max()), (EVERY, CHANGED_JOBS_PER_SECOND_MAX / 40));
        let _many: Vec<_> = (0..190).map(|_| feeds.follow_changes(key("0")).unwrap()).collect();
        let jobs_max = CHANGED_JOBS_PER_SECOND_MAX / CHANGE_EVENTS_PER_SECOND_MAX;
        assert_eq!((feeds.window(EVERY), feeds.jobs_max()), (Duration::from_secs(2), jobs_max));
    }

    #[test]
    fn a_feed_nobody_follows_makes_room() {
        let mut feeds = Feeds::default();
        let followed: Vec<_> =
            (0..FEEDS_MAX).map(|number| feeds.follow_changes(key(&number.to_string())).unwrap()).collect();
        assert_eq!(feeds.follow_changes(key("more")).unwrap_err().code, ErrorCode::Overloaded);
        drop(followed);
        assert!(feeds.follow_changes(key("more")).is_ok());
    }

    #[test]
    fn a_list_is_told_when_it_is_another_one() {
        let text = |text: &str| Arc::from(RawValue::from_string(text.to_owned()).unwrap());
        let mut feeds = Feeds::default();
        let key = ListKey { list: List::Workers, channel: "0".into() };
        let mut told = feeds.follow_list(key.clone()).unwrap();
        feeds.set_shown(&key, &text("1"));
        feeds.tell_list(&key, &text("1"));
        feeds.tell_list(&key, &text("2"));
        let Ok(Told::Event { seq: 1, data }) = told.try_recv() else { panic!("an event") };
        assert_eq!(data.get(), "2");
        assert!(told.try_recv().is_err());
    }
}
