//! Idempotency keys: one key, one job, for as long as the key is remembered.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use windlass_wire::id::JobId;

use crate::{
    command::Refusal,
    job::{Digest, Timestamp},
    limits::{IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_WINDOW_MILLIS},
};

/// A key as a submission gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The caller's word for what must happen once.
    pub key: String,
    /// Digest of what was asked for: the same key must always come with the same request.
    pub request: Digest,
}

/// A key and its channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName {
    /// The channel.
    pub channel: String,
    /// The key.
    pub key: String,
}

/// A key as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its name.
    pub name: Arc<KeyName>,
    /// The job it stands for.
    pub job: JobId,
    /// Digest of what was asked for.
    pub request: Digest,
    /// When it is forgotten.
    pub until: Timestamp,
}

/// The keys that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    records: BTreeMap<Arc<KeyName>, (JobId, Digest)>,
    ends: BTreeSet<(Timestamp, Arc<KeyName>)>,
}

impl Keys {
    /// The job a key stands for, if it is remembered; refused if it came with another request then.
    pub(crate) fn find(&self, channel: &str, asked: &Idempotency) -> Result<Option<JobId>, Refusal> {
        let name = KeyName { channel: channel.into(), key: asked.key.clone() };
        match self.records.get(&name) {
            None if self.records.len() >= IDEMPOTENCY_KEYS_MAX => {
                Err(Refusal::Full("the limit of idempotency keys"))
            }
            None => Ok(None),
            Some((job, request)) if *request == asked.request => Ok(Some(*job)),
            Some((job, _)) => Err(Refusal::KeyTaken(*job)),
        }
    }

    /// Remembers that a key stands for a job.
    pub(crate) fn insert(
        &mut self,
        channel: &str,
        asked: &Idempotency,
        job: JobId,
        now: Timestamp,
    ) -> KeyRecord {
        let name = Arc::new(KeyName { channel: channel.into(), key: asked.key.clone() });
        let until = now.plus_millis(IDEMPOTENCY_WINDOW_MILLIS);
        let record = KeyRecord { name, job, request: asked.request, until };
        self.restore(record.clone());
        record
    }

    /// Takes up a remembered key.
    pub(crate) fn restore(&mut self, record: KeyRecord) {
        self.ends.insert((record.until, Arc::clone(&record.name)));
        self.records.insert(record.name, (record.job, record.request));
    }

    /// Forgets a key whose time is over.
    pub(crate) fn pop_overdue(&mut self, now: Timestamp) -> Option<Arc<KeyName>> {
        let (until, name) = self.ends.first().filter(|(until, _)| *until <= now).cloned()?;
        self.records.remove(&name);
        self.ends.remove(&(until, Arc::clone(&name)));
        Some(name)
    }

    /// When the next key is forgotten.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.ends.first().map(|(until, _)| *until)
    }
}
