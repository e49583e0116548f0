//! The numbers of queues, which are part of the ids of their jobs.

use windlass_core::decision::QueueNumber;

use super::{Change, Family, Key, Store, StoreError, engine::SCAN_ENTRIES_MAX};

impl Change {
    /// Remembers the number of a queue.
    pub fn set_queue(self, queue: &QueueNumber) -> Result<Self, StoreError> {
        let key = Key::Queue { channel: queue.channel.clone(), name: queue.name.clone() };
        self.set(&key, &queue.number)
    }
}

impl Store {
    /// Every queue that ever had a job.
    pub fn queues(&self) -> Result<Vec<QueueNumber>, StoreError> {
        let (mut queues, mut last) = (Vec::new(), None);
        loop {
            let page = self.list::<u32>(Family::Queue, last.as_ref(), SCAN_ENTRIES_MAX)?;
            let Some((key, _)) = page.last() else { return Ok(queues) };
            last = Some(key.clone());
            queues.extend(page.into_iter().filter_map(|(key, number)| match key {
                Key::Queue { channel, name } => Some(QueueNumber { channel, name, number }),
                Key::FinalJob(_)
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
