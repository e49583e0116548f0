//! Through which names the broker is entered, and from which web pages.
//!
//! A web page cannot choose the `Host` a browser sends, so a name that is not known here means that a foreign
//! page had its own name point to this machine. And a browser always tells the page a request comes from.

use std::net::SocketAddr;

use hyper::{
    HeaderMap, Uri,
    header::{HOST, HeaderValue, ORIGIN},
    http::uri::Authority,
};
use serde_json::json;
use windlass_wire::{code::ErrorCode, problem::Problem};

/// The names and origins that are let in.
#[derive(Debug, Clone)]
pub struct Doors {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Doors {
    /// Lets in the loopback names, the bound address and what is configured.
    pub fn new(bound: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        let own = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), bound.ip().to_string()];
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
        Self { hosts: [own.to_vec(), lower(hosts)].concat(), origins: lower(origins) }
    }

    /// Refuses a request that was sent to a name this broker does not go by. Answers the `Host` as it came.
    pub(super) fn check_host<'a>(&self, uri: &Uri, headers: &'a HeaderMap) -> Result<&'a str, Problem> {
        let mut values = headers.get_all(HOST).iter();
        let (Some(host), None) = (values.next().and_then(text), values.next()) else {
            return Err(Problem::new(ErrorCode::BadRequest, "expected exactly one `Host` header"));
        };
        let names = [Some(host), uri.authority().map(Authority::as_str)];
        match names.into_iter().flatten().find(|name| !self.hosts.iter().any(|host| host == &hostname(name)))
        {
            None => Ok(host),
            Some(name) => {
                Err(Problem::new(ErrorCode::Forbidden, format!("`{name}` is not a name of this broker"))
                    .with_detail(json!({ "header": "host" }))
                    .with_hint("add the name to `allowed_hosts`, or use the address the broker is bound to"))
            }
        }
    }

    /// Refuses a request that a foreign web page makes. Programs send no `Origin`.
    pub(super) fn check_origin(&self, host: &str, headers: &HeaderMap) -> Result<(), Problem> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let foreign = origins.find(|origin| {
            let own = |origin: &str| origin == format!("http://{}", host.to_ascii_lowercase());
            let allowed = |origin: String| own(&origin) || self.origins.contains(&origin);
            !text(origin).map(str::to_ascii_lowercase).is_some_and(allowed)
        });
        match foreign {
            None => Ok(()),
            Some(origin) => {
                let message = format!(
                    "`{}` is not an origin this broker serves",
                    String::from_utf8_lossy(origin.as_bytes())
                );
                Err(Problem::new(ErrorCode::Forbidden, message)
                    .with_detail(json!({ "header": "origin" }))
                    .with_hint("add the origin to `allowed_origins`"))
            }
        }
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// The name without its port, brackets and final dot, in lower case.
fn hostname(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors() -> Doors {
        Doors::new(
            "127.0.0.1:7878".parse().unwrap(),
            &["Jobs.example.org".into()],
            &["https://ui.example.org".into()],
        )
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn known_names_enter_with_any_port() {
        for host in
            ["localhost:7878", "LOCALHOST", "127.0.0.1:1", "[::1]:7878", "localhost.:80", "jobs.example.org"]
        {
            assert!(
                doors().check_host(&Uri::from_static("/"), &headers(&[("host", host)])).is_ok(),
                "{host}"
            );
        }
    }

    #[test]
    fn other_names_do_not_enter() {
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.2", "[::2]", "", ":7878", "a@localhost"]
        {
            let refused =
                doors().check_host(&Uri::from_static("/"), &headers(&[("host", host)])).unwrap_err();
            assert_eq!(refused.code, ErrorCode::Forbidden, "{host}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        let twice = &[("host", "localhost"), ("host", "localhost")];
        for pairs in [twice.as_slice(), &[]] {
            assert!(doors().check_host(&Uri::from_static("/"), &headers(pairs)).is_err());
        }
    }

    #[test]
    fn a_target_with_another_name_does_not_enter() {
        let uri = Uri::from_static("http://evil.example/healthz");
        assert!(doors().check_host(&uri, &headers(&[("host", "localhost")])).is_err());
    }

    #[test]
    fn only_own_and_configured_pages_enter() {
        let check = |origin| doors().check_origin("localhost:7878", &headers(&[("origin", origin)]));
        for origin in ["http://localhost:7878", "http://LOCALHOST:7878", "https://ui.example.org"] {
            assert!(check(origin).is_ok(), "{origin}");
        }
        for origin in [
            "null",
            "http://localhost",
            "https://localhost:7878",
            "http://evil.example",
            "",
            "http://127.0.0.1:7878",
        ] {
            assert_eq!(check(origin).unwrap_err().code, ErrorCode::Forbidden, "{origin}");
        }
        assert!(doors().check_origin("localhost", &HeaderMap::new()).is_ok(), "programs send none");
    }
}
