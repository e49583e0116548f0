//! How frames are written on one connection: the subprotocol decides.

use serde::Serialize;
use tokio_tungstenite::tungstenite::Message;
use windlass_wire::{
    code::ErrorCode,
    frame::{BadFrame, Request, RequestId, Response, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK},
    problem::Problem,
};

use super::msgpack;
use crate::{sandbox::TypedJson, server::verbs::HandlerValue};

/// Bytes of JSON text that one byte of `MessagePack` can stand for: `false` and a comma.
const TEXT_BYTES_PER_BYTE_MAX: usize = 6;

/// The form of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// JSON in text messages.
    Json,
    /// `MessagePack` in binary messages.
    MessagePack,
}

/// The answer with what a handler gave, its type known.
#[derive(Serialize)]
struct TypedResult<'a> {
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RequestId>,
    value: TypedJson<'a>,
}

impl Encoding {
    /// The encoding of a subprotocol.
    pub(super) fn of_subprotocol(name: &str) -> Option<Self> {
        [Self::Json, Self::MessagePack].into_iter().find(|known| known.subprotocol() == name)
    }

    /// The subprotocol that stands for it.
    pub(super) const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => SUBPROTOCOL_JSON,
            Self::MessagePack => SUBPROTOCOL_MSGPACK,
        }
    }

    /// Takes a frame apart.
    pub(super) fn read(self, frame: &Message) -> Result<Request, BadFrame> {
        let refused =
            |reason: String| Err(BadFrame { id: None, problem: Problem::new(ErrorCode::BadFrame, reason) });
        match (self, frame) {
            (Self::Json, Message::Text(text)) => Request::parse(text),
            (Self::Json, _) => refused("frames are text here".to_owned()),
            (Self::MessagePack, Message::Binary(bytes)) => match msgpack::read(bytes) {
                Ok(map) => Request::from_map(map),
                Err(malformed) => refused(malformed.to_string()),
            },
            (Self::MessagePack, _) => refused("frames are binary here: MessagePack".to_owned()),
        }
    }

    /// The most bytes that a frame of so many can have as JSON text.
    pub(super) const fn text_bytes_max(self, frame_bytes: usize) -> usize {
        match self {
            Self::Json => frame_bytes,
            Self::MessagePack => frame_bytes.saturating_mul(TEXT_BYTES_PER_BYTE_MAX),
        }
    }

    /// Writes a frame.
    pub(super) fn write(self, response: &Response<'_>) -> Message {
        match self {
            Self::Json => Message::text(response.to_text()),
            // By way of a tree, because a frame holds JSON text that is already written.
            Self::MessagePack => Message::binary(msgpack::write(&tree(response))),
        }
    }

    /// Writes the answer with what a handler gave.
    pub(super) fn write_result(self, id: Option<&RequestId>, value: &HandlerValue) -> Message {
        match self {
            Self::Json => self.write(&Response::Result { id, value: &value.json }),
            Self::MessagePack => {
                let tree = tree(&value.json);
                let value = TypedJson { value: &tree, ty: value.ty() };
                Message::binary(msgpack::write(&TypedResult { op: "result", id, value }))
            }
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "a frame is always JSON, and no deeper than the frames that led to it"
)]
fn tree(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("a frame is always JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_other_kind_of_message_is_a_bad_frame() {
        let text = Message::text(r#"{"op":"ping"}"#);
        let binary = Message::binary(msgpack::write(&json!({ "op": "ping" })));
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            let [own, other] = if encoding == Encoding::Json { [&text, &binary] } else { [&binary, &text] };
            assert_eq!(encoding.read(own).unwrap().op, "ping");
            assert_eq!(encoding.read(other).unwrap_err().problem.code, ErrorCode::BadFrame);
        }
    }

    #[test]
    fn no_frame_is_longer_as_text_than_was_reckoned_with() {
        for value in
            [json!(false), json!(null), json!([[false]]), json!(u64::MAX), json!(-1.25e-300), json!("\u{1}")]
        {
            let packed = msgpack::write(&json!({ "a": value })).len();
            let text = json!({ "a": value }).to_string().len();
            assert!(text <= Encoding::MessagePack.text_bytes_max(packed), "{value}");
        }
    }
}
