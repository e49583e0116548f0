//! `windlass job`: look at jobs, cancel them, retry them.

use clap::{Args, Subcommand};
use windlass_wire::{
    id::JobId,
    job::{JobPage, JobView},
    state::JobState,
};

use super::{
    broker::BrokerFlags,
    output::{Output, Row},
};

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List jobs, newest first
    Ls(ListFlags),
    /// Show a job
    Get {
        /// The job's id
        job: JobId,
    },
    /// Print what a job wrote
    Logs {
        /// The job's id
        job: JobId,
    },
    /// Cancel a job; a running one is stopped
    Cancel {
        /// The job's id
        job: JobId,
    },
    /// Submit a job that has ended again, as a new one, and print its id
    Retry {
        /// The job's id
        job: JobId,
        /// Digest of the plugin version to run, or the beginning of one [default: the active one]
        #[arg(long, value_name = "DIGEST")]
        version: Option<String>,
    },
}

/// Which jobs to list.
#[derive(Debug, Args)]
pub(crate) struct ListFlags {
    /// Only jobs in this state
    #[arg(long)]
    state: Option<JobState>,
    /// Only jobs of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Only jobs of this handler
    #[arg(long)]
    handler: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Where a former list ended
    #[arg(long)]
    cursor: Option<String>,
}

pub(crate) async fn run(command: &JobCommand, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let broker = broker.find()?;
    match command {
        JobCommand::Ls(flags) => {
            let page: JobPage = broker.http()?.get(&format!("/v1/jobs?{}", flags.query())).await?;
            output.list(&page.items)?;
            if let Some(next) = page.next {
                let why = if page.cut { "the search stopped early; it goes on" } else { "more" };
                output.note(&format!("{why} with --cursor {next}"))?;
            }
        }
        JobCommand::Get { job } => {
            let job = broker.connect().await?.job(*job).await?;
            output.record(&job.id.to_string(), &job, &fields(&job))?;
        }
        JobCommand::Logs { job } => output.text(&broker.connect().await?.logs(*job).await?)?,
        JobCommand::Cancel { job } => {
            broker.connect().await?.cancel(*job).await?;
            output.id("cancelled", &job.to_string())?;
        }
        JobCommand::Retry { job, version } => {
            let job = broker.connect().await?.retry(*job, version.as_deref()).await?;
            output.id("job", &job.to_string())?;
        }
    }
    Ok(())
}

impl ListFlags {
    fn query(&self) -> String {
        let limit = Some(self.limit.to_string());
        let state = self.state.map(|state| state.name().to_owned());
        let filters = [
            ("limit", &limit),
            ("state", &state),
            ("queue", &self.queue),
            ("handler", &self.handler),
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

impl Row for JobView {
    const HEADINGS: &'static [&'static str] = &["JOB", "STATE", "HANDLER", "QUEUE", "ATTEMPT", "SUBMITTED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.state.to_string(),
            self.handler.clone(),
            self.queue.clone(),
            format!("{}/{}", self.attempt, self.max_attempts),
            self.submitted_at.clone(),
        ]
    }

    fn id(&self) -> String {
        self.id.to_string()
    }
}

fn fields(job: &JobView) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("job", job.id.to_string()),
        ("state", job.state.to_string()),
        ("handler", job.handler.clone()),
        ("version", job.version.clone()),
        ("queue", job.queue.clone()),
        ("priority", job.priority.to_string()),
        ("attempt", format!("{} of {}", job.attempt, job.max_attempts)),
        ("submitted", job.submitted_at.clone()),
    ];
    let times = [("ready", &job.run_at), ("started", &job.started_at), ("ended", &job.ended_at)];
    fields.extend(times.into_iter().filter_map(|(name, time)| Some((name, time.clone()?))));
    let last = job.attempts.last().map(|attempt| {
        let usage = attempt.usage;
        format!("{} µs, {} µs of CPU, {} bytes", usage.wall_micros, usage.cpu_micros, usage.memory_bytes_peak)
    });
    fields.extend(last.map(|usage| ("used", usage)));
    let links = [("retry of", job.retry_of), ("retried as", job.retried_as)];
    fields.extend(links.into_iter().filter_map(|(name, job)| Some((name, job?.to_string()))));
    fields.extend(job.tags.iter().map(|(name, value)| ("tag", format!("{name}={value}"))));
    fields.extend(job.args.as_ref().map(|args| ("args", args.get().to_owned())));
    fields.extend(job.error.as_ref().map(|error| ("error", error.to_string())));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_cannot_smuggle_other_filters() {
        let flags = ListFlags {
            state: Some(JobState::Failed),
            queue: Some("a&state=ready".to_owned()),
            handler: Some("demo/add".to_owned()),
            limit: 5,
            cursor: None,
        };
        assert_eq!(flags.query(), "limit=5&state=failed&queue=a%26state%3Dready&handler=demo%2Fadd");
    }
}
