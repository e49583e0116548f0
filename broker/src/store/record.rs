//! How a record is written: a version byte, then `MessagePack` with field names.
//!
//! Names let an old broker skip a field it does not know and a new one fill in a field it does not find.
//! The version rises only when a field changes its meaning.

use std::any::type_name;

use serde::{Serialize, de::DeserializeOwned};

use super::error::StoreError;

/// The version written in front of every record.
pub const RECORD_VERSION: u8 = 1;

/// Writes a record.
pub fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![RECORD_VERSION];
    rmp_serde::encode::write_named(&mut bytes, record).map_err(|error| StoreError::Unwritable {
        what: type_name::<T>().into(),
        detail: error.to_string(),
    })?;
    Ok(bytes)
}

/// Reads a record of this or an older version; a newer one is refused.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    let what = type_name::<T>();
    match bytes.split_first() {
        None => Err(StoreError::corrupt(what, "it is empty")),
        Some((&version, _)) if version > RECORD_VERSION => {
            Err(StoreError::NewerFormat { found: version.into(), known: RECORD_VERSION.into() })
        }
        Some((_, body)) => rmp_serde::from_slice(body).map_err(|error| StoreError::corrupt(what, error)),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct First {
        name: String,
        attempt: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Second {
        name: String,
        attempt: u32,
        #[serde(default)]
        tags: Vec<String>,
    }

    /// `First { name: "add", attempt: 3 }` as the first release wrote it.
    const GOLDEN: &[u8] = b"\x01\x82\xa4name\xa3add\xa7attempt\x03";

    #[test]
    fn the_written_form_does_not_drift() {
        assert_eq!(encode(&First { name: "add".into(), attempt: 3 }).unwrap(), GOLDEN);
    }

    #[test]
    fn an_old_record_reads_with_the_default_of_a_new_field() {
        let record: Second = decode(GOLDEN).unwrap();
        assert_eq!(record, Second { name: "add".into(), attempt: 3, tags: Vec::new() });
    }

    #[test]
    fn a_field_of_a_newer_broker_is_skipped() {
        let newer = encode(&Second { name: "add".into(), attempt: 3, tags: vec!["mail".into()] }).unwrap();
        assert_eq!(decode::<First>(&newer).unwrap(), First { name: "add".into(), attempt: 3 });
    }

    #[test]
    fn a_newer_version_is_refused() {
        let mut newer = GOLDEN.to_vec();
        newer[0] = RECORD_VERSION + 1;
        assert!(matches!(decode::<First>(&newer), Err(StoreError::NewerFormat { found: 2, known: 1 })));
    }

    #[test]
    fn damage_is_an_error() {
        for bytes in [&[][..], &GOLDEN[..1], &GOLDEN[..9], b"\x01\xc1"] {
            assert!(matches!(decode::<First>(bytes), Err(StoreError::Corrupt { .. })), "{bytes:?}");
        }
    }
}
