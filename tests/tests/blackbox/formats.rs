//! Stores that brokers before this one wrote are read; those of later ones are refused.

use std::process::Output;

use serde_json::{Value, json};
use windlass::store::{Change, Engine, Key, SledEngine, keys::Meta};
use windlass_tests::{
    broker::{Broker, command},
    fixtures, within,
};

/// Far above what there will ever be.
const FORMAT_OF_LATER: u32 = 4_000;

/// Whether `now` has everything `then` had; there may be more in it.
fn says_still(then: &Value, now: &Value) -> bool {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            then.iter().all(|(key, value)| now.get(key).is_some_and(|now| says_still(value, now)))
        }
        (Value::Array(then), Value::Array(now)) => {
            then.len() == now.len() && then.iter().zip(now).all(|(then, now)| says_still(then, now))
        }
        (then, now) => then == now,
    }
}

/// Starts a broker on a store of this format and asks it what was asked then.
async fn answers_as_then(format: u32) {
    let mut broker = Broker::start_on(&fixtures::golden(format)).await;
    let answers = std::fs::read(broker.scratch().join("answers.json")).unwrap();
    let answers: Vec<(String, Value)> = serde_json::from_slice(&answers).unwrap();
    assert!(answers.len() > 20, "there is something to ask");
    // The second time, the store is one of the newest format.
    for _ in 0..2 {
        for (path, then) in &answers {
            let now = broker.get(path).await.expect_status(200).json();
            assert!(says_still(then, &now), "{path}\nthen: {then}\nnow: {now}");
        }
        broker.kill9().await;
        broker.restart().await;
    }
    assert_eq!(broker.socket().await.value(json!({ "op": "add", "x": 1, "y": 2 })).await, 3);
    broker.request("POST", "/v1/queues/mail/resume").send().await.expect_status(200);
    let blocked = answers.iter().find(|(_, then)| then["state"] == "blocked").unwrap().1["id"].as_str();
    let path = format!("/v1/jobs/{}/result?wait=30s", blocked.unwrap());
    assert_eq!(broker.get(&path).await.expect_status(200).json(), 7, "what waited goes on");
}

#[tokio::test]
async fn a_store_of_format_1_is_read() {
    answers_as_then(1).await;
}

#[tokio::test]
async fn a_store_of_format_2_is_read() {
    answers_as_then(2).await;
}

#[tokio::test]
async fn a_store_of_a_later_format_is_refused_and_both_formats_are_named() {
    let home = tempfile::tempdir().unwrap();
    let store = SledEngine::open(home.path()).unwrap();
    let later = FORMAT_OF_LATER.to_be_bytes().to_vec();
    let change = Change::default().put(Key::Meta(Meta::Format).to_bytes(), later).unwrap();
    store.commit(&[change]).unwrap();
    drop(store);
    let mut serve = command();
    let serve = serve.args(["serve", "--bind", "127.0.0.1:0", "--data"]).arg(home.path());
    let Output { status, stderr, .. } = within("the broker to refuse", serve.output()).await.unwrap();
    let words = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(1), "{words}");
    let known = words.split_once(&format!("format {FORMAT_OF_LATER} and this broker knows up to "));
    let known: u32 = known.unwrap().1.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    assert!(fixtures::golden(known).is_file(), "there is a store of the newest format, {known}");
    assert!(!fixtures::golden(known + 1).exists());
}
