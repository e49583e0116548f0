//! The WebSocket side: the upgrade here, then `connection` (the loop over frames), `session` (what a frame means),
//! `ops` (the table of ops) and `outbox` (what is written when).

use std::sync::Arc;

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    upgrade::{OnUpgrade, Upgraded, on},
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};
use windlass_wire::{
    code::ErrorCode,
    frame::SUBPROTOCOLS,
    limits::{MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX_BEFORE_HELLO},
    problem::Problem,
};

use super::{
    answer::{Answer, Body},
    exchange::Exchange,
    limits::{READ_BUFFER_BYTES, WRITE_BUFFER_BYTES, WRITE_BUFFER_BYTES_MAX},
    socket::{ReadAllowance, Socket},
};

mod connection;
mod encoding;
mod msgpack;
mod ops;
mod outbox;
mod session;

pub use self::ops::{OPS, Op};
use self::{connection::Connection, encoding::Encoding, session::Session};

/// Bytes a client may send before it is known: one frame of the size allowed then, and its head.
const READ_BYTES_BEFORE_HELLO: u64 = MESSAGE_BYTES_MAX_BEFORE_HELLO as u64 + 256;

/// Upgrades a request to a WebSocket and serves it in a task of its own.
pub(super) async fn upgrade(mut exchange: Exchange) -> Result<Answer, Problem> {
    let headers = exchange.headers();
    let key = check(headers)?;
    let offered = choose_subprotocol(headers)?;
    let accepted = HeaderValue::from_str(&derive_accept_key(&key))
        .map_err(|error| Problem::new(ErrorCode::Internal, error.to_string()))?;
    let upgraded = on(&mut exchange.request);
    exchange.query.finish()?;
    let Exchange { context, caller, origin, is_authorized, .. } = exchange;
    let session = Session::new(Arc::clone(&context), caller, origin.peer, is_authorized);
    drop(tokio::spawn(async move {
        if let Some((stream, allowance)) = open(upgraded, is_authorized).await {
            context.traffic.websockets_open.inc();
            Connection::new(stream, allowance, session, offered.unwrap_or(Encoding::Json)).serve().await;
            context.traffic.websockets_open.dec();
        }
        drop(origin.permit);
    }));
    let mut answer = Response::new(Body::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    if let Some(encoding) = offered {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(encoding.subprotocol()));
    }
    Ok(answer)
}

async fn open(upgraded: OnUpgrade, is_authorized: bool) -> Option<(WebSocketStream<Socket>, ReadAllowance)> {
    let parts = match upgraded.await.map(Upgraded::downcast::<TokioIo<Socket>>) {
        Ok(Ok(parts)) => parts,
        Ok(Err(_)) => {
            tracing::error!("an upgraded socket is not one of ours");
            return None;
        }
        Err(error) => {
            tracing::debug!(%error, "a socket ended before it was upgraded");
            return None;
        }
    };
    let socket = parts.io.into_inner();
    let allowance = socket.allowance();
    if !is_authorized {
        allowance.set(READ_BYTES_BEFORE_HELLO);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let stream =
        WebSocketStream::from_partially_read(socket, parts.read_buf.to_vec(), Role::Server, Some(config))
            .await;
    Some((stream, allowance))
}

/// Checks that this is the beginning of a WebSocket, and answers the client's key.
fn check(headers: &HeaderMap) -> Result<Vec<u8>, Problem> {
    let is_upgrade = has_token(headers, &CONNECTION, "upgrade") && has_token(headers, &UPGRADE, "websocket");
    if !is_upgrade {
        return Err(Problem::new(ErrorCode::BadRequest, "this is a WebSocket; ask for an upgrade")
            .with_hint("connect with `ws://…/v1/ws`"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(wrong(&SEC_WEBSOCKET_VERSION, "expected `Sec-WebSocket-Version: 13`"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    match base64_simd::STANDARD.decode_to_vec(key) {
        Ok(bytes) if bytes.len() == 16 => Ok(key.to_vec()),
        Ok(_) | Err(_) => {
            Err(wrong(&SEC_WEBSOCKET_KEY, "expected a `Sec-WebSocket-Key` of 16 bytes in base64"))
        }
    }
}

/// The first subprotocol among the offered ones that is spoken here. Clients that offer none speak JSON.
fn choose_subprotocol(headers: &HeaderMap) -> Result<Option<Encoding>, Problem> {
    if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Ok(None);
    }
    let mut offered = tokens(headers, &SEC_WEBSOCKET_PROTOCOL);
    offered.find_map(Encoding::of_subprotocol).map(Some).ok_or_else(|| {
        Problem::new(ErrorCode::BadRequest, "none of the offered subprotocols is spoken here")
            .with_detail(json!({ "supported": SUBPROTOCOLS }))
    })
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|known| known.eq_ignore_ascii_case(token))
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn wrong(header: &HeaderName, message: &str) -> Problem {
    Problem::new(ErrorCode::BadRequest, message).with_detail(json!({ "header": header.as_str() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(changes: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]
        .iter()
        .chain(changes)
        {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn an_upgrade_is_complete_or_refused() {
        assert_eq!(check(&headers(&[])).unwrap(), b"dGhlIHNhbXBsZSBub25jZQ==");
        for change in [
            ("connection", "close"),
            ("upgrade", "h2c"),
            ("sec-websocket-version", "8"),
            ("sec-websocket-key", "short"),
        ] {
            assert_eq!(check(&headers(&[change])).unwrap_err().code, ErrorCode::BadRequest, "{change:?}");
        }
    }

    #[test]
    fn our_subprotocol_is_found_among_others() {
        let offered = |list| choose_subprotocol(&headers(&[("sec-websocket-protocol", list)]));
        assert_eq!(choose_subprotocol(&headers(&[])).unwrap(), None);
        assert_eq!(offered("chat, windlass.v1.json").unwrap(), Some(Encoding::Json));
        assert_eq!(offered("windlass.v1.msgpack,windlass.v1.json").unwrap(), Some(Encoding::MessagePack));
        let refused = offered("windlass.v9.json").unwrap_err();
        assert_eq!(refused.detail, Some(json!({ "supported": ["windlass.v1.json", "windlass.v1.msgpack"] })));
    }
}
