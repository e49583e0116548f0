//! Frames of the WebSocket: what a client may send, what the broker answers.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    code::ErrorCode,
    id::JobId,
    limits::REQUEST_ID_BYTES_MAX,
    name::{OpKind, op_kind},
    problem::Problem,
};

/// The subprotocol that carries JSON text.
pub const SUBPROTOCOL_JSON: &str = "windlass.v1.json";
/// The subprotocol that carries `MessagePack`.
pub const SUBPROTOCOL_MSGPACK: &str = "windlass.v1.msgpack";
/// Every subprotocol.
pub const SUBPROTOCOLS: [&str; 2] = [SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK];

/// The keys of a frame that are never arguments.
pub const ENVELOPE_KEYS: [&str; 7] = ["op", "id", "args", "opts", "reply", "close", "trace"];

/// The id a client gave a request: any string or number, echoed with the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(Value);

impl From<u64> for RequestId {
    fn from(number: u64) -> Self {
        Self(Value::from(number))
    }
}

impl RequestId {
    /// The id, if it is a number below 2^64.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.as_u64()
    }
}

/// A request, taken apart but not yet understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is asked for.
    pub op: String,
    /// With an id, answers may overtake; without, they keep order.
    pub id: Option<RequestId>,
    /// `args`, as it came.
    pub args: Option<Value>,
    /// `opts`, as it came.
    pub opts: Option<Value>,
    /// False: nothing is answered.
    pub reply: bool,
    /// True: the connection closes after the answer.
    pub close: bool,
    /// W3C `traceparent`.
    pub trace: Option<String>,
    /// All other keys: arguments of a handler, or parameters of a broker's op.
    pub rest: Map<String, Value>,
}

/// A frame that could not be taken apart, with the id it carried if it got that far.
#[derive(Debug, Clone, PartialEq)]
pub struct BadFrame {
    /// The id, if one was found.
    pub id: Option<RequestId>,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Request {
    /// Takes a text frame apart.
    pub fn parse(text: &str) -> Result<Self, BadFrame> {
        let bad =
            |message: String| BadFrame { id: None, problem: Problem::new(ErrorCode::BadFrame, message) };
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Self::from_map(map),
            Ok(_) => Err(bad("a frame is a JSON object with an `op`".to_owned())),
            Err(error) => Err(bad(format!("the frame is not JSON: {error}"))),
        }
    }

    /// Takes a decoded frame apart.
    pub fn from_map(mut map: Map<String, Value>) -> Result<Self, BadFrame> {
        let id = match map.remove("id") {
            None | Some(Value::Null) => None,
            Some(id @ (Value::String(_) | Value::Number(_)))
                if id.to_string().len() <= REQUEST_ID_BYTES_MAX =>
            {
                Some(RequestId(id))
            }
            Some(_) => return Err(wrong(None, "id", "a string or number of at most 256 bytes")),
        };
        let Some(Value::String(op)) = map.remove("op") else {
            return Err(wrong(id, "op", "a string naming a handler or one of the broker's ops"));
        };
        let mut flag = |key, default| match map.remove(key) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(value),
            Some(_) => Err(wrong(id.clone(), key, "true or false")),
        };
        let (reply, close) = (flag("reply", true)?, flag("close", false)?);
        let trace = match map.remove("trace") {
            None => None,
            Some(Value::String(trace)) => Some(trace),
            Some(_) => return Err(wrong(id, "trace", "a string")),
        };
        let (args, opts) = (map.remove("args"), map.remove("opts"));
        Ok(Self { op, id, args, opts, reply, close, trace, rest: map })
    }

    /// The arguments of a call: the flat keys, or `args`, never both.
    pub fn take_call_args(&mut self) -> Result<Value, Problem> {
        let rest = core::mem::take(&mut self.rest);
        match self.args.take() {
            None => Ok(Value::Object(rest)),
            Some(args) if rest.is_empty() => Ok(args),
            Some(_) => {
                let keys: alloc::vec::Vec<_> = rest.keys().collect();
                Err(Problem::new(ErrorCode::BadRequest, "`args` and flat arguments do not go together")
                    .with_detail(json!({ "keys": keys }))
                    .with_hint("move every argument into `args`"))
            }
        }
    }

    /// What the op addresses.
    pub fn kind(&self) -> OpKind {
        op_kind(&self.op)
    }
}

fn wrong(id: Option<RequestId>, key: &str, expected: &str) -> BadFrame {
    let problem =
        Problem::new(ErrorCode::BadFrame, format!("`{key}` is missing or wrong: expected {expected}"))
            .with_detail(json!({ "pointer": format!("/{key}") }));
    BadFrame { id, problem }
}

/// What the broker sends.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Response<'a> {
    /// A job is durably queued.
    Accepted {
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RequestId>,
        /// The new job.
        job: JobId,
    },
    /// The request failed.
    Error {
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RequestId>,
        /// Why.
        error: &'a Problem,
    },
    /// Something a subscription asked for happened.
    Event {
        /// The subscription.
        sub: u64,
        /// Grows with every event of the broker.
        seq: u64,
        /// What it is about.
        topic: &'a str,
        /// The event itself.
        data: &'a RawValue,
    },
    /// A subscriber was too slow, so events are missing.
    Gap {
        /// The subscription.
        sub: u64,
        /// How many events were dropped.
        missed: u64,
    },
    /// The answer to a request.
    Result {
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RequestId>,
        /// The value.
        value: &'a RawValue,
    },
}

impl Response<'_> {
    /// The frame as text.
    #[expect(clippy::expect_used, reason = "no map with keys that are not strings can occur in it")]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a frame is always JSON")
    }
}

/// What a client receives, owned.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Received {
    /// A job is durably queued.
    Accepted {
        /// The request's id.
        #[serde(default)]
        id: Option<RequestId>,
        /// The new job.
        job: JobId,
    },
    /// The request failed.
    Error {
        /// The request's id.
        #[serde(default)]
        id: Option<RequestId>,
        /// Why.
        error: Problem,
    },
    /// Something a subscription asked for happened.
    Event {
        /// The subscription.
        sub: u64,
        /// Grows with every event of the broker.
        seq: u64,
        /// What it is about.
        topic: String,
        /// The event itself.
        data: Value,
    },
    /// Events are missing.
    Gap {
        /// The subscription.
        sub: u64,
        /// How many.
        missed: u64,
    },
    /// The answer to a request.
    Result {
        /// The request's id.
        #[serde(default)]
        id: Option<RequestId>,
        /// The value.
        value: Value,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_keys_are_arguments() {
        let mut request = Request::parse(r#"{"op":"add","id":7,"x":10,"y":20}"#).unwrap();
        assert_eq!(request.id, Some(RequestId::from(7)));
        assert_eq!(request.take_call_args().unwrap(), json!({"x": 10, "y": 20}));
    }

    #[test]
    fn args_and_flat_keys_do_not_mix() {
        let mut request = Request::parse(r#"{"op":"add","args":{"x":10},"y":20}"#).unwrap();
        let problem = request.take_call_args().unwrap_err();
        assert_eq!(problem.code, ErrorCode::BadRequest);
        assert_eq!(problem.detail, Some(json!({"keys": ["y"]})));
    }

    #[test]
    fn a_bad_frame_says_where_and_keeps_its_id() {
        for (text, pointer) in [
            (r#"{"id":1}"#, "/op"),
            (r#"{"op":"a","id":1,"reply":0}"#, "/reply"),
            (r#"{"op":1,"id":1}"#, "/op"),
        ] {
            let bad = Request::parse(text).unwrap_err();
            assert_eq!(bad.id, Some(RequestId::from(1)), "{text}");
            assert_eq!(bad.problem.detail, Some(json!({"pointer": pointer})), "{text}");
        }
        for text in ["", "[]", "1", "{", "{\"op\":\"a\",\"id\":[]}"] {
            assert_eq!(Request::parse(text).unwrap_err().problem.code, ErrorCode::BadFrame, "{text}");
        }
    }

    #[test]
    fn answers_name_their_op_first() {
        let id = RequestId::from(7);
        let value = RawValue::from_string("30".to_owned()).unwrap();
        assert_eq!(
            Response::Result { id: Some(&id), value: &value }.to_text(),
            r#"{"op":"result","id":7,"value":30}"#
        );
    }
}
