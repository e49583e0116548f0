//! The console as a browser fetches it.

use std::path::Path;

use windlass_tests::{
    broker::Broker,
    http::{Call, Reply},
};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Fetches the page as a browser does, without a token.
async fn page(broker: &Broker) -> Reply {
    Call::new(broker.address(), "GET", "/").header("accept", BROWSER).send().await.expect_status(200)
}

/// The files the page names.
fn files(page: &str) -> Vec<&str> {
    let starts = page.match_indices("\"./assets/").map(|(at, _)| &page[at + 3..]);
    starts.map(|rest| &rest[..rest.find('"').unwrap()]).collect()
}

#[tokio::test]
async fn a_browser_gets_the_console_and_everybody_else_a_few_words() {
    let broker = Broker::start().await;
    let reply = page(&broker).await;
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert!(reply.text().contains("<div id=\"app\">"), "{}", reply.text());
    let words =
        Call::new(broker.address(), "GET", "/").header("accept", "*/*").send().await.expect_status(200);
    assert_eq!(words.header("content-type"), "text/plain; charset=utf-8");
    assert!(words.text().contains("windlass run"), "{}", words.text());
}

#[tokio::test]
async fn the_console_may_load_and_be_framed_by_nothing_foreign() {
    let broker = Broker::start().await;
    let reply = page(&broker).await;
    let policy: Vec<_> = reply.header("content-security-policy").split("; ").collect();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(&rule), "{rule} in {policy:?}");
    }
    for (header, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-cache"),
    ] {
        assert_eq!(reply.header(header), value, "{header}");
    }
}

#[tokio::test]
async fn every_file_the_page_names_is_there_for_ever_and_small_for_who_takes_gzip() {
    let broker = Broker::start().await;
    let text = page(&broker).await.text();
    let files = files(&text);
    let is_script = |file: &str| Path::new(file).extension().is_some_and(|extension| extension == "js");
    assert!(files.iter().any(|file| is_script(file)), "{files:?}");
    for file in files {
        let fetch = || Call::new(broker.address(), "GET", &format!("/{file}"));
        let plain = fetch().send().await.expect_status(200);
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(plain.header("content-encoding"), "");
        let packed = fetch().header("accept-encoding", "gzip, deflate, br").send().await.expect_status(200);
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert_eq!(packed.header("content-type"), plain.header("content-type"));
        assert_eq!(packed.header("vary"), "accept-encoding");
        assert_eq!(packed.body[..2], [0x1f, 0x8b], "{file} is packed");
        let kind = if is_script(file) { "text/javascript" } else { "" };
        assert!(plain.header("content-type").starts_with(kind), "{file}");
    }
    let head =
        Call::new(broker.address(), "HEAD", "/").header("accept", BROWSER).send().await.expect_status(200);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_file_that_is_not_there_is_said_to_be_missing() {
    let broker = Broker::start().await;
    for path in ["/assets/nothing.js", "/assets/..%2Findex.html", "/index.html"] {
        Call::new(broker.address(), "GET", path).send().await.expect_problem(404, "not_found");
    }
}
