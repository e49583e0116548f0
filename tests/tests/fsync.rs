//! Durability costs real syncs: the process asks the disk before it acknowledges.

use serde_json::json;
use windlass_tests::broker::Broker;

const JOBS: u32 = 40;

#[tokio::test]
async fn jobs_submitted_one_at_a_time_take_at_least_one_sync_each() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let before = broker.metric("windlass_store_syncs").await;
    for _ in 0..JOBS {
        socket.submit("demo/add", json!([1, 2]), json!({ "delay": "1h" })).await;
    }
    let syncs = broker.metric("windlass_store_syncs").await - before;
    assert!(syncs >= f64::from(JOBS), "{syncs} syncs for {JOBS} acknowledgements, one after the other");
}

#[tokio::test]
async fn jobs_submitted_together_share_syncs() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let before = broker.metric("windlass_store_syncs").await;
    for _ in 0..JOBS {
        let frame =
            json!({ "op": "job.submit", "handler": "demo/add", "args": [1, 2], "opts": { "delay": "1h" } });
        socket.feed_text(frame.to_string()).await.unwrap();
    }
    socket.flush().await.unwrap();
    for _ in 0..JOBS {
        assert_eq!(socket.receive().await["op"], "accepted");
    }
    let syncs = broker.metric("windlass_store_syncs").await - before;
    assert!(
        (1.0..f64::from(JOBS)).contains(&syncs),
        "{syncs} syncs for {JOBS} acknowledgements asked for at once"
    );
}
