//! A short life of the built broker under the shim, over its protocol, and what it promised when.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, numbered::request, socket::Socket};

use crate::{play::shim, scratch, trace::Trace};

const SINGLE_JOBS: u64 = 12;
const MANY_JOBS: u64 = 10;
const AT_ONCE_JOBS: u64 = 24;
const PURGED_JOBS: usize = 2;

/// What was said of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    Accepted,
    Cancelled,
    Succeeded,
    Purged,
}

/// When it was said, as the length of the trace by then, and of which job.
#[derive(Clone, Debug)]
pub(crate) struct Promised {
    pub(crate) position: u64,
    pub(crate) promise: Promise,
    pub(crate) job: String,
    pub(crate) number: u64,
}

/// A life that is over.
pub(crate) struct Life {
    pub(crate) root: PathBuf,
    pub(crate) trace: Trace,
    pub(crate) promised: Vec<Promised>,
}

/// The variables that put a process under the shim.
pub(crate) fn under_shim(root: &Path, trace: &Path, fail: Option<&str>) -> Vec<(&'static str, OsString)> {
    let mut variables = vec![
        ("LD_PRELOAD", shim().into()),
        ("WINDLASS_SHIM_ROOT", root.into()),
        ("WINDLASS_SHIM_TRACE", trace.into()),
    ];
    variables.extend(fail.map(|fail| ("WINDLASS_SHIM_FAIL", fail.into())));
    variables
}

struct Living {
    broker: Broker,
    trace: PathBuf,
    promised: Vec<Promised>,
    jobs: u64,
}

/// Jobs of all kinds, a kill, jobs, an orderly end, jobs and a kill.
pub(crate) async fn live() -> Life {
    let (home, notes) = (scratch(), scratch());
    let (root, trace) = (home.path().to_owned(), notes.path().join("trace"));
    let broker = Broker::start_at(home, &[], under_shim(&root, &trace, None)).await;
    broker.upload("demo").await;
    let mut living = Living { broker, trace, promised: Vec::new(), jobs: 0 };
    living.work().await;
    living.broker.kill9().await;
    living.broker.restart().await;
    living.work().await;
    assert!(living.broker.terminate().await.success());
    living.broker.restart().await;
    living.work().await;
    living.broker.kill9().await;
    Life { root, trace: Trace::read(&living.trace), promised: living.promised }
}

impl Living {
    async fn work(&mut self) {
        let mut socket = self.broker.socket().await;
        let single = self.singly(&mut socket).await;
        self.many(&mut socket).await;
        let at_once = self.at_once(&mut socket).await;
        for (job, number) in single.into_iter().filter(|(_, number)| is_delayed(*number)) {
            let answer = socket.ask(json!({ "op": "job.cancel", "job": job })).await;
            assert_eq!(answer["op"], "result", "{answer}");
            self.promise(Promise::Cancelled, &job, number);
        }
        for (job, number) in &at_once {
            let answer = socket.ask(json!({ "op": "job.wait", "job": job, "timeout": "never" })).await;
            assert_eq!(answer["op"], "result", "{answer}");
            self.promise(Promise::Succeeded, job, *number);
        }
        for (job, number) in at_once.iter().take(PURGED_JOBS) {
            let answer = socket.ask(json!({ "op": "job.purge", "job": job })).await;
            assert_eq!(answer["op"], "result", "{answer}");
            self.promise(Promise::Purged, job, *number);
        }
    }

    /// One job after the other.
    async fn singly(&mut self, socket: &mut Socket) -> Vec<(String, u64)> {
        let mut accepted = Vec::new();
        for _ in 0..SINGLE_JOBS {
            let (number, frame) = self.next();
            let answer = socket.ask(frame).await;
            accepted.push((self.accepted(&answer["job"], number), number));
        }
        accepted
    }

    /// Many in one request.
    async fn many(&mut self, socket: &mut Socket) {
        let next: Vec<_> = (0..MANY_JOBS).map(|_| self.next()).collect();
        let job = |frame: &Value| json!({ "handler": frame["handler"], "args": frame["args"], "opts": frame["opts"] });
        let jobs: Vec<_> = next.iter().map(|(_, frame)| job(frame)).collect();
        let answer = socket.value(json!({ "op": "job.submit_many", "jobs": jobs })).await;
        for (job, (number, _)) in answer["jobs"].as_array().unwrap().iter().zip(&next) {
            self.accepted(job, *number);
        }
    }

    /// Many requests at once, none of them for later.
    async fn at_once(&mut self, socket: &mut Socket) -> Vec<(String, u64)> {
        let mut next: Vec<_> = (0..AT_ONCE_JOBS).map(|_| self.next()).collect();
        next.retain(|(number, _)| !is_delayed(*number));
        for (_, frame) in &next {
            socket.feed_text(frame.to_string()).await.unwrap();
        }
        socket.flush().await.unwrap();
        let mut accepted = Vec::new();
        for _ in &next {
            let answer = socket.receive().await;
            let number = answer["id"].as_u64().unwrap();
            accepted.push((self.accepted(&answer["job"], number), number));
        }
        accepted
    }

    fn next(&mut self) -> (u64, Value) {
        let number = self.jobs;
        self.jobs += 1;
        let (handler, args) = request(number);
        let opts =
            if is_delayed(number) { json!({ "delay": "1h" }) } else { json!({ "tags": { "n": "1" } }) };
        (number, json!({ "op": "job.submit", "id": number, "handler": handler, "args": args, "opts": opts }))
    }

    fn accepted(&mut self, job: &Value, number: u64) -> String {
        let job = job.as_str().expect("a job is accepted").to_owned();
        self.promise(Promise::Accepted, &job, number);
        job
    }

    fn promise(&mut self, promise: Promise, job: &str, number: u64) {
        let position = fs::metadata(&self.trace).unwrap().len();
        self.promised.push(Promised { position, promise, job: job.to_owned(), number });
    }
}

const fn is_delayed(number: u64) -> bool {
    number % 5 == 3
}
