//! Queues: their numbers, which are part of the ids of their jobs, and what holds their jobs back.

use serde::{Deserialize, Serialize};
use windlass_core::queue::{Queue, QueueLimits};

use super::{Change, Family, Key, Store, StoreError, engine::SCAN_ENTRIES_MAX};

/// What is kept about a queue; its channel and name are its key.
#[derive(Serialize, Deserialize)]
pub(super) struct QueueRecord {
    number: u32,
    #[serde(default)]
    limits: QueueLimits,
}

impl Change {
    /// Remembers a queue.
    pub fn set_queue(self, queue: &Queue) -> Result<Self, StoreError> {
        let key = Key::Queue { channel: queue.channel.clone(), name: queue.name.clone() };
        self.set(&key, &QueueRecord { number: queue.number, limits: queue.limits.clone() })
    }
}

impl Store {
    /// Every queue that ever had a job or a limit.
    pub fn queues(&self) -> Result<Vec<Queue>, StoreError> {
        let (mut queues, mut last) = (Vec::new(), None);
        loop {
            let page = self.list::<QueueRecord>(Family::Queue, last.as_ref(), SCAN_ENTRIES_MAX)?;
            let Some((key, _)) = page.last() else { return Ok(queues) };
            last = Some(key.clone());
            queues.extend(page.into_iter().filter_map(|(key, QueueRecord { number, limits })| {
                if let Key::Queue { channel, name } = key {
                    Some(Queue { channel, name, number, limits })
                } else {
                    None
                }
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::{queue::TagLimit, rate::Rate};

    use super::*;
    use crate::store::{Engine, MemoryEngine, record};

    #[test]
    fn a_queue_remembered_before_there_were_limits_has_none() {
        let old = b"\x01\x81\xa6number\x07";
        let record: QueueRecord = record::decode(old).unwrap();
        assert_eq!((record.number, record.limits), (7, QueueLimits::default()));
    }

    #[test]
    fn the_limits_of_an_older_broker_read_without_a_limit_of_a_tag() {
        let old = b"\x01\x82\xa6number\x07\xa6limits\x83\xa9is_paused\xc3\xabconcurrency\x02\xa4rate\xc0";
        let limits = QueueLimits { is_paused: true, concurrency: Some(2), ..QueueLimits::default() };
        assert_eq!(record::decode::<QueueRecord>(old).unwrap().limits, limits);
        assert_eq!(record::encode(&QueueRecord { number: 7, limits }).unwrap(), old, "and are written alike");
    }

    #[test]
    fn all_queues_are_read_with_their_numbers_and_limits() {
        let rate = Some(Rate { count: 3, per_millis: 1000 });
        let per_tag = Some(TagLimit { tag: "customer".into(), concurrency: None, rate });
        let limits = QueueLimits { is_paused: true, concurrency: Some(2), rate, per_tag };
        let queue = |number: u32| {
            let name = format!("{number:05}");
            Queue { channel: "0".into(), name, number, limits: limits.clone() }
        };
        let queues: Vec<_> = (0..5_000).map(queue).collect();
        let engine = MemoryEngine::default();
        let group: Vec<_> = queues.iter().map(|queue| Change::default().set_queue(queue).unwrap()).collect();
        engine.commit(&group).unwrap();
        assert_eq!(Store::new(engine).unwrap().queues().unwrap(), queues);
    }
}
