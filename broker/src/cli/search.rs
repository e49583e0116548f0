//! `windlass job ls|query|bulk`: find jobs, and act on those that are found.

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use windlass_wire::{
    id::JobId,
    job::{JobPage, JobView},
    query::{BulkAction, BulkRequest, JobQuery},
    state::JobState,
};

use super::{
    broker::BrokerFlags,
    failure::Usage,
    output::{Output, Row},
};

/// Which jobs to list.
#[derive(Debug, Args)]
pub(crate) struct ListFlags {
    /// Only jobs in these states, with commas between them
    #[arg(long, value_delimiter = ',')]
    state: Vec<JobState>,
    /// Only jobs of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Only jobs of this handler
    #[arg(long)]
    handler: Option<String>,
    /// Only jobs that this schedule submitted
    #[arg(long)]
    schedule: Option<String>,
    /// Only children of this job
    #[arg(long, value_name = "JOB")]
    parent: Option<JobId>,
    /// Only jobs with this tag: KEY:VALUE, or KEY for any value
    #[arg(long)]
    tag: Option<String>,
    /// Only jobs submitted since: an RFC 3339 time, or a span such as 15m, that long ago
    #[arg(long)]
    since: Option<String>,
    /// Only jobs submitted before: an RFC 3339 time, or a span such as 15m, that long ago
    #[arg(long)]
    until: Option<String>,
    /// Only jobs in whose id, handler, queue, tags or error all these words are found
    #[arg(long)]
    text: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Where a former list ended
    #[arg(long)]
    cursor: Option<String>,
}

/// What to search for.
#[derive(Debug, Args)]
pub(crate) struct QueryFlags {
    /// A filter as MongoDB writes it, in JSON, or @FILE; for example '{"state":"failed","attempt":{"$gt":2}}'
    filter: String,
    /// Show only these fields, with commas between them
    #[arg(long, value_delimiter = ',')]
    fields: Option<Vec<String>>,
    /// Order by these fields, with commas between them, `-` before those whose greatest comes first
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    sort: Vec<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Where a former page ended
    #[arg(long)]
    cursor: Option<String>,
}

/// What to do to which jobs.
#[derive(Debug, Args)]
pub(crate) struct BulkFlags {
    /// What to do
    action: BulkAction,
    /// A filter as MongoDB writes it, in JSON, or @FILE
    filter: String,
    /// Only count the jobs
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn list(flags: &ListFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let page: JobPage = broker.find()?.http()?.get(&format!("/v1/jobs?{}", flags.query())).await?;
    show(output, &page)
}

pub(crate) async fn query(flags: &QueryFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let query = JobQuery {
        filter: filter(&flags.filter)?,
        fields: flags.fields.clone(),
        sort: flags.sort.clone(),
        limit: Some(flags.limit),
        cursor: flags.cursor.clone(),
    };
    let client = broker.find()?.connect().await?;
    if query.fields.is_some() {
        show(output, &client.query::<Found>(&query).await?)
    } else {
        show(output, &client.query::<JobView>(&query).await?)
    }
}

pub(crate) async fn bulk(flags: &BulkFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let request =
        BulkRequest { filter: filter(&flags.filter)?, action: flags.action, dry_run: flags.dry_run };
    let outcome = broker.find()?.connect().await?.bulk(&request).await?;
    let mut fields = vec![("matched", outcome.matched.to_string()), ("changed", outcome.changed.to_string())];
    let failed = outcome.failed.iter();
    fields.extend(
        failed.map(|failure| ("failed", format!("{} {}: {}", failure.job, failure.code, failure.message))),
    );
    output.record(&outcome.changed.to_string(), &outcome, &fields)?;
    if outcome.cut {
        output.note("there may be more such jobs; the same command again goes on with them")?;
    }
    Ok(())
}

fn show<T: Row>(output: Output, page: &JobPage<T>) -> anyhow::Result<()> {
    output.list(&page.items)?;
    match &page.next {
        Some(next) => {
            let why = if page.cut { "the search stopped early; it goes on" } else { "more" };
            output.note(&format!("{why} with --cursor {next}"))?;
        }
        None if page.cut => {
            output.note("only the newest jobs were looked at; say more in the filter to see others")?;
        }
        None => {}
    }
    Ok(())
}

/// A filter as it is typed: JSON, or a file with JSON in it.
fn filter(text: &str) -> anyhow::Result<Map<String, Value>> {
    let content = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&content).map_err(|error| {
        Usage(format!("the filter is not a JSON object: {error}; for example '{{\"state\":\"failed\"}}'"))
            .into()
    })
}

impl ListFlags {
    fn query(&self) -> String {
        let limit = Some(self.limit.to_string());
        let states: Vec<_> = self.state.iter().map(|state| state.name()).collect();
        let state = (!states.is_empty()).then(|| states.join(","));
        let parent = self.parent.map(|parent| parent.to_string());
        let filters = [
            ("limit", &limit),
            ("state", &state),
            ("queue", &self.queue),
            ("handler", &self.handler),
            ("schedule", &self.schedule),
            ("parent", &parent),
            ("tag", &self.tag),
            ("since", &self.since),
            ("until", &self.until),
            ("text", &self.text),
            ("cursor", &self.cursor),
        ];
        let given = filters.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
    }
}

/// Percent-encodes everything that is not unreserved (RFC 3986).
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Some fields of a job.
#[derive(Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Found(Value);

impl Row for Found {
    const HEADINGS: &'static [&'static str] = &[];

    fn cells(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }

    fn id(&self) -> String {
        self.0["id"].as_str().unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_cannot_smuggle_other_filters() {
        let flags = ListFlags {
            state: vec![JobState::Failed, JobState::Ready],
            queue: Some("a&state=ready".to_owned()),
            handler: Some("demo/add".to_owned()),
            schedule: None,
            parent: None,
            tag: Some("who:me&you".to_owned()),
            since: None,
            until: None,
            text: None,
            limit: 5,
            cursor: None,
        };
        assert_eq!(
            flags.query(),
            "limit=5&state=failed%2Cready&queue=a%26state%3Dready&handler=demo%2Fadd&tag=who%3Ame%26you"
        );
    }

    #[test]
    fn a_filter_that_is_no_object_is_a_mistake_of_usage() {
        for text in ["{", "[]", "7"] {
            assert!(filter(text).unwrap_err().is::<Usage>(), "{text}");
        }
    }
}
