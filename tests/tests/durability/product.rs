//! The built broker when its files fail or its disk is full: it says so, ends, and has lost nothing.

use serde_json::json;
use windlass_tests::{broker::Broker, chance::Chance, numbered::request, within};

use crate::{
    check::Findings,
    jobs::{Promise, Promised, under_shim},
    promised, scratch, seed,
    trace::Trace,
};

/// Failures of each kind that are tried.
const FAILURES: u64 = 4;
/// They come within so many changes of files after the start.
const CHANGES: u64 = 150;
/// So many jobs change more than that.
const JOBS: u64 = 600;
/// What a disk has left before the start, in bytes; sled takes a segment of 4 MiB.
const SPACE_BYTES: u64 = 4_500_000;

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are the point of the test")]
async fn a_broker_whose_files_fail_says_so_and_ends_and_has_lost_nothing() {
    let seed = seed();
    println!("product: seed {seed}");
    let mut chance = Chance::new(seed);
    let mut found = Findings::default();
    let changes = changes_of_a_start().await;
    for plan in ["io-once", "io", "full"] {
        for _ in 0..FAILURES {
            let plan = format!("{plan}:{}", changes + chance.below(CHANGES));
            found += fail(&plan).await;
        }
    }
    found += fail(&format!("space:{SPACE_BYTES}")).await;
    println!("product: {} brokers failed, acknowledged after that 0, {found}", found.stores);
    assert_eq!(found.violations(), 0, "{found}");
}

/// How many times a broker changes its files before it listens, and a little after.
async fn changes_of_a_start() -> u64 {
    let (home, notes) = (scratch(), scratch());
    let trace = notes.path().join("trace");
    let variables = under_shim(home.path(), &trace, None);
    let mut broker = Broker::start_at(home, &[], variables).await;
    broker.kill9().await;
    Trace::read(&trace).records().len() as u64
}

/// Submits jobs to a broker of which something is to fail, until it ends; answers what is left of them.
async fn fail(plan: &str) -> Findings {
    let (home, notes) = (scratch(), scratch());
    let trace = notes.path().join("trace");
    let root = home.path().to_owned();
    let mut broker = Broker::start_at(home, &[], Vec::new()).await;
    broker.upload("demo").await;
    assert!(broker.terminate().await.success());
    broker.set_variables(under_shim(&root, &trace, Some(plan)));
    broker.restart().await;
    let mut socket = broker.socket().await;
    let (mut promised, mut refused) = (Vec::new(), 0);
    for number in 0..JOBS {
        let (handler, args) = request(number);
        let frame = json!({ "op": "job.submit", "handler": handler, "args": args });
        if socket.feed_text(frame.to_string()).await.is_err() || socket.flush().await.is_err() {
            break;
        }
        let Ok(answer) = within("an answer or the end", socket.next()).await else { break };
        match answer["job"].as_str() {
            Some(job) => {
                assert_eq!(refused, 0, "{plan}: acknowledged after a failure");
                let job = job.to_owned();
                promised.push(Promised { position: 0, promise: Promise::Accepted, job, number });
            }
            None => refused += 1,
        }
    }
    if promised.len() as u64 == JOBS {
        assert!(plan.starts_with("io-once"), "{plan}: it goes on");
        broker.kill9().await;
    } else {
        assert!(!broker.ended().await.success(), "{plan}: it ends with an error");
        assert!(broker.stderr().contains("nothing is acknowledged any more"), "{plan}: it says so");
    }
    broker.set_variables(Vec::new());
    broker.restart().await;
    promised::ask(&mut broker, &promised.iter().collect::<Vec<_>>()).await
}
