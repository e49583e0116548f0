//! Ids of jobs.

use alloc::string::String;
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// The id of a job: made by the broker, opaque to clients, written as 32 hexadecimal digits.
///
/// Within one queue and priority the order of ids is the order of submission.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u128);

/// The text is not the id of a job.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a job id: expected 32 hexadecimal digits, as `job.submit` answered them")]
pub struct InvalidJobId(pub String);

impl JobId {
    /// The id as a key: byte order is id order.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id a key holds.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({self})")
    }
}

impl FromStr for JobId {
    type Err = InvalidJobId;

    fn from_str(text: &str) -> Result<Self, InvalidJobId> {
        let digits =
            text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let shown = || InvalidJobId(text.chars().take(64).collect());
        if !digits {
            return Err(shown());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| shown())
    }
}

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_and_bytes_keep_the_order_of_ids() {
        let (low, high) = (JobId(0x0198 << 112), JobId((0x0198 << 112) + 1));
        assert!(low < high && low.to_string() < high.to_string() && low.to_bytes() < high.to_bytes());
        assert_eq!(low.to_string().parse(), Ok(low));
        assert_eq!(JobId::from_bytes(high.to_bytes()), high);
    }

    #[test]
    fn foreign_text_is_refused() {
        for text in ["", "1", "0198 ", "+0000000000000000000000000000001", "0000000000000000000000000000000G"]
        {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
