//! The rounds: start, submit, kill; and the settling of accounts at the end.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use windlass_tests::{
    broker::Broker,
    chance::Chance,
    eventually,
    numbered::{has_blobs, number, request},
    socket::Socket,
    within,
};

use crate::ledger::{Ledger, Report};

const SUBMITTERS: u64 = 3;
/// Requests a submitter has in flight.
const WINDOW: u64 = 16;
/// Final jobs kept at most: far fewer than are submitted, so that some are being forgotten at any moment.
const JOBS_KEPT: &str = "400";
/// One round in so many is killed while the broker starts.
const START_ONE_IN: u64 = 4;
const LOAD_MILLIS_MAX: u64 = 400;
/// Before one round in so many the broker may fold its journal; killed so often it would soon take nothing more.
const FOLDED_ONE_IN: u64 = 10;

pub(crate) struct Rounds {
    broker: Broker,
    chance: Chance,
    ledger: Arc<Mutex<Ledger>>,
    sent: Arc<AtomicU64>,
    /// How long the last start took; starts take longer as jobs add up.
    start: Duration,
    played: usize,
    during_start: usize,
}

impl Rounds {
    pub(crate) async fn start(seed: u64) -> Self {
        Self {
            broker: Broker::with_demo_and(&["--retention-jobs-max", JOBS_KEPT]).await,
            chance: Chance::new(seed),
            ledger: Arc::default(),
            sent: Arc::default(),
            start: Duration::ZERO,
            played: 0,
            during_start: 0,
        }
    }

    /// Kills the running broker under load, now and then its successor while that starts, and starts the next.
    pub(crate) async fn play(&mut self) {
        if self.chance.below(FOLDED_ONE_IN) == 0 {
            folded(&self.broker).await;
        }
        let mut submitters = JoinSet::new();
        for _ in 0..SUBMITTERS {
            let socket = self.broker.socket().await;
            submitters.spawn(submit(socket, Arc::clone(&self.sent), Arc::clone(&self.ledger)));
        }
        let load = Duration::from_millis(self.chance.below(LOAD_MILLIS_MAX));
        tokio::time::sleep(load).await;
        self.broker.kill9().await;
        within("the submitters to notice", submitters.join_all()).await;
        if self.chance.below(START_ONE_IN) == 0 {
            let percent = u32::try_from(self.chance.below(110)).unwrap();
            self.broker.start_and_kill9(self.start * percent / 100).await;
            self.during_start += 1;
        }
        let begin = Instant::now();
        self.broker.restart().await;
        self.start = begin.elapsed();
        self.played += 1;
    }

    /// Reads every job, waits until all are final, and compares them with what the submitters know.
    pub(crate) async fn settle(self) -> Report {
        let ledger = std::mem::take(&mut *self.ledger.lock().unwrap());
        let sent = self.sent.load(Ordering::Relaxed);
        let mut report = Report {
            rounds: self.played,
            during_start: self.during_start,
            sent,
            acknowledged: ledger.acknowledged.len(),
            ..Report::default()
        };
        let listed = listed(&self.broker).await;
        let mut jobs: BTreeSet<String> = ledger.acknowledged.keys().cloned().collect();
        report.unacknowledged_there = listed.difference(&jobs).count();
        jobs.extend(listed);
        let jobs: Vec<_> = jobs.into_iter().collect();
        let wait = |job: &str| json!({ "op": "job.wait", "job": job, "timeout": "never" });
        for (job, ended) in jobs.iter().zip(answers(&self.broker, &jobs, wait).await) {
            let is_purged = ended["error"]["code"] == "gone";
            let is_finished = ended["op"] == "result" || is_purged;
            report.unfinished += usize::from(!is_finished && ledger.acknowledged.contains_key(job));
        }
        purged(&self.broker).await;
        let there = self::listed(&self.broker).await;
        let (mut blobs, get) = (0, |job: &str| json!({ "op": "job.get", "job": job }));
        for (job, answer) in jobs.iter().zip(answers(&self.broker, &jobs, get).await) {
            let asked = ledger.acknowledged.get(job);
            match number(&answer["value"]) {
                _ if answer["error"]["code"] == "gone" => report.purged += usize::from(asked.is_some()),
                _ if answer["error"]["code"] == "not_found" => report.lost += usize::from(asked.is_some()),
                _ if answer["op"] != "result" => report.half_there += 1,
                Some(found) if found < sent && asked.is_none_or(|asked| *asked == found) => {
                    let has_result = answer["value"]["state"] == "succeeded";
                    let is_quarantined = answer["value"]["error"]["code"] == "quarantined";
                    report.quarantined += usize::from(is_quarantined);
                    report.unexpected += usize::from(!has_result && !is_quarantined);
                    blobs += if has_blobs(found) { 1 + usize::from(has_result) } else { 0 };
                    report.lost += usize::from(!there.contains(job));
                }
                Some(_) | None => report.unexpected += 1,
            }
        }
        // The plugin has two: itself, and what it offers.
        let is_swept = async || (stored_blobs(&self.broker) == blobs + 2).then_some(());
        eventually(
            &format!("{blobs} blobs to be left, those of the jobs that are there: {report}"),
            is_swept,
        )
        .await;
        report
    }
}

/// Waits until little of the journal is not in the state yet; the jobs that run add to it all the time.
async fn folded(broker: &Broker) {
    eventually("the journal to be folded", async || {
        let store = &broker.get("/v1/stats").await.expect_status(200).json()["store"];
        (store["unfolded_bytes"].as_u64()? < store["unfolded_bytes_max"].as_u64()? / 4).then_some(())
    })
    .await;
}

/// Waits until no more final jobs are left than are kept.
async fn purged(broker: &Broker) {
    let kept: u64 = JOBS_KEPT.parse().unwrap();
    eventually("the last jobs to be purged", async || {
        let stats = broker.get("/v1/stats").await.expect_status(200).json();
        (stats["retention"]["jobs"].as_u64()? <= kept).then_some(())
    })
    .await;
}

/// The number of blobs on the disk.
fn stored_blobs(broker: &Broker) -> usize {
    let folders =
        std::fs::read_dir(broker.data().join("blobs")).unwrap().map(|folder| folder.unwrap().path());
    folders.map(|folder| std::fs::read_dir(folder).unwrap().count()).sum()
}

/// Submits jobs as fast as they are acknowledged, until the connection ends. What a broker has no room for it refuses.
async fn submit(mut socket: Socket, sent: Arc<AtomicU64>, ledger: Arc<Mutex<Ledger>>) {
    let mut in_flight = 0;
    loop {
        while in_flight < WINDOW {
            let number = sent.fetch_add(1, Ordering::Relaxed);
            let (handler, args) = request(number);
            let frame = json!({ "op": "job.submit", "id": number, "handler": handler, "args": args });
            if socket.feed_text(frame.to_string()).await.is_err() {
                return;
            }
            in_flight += 1;
        }
        if socket.flush().await.is_err() {
            return;
        }
        let Ok(answer) = socket.next().await else { return };
        in_flight -= 1;
        if answer["error"]["code"] == "overloaded" {
            continue;
        }
        let (Some(job), Some(number)) = (answer["job"].as_str(), answer["id"].as_u64()) else {
            panic!("a submit is acknowledged: {answer}")
        };
        ledger.lock().unwrap().acknowledged.insert(job.to_owned(), number);
    }
}

/// The ids of all jobs the broker lists.
async fn listed(broker: &Broker) -> BTreeSet<String> {
    let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = broker.get(&format!("/v1/jobs?limit=1000{cursor}")).await.expect_status(200).json();
        ids.extend(
            page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// What the broker answers to a request about each job, in the order of the jobs.
async fn answers(broker: &Broker, jobs: &[String], request: impl Fn(&str) -> Value) -> Vec<Value> {
    let mut socket = broker.socket().await;
    let mut all = Vec::with_capacity(jobs.len());
    for chunk in jobs.chunks(100) {
        for job in chunk {
            socket.feed_text(request(job).to_string()).await.unwrap();
        }
        socket.flush().await.unwrap();
        for _ in chunk {
            all.push(socket.receive().await);
        }
    }
    all
}
