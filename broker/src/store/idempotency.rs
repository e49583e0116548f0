//! Idempotency keys and the jobs they stand for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_core::{
    idempotency::{KeyName, KeyRecord},
    job::{Digest, Timestamp},
};
use windlass_wire::id::JobId;

use super::{Change, Family, Key, Store, StoreError, engine::SCAN_ENTRIES_MAX};

/// What is kept about an idempotency key; its channel and text are its key.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) job: JobId,
    request: Digest,
    until: Timestamp,
}

impl Change {
    /// Remembers what an idempotency key stands for.
    pub fn set_idempotency_key(self, record: &KeyRecord) -> Result<Self, StoreError> {
        let KeyRecord { name, job, request, until } = record;
        self.set(&key(name), &Record { job: *job, request: *request, until: *until })
    }

    /// Forgets an idempotency key.
    pub fn forget_idempotency_key(self, name: &KeyName) -> Result<Self, StoreError> {
        self.remove(&key(name))
    }
}

fn key(name: &KeyName) -> Key {
    Key::Idempotency { channel: name.channel.clone(), key: name.key.clone() }
}

impl Store {
    /// Every idempotency key that is remembered.
    pub fn idempotency_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let (mut keys, mut last) = (Vec::new(), None);
        loop {
            let page = self.list::<Record>(Family::Idempotency, last.as_ref(), SCAN_ENTRIES_MAX)?;
            let Some((key, _)) = page.last() else { return Ok(keys) };
            last = Some(key.clone());
            keys.extend(page.into_iter().filter_map(|(key, Record { job, request, until })| {
                if let Key::Idempotency { channel, key } = key {
                    Some(KeyRecord { name: Arc::new(KeyName { channel, key }), job, request, until })
                } else {
                    None
                }
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Engine, MemoryEngine};

    #[test]
    fn keys_are_read_back_until_they_are_forgotten() {
        let record = |key: &str| KeyRecord {
            name: Arc::new(KeyName { channel: "0".into(), key: key.into() }),
            job: JobId(7),
            request: Digest([3; 32]),
            until: Timestamp(9),
        };
        let keys = [record("a"), record("b\0c")];
        let engine = MemoryEngine::default();
        let group = keys.each_ref().map(|key| Change::default().set_idempotency_key(key).unwrap());
        engine.commit(&group).unwrap();
        engine.commit(&[Change::default().forget_idempotency_key(&record("none").name).unwrap()]).unwrap();
        let store = Store::new(engine).unwrap();
        assert_eq!(store.idempotency_keys().unwrap(), keys);
    }
}
