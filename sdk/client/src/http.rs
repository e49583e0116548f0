//! The HTTP half: uploads, and what has no op.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use windlass_wire::{limits::MESSAGE_BYTES_MAX, plugin::UploadView, problem::ProblemDocument};

use crate::{ClientError, endpoint::Endpoint};

/// How long a request may take: longer than the broker gives the compiler on a busy machine, 11 minutes.
const REQUEST_TIME_MAX: Duration = Duration::from_mins(12);

/// Asks a broker over HTTP, with a connection for each request.
///
/// Cancel safety: if a future is dropped, the request may or may not have been carried out.
#[derive(Debug, Clone)]
pub struct HttpClient(Endpoint);

impl HttpClient {
    /// A client of the broker at `url`. Connects only when something is asked for.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        Endpoint::parse(url, token).map(Self)
    }

    /// `GET`s JSON. `path` begins with `/` and is encoded already.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        parse(&self.send(Method::GET, path, "", Bytes::new()).await?)
    }

    /// `POST`s JSON and reads JSON.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Protocol(error.to_string()))?;
        parse(&self.send(Method::POST, path, "application/json", Bytes::from(body)).await?)
    }

    /// `PUT`s bytes and reads JSON.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        parse(&self.send(Method::PUT, path, content_type, body).await?)
    }

    /// Uploads a component as the plugin `name`. When this answers, the version is durable and active.
    pub async fn upload(&self, name: &str, component: Bytes) -> Result<UploadView, ClientError> {
        self.put(&format!("/v1/plugins/{name}"), "application/wasm", component).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.0.authority);
        if let Some(authorization) = self.0.authorization() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| ClientError::InvalidUrl { url: self.0.url(), reason: error.to_string() })?;
        tokio::time::timeout(REQUEST_TIME_MAX, self.exchange(request))
            .await
            .map_err(|_| ClientError::Closed("no answer within 12 minutes".to_owned()))?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, ClientError> {
        let closed = |error: hyper::Error| ClientError::Closed(error.to_string());
        let stream = TokioIo::new(self.0.connect().await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(closed)?;
        let driven = tokio::spawn(connection);
        let answer = match sender.send_request(request).await {
            Ok(response) => body(response).await,
            Err(error) => Err(closed(error)),
        };
        driven.abort();
        answer
    }
}

async fn body(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let status = response.status();
    let bytes = Limited::new(response.into_body(), MESSAGE_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| ClientError::Closed(error.to_string()))?
        .to_bytes();
    if status.is_success() { Ok(bytes) } else { Err(refusal(status, &bytes)) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::Protocol(error.to_string()))
}

/// The error of a response that is not a success.
pub(crate) fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    serde_json::from_slice::<ProblemDocument>(body).map_or_else(
        |_| {
            let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
            ClientError::Protocol(format!("it answered {status}: {text}"))
        },
        |document| ClientError::Refused(Box::new(document.into())),
    )
}

#[cfg(test)]
mod tests {
    use windlass_wire::code::ErrorCode;

    use super::*;

    #[test]
    fn a_problem_document_is_a_problem() {
        let body = br#"{"type":"urn:windlass:not_found","title":"not found","status":404,"code":"not_found",
            "detail":"there is no such job","info":{"job":"7"},"hint":"list them","retryable":false}"#;
        let error = refusal(StatusCode::NOT_FOUND, body);
        let problem = error.problem().unwrap();
        assert_eq!(problem.code, ErrorCode::NotFound);
        assert_eq!(problem.message, "there is no such job");
        assert_eq!(problem.detail, Some(serde_json::json!({"job": "7"})));
        assert_eq!(problem.hint.as_deref(), Some("list them"));
    }

    #[test]
    fn another_servers_answer_is_not_the_protocol() {
        let error = refusal(StatusCode::BAD_GATEWAY, b"<html>");
        assert!(
            matches!(error, ClientError::Protocol(text) if text.contains("502") && text.contains("<html>"))
        );
    }
}
