//! What guests wrote to their logs, attempt by attempt.

use windlass_wire::id::JobId;

use super::{Change, Key, Store, StoreError, engine::SCAN_ENTRIES_MAX};

/// Longest piece of a log kept under one key, in bytes.
const CHUNK_BYTES_MAX: usize = 4 * 1024;

/// What one attempt wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptLog {
    /// The attempt, 1 for the first.
    pub attempt: u32,
    /// Its log.
    pub text: String,
}

impl Change {
    /// Writes the whole log of an attempt.
    pub fn set_log(mut self, job: JobId, attempt: u32, text: &str) -> Result<Self, StoreError> {
        let (mut rest, mut chunk) = (text, 0);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(CHUNK_BYTES_MAX));
            self = self.set(&Key::Output { job, attempt, chunk }, &piece)?;
            (rest, chunk) = (after, chunk + 1);
        }
        Ok(self)
    }
}

impl Store {
    /// The logs of a job's ended attempts, oldest first; the oldest [`SCAN_ENTRIES_MAX`] pieces of them.
    pub fn logs(&self, job: JobId) -> Result<Vec<AttemptLog>, StoreError> {
        let mut logs: Vec<AttemptLog> = Vec::new();
        for (key, piece) in self.outputs::<String>(job, None, SCAN_ENTRIES_MAX)? {
            let Key::Output { attempt, .. } = key else { continue };
            match logs.last_mut().filter(|log| log.attempt == attempt) {
                Some(log) => log.text.push_str(&piece),
                None => logs.push(AttemptLog { attempt, text: piece }),
            }
        }
        Ok(logs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryEngine;

    #[tokio::test]
    async fn logs_read_back_attempt_by_attempt() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        let (job, long) = (JobId(7), "l\u{f6}ng ".repeat(5000));
        let change = Change::default().set_log(job, 1, &long).unwrap().set_log(job, 2, "two").unwrap();
        let other = Change::default().set_log(JobId(8), 1, "other").unwrap();
        store.committer().commit(vec![change, other]).await.unwrap();
        let second = AttemptLog { attempt: 2, text: "two".into() };
        assert_eq!(store.logs(job).unwrap(), [AttemptLog { attempt: 1, text: long }, second]);
    }
}
