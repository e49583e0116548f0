//! `windlass queue`: look at queues, pause, limit and purge them.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use windlass_wire::{
    queue::{PurgeView, QueueView, RateOptions, TagLimitOptions},
    span::Span,
};

use super::{
    broker::BrokerFlags,
    output::{Output, Row},
};

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// List the queues
    Ls,
    /// Show a queue
    Get {
        /// The queue's name
        queue: String,
    },
    /// Let no job of a queue start
    Pause {
        /// The queue's name
        queue: String,
    },
    /// Let jobs of a queue start again
    Resume {
        /// The queue's name
        queue: String,
    },
    /// Limit how many jobs of a queue run at once or start in a span
    Limit(LimitFlags),
    /// Cancel the jobs of a queue that do not run
    Purge {
        /// The queue's name
        queue: String,
    },
}

/// What is left out stays as it is.
#[derive(Debug, Args)]
pub(crate) struct LimitFlags {
    /// The queue's name
    queue: String,
    /// So many run at once, or none for no limit
    #[arg(long, value_name = "COUNT", value_parser = count)]
    concurrency: Option<Limit<u32>>,
    /// So many start in a span, like 10/1s, or none for no limit
    #[arg(long, value_name = "COUNT/SPAN", value_parser = rate)]
    rate: Option<Limit<RateOptions>>,
    /// The tag each value of which has a limit of its own, or none for no such limit
    #[arg(long, value_name = "TAG", value_parser = tag)]
    per_tag: Option<Limit<String>>,
    /// With --per-tag: so many with the same value run at once
    #[arg(long, value_name = "COUNT", requires = "per_tag")]
    tag_concurrency: Option<u32>,
    /// With --per-tag: so many with the same value start in a span, like 10/1s
    #[arg(long, value_name = "COUNT/SPAN", requires = "per_tag", value_parser = count_and_span)]
    tag_rate: Option<RateOptions>,
}

/// A limit, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit<T>(Option<T>);

fn count(text: &str) -> Result<Limit<u32>, String> {
    match text {
        "none" => Ok(Limit(None)),
        text => text.parse().map(|count| Limit(Some(count))).map_err(|error| format!("{error}")),
    }
}

fn rate(text: &str) -> Result<Limit<RateOptions>, String> {
    if text == "none" { Ok(Limit(None)) } else { count_and_span(text).map(|rate| Limit(Some(rate))) }
}

/// A rate as it is typed: `10/1s`, or `10/s`.
pub(super) fn count_and_span(text: &str) -> Result<RateOptions, String> {
    let (count, per) = text.split_once('/').ok_or("expected COUNT/SPAN, like 10/1s")?;
    let count = count.parse().map_err(|error| format!("{error}"))?;
    let one = if per.starts_with(char::is_alphabetic) { "1" } else { "" };
    let per: Span = format!("{one}{per}").parse().map_err(|error| format!("{error}"))?;
    Ok(RateOptions { count, per })
}

fn tag(text: &str) -> Result<Limit<String>, String> {
    match text {
        "" => Err("expected the name of a tag".to_owned()),
        "none" => Ok(Limit(None)),
        tag => Ok(Limit(Some(tag.to_owned()))),
    }
}

pub(crate) async fn run(command: &QueueCommand, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let client = broker.find()?.connect().await?;
    let ask = async |op: &str, params: Vec<(&str, Value)>| client.request(op, params).await;
    let of = |queue: &String| vec![("queue", Value::from(queue.as_str()))];
    let answer = match command {
        QueueCommand::Ls => {
            let mut answer = ask("queue.list", Vec::new()).await?;
            let queues: Vec<QueueView> = serde_json::from_value(answer["items"].take())?;
            return Ok(output.list(&queues)?);
        }
        QueueCommand::Purge { queue } => {
            let done: PurgeView = serde_json::from_value(ask("queue.purge", of(queue)).await?)?;
            output.record(queue, &done, &[("cancelled", done.cancelled.to_string())])?;
            if done.more {
                output.note("more are left: purge again")?;
            }
            return Ok(());
        }
        QueueCommand::Get { queue } => ask("queue.get", of(queue)).await?,
        QueueCommand::Pause { queue } => ask("queue.pause", of(queue)).await?,
        QueueCommand::Resume { queue } => ask("queue.resume", of(queue)).await?,
        QueueCommand::Limit(flags) => ask("queue.limit", flags.params()).await?,
    };
    let queue: QueueView = serde_json::from_value(answer)?;
    Ok(output.record(&queue.name, &queue, &fields(&queue))?)
}

impl LimitFlags {
    fn params(&self) -> Vec<(&'static str, Value)> {
        let mut params = vec![("queue", Value::from(self.queue.as_str()))];
        params.extend(self.concurrency.map(|Limit(count)| ("concurrency", json!(count))));
        params.extend(self.rate.map(|Limit(rate)| ("rate", json!(rate))));
        params.extend(self.per_tag.clone().map(|Limit(tag)| {
            let (concurrency, rate) = (self.tag_concurrency, self.tag_rate);
            ("per_tag", json!(tag.map(|tag| TagLimitOptions { tag, concurrency, rate })))
        }));
        params
    }
}

impl Row for QueueView {
    const HEADINGS: &'static [&'static str] =
        &["QUEUE", "SCHEDULED", "BLOCKED", "READY", "RUNNING", "CONCURRENCY", "RATE", "PAUSED"];

    fn cells(&self) -> Vec<String> {
        let counts = [self.scheduled, self.blocked, self.ready, self.running].map(|count| count.to_string());
        let limits = [concurrency(self), rate_of(self), if self.paused { "yes" } else { "" }.to_owned()];
        [self.name.clone()].into_iter().chain(counts).chain(limits).collect()
    }

    fn id(&self) -> String {
        self.name.clone()
    }
}

fn concurrency(queue: &QueueView) -> String {
    queue.concurrency.map_or_else(String::new, |count| count.to_string())
}

fn rate_of(queue: &QueueView) -> String {
    queue.rate.map_or_else(String::new, rate_text)
}

fn rate_text(rate: RateOptions) -> String {
    format!("{}/{}", rate.count, rate.per)
}

fn per_tag(limit: &TagLimitOptions) -> String {
    let limits = [limit.concurrency.map(|count| count.to_string()), limit.rate.map(rate_text)];
    let limits: Vec<_> = limits.into_iter().flatten().collect();
    format!("{}: {}", limit.tag, limits.join(", "))
}

fn fields(queue: &QueueView) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("queue", queue.name.clone()),
        ("paused", if queue.paused { "yes" } else { "no" }.to_owned()),
        ("concurrency", concurrency(queue)),
        ("rate", rate_of(queue)),
        ("scheduled", queue.scheduled.to_string()),
        ("blocked", queue.blocked.to_string()),
        ("ready", queue.ready.to_string()),
        ("running", queue.running.to_string()),
    ];
    fields.extend(queue.per_tag.as_ref().map(|limit| ("per tag", per_tag(limit))));
    fields.extend(queue.oldest_ready_at.clone().map(|at| ("oldest ready", at)));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_as_count_and_span() {
        let limit = RateOptions { count: 10, per: Span::from_secs(60) };
        assert_eq!(rate("10/1m"), Ok(Limit(Some(limit))));
        assert_eq!(rate("10/m"), Ok(Limit(Some(limit))));
        assert_eq!(rate("none"), Ok(Limit(None)));
        for text in ["10", "x/1s", "10/", "-1/1s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
