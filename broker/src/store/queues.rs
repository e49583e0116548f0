//! The numbers of queues, which are part of the ids of their jobs.

use serde::{Deserialize, Serialize};
use windlass_core::decision::QueueNumber;

use super::{Change, Family, Key, Store, StoreError, engine::SCAN_ENTRIES_MAX};

/// What is kept about a queue; its channel and name are its key.
#[derive(Serialize, Deserialize)]
struct QueueRecord {
    number: u32,
}

impl Change {
    /// Remembers the number of a queue.
    pub fn set_queue(self, queue: &QueueNumber) -> Result<Self, StoreError> {
        let key = Key::Queue { channel: queue.channel.clone(), name: queue.name.clone() };
        self.set(&key, &QueueRecord { number: queue.number })
    }
}

impl Store {
    /// Every queue that ever had a job.
    pub fn queues(&self) -> Result<Vec<QueueNumber>, StoreError> {
        let (mut queues, mut last) = (Vec::new(), None);
        loop {
            let page = self.list::<QueueRecord>(Family::Queue, last.as_ref(), SCAN_ENTRIES_MAX)?;
            let Some((key, _)) = page.last() else { return Ok(queues) };
            last = Some(key.clone());
            queues.extend(page.into_iter().filter_map(|(key, QueueRecord { number })| match key {
                Key::Queue { channel, name } => Some(QueueNumber { channel, name, number }),
                Key::FinalJob(_)
                | Key::Index { .. }
                | Key::LiveJob(_)
                | Key::Meta(_)
                | Key::Output { .. }
                | Key::Plugin(_)
                | Key::Version(_)
                | Key::Connection(_) => None,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Engine, MemoryEngine};

    #[test]
    fn all_queues_are_read_with_their_numbers() {
        let queue = |number: u32| QueueNumber { channel: "0".into(), name: format!("{number:05}"), number };
        let queues: Vec<_> = (0..5_000).map(queue).collect();
        let engine = MemoryEngine::default();
        let group: Vec<_> = queues.iter().map(|queue| Change::default().set_queue(queue).unwrap()).collect();
        engine.commit(&group).unwrap();
        assert_eq!(Store::new(engine).unwrap().queues().unwrap(), queues);
    }
}
