//! The HTTP half: uploads, and what has no op.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::task::JoinHandle;
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

    /// `POST`s nothing and reads the answer piece by piece, however long it is.
    pub async fn post_for_stream(&self, path: &str) -> Result<Download, ClientError> {
        let request = self.request(Method::POST, path, "", Bytes::new())?;
        let (response, connection) = in_time(self.begin(request)).await?;
        if response.status().is_success() {
            return Ok(Download { body: response.into_body(), _connection: connection });
        }
        in_time(body(response))
            .await
            .and(Err(ClientError::Protocol("it refused without a reason".to_owned())))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        let request = self.request(method, path, content_type, body)?;
        in_time(self.exchange(request)).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.0.authority);
        if let Some(authorization) = self.0.authorization() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let wrong = |error: hyper::http::Error| error.to_string();
        let request = request.body(Full::new(body)).map_err(wrong);
        request.map_err(|reason| ClientError::InvalidUrl { url: self.0.url(), reason })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, ClientError> {
        let (response, _connection) = self.begin(request).await?;
        body(response).await
    }

    /// Sends a request; answers the head of the answer, and what has to live until its body was read.
    async fn begin(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, OpenConnection), ClientError> {
        let stream = TokioIo::new(self.0.connect().await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(closed)?;
        let connection = OpenConnection(tokio::spawn(connection));
        let response = sender.send_request(request).await.map_err(closed)?;
        Ok((response, connection))
    }
}

/// An answer that is read piece by piece. Dropping it closes the connection.
#[derive(Debug)]
pub struct Download {
    body: Incoming,
    _connection: OpenConnection,
}

impl Download {
    /// The next bytes; none = that was all. An answer that is cut off is an error.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(piece) = frame.map_err(closed)?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// The work on a connection, which ends when this is dropped.
#[derive(Debug)]
struct OpenConnection(JoinHandle<hyper::Result<()>>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    let in_time = tokio::time::timeout(REQUEST_TIME_MAX, answer).await;
    in_time.map_err(|_| ClientError::Closed("no answer within 12 minutes".to_owned()))?
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn closed(error: hyper::Error) -> ClientError {
    ClientError::Closed(error.to_string())
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
