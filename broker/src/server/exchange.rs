//! One HTTP request on its way through an endpoint.

use std::{net::SocketAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Request,
    body::{Body as _, Incoming},
    header::CONTENT_ENCODING,
};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Duration, Instant, timeout_at},
};
use windlass_wire::{code::ErrorCode, id::JobId, limits::MESSAGE_BYTES_MAX, problem::Problem};

use super::{
    context::{Caller, Context},
    limits::{BODY_BYTES_PER_SECOND_MIN, BODY_GRACE},
    query::Query,
    typed,
};

/// Where a request came from, and its hold on one of the sockets there may be.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The client's address.
    pub(super) peer: SocketAddr,
    /// Given back when the last clone is dropped.
    pub(super) permit: Arc<OwnedSemaphorePermit>,
}

/// A request that was let in, and what it may reach.
pub(super) struct Exchange {
    pub(super) context: Arc<Context>,
    pub(super) caller: Caller,
    pub(super) query: Query,
    pub(super) params: Vec<(String, String)>,
    pub(super) request: Request<Incoming>,
    pub(super) origin: Origin,
    /// Whether the request showed the token.
    pub(super) is_authorized: bool,
}

impl Exchange {
    /// The request's headers.
    pub(super) fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// A variable part of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The job the path names.
    pub(super) fn job(&self) -> Result<JobId, Problem> {
        self.param("id").parse().map_err(|error| {
            Problem::new(ErrorCode::NotFound, format!("{error}")).with_hint("`GET /v1/jobs` lists jobs")
        })
    }

    /// Takes the whole body, and refuses query keys nobody took.
    pub(super) async fn body(self, bytes_max: usize) -> Result<(Arc<Context>, Caller, Bytes), Problem> {
        self.query.finish()?;
        let body = read_body(self.request, bytes_max).await?;
        Ok((self.context, self.caller, body))
    }

    /// Takes the body as JSON, and refuses query keys nobody took.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<(Arc<Context>, Caller, T), Problem> {
        let (context, caller, body) = self.body(MESSAGE_BYTES_MAX).await?;
        Ok((context, caller, typed::from_text(&body)?))
    }
}

/// Reads a body within a size and a time that grows with what arrived.
async fn read_body(request: Request<Incoming>, bytes_max: usize) -> Result<Bytes, Problem> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Problem::new(ErrorCode::BadRequest, "encoded bodies are not accepted; send it as it is")
            .with_detail(json!({ "header": "content-encoding" })));
    }
    let mut incoming = request.into_body();
    let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    check_size(announced, bytes_max)?;
    let (mut body, begun) = (BytesMut::new(), Instant::now());
    loop {
        let earned = Duration::from_secs(body.len() as u64 / BODY_BYTES_PER_SECOND_MIN);
        let frame = timeout_at(begun + BODY_GRACE + earned, incoming.frame()).await.map_err(|_| {
            Problem::new(ErrorCode::BadRequest, "the body came too slowly")
                .with_detail(json!({ "bytes_per_second_min": BODY_BYTES_PER_SECOND_MIN }))
        })?;
        let Some(frame) = frame else { return Ok(body.freeze()) };
        let frame = frame
            .map_err(|error| Problem::new(ErrorCode::BadRequest, format!("the body broke off: {error}")))?;
        if let Ok(piece) = frame.into_data() {
            check_size(body.len().saturating_add(piece.len()), bytes_max)?;
            body.reserve(piece.len().max(announced.saturating_sub(body.len()).min(RESERVE_BYTES_MAX)));
            body.extend_from_slice(&piece);
        }
    }
}

/// An announced body gets room in steps of this size: who announces much may send little.
const RESERVE_BYTES_MAX: usize = 1 << 20;

fn check_size(bytes: usize, bytes_max: usize) -> Result<(), Problem> {
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::TooLarge,
        format!("the body is larger than the {bytes_max} bytes accepted here"),
    )
    .with_detail(json!({ "bytes_max": bytes_max })))
}
