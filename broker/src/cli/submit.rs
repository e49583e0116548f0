//! `windlass submit` and `windlass wait`: durable jobs and their results.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use windlass_client::{Client, ClientError, RetryOptions, SubmitOptions, Update};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    job::JobView,
    problem::Problem,
    span::{Span, Timeout},
    state::JobState,
    submit::{AfterOptions, EndedAs, Need, RetryOn},
};

use super::{
    broker::BrokerFlags,
    failure::JobFailed,
    handler::{self, HandlerFlags},
    output::Output,
    progress::Progress,
};

/// What to submit, and how it is to be run.
#[derive(Debug, Args)]
pub(crate) struct SubmitFlags {
    #[command(flatten)]
    handler: HandlerFlags,
    #[command(flatten)]
    options: OptionFlags,
    /// Wait for the job and print its result
    #[arg(long)]
    wait: bool,
    /// With --wait: save the result instead of printing it; bytes are saved as they are
    #[arg(long, value_name = "FILE", requires = "wait")]
    out: Option<PathBuf>,
}

/// The options of a job, one flag each.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of the job")]
pub(crate) struct OptionFlags {
    /// The queue to wait in [default: default]
    #[arg(long)]
    queue: Option<String>,
    /// -100 to 100, higher first [default: 0]
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i64>,
    /// Becomes ready after this span, like 10s
    #[arg(long, value_name = "SPAN", conflicts_with = "run_at")]
    delay: Option<Span>,
    /// Becomes ready at this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// Stays scheduled until `windlass job release`
    #[arg(long)]
    hold: bool,
    /// The time it may wait before each attempt; then it expires [default: never]
    #[arg(long, value_name = "SPAN")]
    queue_timeout: Option<Timeout>,
    /// Starts when this job has succeeded; may be repeated, then all are needed
    #[arg(long, value_name = "JOB")]
    after: Vec<JobId>,
    /// With --after: any one of the jobs is enough
    #[arg(long, requires = "after")]
    after_any: bool,
    /// With --after: it does not matter how the jobs end
    #[arg(long, requires = "after")]
    after_finished: bool,
    /// Of the jobs with this key one runs at a time, in the order in which they were submitted
    #[arg(long, value_name = "KEY")]
    serial_key: Option<String>,
    /// A live job that this one is a child of: it is cancelled when its parent is
    #[arg(long, value_name = "JOB")]
    parent: Option<JobId>,
    /// Submitting again with this key within a day answers the same job
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// The time one attempt may take, or never [default: 30s]
    #[arg(long, value_name = "SPAN")]
    run_timeout: Option<Timeout>,
    /// Attempts in all [default: 1]
    #[arg(long, value_name = "COUNT")]
    max_attempts: Option<u32>,
    /// The pause before the second attempt [default: 1s]
    #[arg(long, value_name = "SPAN")]
    retry_initial: Option<Span>,
    /// What each further pause is multiplied with [default: 2]
    #[arg(long, value_name = "NUMBER")]
    retry_factor: Option<f64>,
    /// The longest pause [default: 1h]
    #[arg(long, value_name = "SPAN")]
    retry_max: Option<Span>,
    /// The part of a pause that chance may take off, 0 to 1 [default: 0.1]
    #[arg(long, value_name = "NUMBER")]
    retry_jitter: Option<f64>,
    /// What is tried again: `error,trap,timeout,worker_lost` [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = retry_on)]
    retry_on: Option<Vec<RetryOn>>,
    /// Workers the job may lose before it is quarantined [default: 3]
    #[arg(long, value_name = "COUNT")]
    max_worker_deaths: Option<u32>,
    /// How long it is kept once it has ended, or never: until it is purged [default: as the broker is set up]
    #[arg(long, value_name = "SPAN")]
    retention: Option<Timeout>,
    /// A name to find it by; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Digest of the plugin version to run, or the beginning of one [default: the active one]
    #[arg(long = "version", value_name = "DIGEST")]
    plugin_version: Option<String>,
}

/// What to wait for.
#[derive(Debug, Args)]
pub(crate) struct WaitFlags {
    /// The job's id
    job: JobId,
    /// How long to wait, like 30s; the job does not care [default: never gives up]
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Timeout>,
    /// Save the result instead of printing it; bytes are saved as they are
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) async fn submit(flags: SubmitFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let client = broker.find()?.connect().await?;
    let args = flags.handler.arguments(&client).await?;
    let options = flags.options.into_options();
    let job = client.submit(flags.handler.name(), args, &options).await?;
    if !flags.wait {
        return Ok(output.id("job", &job.to_string())?);
    }
    output.note(&format!("job {job}"))?;
    let value = result(&client, job, Timeout::Never, output).await?;
    show(&client, flags.handler.name(), &value, flags.out.as_deref(), output).await
}

pub(crate) async fn wait(flags: &WaitFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let client = broker.find()?.connect().await?;
    let value = result(&client, flags.job, flags.timeout.unwrap_or(Timeout::Never), output).await?;
    let handler = match flags.out {
        Some(_) => client.job(flags.job).await?.handler,
        None => String::new(),
    };
    show(&client, &handler, &value, flags.out.as_deref(), output).await
}

async fn show(
    client: &Client,
    handler: &str,
    value: &Value,
    out: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    match out {
        Some(path) => handler::save(client, handler, value, path).await,
        None => Ok(output.value(value)?),
    }
}

/// The job's result. A job that failed is told apart from one that is not there, or not done in time.
async fn result(client: &Client, job: JobId, patience: Timeout, output: Output) -> anyhow::Result<Value> {
    let progress = Progress::begin(output, format!("waiting for job {job}"));
    let waited = tokio::select! {
        biased;
        waited = client.wait(job, Some(patience)) => waited,
        error = follow(client, job, &progress), if progress.is_seen() => Err(error),
    };
    drop(progress);
    match waited {
        Ok(value) => Ok(value),
        Err(ClientError::Refused(problem)) if is_the_jobs(&problem) => {
            Err(JobFailed { job, problem: *problem }.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Tells how the job is, until its changes can be followed no longer.
async fn follow(client: &Client, job: JobId, progress: &Progress) -> ClientError {
    let mut changes = match client.subscribe(job).await {
        Ok(changes) => changes,
        Err(error) => return error,
    };
    while let Some(update) = changes.next().await {
        if let Update::Event { data, .. } = update
            && let Ok(JobView { state, attempt, max_attempts, .. }) = serde_json::from_value(data)
        {
            progress.tell(format!("job {job} is {state}, attempt {attempt} of {max_attempts}"));
        }
    }
    ClientError::Closed("the broker closed the connection".to_owned())
}

fn is_the_jobs(problem: &Problem) -> bool {
    match problem.code {
        // With a state that is not final it is our patience that ended.
        ErrorCode::TimedOut => {
            let state =
                problem.detail.as_ref().and_then(|detail| detail.get("state")?.as_str()?.parse().ok());
            state.is_none_or(JobState::is_final)
        }
        ErrorCode::Cancelled
        | ErrorCode::Expired
        | ErrorCode::HandlerError
        | ErrorCode::OutOfMemory
        | ErrorCode::Quarantined
        | ErrorCode::TooLarge
        | ErrorCode::Trap
        | ErrorCode::WorkerLost => true,
        ErrorCode::BadArguments
        | ErrorCode::BadFrame
        | ErrorCode::BadRequest
        | ErrorCode::BadState
        | ErrorCode::Conflict
        | ErrorCode::Draining
        | ErrorCode::Forbidden
        | ErrorCode::Gone
        | ErrorCode::IdempotencyMismatch
        | ErrorCode::Internal
        | ErrorCode::NoWorkers
        | ErrorCode::NotFound
        | ErrorCode::OpBlocked
        | ErrorCode::Overloaded
        | ErrorCode::PluginRejected
        | ErrorCode::RateLimited
        | ErrorCode::Unauthorized
        | ErrorCode::UnknownHandler
        | ErrorCode::UnknownOp => false,
    }
}

impl OptionFlags {
    pub(crate) fn into_options(self) -> SubmitOptions {
        let retry = RetryOptions {
            max_attempts: self.max_attempts,
            initial: self.retry_initial,
            factor: self.retry_factor,
            max: self.retry_max,
            jitter: self.retry_jitter,
            on: self.retry_on,
        };
        SubmitOptions {
            queue: self.queue,
            priority: self.priority,
            delay: self.delay,
            run_at: self.run_at,
            hold: self.hold,
            queue_timeout: self.queue_timeout,
            after: (!self.after.is_empty()).then_some(AfterOptions {
                jobs: self.after,
                need: if self.after_any { Need::Any } else { Need::All },
                ended: if self.after_finished { EndedAs::Finished } else { EndedAs::Success },
            }),
            serial_key: self.serial_key,
            parent: self.parent,
            idempotency_key: self.idempotency_key,
            run_timeout: self.run_timeout,
            retry: (retry != RetryOptions::default()).then_some(retry),
            max_worker_deaths: self.max_worker_deaths,
            retention: self.retention,
            tags: self.tags.into_iter().collect(),
            version: self.plugin_version,
        }
    }
}

fn retry_on(text: &str) -> Result<RetryOn, String> {
    serde_json::from_value(Value::from(text))
        .map_err(|_| "expected error, trap, timeout or worker_lost".to_owned())
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        submit: SubmitFlags,
    }

    fn options(line: &[&str]) -> Value {
        let line = ["submit", "demo/add"].iter().chain(line);
        serde_json::to_value(Line::try_parse_from(line).unwrap().submit.options.into_options()).unwrap()
    }

    #[test]
    fn every_option_of_a_job_has_a_flag() {
        let line = "x=1 --queue mail --priority -5 --delay 10s --hold --queue-timeout 1h --after-any \
                    --after 00000000000000000000000000000007 --serial-key k --idempotency-key once \
                    --run-timeout never --max-attempts 3 \
                    --retry-initial 1s --retry-factor 1.5 --retry-max 1m --retry-jitter 0 --retry-on trap,timeout \
                    --max-worker-deaths 2 --retention 90d --tag a=b --tag c=d --version abc";
        let expected = json!({
            "queue": "mail",
            "priority": -5,
            "delay": "10s",
            "hold": true,
            "queue_timeout": "1h",
            "after": {"jobs": ["00000000000000000000000000000007"], "need": "any", "ended": "success"},
            "serial_key": "k",
            "idempotency_key": "once",
            "run_timeout": "never",
            "retry": {"max_attempts": 3, "initial": "1s", "factor": 1.5, "max": "1m", "jitter": 0.0,
                      "on": ["trap", "timeout"]},
            "max_worker_deaths": 2,
            "retention": "90d",
            "tags": {"a": "b", "c": "d"},
            "version": "abc",
        });
        assert_eq!(options(&line.split_whitespace().collect::<Vec<_>>()), expected);
        assert_eq!(options(&[]), json!({}));
    }

    #[test]
    fn patience_that_ended_is_not_the_jobs_failure() {
        let timed_out = |detail| Problem::new(ErrorCode::TimedOut, "").with_detail(detail);
        assert!(!is_the_jobs(&timed_out(json!({"state": "running"}))));
        assert!(is_the_jobs(&timed_out(json!({"limit": "30s"}))));
        assert!(!is_the_jobs(&Problem::new(ErrorCode::NotFound, "")));
    }
}
