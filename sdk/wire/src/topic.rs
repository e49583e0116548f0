//! What a client may subscribe to.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What the events of a subscription are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The connections of the channel, as a whole, when they changed.
    Connections,
    /// Every change of jobs.
    Job,
    /// The jobs that changed lately, as they are now.
    Jobs,
    /// The plugins, as a whole, when they changed.
    Plugins,
    /// Figures of the broker, each second.
    Stats,
    /// The workers, as a whole, when they changed.
    Workers,
}

/// The text is not the name of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("unknown topic: expected one of connections, job, jobs, plugins, stats, workers")]
pub struct UnknownTopic;

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 6] =
        [Self::Connections, Self::Job, Self::Jobs, Self::Plugins, Self::Stats, Self::Workers];

    /// The name in frames and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Job => "job",
            Self::Jobs => "jobs",
            Self::Plugins => "plugins",
            Self::Stats => "stats",
            Self::Workers => "workers",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        Self::ALL.into_iter().find(|topic| topic.name() == text).ok_or(UnknownTopic)
    }
}
