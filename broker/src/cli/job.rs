//! `windlass job`: look at jobs, cancel, release, retry and forget them.

use clap::Subcommand;
use windlass_wire::{
    id::JobId,
    job::{ChildrenView, JobStatus, JobView, WaitingView},
    query::HistoryEvent,
};

use super::{
    broker::BrokerFlags,
    output::{Output, Row},
    search,
};

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List jobs, newest first
    Ls(search::ListFlags),
    /// Search for jobs with a filter as MongoDB writes it
    Query(search::QueryFlags),
    /// Do something to every job a filter means
    Bulk(search::BulkFlags),
    /// Show a job
    Get {
        /// The job's id
        job: JobId,
    },
    /// Show the states of many jobs, also of those that were purged
    Status {
        /// The jobs' ids
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<JobId>,
    },
    /// Print what a job wrote
    Logs {
        /// The job's id
        job: JobId,
    },
    /// Show what happened to a job
    History {
        /// The job's id
        job: JobId,
    },
    /// Cancel a job; a running one is stopped
    Cancel {
        /// The job's id
        job: JobId,
    },
    /// Let a job go on that was submitted with --hold
    Release {
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
    /// Forget a final job with everything that is kept of it
    Purge {
        /// The job's id
        job: JobId,
    },
}

pub(crate) async fn run(command: &JobCommand, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    match command {
        JobCommand::Ls(flags) => search::list(flags, broker, output).await?,
        JobCommand::Query(flags) => search::query(flags, broker, output).await?,
        JobCommand::Bulk(flags) => search::bulk(flags, broker, output).await?,
        JobCommand::Get { job } => {
            let job = broker.find()?.connect().await?.job(*job).await?;
            output.record(&job.id.to_string(), &job, &fields(&job))?;
        }
        JobCommand::Status { jobs } => {
            output.list(&broker.find()?.connect().await?.statuses(jobs).await?)?;
        }
        JobCommand::Logs { job } => output.text(&broker.find()?.connect().await?.logs(*job).await?)?,
        JobCommand::Cancel { job } => {
            broker.find()?.connect().await?.cancel(*job).await?;
            output.id("cancelled", &job.to_string())?;
        }
        JobCommand::Release { job } => {
            broker.find()?.connect().await?.release(*job).await?;
            output.id("released", &job.to_string())?;
        }
        JobCommand::Retry { job, version } => {
            let job = broker.find()?.connect().await?.retry(*job, version.as_deref()).await?;
            output.id("job", &job.to_string())?;
        }
        JobCommand::History { job } => {
            let history = broker.find()?.connect().await?.history(*job).await?;
            output.list(&history.items)?;
            if history.cut {
                output.note("earlier attempts are no longer kept")?;
            }
        }
        JobCommand::Purge { job } => {
            broker.find()?.connect().await?.purge(*job).await?;
            output.id("purged", &job.to_string())?;
        }
    }
    Ok(())
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

impl Row for JobStatus {
    const HEADINGS: &'static [&'static str] = &["JOB", "STATE", "PURGED"];

    fn cells(&self) -> Vec<String> {
        let state = self.state.map(|state| state.to_string());
        let state = state.or_else(|| self.code.map(|code| code.to_string()));
        vec![self.job.to_string(), state.unwrap_or_default(), self.purged_at.clone().unwrap_or_default()]
    }

    fn id(&self) -> String {
        self.job.to_string()
    }
}

impl Row for HistoryEvent {
    const HEADINGS: &'static [&'static str] = &["AT", "EVENT", "ATTEMPT", "WORKER", "ERROR"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.at.clone(),
            self.event.to_string(),
            self.attempt.map(|attempt| attempt.to_string()).unwrap_or_default(),
            self.worker.clone().unwrap_or_default(),
            self.error.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]
    }

    fn id(&self) -> String {
        self.event.to_string()
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
    fields.extend(job.waiting.as_ref().map(|waiting| ("waits for", waits_for(waiting))));
    let times = [
        ("ready", &job.run_at),
        ("expires", &job.expires_at),
        ("started", &job.started_at),
        ("ended", &job.ended_at),
        ("kept until", &job.kept_until),
    ];
    fields.extend(times.into_iter().filter_map(|(name, time)| Some((name, time.clone()?))));
    let last = job.attempts.last().map(|attempt| {
        let usage = attempt.usage;
        format!("{} µs, {} µs of CPU, {} bytes", usage.wall_micros, usage.cpu_micros, usage.memory_bytes_peak)
    });
    fields.extend(last.map(|usage| ("used", usage)));
    fields.extend(job.schedule.clone().map(|schedule| ("schedule", schedule)));
    fields.extend(job.scheduled_for.clone().map(|at| ("scheduled for", at)));
    fields.extend(job.children.as_ref().map(|children| ("children", counts(children))));
    let links = [("parent", job.parent), ("retry of", job.retry_of), ("retried as", job.retried_as)];
    fields.extend(links.into_iter().filter_map(|(name, job)| Some((name, job?.to_string()))));
    fields.extend(job.tags.iter().map(|(name, value)| ("tag", format!("{name}={value}"))));
    fields.extend(job.args.as_ref().map(|args| ("args", args.get().to_owned())));
    fields.extend(job.error.as_ref().map(|error| ("error", error.to_string())));
    fields
}

fn counts(children: &ChildrenView) -> String {
    let counts: Vec<_> = children.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("{}{}", counts.join(", "), if children.cut { ", and older ones" } else { "" })
}

fn waits_for(waiting: &WaitingView) -> String {
    match waiting {
        WaitingView::Jobs { jobs } => {
            let jobs: Vec<_> = jobs.iter().map(ToString::to_string).collect();
            format!("jobs to end: {}", jobs.join(" "))
        }
        WaitingView::QueueConcurrency => "its queue, in which as many run as may".to_owned(),
        WaitingView::QueuePaused => "its queue to be resumed".to_owned(),
        WaitingView::QueueRate { until } => format!("the rate of its queue, until {until}"),
        WaitingView::Release => "`windlass job release`".to_owned(),
        WaitingView::SerialKey { job } => format!("job {job}, which has the same serial key"),
        WaitingView::Slot => "a free slot".to_owned(),
        WaitingView::TagConcurrency { tag, value } => {
            format!("the limit of its queue for {tag}={value}, of which as many run as may")
        }
        WaitingView::TagRate { tag, value, until } => {
            format!("the rate of its queue for {tag}={value}, until {until}")
        }
        WaitingView::Time { until } => until.clone(),
    }
}
