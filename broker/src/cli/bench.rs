//! `windlass bench`: drive a broker as fast as it answers, or at a rate, and tell how long its answers took.

use std::{num::NonZero, pin::pin, sync::Arc, thread, time::Duration};

use anyhow::Context as _;
use clap::{Args, ValueEnum, value_parser};
use serde::Serialize;
use serde_json::{Map, Value, json};
use windlass_client::{CallOptions, Client, SubmitOptions};
use windlass_wire::{
    query::{BulkAction, BulkRequest},
    span::{Span, Timeout},
};

use super::{
    args,
    broker::BrokerFlags,
    failure::Usage,
    output::{Form, Output},
    progress::Progress,
    queue,
};

mod figures;
mod load;
mod report;

use load::{End, Load, Plan};
use report::Report;

/// Requests that a client lets be unanswered on one connection.
const IN_FLIGHT_MAX_PER_CONNECTION: usize = 512;
/// Connections of one bench.
const CONNECTIONS_MAX: i64 = 1_024;
/// Bytes that are sent with each request, which leaves room for base64.
const PAYLOAD_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long is measured if nothing is said.
const DURATION_DEFAULT: Duration = Duration::from_secs(10);
/// The tag of all jobs of a bench; its value is the bench's own.
const TAG: &str = "bench";

/// From what to what time is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    /// From submitting a job to its acceptance: it is durable then; it runs meanwhile or later
    Submit,
    /// From calling a handler to its value
    Call,
    /// From submitting a job to its result
    Job,
}

/// What to ask for, how often and for how long.
#[derive(Debug, Args)]
pub(crate) struct BenchFlags {
    /// What is measured
    #[arg(value_enum, default_value_t = Operation::Submit)]
    operation: Operation,
    /// plugin/function [default: demo/add, with 1 and 2]
    #[arg(long, requires = "args")]
    handler: Option<String>,
    /// Its arguments as JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    args: Option<String>,
    /// Run demo/echo with so many bytes instead
    #[arg(long, value_name = "BYTES", conflicts_with = "args", value_parser = value_parser!(u64).range(..=PAYLOAD_BYTES_MAX))]
    payload_bytes: Option<u64>,
    /// Requests that may be unanswered at once
    #[arg(long, value_name = "COUNT", default_value = "64")]
    in_flight: NonZero<usize>,
    /// Connections over which they go
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = value_parser!(u32).range(1..=CONNECTIONS_MAX))]
    connections: u32,
    /// Send at this rate, like 5000/s, however slow the answers are, and measure from when each was to be sent [default: send whenever one is answered]
    #[arg(long, value_name = "COUNT/SPAN", value_parser = interval)]
    rate: Option<Duration>,
    /// How long to measure [default: 10s]
    #[arg(long, value_name = "SPAN", conflicts_with = "count")]
    duration: Option<Span>,
    /// Measure so many requests
    #[arg(long)]
    count: Option<NonZero<u64>>,
    /// How long to send before anything is measured
    #[arg(long, value_name = "SPAN", default_value = "1s")]
    warmup: Span,
    /// The time for each answer, like 5s, or never [default: 30s]
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Timeout>,
    /// The queue of the jobs; a paused one leaves the broker nothing to do but accept [default: default]
    #[arg(long)]
    queue: Option<String>,
    /// Cancel and forget the jobs afterwards
    #[arg(long)]
    purge: bool,
}

/// Why a bench is no success, though its broker answers.
#[derive(Debug, thiserror::Error)]
enum BenchFailed {
    #[error("{failed} of {sent} requests failed")]
    Requests { failed: u64, sent: u64 },
    #[error(
        "nothing was measured: what was sent to warm up was not answered before the end; measure for longer, or in \
         another queue if this one is long"
    )]
    Nothing,
}

pub(crate) async fn run(flags: &BenchFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let id = format!("{:08x}", getrandom::u32().context("the system has no random numbers")?);
    let plan = flags.plan(&id)?;
    let broker = broker.find()?;
    let mut clients = Vec::new();
    for _ in 0..flags.connections {
        clients.push(broker.connect().await?);
    }
    let progress = Progress::begin(output, format!("{} of {}", plan.operation, plan.handler));
    let load = Arc::new(Load::begin(plan));
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let is_whole = tokio::select! {
        biased;
        interrupted = &mut interrupted => interrupted.map(|()| false)?,
        done = load.drive(&clients) => done.map(|()| true)?,
    };
    let figures = load.end();
    let mut report = Report::new(id, flags, load.plan(), &figures);
    if flags.purge && flags.operation != Operation::Call {
        progress.tell("purging its jobs");
        report.purged = Some(purge(&clients[0], &report.run).await?);
    }
    drop(progress);
    output.record(&report.run, &report, &report.fields())?;
    if output.form() == Form::Table && output.is_terminal() {
        output.line(&report.drawing())?;
    }
    match (figures.failed(), figures.lost) {
        (_, Some(lost)) => Err(lost.into()),
        (0, None) if is_whole && figures.sent == 0 => Err(BenchFailed::Nothing.into()),
        (0, None) => Ok(()),
        (failed, None) => Err(BenchFailed::Requests { failed, sent: figures.sent }.into()),
    }
}

/// Forgets the jobs of a bench; answers how many.
async fn purge(client: &Client, run: &str) -> anyhow::Result<u64> {
    let mut purged = 0;
    for action in [BulkAction::Cancel, BulkAction::Purge] {
        loop {
            let outcome = client.bulk(&BulkRequest { filter: filter(run), action, dry_run: false }).await?;
            if action == BulkAction::Purge {
                purged += outcome.changed as u64;
            }
            if !outcome.cut || outcome.changed == 0 {
                break;
            }
        }
    }
    Ok(purged)
}

/// What finds the jobs of a bench.
fn filter(run: &str) -> Map<String, Value> {
    [(format!("tags.{TAG}"), Value::from(run))].into_iter().collect()
}

impl BenchFlags {
    /// How many threads are of use.
    pub(crate) fn threads(&self) -> usize {
        let connections = usize::try_from(self.connections).unwrap_or(usize::MAX);
        thread::available_parallelism().map_or(1, NonZero::get).min(connections)
    }

    fn plan(&self, id: &str) -> anyhow::Result<Plan> {
        if self.queue.is_some() && self.operation == Operation::Call {
            return Err(
                Usage("calls wait in no queue: leave --queue out, or measure `job`".to_owned()).into()
            );
        }
        let room = self.connections as usize * IN_FLIGHT_MAX_PER_CONNECTION;
        if self.in_flight.get() > room {
            let needed = self.in_flight.get().div_ceil(IN_FLIGHT_MAX_PER_CONNECTION);
            let reason = format!(
                "a connection has at most {IN_FLIGHT_MAX_PER_CONNECTION} in flight: give --connections {needed}"
            );
            return Err(Usage(reason).into());
        }
        let (handler, args) = self.handler_and_args()?;
        let end = match (self.count, self.duration) {
            (Some(count), _) => End::Sent(count.get()),
            (None, duration) => End::After(duration.map_or(DURATION_DEFAULT, Span::duration)),
        };
        Ok(Plan {
            operation: self.operation,
            handler,
            args,
            call: CallOptions { timeout: self.timeout, version: None },
            submit: SubmitOptions {
                queue: self.queue.clone(),
                tags: [(TAG.to_owned(), id.to_owned())].into_iter().collect(),
                ..SubmitOptions::default()
            },
            in_flight: self.in_flight.get(),
            interval: self.rate,
            warmup: self.warmup.duration(),
            end,
        })
    }

    fn handler_and_args(&self) -> anyhow::Result<(String, Value)> {
        if let Some(bytes) = self.payload_bytes {
            let bytes = vec![0x5a; usize::try_from(bytes)?];
            let text = base64_simd::STANDARD.encode_to_string(bytes);
            return Ok(("demo/echo".to_owned(), json!({ "bytes": text })));
        }
        let handler = self.handler.clone().unwrap_or_else(|| "demo/add".to_owned());
        let args = self.args.as_deref().map_or_else(|| Ok(json!({ "x": 1, "y": 2 })), args::from_json)?;
        Ok((handler, args))
    }
}

/// The time between two requests of a rate: `5000/s`, `10/1m`, or so many a second.
fn interval(text: &str) -> Result<Duration, String> {
    let rate = if text.contains('/') {
        queue::count_and_span(text)
    } else {
        queue::count_and_span(&format!("{text}/s"))
    }?;
    let interval = rate.per.duration().checked_div(rate.count).unwrap_or_default();
    if interval.is_zero() {
        Err("expected a rate above 0 and below 1,000,000,000/s".to_owned())
    } else {
        Ok(interval)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchFlags,
    }

    fn plan(line: &str) -> anyhow::Result<Plan> {
        Line::try_parse_from(["bench"].into_iter().chain(line.split_whitespace()))?.bench.plan("1")
    }

    #[test]
    fn a_rate_has_a_time_between_requests() {
        assert_eq!(interval("5000/s"), Ok(Duration::from_micros(200)));
        assert_eq!(interval("30/1m"), Ok(Duration::from_secs(2)));
        assert_eq!(interval("4"), Ok(Duration::from_millis(250)));
        for text in ["0", "0/s", "5/0s", "many", "-1/s", "4294967295/1ms"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn jobs_are_tagged_so_that_they_can_be_found() {
        let plan = plan("job --queue mail").unwrap();
        assert_eq!(plan.submit.tags.get("bench").map(String::as_str), Some("1"));
        assert_eq!(Value::Object(filter("1")), json!({ "tags.bench": "1" }));
        assert_eq!(plan.submit.queue.as_deref(), Some("mail"));
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        for line in [
            "call --queue mail",
            "--in-flight 513",
            "--in-flight 0",
            "--connections 0",
            "--count 0",
            "--count 5 --duration 1s",
            "--handler demo/greet",
            "--args {} --payload-bytes 5",
            "--payload-bytes 999999999",
            "--args {",
            "everything",
        ] {
            assert!(plan(line).is_err(), "{line}");
        }
        assert!(plan("--in-flight 513 --connections 2").is_ok());
    }
}
