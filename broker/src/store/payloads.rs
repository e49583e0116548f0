//! JSON text that belongs to a job, its arguments or its result: short text lies in the record, long text beside it.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use windlass_core::job::Payload;

use super::{INLINE_BYTES_MAX, Pinned, Store, StoreError};

impl Store {
    /// Puts text where it belongs; long text is durable when this answers, so that no record points to nothing.
    ///
    /// The pin is to be held until that record is durable.
    ///
    /// Cancel safety: dropped before the answer, long text may have been kept or not.
    pub async fn keep(&self, text: String) -> Result<(Payload, Option<Pinned>), StoreError> {
        if text.len() <= INLINE_BYTES_MAX {
            return Ok((Payload::Inline(text.into()), None));
        }
        let store = self.clone();
        let kept = spawn_blocking(move || store.put_blob(text.as_bytes())).await;
        let (digest, pinned) = kept.unwrap_or(Err(StoreError::Stopped))?;
        Ok((Payload::Blob(digest), Some(pinned)))
    }

    /// Brings back the text that was kept. Cancel safe.
    pub async fn bring(&self, payload: &Payload) -> Result<Arc<str>, StoreError> {
        let digest = match payload {
            Payload::Inline(text) => return Ok(Arc::clone(text)),
            Payload::Blob(digest) => *digest,
        };
        let store = self.clone();
        let bytes = spawn_blocking(move || store.blob(&digest)).await.unwrap_or(Err(StoreError::Stopped))?;
        let damaged = |detail: &str| StoreError::corrupt(format!("the blob {digest}"), detail);
        let text = String::from_utf8(bytes.ok_or_else(|| damaged("it is missing"))?);
        text.map(Arc::from).map_err(|_| damaged("it is not text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryEngine;

    #[tokio::test]
    async fn what_was_kept_comes_back_whatever_its_length() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        for bytes in [0, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1] {
            let text = "7".repeat(bytes);
            let (payload, _pinned) = store.keep(text.clone()).await.unwrap();
            assert_eq!(matches!(payload, Payload::Inline(_)), bytes <= INLINE_BYTES_MAX);
            assert_eq!(*store.bring(&payload).await.unwrap(), *text);
        }
    }

    #[tokio::test]
    async fn a_missing_blob_is_damage() {
        let store = Store::new(MemoryEngine::default()).unwrap();
        let missing = Payload::Blob(windlass_core::job::Digest([7; 32]));
        assert!(matches!(store.bring(&missing).await, Err(StoreError::Corrupt { .. })));
    }
}
