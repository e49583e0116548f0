//! The console: the files `broker/build/console.rs` embedded, with a strict policy for what they may load.
//!
//! It works under any path a proxy puts it at, because its URLs are relative and its pages are fragments.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Response,
    header::{
        ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
        HeaderMap, HeaderName, HeaderValue, VARY,
    },
};

use super::answer::Answer;

/// A file of the console.
struct Asset {
    /// Where it is, from the console's root.
    path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    gzip: &'static [u8],
}

/// Every file, sorted by path.
static ASSETS: &[Asset] = &include!(concat!(env!("OUT_DIR"), "/console.rs"));

const PAGE: &str = "index.html";
/// Files whose names have a digest of their content.
const HASHED: &str = "assets/";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const HASHED_CACHE: &str = "public, max-age=31536000, immutable";
/// Asked for anew each time: it names the files of this version.
const PAGE_CACHE: &str = "no-cache";

/// The page itself, for whoever asks for HTML.
pub(super) fn page(headers: &HeaderMap) -> Option<Answer> {
    if !lists(headers, &ACCEPT, "text/html") {
        return None;
    }
    let mut answer = file(PAGE, headers)?;
    answer.headers_mut().append(VARY, HeaderValue::from_name(ACCEPT));
    Some(answer)
}

/// A file of the page, by its name below `assets/`.
pub(super) fn asset(name: &str, headers: &HeaderMap) -> Option<Answer> {
    file(&format!("{HASHED}{name}"), headers)
}

fn file(path: &str, headers: &HeaderMap) -> Option<Answer> {
    let asset = &ASSETS[ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?];
    let takes_gzip = lists(headers, &ACCEPT_ENCODING, "gzip");
    let body = Bytes::from_static(if takes_gzip { asset.gzip } else { asset.bytes });
    let mut answer = Response::new(Full::new(body).boxed_unsync());
    let cache = if path.starts_with(HASHED) { HASHED_CACHE } else { PAGE_CACHE };
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, asset.media_type),
        (CACHE_CONTROL, cache),
        (CONTENT_SECURITY_POLICY, POLICY),
        (OPENER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    if takes_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(answer)
}

/// Whether a header lists a value, and does not give it the weight 0.
fn lists(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let is_named = pieces.next().is_some_and(|value| value.eq_ignore_ascii_case(wanted));
        let weight = pieces.find_map(|piece| piece.strip_prefix("q=")?.parse::<f32>().ok());
        is_named && weight.is_none_or(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_who_asks_for_html_gets_the_page() {
        assert!(page(&headers(&[(ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")])).is_some());
        for accept in ["*/*", "application/json", "text/html;q=0"] {
            assert!(page(&headers(&[(ACCEPT, accept)])).is_none(), "{accept}");
        }
    }

    #[test]
    fn files_are_found_by_name_and_nothing_else_is() {
        assert!(ASSETS.is_sorted_by_key(|asset| asset.path));
        let names = ASSETS.iter().filter_map(|asset| asset.path.strip_prefix(HASHED));
        assert!(names.clone().count() > 2, "there are scripts and styles");
        assert!(names.clone().all(|name| asset(name, &headers(&[])).is_some()));
        for name in ["", "../index.html", "nothing.js"] {
            assert!(asset(name, &headers(&[])).is_none(), "{name}");
        }
    }

    #[test]
    fn the_compressed_form_is_for_who_takes_it() {
        let encoding = |accepted| {
            let headers = headers(&[(ACCEPT, "text/html"), (ACCEPT_ENCODING, accepted)]);
            page(&headers).and_then(|answer| answer.headers().get(CONTENT_ENCODING).cloned())
        };
        assert_eq!(encoding("br, gzip").unwrap(), "gzip");
        assert_eq!(encoding("gzip;q=0, identity"), None);
    }

    #[test]
    fn the_page_has_nothing_its_policy_forbids() {
        let page = ASSETS.iter().find(|asset| asset.path == PAGE).unwrap();
        let text = std::str::from_utf8(page.bytes).unwrap();
        for inline in ["style=", "<style", "onclick", "javascript:", "href=\"/", "src=\"/"] {
            assert!(!text.contains(inline), "`{inline}` in {text}");
        }
        let scripts = text.match_indices("<script").map(|(at, _)| &text[at..]);
        assert!(scripts.clone().count() > 0);
        assert!(scripts.map(|tag| &tag[..tag.find('>').unwrap()]).all(|tag| tag.contains("src=")), "{text}");
    }
}
