//! Where a broker is, and how to get a TCP connection to it.

use std::time::Duration;

use hyper::Uri;
use tokio::net::TcpStream;

use crate::ClientError;

/// How long a TCP connection may take to come about.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// The address of a broker, taken apart, and the token that opens it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Host and port, as they stand in a `Host` header.
    pub(crate) authority: String,
    token: Option<String>,
}

impl Endpoint {
    pub(crate) fn parse(url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let wrong = |reason: &str| ClientError::InvalidUrl { url: url.to_owned(), reason: reason.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong("expected something like http://127.0.0.1:7878"))?;
        match uri.scheme_str() {
            Some("http" | "ws") => {}
            Some("https" | "wss") => {
                return Err(wrong("TLS is not supported yet; reach a broker on this machine by http://"));
            }
            _ => return Err(wrong("it has to begin with http:// or ws://")),
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
        if !uri.path().trim_end_matches('/').is_empty() || uri.query().is_some() {
            return Err(wrong("it ends after the port: no path, no query"));
        }
        if token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(wrong("its token has characters that no token has"));
        }
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        Ok(Self { authority, token: token.map(ToOwned::to_owned) })
    }

    /// The address for people and error messages; never holds the token.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// The value of the `Authorization` header.
    pub(crate) fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }

    pub(crate) fn unreachable(&self, reason: impl std::fmt::Display) -> ClientError {
        ClientError::Unreachable { url: self.url(), reason: reason.to_string() }
    }

    pub(crate) async fn connect(&self) -> Result<TcpStream, ClientError> {
        let connecting = tokio::time::timeout(CONNECT_TIME_MAX, TcpStream::connect(&self.authority));
        let stream = connecting
            .await
            .map_err(|_| self.unreachable("connecting took more than 5 seconds"))?
            .map_err(|error| self.unreachable(error))?;
        stream.set_nodelay(true).map_err(|error| self.unreachable(error))?;
        Ok(stream)
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("authority", &self.authority).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (url, authority) in [
            ("http://127.0.0.1:7878", "127.0.0.1:7878"),
            ("ws://localhost:1/", "localhost:1"),
            ("http://[::1]:7878", "[::1]:7878"),
            ("http://broker", "broker:80"),
        ] {
            assert_eq!(Endpoint::parse(url, None).unwrap().authority, authority);
        }
    }

    #[test]
    fn wrong_addresses_say_what_is_wrong() {
        for (url, part) in [
            ("https://a", "TLS is not supported yet"),
            ("wss://a", "TLS is not supported yet"),
            ("127.0.0.1:7878", "http://"),
            ("http://a/v1", "no path"),
            ("http://a?token=x", "no query"),
            ("", "expected something like"),
        ] {
            let error = Endpoint::parse(url, None).unwrap_err().to_string();
            assert!(error.contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let endpoint = Endpoint::parse("http://a", Some("s3cret")).unwrap();
        assert!(!format!("{endpoint:?}{}", endpoint.url()).contains("s3cret"));
        assert!(Endpoint::parse("http://a", Some("a\r\nb: c")).is_err());
    }
}
