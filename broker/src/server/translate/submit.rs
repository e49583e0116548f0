//! From the options of a submission to what the core is asked for.

use std::collections::BTreeMap;

use windlass_core::{
    dependency::After,
    job::{Payload, Spec, Timestamp},
    limits::{RETENTION_MILLIS_DEFAULT, RUN_TIMEOUT_MILLIS_DEFAULT, WORKER_DEATHS_DEFAULT},
    retry::RetryPolicy,
};
use windlass_wire::{
    id::JobId,
    limits::{
        AFTER_JOBS_MAX, ATTEMPTS_MAX, PRIORITY_MAX, PRIORITY_MIN, SERIAL_KEY_BYTES_MAX, TAG_BYTES_MAX,
        TAGS_BYTES_MAX, TAGS_MAX,
    },
    name::{DEFAULT_QUEUE, is_name},
    problem::Problem,
    span::{Span, Timeout},
    submit::{AfterOptions, RetryOptions, SubmitOptions},
};

use crate::registry::Resolved;
use crate::server::typed::{escape, refused_at};

/// The time one attempt may take, unless the submission says otherwise.
const RUN_TIMEOUT_DEFAULT: Span = Span::from_millis(RUN_TIMEOUT_MILLIS_DEFAULT);

/// How long a final job is kept, unless the submission or the broker's settings say otherwise.
const RETENTION_DEFAULT: Span = Span::from_millis(RETENTION_MILLIS_DEFAULT);

/// The checked options of a submission.
#[derive(Debug, PartialEq)]
pub(in crate::server) struct Terms {
    queue: String,
    priority: i8,
    run_at: Option<Timestamp>,
    hold: bool,
    after: Option<After>,
    serial_key: Option<String>,
    parent: Option<JobId>,
    queue_timeout_millis: Option<u64>,
    run_timeout_millis: Option<u64>,
    retry: RetryPolicy,
    max_worker_deaths: u32,
    retention_millis: Option<u64>,
    tags: BTreeMap<String, String>,
    now: Timestamp,
}

impl Terms {
    /// Checks options; a refusal points to `/opts/…`.
    pub(in crate::server) fn new(options: SubmitOptions, now: Timestamp) -> Result<Self, Problem> {
        let queue = options.queue.unwrap_or_else(|| DEFAULT_QUEUE.to_owned());
        if !is_name(&queue) {
            let expected = "expected 1 to 128 letters, digits and `._:-@`, beginning with a letter or digit";
            return Err(refused_at("/opts/queue", expected));
        }
        let run_timeout = options.run_timeout.unwrap_or(Timeout::After(RUN_TIMEOUT_DEFAULT));
        let retention = options.retention.unwrap_or(Timeout::After(RETENTION_DEFAULT));
        Ok(Self {
            queue,
            priority: priority(options.priority.unwrap_or_default())?,
            run_at: run_at(options.delay, options.run_at.as_deref(), now)?,
            hold: options.hold,
            after: options.after.map(after).transpose()?,
            serial_key: options.serial_key.map(serial_key).transpose()?,
            parent: options.parent,
            queue_timeout_millis: options.queue_timeout.and_then(Timeout::span).map(Span::millis),
            run_timeout_millis: run_timeout.span().map(Span::millis),
            retry: options.retry.map(retry).transpose()?.unwrap_or_default(),
            max_worker_deaths: options.max_worker_deaths.unwrap_or(WORKER_DEATHS_DEFAULT),
            retention_millis: retention.span().map(Span::millis),
            tags: tags(options.tags)?,
            now,
        })
    }

    /// The jobs it comes after.
    pub(in crate::server) fn after(&self) -> impl Iterator<Item = JobId> {
        self.after.iter().flat_map(|after| &after.jobs).copied()
    }

    /// The job it is a child of.
    pub(in crate::server) fn parent(&self) -> Option<JobId> {
        self.parent
    }

    /// What to submit on these terms.
    pub(in crate::server) fn spec(self, channel: &str, handler: &Resolved, args: Payload) -> Spec {
        Spec {
            channel: channel.to_owned(),
            queue: self.queue,
            handler: handler.full_name.clone(),
            version: handler.version.digest,
            args,
            priority: self.priority,
            retry: self.retry,
            max_worker_deaths: self.max_worker_deaths,
            run_timeout_millis: self.run_timeout_millis,
            queue_timeout_millis: self.queue_timeout_millis,
            run_at: self.run_at,
            hold: self.hold,
            after: self.after,
            serial_key: self.serial_key,
            parent: self.parent,
            idempotency: None,
            retention_millis: self.retention_millis,
            tags: self.tags,
            schedule: None,
            submitted_at: self.now,
            retry_of: None,
        }
    }
}

fn after(options: AfterOptions) -> Result<After, Problem> {
    let AfterOptions { jobs, need, ended } = options;
    if !(1..=AFTER_JOBS_MAX).contains(&jobs.len()) {
        return Err(refused_at("/opts/after", format!("expected 1 to {AFTER_JOBS_MAX} jobs")));
    }
    Ok(After { jobs: jobs.into_iter().collect(), need, ended })
}

fn serial_key(key: String) -> Result<String, Problem> {
    let is_right = (1..=SERIAL_KEY_BYTES_MAX).contains(&key.len());
    let expected = || format!("expected 1 to {SERIAL_KEY_BYTES_MAX} bytes");
    is_right.then_some(key).ok_or_else(|| refused_at("/opts/serial_key", expected()))
}

fn priority(priority: i64) -> Result<i8, Problem> {
    i8::try_from(priority)
        .ok()
        .filter(|priority| (PRIORITY_MIN..=PRIORITY_MAX).contains(priority))
        .ok_or_else(|| {
            refused_at(
                "/opts/priority",
                format!("expected {PRIORITY_MIN} to {PRIORITY_MAX}, found {priority}"),
            )
        })
}

fn run_at(delay: Option<Span>, run_at: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    match (delay, run_at) {
        (None, None) => Ok(None),
        (Some(delay), None) => Ok(Some(now.plus_millis(delay.millis()))),
        (Some(_), Some(_)) => Err(refused_at("/opts/run_at", "`delay` and `run_at` do not go together")),
        (None, Some(text)) => {
            let at: jiff::Timestamp = text
                .parse()
                .map_err(|error| refused_at("/opts/run_at", format!("expected an RFC 3339 time: {error}")))?;
            // Times before 1970 are in the past, as now is.
            Ok(Some(u64::try_from(at.as_millisecond()).map_or(now, Timestamp)))
        }
    }
}

fn retry(options: RetryOptions) -> Result<RetryPolicy, Problem> {
    let default = RetryPolicy::default();
    let policy = RetryPolicy {
        max_attempts: options.max_attempts.unwrap_or(default.max_attempts),
        initial_millis: options.initial.map_or(default.initial_millis, Span::millis),
        factor: options.factor.unwrap_or(default.factor),
        max_millis: options.max.map_or(default.max_millis, Span::millis),
        jitter: options.jitter.unwrap_or(default.jitter),
        on: options.on.map_or(default.on, |on| on.into_iter().collect()),
    };
    if policy.max_attempts > ATTEMPTS_MAX {
        return Err(refused_at("/opts/retry/max_attempts", format!("expected at most {ATTEMPTS_MAX}")));
    }
    if !policy.factor.is_finite() || policy.factor < 0.0 {
        return Err(refused_at("/opts/retry/factor", "expected a number from 0 on"));
    }
    if !(0.0..=1.0).contains(&policy.jitter) {
        return Err(refused_at("/opts/retry/jitter", "expected a number from 0 to 1"));
    }
    Ok(policy)
}

fn tags(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Problem> {
    if tags.len() > TAGS_MAX {
        return Err(refused_at("/opts/tags", format!("expected at most {TAGS_MAX} tags")));
    }
    if let Some((key, _)) = tags
        .iter()
        .find(|(key, value)| key.is_empty() || key.len() > TAG_BYTES_MAX || value.len() > TAG_BYTES_MAX)
    {
        let pointer = format!("/opts/tags/{}", escape(key));
        return Err(refused_at(
            &pointer,
            format!("expected a key of 1 to {TAG_BYTES_MAX} bytes, and no longer a value"),
        ));
    }
    let bytes: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > TAGS_BYTES_MAX {
        return Err(refused_at(
            "/opts/tags",
            format!("expected at most {TAGS_BYTES_MAX} bytes in all, found {bytes}"),
        ));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn terms(options: serde_json::Value) -> Result<Terms, Problem> {
        Terms::new(serde_json::from_value(options).unwrap(), NOW)
    }

    #[test]
    fn no_options_mean_the_defaults() {
        let terms = terms(json!({})).unwrap();
        assert_eq!((terms.queue.as_str(), terms.priority, terms.run_at), ("default", 0, None));
        assert_eq!((terms.run_timeout_millis, terms.retry.max_attempts), (Some(30_000), 1));
    }

    #[test]
    fn a_job_becomes_due_after_a_delay_or_at_a_time() {
        assert_eq!(terms(json!({ "delay": "10s" })).unwrap().run_at, Some(Timestamp(1_010_000)));
        assert_eq!(
            terms(json!({ "run_at": "1970-01-01T01:00:00+01:00" })).unwrap().run_at,
            Some(Timestamp(0))
        );
        assert_eq!(terms(json!({ "run_at": "1969-01-01T00:00:00Z" })).unwrap().run_at, Some(NOW));
    }

    #[test]
    fn never_means_no_limit() {
        assert_eq!(terms(json!({ "run_timeout": "never" })).unwrap().run_timeout_millis, None);
        assert_eq!(terms(json!({ "retention": "never" })).unwrap().retention_millis, None);
        assert_eq!(terms(json!({ "retention": 0 })).unwrap().retention_millis, Some(0));
    }

    #[test]
    fn options_out_of_bounds_are_pointed_to() {
        let many_tags: BTreeMap<_, _> = (0..=TAGS_MAX).map(|n| (n.to_string(), "")).collect();
        for (options, pointer) in [
            (json!({ "queue": "" }), "/opts/queue"),
            (json!({ "queue": "a/b" }), "/opts/queue"),
            (json!({ "priority": 101 }), "/opts/priority"),
            (json!({ "priority": -129 }), "/opts/priority"),
            (json!({ "delay": 1, "run_at": "2030-01-01T00:00:00Z" }), "/opts/run_at"),
            (json!({ "run_at": "tomorrow" }), "/opts/run_at"),
            (json!({ "run_at": "2030-01-01T00:00:00" }), "/opts/run_at"),
            (json!({ "retry": { "max_attempts": 1001 } }), "/opts/retry/max_attempts"),
            (json!({ "retry": { "factor": -1 } }), "/opts/retry/factor"),
            (json!({ "retry": { "jitter": 1.5 } }), "/opts/retry/jitter"),
            (json!({ "after": [] }), "/opts/after"),
            (json!({ "serial_key": "" }), "/opts/serial_key"),
            (json!({ "serial_key": "x".repeat(129) }), "/opts/serial_key"),
            (json!({ "tags": many_tags }), "/opts/tags"),
            (json!({ "tags": { "": "x" } }), "/opts/tags/"),
            (json!({ "tags": { "a/b": "x".repeat(257) } }), "/opts/tags/a~1b"),
            (
                json!({ "tags": { "a": "x".repeat(256), "b": "x".repeat(256), "c": "x".repeat(256), "d": "x".repeat(256) } }),
                "/opts/tags",
            ),
        ] {
            assert_eq!(
                terms(options.clone()).unwrap_err().detail,
                Some(json!({ "pointer": pointer })),
                "{options}"
            );
        }
    }
}
