//! Who is connected, and who was: every WebSocket, remembered across restarts.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use serde::{Deserialize, Serialize};
use windlass_core::job::Timestamp;
use windlass_wire::connection::{ConnectionList, ConnectionView};

use super::{
    limits::{CONNECTIONS_MAX, ENDED_CONNECTIONS_KEPT_MAX, RECORD_PAUSE},
    translate::time,
};
use crate::{
    driver::Clock,
    store::{Change, Family, Key, Store, StoreError},
};

/// What is remembered of a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    id: String,
    name: Option<String>,
    channel: String,
    peer: String,
    connected_at: Timestamp,
    ended_at: Option<Timestamp>,
    reason: Option<String>,
    in_flight: u32,
    subscriptions: u32,
    frames_in: u64,
    frames_out: u64,
}

/// All connections of this start, and the last that ended.
pub(super) struct Connections {
    store: Store,
    clock: Clock,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    last: u64,
    open: BTreeMap<u64, Arc<Entry>>,
    ended: VecDeque<Record>,
}

/// An open connection. Its figures are written by its task and read by whoever lists connections.
#[derive(Debug)]
pub(super) struct Entry {
    number: u64,
    id: String,
    peer: SocketAddr,
    connected_at: Timestamp,
    names: Mutex<Names>,
    in_flight: AtomicU32,
    subscriptions: AtomicU32,
    frames_in: AtomicU64,
    frames_out: AtomicU64,
    changed: AtomicBool,
}

#[derive(Debug, Clone)]
struct Names {
    name: Option<String>,
    channel: String,
}

/// Keeps a connection on the list; dropping it ends the connection's record.
pub(super) struct Listed {
    connections: Arc<Connections>,
    entry: Arc<Entry>,
    reason: String,
}

impl Connections {
    /// Takes up what the store remembers: what was open when the last broker ended is lost. Reads the store.
    pub(super) fn restore(store: Store, clock: Clock) -> Result<Self, StoreError> {
        let limit = CONNECTIONS_MAX as usize + ENDED_CONNECTIONS_KEPT_MAX;
        let mut records: Vec<(Key, Record)> = Vec::new();
        loop {
            let page = store.list(Family::Connection, records.last().map(|(key, _)| key), PAGE_RECORDS)?;
            let is_last = page.len() < PAGE_RECORDS;
            records.extend(page);
            if is_last || records.len() >= limit {
                break;
            }
        }
        let connections = Self { store, clock, known: Mutex::default() };
        for (_, mut record) in records {
            if record.ended_at.is_none() {
                record.ended_at = Some(clock.now());
                record.reason = Some("lost: the broker was restarted".to_owned());
                connections.write(&record);
            }
            connections.keep_ended(record);
        }
        Ok(connections)
    }

    /// Puts a new connection on the list.
    pub(super) fn list(self: &Arc<Self>, peer: SocketAddr, channel: &str) -> Listed {
        let mut known = self.known();
        known.last += 1;
        let entry = Arc::new(Entry {
            number: known.last,
            id: format!("{:06x}{:010x}", self.store.start_number(), known.last),
            peer,
            connected_at: self.clock.now(),
            names: Mutex::new(Names { name: None, channel: channel.to_owned() }),
            in_flight: AtomicU32::new(0),
            subscriptions: AtomicU32::new(0),
            frames_in: AtomicU64::new(0),
            frames_out: AtomicU64::new(0),
            changed: AtomicBool::new(false),
        });
        known.open.insert(entry.number, Arc::clone(&entry));
        drop(known);
        self.write(&entry.record());
        Listed { connections: Arc::clone(self), entry, reason: "lost".to_owned() }
    }

    /// The connections of a channel: open ones first, newest first.
    pub(super) fn view(&self, channel: &str) -> ConnectionList {
        let known = self.known();
        let open = known.open.values().rev().map(|entry| entry.record());
        let all = open.chain(known.ended.iter().rev().cloned());
        ConnectionList { items: all.filter(|record| record.channel == channel).map(Record::view).collect() }
    }

    /// Records what changed, once a [`RECORD_PAUSE`]. Runs until it is dropped.
    #[expect(clippy::infinite_loop, reason = "it is dropped with the server")]
    pub(super) async fn keep_recording(&self) {
        let mut pause = tokio::time::interval(RECORD_PAUSE);
        pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            pause.tick().await;
            let changed: Vec<_> = {
                let known = self.known();
                known
                    .open
                    .values()
                    .filter(|entry| entry.changed.swap(false, Relaxed))
                    .map(Arc::clone)
                    .collect()
            };
            for entry in changed {
                if !self.write(&entry.record()) {
                    entry.changed.store(true, Relaxed);
                }
            }
        }
    }

    fn end(&self, entry: &Entry, reason: &str) {
        self.known().open.remove(&entry.number);
        let ended = Record {
            ended_at: Some(self.clock.now()),
            reason: Some(reason.to_owned()),
            in_flight: 0,
            ..entry.record()
        };
        self.write(&ended);
        self.keep_ended(ended);
    }

    fn keep_ended(&self, record: Record) {
        let mut known = self.known();
        known.ended.push_back(record);
        let oldest =
            if known.ended.len() > ENDED_CONNECTIONS_KEPT_MAX { known.ended.pop_front() } else { None };
        drop(known);
        if let Some(oldest) = oldest {
            self.hand_in(Change::default().remove(&Key::Connection(oldest.id)));
        }
    }

    fn write(&self, record: &Record) -> bool {
        self.hand_in(Change::default().set(&Key::Connection(record.id.clone()), record))
    }

    /// Records of connections never wait; one that finds no room is written with its next change.
    fn hand_in(&self, change: Result<Change, StoreError>) -> bool {
        let written = change.and_then(|change| self.store.committer().write_lazily(vec![change]));
        written.inspect_err(|error| tracing::debug!(%error, "a connection was not recorded")).is_ok()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records read at a time.
const PAGE_RECORDS: usize = 1024;

impl Entry {
    /// The connection's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// A client told its name and channel.
    pub(super) fn set_names(&self, name: Option<String>, channel: String) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = Names { name, channel };
        self.changed.store(true, Relaxed);
    }

    /// A frame came in.
    pub(super) fn count_in(&self) {
        self.frames_in.fetch_add(1, Relaxed);
        self.changed.store(true, Relaxed);
    }

    /// A frame went out.
    pub(super) fn count_out(&self) {
        self.frames_out.fetch_add(1, Relaxed);
        self.changed.store(true, Relaxed);
    }

    /// So many requests are being worked on.
    pub(super) fn set_in_flight(&self, requests: usize) {
        self.in_flight.store(u32::try_from(requests).unwrap_or(u32::MAX), Relaxed);
    }

    /// So many subscriptions are open.
    pub(super) fn set_subscriptions(&self, subscriptions: usize) {
        self.subscriptions.store(u32::try_from(subscriptions).unwrap_or(u32::MAX), Relaxed);
        self.changed.store(true, Relaxed);
    }

    fn record(&self) -> Record {
        let Names { name, channel } = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Record {
            id: self.id.clone(),
            name,
            channel,
            peer: self.peer.to_string(),
            connected_at: self.connected_at,
            ended_at: None,
            reason: None,
            in_flight: self.in_flight.load(Relaxed),
            subscriptions: self.subscriptions.load(Relaxed),
            frames_in: self.frames_in.load(Relaxed),
            frames_out: self.frames_out.load(Relaxed),
        }
    }
}

impl Listed {
    /// The connection's figures.
    pub(super) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Takes the connection off the list, saying why it ended.
    pub(super) fn end(mut self, reason: String) {
        self.reason = reason;
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.end(&self.entry, &self.reason);
    }
}

impl Record {
    fn view(self) -> ConnectionView {
        ConnectionView {
            id: self.id,
            open: self.ended_at.is_none(),
            name: self.name,
            channel: self.channel,
            peer: self.peer,
            connected_at: time(self.connected_at),
            ended_at: self.ended_at.map(time),
            reason: self.reason,
            in_flight: self.in_flight,
            subscriptions: self.subscriptions,
            frames_in: self.frames_in,
            frames_out: self.frames_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryEngine;

    fn peer() -> SocketAddr {
        "127.0.0.1:4000".parse().unwrap()
    }

    #[tokio::test]
    async fn what_was_open_before_a_restart_is_lost_and_says_why() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        let first = Arc::new(Connections::restore(store.clone(), Clock::start()).unwrap());
        let open = first.list(peer(), "0");
        first.list(peer(), "0").end("closed by the client".into());
        store.committer().commit(Vec::new()).await.unwrap();
        let second = Connections::restore(store, Clock::start()).unwrap();
        let items = second.view("0").items;
        let reasons: Vec<_> = items.iter().map(|item| (item.open, item.reason.as_deref().unwrap())).collect();
        assert_eq!(reasons, [(false, "closed by the client"), (false, "lost: the broker was restarted")]);
        drop(open);
    }

    #[tokio::test]
    async fn connections_of_other_channels_are_not_seen() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        let connections = Arc::new(Connections::restore(store, Clock::start()).unwrap());
        let listed = connections.list(peer(), "0");
        listed.entry().set_names(Some("builder".into()), "ci".into());
        assert!(connections.view("0").items.is_empty());
        let items = connections.view("ci").items;
        assert_eq!((items.len(), items[0].open, items[0].name.as_deref()), (1, true, Some("builder")));
    }

    #[tokio::test]
    async fn only_the_last_that_ended_are_kept() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        let connections = Arc::new(Connections::restore(store.clone(), Clock::start()).unwrap());
        for _ in 0..ENDED_CONNECTIONS_KEPT_MAX + 5 {
            connections.list(peer(), "0").end("closed by the client".into());
        }
        assert_eq!(connections.view("0").items.len(), ENDED_CONNECTIONS_KEPT_MAX);
        store.committer().commit(Vec::new()).await.unwrap();
        let kept: Vec<(Key, Record)> = store.list(Family::Connection, None, 4096).unwrap();
        assert_eq!(kept.len(), ENDED_CONNECTIONS_KEPT_MAX);
    }
}
