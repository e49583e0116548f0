//! Spans of time as people write them: `"30s"`, `"1.5m"`, or a number of seconds.

use alloc::{format, string::String};
use core::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The longest span accepted: 100 years.
pub const SPAN_MILLIS_MAX: u64 = 100 * 365 * 24 * 3_600_000;

/// A span of time in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

/// The text or number is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a span of time: expected seconds or a text like `250ms`, `30s`, `5m`, `2h`, `7d`, up to 100 years"
)]
pub struct InvalidSpan(String);

impl Span {
    /// A span of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(if millis > SPAN_MILLIS_MAX { SPAN_MILLIS_MAX } else { millis })
    }

    /// A span of so many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// The span in milliseconds.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The span for the standard library.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the range is checked first"
    )]
    fn from_units(amount: f64, unit_millis: u64) -> Option<Self> {
        let millis = amount * unit_millis as f64;
        (millis >= 0.0 && millis <= SPAN_MILLIS_MAX as f64).then_some(Self((millis + 0.5) as u64))
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let refused = || InvalidSpan(text.chars().take(64).collect());
        // A number alone may be in any form that JSON writes it in.
        if let Ok(seconds) = text.parse::<f64>() {
            return Self::from_units(seconds, 1000).ok_or_else(refused);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let unit_millis = match text[digits..].trim() {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(refused()),
        };
        let amount: f64 = text[..digits].parse().map_err(|_| refused())?;
        Self::from_units(amount, unit_millis).ok_or_else(refused)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            if self.0 >= millis && self.0.is_multiple_of(millis) {
                return write!(f, "{}{unit}", self.0 / millis);
            }
        }
        write!(f, "{}ms", self.0)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct SpanVisitor;

impl de::Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds or a text like `30s`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Span, E> {
        let span = Span::from_secs(seconds);
        let exact = span.0 / 1000 == seconds;
        if exact { Ok(span) } else { Err(E::custom(InvalidSpan(format!("{seconds}")))) }
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Span, E> {
        let seconds = u64::try_from(seconds).map_err(|_| E::custom(InvalidSpan(format!("{seconds}"))))?;
        self.visit_u64(seconds)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Span, E> {
        Span::from_units(seconds, 1000).ok_or_else(|| E::custom(InvalidSpan(format!("{seconds}"))))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

/// A limit on time: a span, or `"never"`. Absent means the default, so it is usually an `Option`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// Ends after this span.
    After(Span),
    /// No limit.
    Never,
}

impl Timeout {
    /// The span, or none for `"never"`.
    pub const fn span(self) -> Option<Span> {
        match self {
            Self::After(span) => Some(span),
            Self::Never => None,
        }
    }
}

impl FromStr for Timeout {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        if text == "never" { Ok(Self::Never) } else { text.parse().map(Self::After) }
    }
}

impl Serialize for Timeout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::After(span) => span.serialize(serializer),
            Self::Never => serializer.serialize_str("never"),
        }
    }
}

struct TimeoutVisitor;

impl de::Visitor<'_> for TimeoutVisitor {
    type Value = Timeout;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds, a text like `30s`, or `never`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timeout, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Timeout, E> {
        SpanVisitor.visit_u64(seconds).map(Timeout::After)
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Timeout, E> {
        SpanVisitor.visit_i64(seconds).map(Timeout::After)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Timeout, E> {
        SpanVisitor.visit_f64(seconds).map(Timeout::After)
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeoutVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, millis) in [
            ("\"250ms\"", 250),
            ("30", 30_000),
            ("1.5", 1500),
            ("\"1.5e1\"", 15_000),
            ("\"5m\"", 300_000),
            ("\"2h\"", 7_200_000),
            ("0", 0),
        ] {
            assert_eq!(serde_json::from_str::<Span>(text).unwrap(), Span::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["\"\"", "\"s\"", "-1", "\"-1s\"", "\"1 fortnight\"", "1e300", "\"101000d\"", "null", "true"]
        {
            assert!(serde_json::from_str::<Span>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_prints_what_reads_back() {
        for millis in [0, 1, 999, 1000, 60_000, 90_000, 86_400_000] {
            let span = Span::from_millis(millis);
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }

    #[test]
    fn never_is_a_timeout_of_its_own() {
        assert_eq!(serde_json::from_str::<Timeout>("\"never\"").unwrap(), Timeout::Never);
        assert_eq!(serde_json::from_str::<Timeout>("2").unwrap(), Timeout::After(Span::from_secs(2)));
    }
}
