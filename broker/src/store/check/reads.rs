//! Reads that belong together, of records that others change meanwhile.

use windlass_core::job::Digest;

use crate::store::{Engine, StoreError};

/// Reads of an engine. If all of them still hold after the last one, they held at once.
///
/// That is so because no record comes back as it was: one that does has another record beside it, of the job it is
/// about, whose revision has grown.
pub(super) struct Reads<'a> {
    engine: &'a dyn Engine,
    read: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl<'a> Reads<'a> {
    pub(super) fn new(engine: &'a dyn Engine) -> Self {
        Self { engine, read: Vec::new() }
    }

    pub(super) fn engine(&self) -> &'a dyn Engine {
        self.engine
    }

    pub(super) fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.engine.get(key)?;
        self.read.push((key.to_vec(), value.clone()));
        Ok(value)
    }

    pub(super) fn has_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        // One that is damaged is there; it is told by itself.
        match self.engine.blob(digest) {
            Ok(bytes) => Ok(bytes.is_some()),
            Err(StoreError::Corrupt { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether nothing that was read has changed.
    pub(super) fn still_hold(&self) -> Result<bool, StoreError> {
        for (key, value) in &self.read {
            if self.engine.get(key)? != *value {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
