//! How asking a broker for something can go wrong.

use windlass_wire::problem::Problem;

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection ended. What was asked for may have happened; a submitted job may have been accepted.
    #[error("the connection closed: {0}")]
    Closed(String),
    /// The address of the broker makes no sense, or needs what this client cannot do.
    #[error("`{url}` is not an address of a broker: {reason}")]
    InvalidUrl {
        /// The address as it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The broker answered something this client does not understand.
    #[error("the broker at the other end does not speak this protocol: {0}")]
    Protocol(String),
    /// The broker refused the request, or the job did not succeed.
    #[error("{0}")]
    Refused(#[from] Box<Problem>),
    /// No broker answers there.
    #[error("no broker answers at {url}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the network said.
        reason: String,
    },
}

impl ClientError {
    /// The broker's own words, if it had any.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            Self::Closed(_) | Self::InvalidUrl { .. } | Self::Protocol(_) | Self::Unreachable { .. } => None,
        }
    }
}
