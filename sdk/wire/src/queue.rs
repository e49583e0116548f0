//! A queue as clients see it.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize};

#[cfg(feature = "schema")]
use crate::limits::{QUEUE_LIMIT_MAX, TAG_BYTES_MAX};
use crate::span::Span;

/// A queue, and how many of its jobs are in which state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// Whether none of its jobs starts.
    pub paused: bool,
    /// So many run at once at most; none = no limit.
    pub concurrency: Option<u32>,
    /// So many start in a span at most; none = no limit.
    pub rate: Option<RateOptions>,
    /// What limits its jobs with the same value of a tag; none = nothing.
    #[serde(default)]
    pub per_tag: Option<TagLimitOptions>,
    /// Jobs that wait for a time or a release.
    pub scheduled: usize,
    /// Jobs that wait for other jobs.
    pub blocked: usize,
    /// Jobs that wait for a slot.
    pub ready: usize,
    /// Jobs that run.
    pub running: usize,
    /// When the oldest job that waits for a slot was submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_ready_at: Option<String>,
}

/// All queues of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueueList {
    /// By name.
    pub items: Vec<QueueView>,
}

/// At most `count` starts in any span `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RateOptions {
    /// Starts.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = QUEUE_LIMIT_MAX)))]
    pub count: u32,
    /// The span: up to a week.
    pub per: Span,
}

/// A limit for each value of a tag. Jobs without the tag are not concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TagLimitOptions {
    /// The tag.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = TAG_BYTES_MAX)))]
    pub tag: String,
    /// How many with the same value run at once at most.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = QUEUE_LIMIT_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How many with the same value start in a span at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateOptions>,
}

/// Parameters of `queue.limit`: what is left out stays as it is, `null` takes a limit away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LimitOptions {
    /// How many run at once at most.
    #[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = QUEUE_LIMIT_MAX)))]
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Option<u32>>,
    /// How many start in a span at most.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub rate: Option<Option<RateOptions>>,
    /// How many with the same value of a tag run at once, or start in a span, at most.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub per_tag: Option<Option<TagLimitOptions>>,
}

/// What is there is given, also if it is `null`.
#[expect(clippy::option_option, reason = "a limit that is left out is not one that is taken away")]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What `queue.purge` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PurgeView {
    /// Jobs it cancelled.
    pub cancelled: usize,
    /// Whether more are left, because there is a limit of one request.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_taken_away_or_changed() {
        let limits = |text| serde_json::from_str::<LimitOptions>(text).unwrap();
        assert_eq!(limits("{}"), LimitOptions::default());
        assert_eq!(limits(r#"{"concurrency":null}"#).concurrency, Some(None));
        let rate = RateOptions { count: 5, per: Span::from_secs(1) };
        assert_eq!(limits(r#"{"rate":{"count":5,"per":"1s"}}"#).rate, Some(Some(rate)));
    }
}
