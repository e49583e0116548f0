//! A connection and the broker itself, as clients see them.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// A WebSocket, open or gone. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionView {
    /// Its id; ids order by the time of connecting.
    pub id: String,
    /// Whether it is open now.
    pub open: bool,
    /// The name it gave itself in `session.hello`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The channel it belongs to.
    pub channel: String,
    /// Address and port it came from.
    pub peer: String,
    /// When it was accepted.
    pub connected_at: String,
    /// When it ended, as far as the broker knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Requests being worked on.
    pub in_flight: u32,
    /// Subscriptions open.
    pub subscriptions: u32,
    /// Frames received so far.
    pub frames_in: u64,
    /// Frames sent so far.
    pub frames_out: u64,
}

/// The connections of a channel: the open ones first, each group newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionList {
    /// The connections.
    pub items: Vec<ConnectionView>,
}

/// What answers here: the answer to `identity` and `session.hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IdentityView {
    /// `windlass`.
    pub broker: String,
    /// The broker's version.
    pub version: String,
    /// Counts the starts of this broker on its data.
    pub start: u32,
    /// When this start was (RFC 3339).
    pub started_at: String,
    /// The WebSocket subprotocols it speaks.
    pub protocols: Vec<String>,
    /// The channel of whoever asks.
    pub channel: String,
    /// The id of the connection that asks; none over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

/// One of the broker's ops: an element of the answer to `session.ops`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpView {
    /// Its name.
    pub op: String,
    /// What it does.
    pub summary: String,
    /// The parameters it takes beside the envelope.
    pub params: Vec<String>,
}
