//! What each route takes and answers. Every row of the table of routes has one here, which a test sees to.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use windlass_wire::{
    code::ErrorCode,
    connection::{ConnectionList, IdentityView},
    frame::SUBPROTOCOLS,
    id::JobId,
    job::{JobPage, JobRef, JobStanding, JobStatuses, JobView, JobsAccepted},
    limits::{
        IDEMPOTENCY_KEY_BYTES_MAX, NAME_BYTES_MAX, PAGE_JOBS_DEFAULT, PAGE_JOBS_MAX, PAGE_SCHEDULES_DEFAULT,
        PAGE_SCHEDULES_MAX,
    },
    plugin::{PluginList, PluginView, UploadView},
    query::{BulkOutcome, BulkRequest, JobHistory, JobQuery},
    queue::{LimitOptions, PurgeView, QueueList, QueueView},
    schedule::{ScheduleOptions, SchedulePage, ScheduleRef, ScheduleView},
    schema::{self, VERSION},
    span::{Span, Timeout},
    state::JobState,
    stats::StatsView,
    topic::Topic,
    verify::VerifyReport,
    worker::WorkerList,
};

use super::operation::{EVENTS, Operation, any, of, text};
use crate::server::{
    endpoints::{jobs::Many, plugins::Activation},
    verbs::{StatusRequest, Submission},
};

/// How a run may end without a result.
pub(super) const RUN_FAILURES: [ErrorCode; 10] = [
    ErrorCode::BadArguments,
    ErrorCode::Cancelled,
    ErrorCode::HandlerError,
    ErrorCode::OutOfMemory,
    ErrorCode::PluginRejected,
    ErrorCode::TimedOut,
    ErrorCode::TooLarge,
    ErrorCode::Trap,
    ErrorCode::UnknownHandler,
    ErrorCode::WorkerLost,
];
/// Why a handler may not be there or not be run.
pub(super) const NOT_RUN: [ErrorCode; 4] =
    [ErrorCode::BadArguments, ErrorCode::NotFound, ErrorCode::Overloaded, ErrorCode::UnknownHandler];

/// What resuming means where nothing is kept.
const LAST_EVENT: &str = "What was seen last; answered by a gap, because nothing is kept";

/// The schemas of one handler.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it is only described")]
struct HandlerSchemas {
    /// Of the arguments object.
    args: Value,
    /// Of the result.
    result: Value,
}

/// What one request submits.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, clippy::large_enum_variant, reason = "it is only described")]
enum Submitted {
    One(Submission),
    Many(Many),
}

/// What was submitted.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is only described")]
enum Accepted {
    One(JobRef),
    Many(JobsAccepted),
}

/// Every operation.
pub(super) fn all() -> Vec<Operation> {
    let families = [about(), calls(), jobs(), search(), plugins(), queues(), schedules(), store()];
    families.into_iter().flatten().collect()
}

fn about() -> Vec<Operation> {
    vec![
        Operation::get("front", "/")
            .answers_text("What this is, or the console for who asks for HTML")
            .or_media("text/html"),
        Operation::get("asset", "/assets/{file}")
            .answers_media("*/*", "The file")
            .refuses(&[ErrorCode::NotFound]),
        Operation::get("healthz", "/healthz").answers_text("The process lives"),
        Operation::get("readyz", "/readyz")
            .answers_text("Requests are taken")
            .refuses(&[ErrorCode::Draining]),
        Operation::get("metrics", "/metrics").answers_media("application/openmetrics-text", "All counters"),
        Operation::get("connection.list", "/v1/connections")
            .answers::<ConnectionList>(200, "The WebSockets of the channel"),
        Operation::get("events", "/v1/events")
            .required_query("topic", of::<Topic>, "What to follow")
            .query("job", of::<JobId>, "Topic `job`: only this job")
            .query("queue", text, "Topics `job` and `jobs`: only jobs of this queue")
            .query("handler", text, "Topics `job` and `jobs`: only jobs of this handler, by its full name")
            .query("state", of::<JobState>, "Topics `job` and `jobs`: only changes into this state")
            .query("every", of::<Span>, "Topic `jobs`: how often at most, 100ms to 10s")
            .header("Last-Event-ID", text, LAST_EVENT)
            .answers_media(EVENTS, "Events named like the topic, and `gap`; it does not end")
            .refuses(&[ErrorCode::Gone, ErrorCode::NotFound]),
        Operation::get("identity", "/v1/identity").answers::<IdentityView>(200, "The broker"),
        Operation::get("openapi", "/v1/openapi.json").answers_schema(200, any, "This document"),
        Operation::get("stats.get", "/v1/stats").answers::<StatsView>(200, "Figures of the broker"),
        Operation::get("worker.list", "/v1/workers").answers::<WorkerList>(200, "All workers"),
        Operation::get("upgrade", "/v1/ws")
            .header(
                "Sec-WebSocket-Protocol",
                subprotocol,
                "The subprotocol to speak; JSON if none is offered",
            )
            .answers_nothing(101, "Frames follow, as PROTOCOL.md tells"),
    ]
}

fn calls() -> Vec<Operation> {
    vec![
        Operation::post("call", "/v1/call/{plugin}/{function}")
            .query("timeout", of::<Timeout>, "The time for waiting and running; default 30 s")
            .query("version", version, "The plugin version to run; default: the active one")
            .may_take(schema::args, json!({ "x": 10, "y": 20 }))
            .answers_schema(200, any, "The handler's value")
            .refuses(&RUN_FAILURES)
            .refuses(&NOT_RUN),
    ]
}

fn jobs() -> Vec<Operation> {
    let example = json!({
        "handler": "demo/add",
        "args": { "x": 10, "y": 20 },
        "opts": { "queue": "mail", "priority": 5, "delay": "10s", "tags": { "customer": "17" } },
    });
    vec![
        Operation::post("job.submit", "/v1/jobs")
            .header("Idempotency-Key", key, "The same key within a day accepts one job")
            .takes::<Submitted>(example)
            .answers::<Accepted>(201, "The job, or all of them, is on disk")
            .with_headers(&[("Location", "Where the job is")])
            .refuses(&NOT_RUN)
            .refuses(&[ErrorCode::BadState, ErrorCode::Gone, ErrorCode::IdempotencyMismatch]),
        Operation::get("job.get", "/v1/jobs/{id}")
            .answers::<JobView>(200, "The job with its arguments")
            .refuses(&[ErrorCode::Gone, ErrorCode::NotFound]),
        Operation::post("job.cancel", "/v1/jobs/{id}/cancel")
            .answers::<JobStanding>(200, "The job is cancelled for good")
            .refuses(&[ErrorCode::BadState, ErrorCode::Gone, ErrorCode::NotFound]),
        Operation::get("job.events", "/v1/jobs/{id}/events")
            .header("Last-Event-ID", text, LAST_EVENT)
            .answers_media(EVENTS, "Events `snapshot`, `job` and `gap` until the job is final")
            .refuses(&[ErrorCode::Gone, ErrorCode::NotFound]),
        Operation::get("job.history", "/v1/jobs/{id}/history")
            .answers::<JobHistory>(200, "What happened to the job, oldest first")
            .refuses(&[ErrorCode::Gone, ErrorCode::NotFound]),
        Operation::post("job.purge", "/v1/jobs/{id}/purge")
            .answers::<JobRef>(200, "The job is forgotten")
            .refuses(&[ErrorCode::BadState, ErrorCode::Conflict, ErrorCode::Gone, ErrorCode::NotFound]),
        Operation::get("job.logs", "/v1/jobs/{id}/logs")
            .answers_text("What the attempts logged, oldest first")
            .refuses(&[ErrorCode::Gone, ErrorCode::NotFound]),
        Operation::get("job.wait", "/v1/jobs/{id}/result")
            .query("wait", of::<Timeout>, "How long to wait for it; default: not at all")
            .answers_schema(200, any, "The handler's value")
            .answers::<JobStanding>(202, "The job is not final yet")
            .with_headers(&[("Retry-After", "Seconds to wait before asking again")])
            .refuses(&RUN_FAILURES)
            .refuses(&[ErrorCode::Expired, ErrorCode::Gone, ErrorCode::NotFound, ErrorCode::Quarantined]),
        Operation::post("job.release", "/v1/jobs/{id}/release")
            .answers::<JobRef>(200, "The job goes on")
            .refuses(&[ErrorCode::BadState, ErrorCode::Gone, ErrorCode::NotFound]),
        Operation::post("job.retry", "/v1/jobs/{id}/retry")
            .query("version", version, "The plugin version to run; default: the active one")
            .answers::<JobRef>(201, "The new job is on disk")
            .with_headers(&[("Location", "Where the new job is")])
            .refuses(&NOT_RUN)
            .refuses(&[ErrorCode::BadState, ErrorCode::Gone]),
        Operation::post("job.status", "/v1/jobs/status")
            .takes::<StatusRequest>(json!({ "jobs": ["00000080000000010000000100a1b2c3"] }))
            .answers::<JobStatuses>(200, "Their states, in the order asked for"),
    ]
}

fn search() -> Vec<Operation> {
    vec![
        Operation::get("job.list", "/v1/jobs")
            .query("state", states, "Only jobs in one of these states, with commas between")
            .query("queue", text, "Only jobs of this queue")
            .query("handler", text, "Only jobs of this handler, by its full name")
            .query("schedule", text, "Only jobs that this schedule submitted")
            .query("parent", of::<JobId>, "Only children of this job")
            .query("tag", text, "Only jobs with this tag, `key` or `key:value`")
            .query("since", moment, "Only jobs submitted at this time or later")
            .query("until", moment, "Only jobs submitted before this time")
            .query("text", text, "Only jobs in which these words occur")
            .query("limit", page_limit, "At most so many")
            .query("cursor", cursor, "`next` of the page before")
            .answers::<JobPage>(200, "A page of jobs"),
        Operation::post("job.query", "/v1/jobs/query")
            .takes::<JobQuery>(json!({
                "filter": { "state": "failed", "tags.customer": { "$exists": true } },
                "fields": ["handler", "error.code"],
                "sort": ["-ended_at"],
            }))
            .answers::<JobPage<Value>>(200, "A page of jobs, or of the fields asked for"),
        Operation::post("job.bulk", "/v1/bulk")
            .takes::<BulkRequest>(
                json!({ "filter": { "queue": "mail" }, "action": "cancel", "dry_run": true }),
            )
            .answers::<BulkOutcome>(200, "What was done"),
    ]
}

fn plugins() -> Vec<Operation> {
    vec![
        Operation::get("plugin.list", "/v1/plugins").answers::<PluginList>(200, "All plugins"),
        Operation::get("plugin.get", "/v1/plugins/{name}")
            .answers::<PluginView>(200, "The plugin")
            .refuses(&[ErrorCode::NotFound]),
        Operation::put("upload", "/v1/plugins/{name}")
            .takes_bytes("application/wasm")
            .answers::<UploadView>(200, "The plugin had these bytes before; they are active")
            .answers::<UploadView>(201, "The version is new, and active")
            .refuses(&[ErrorCode::BadState, ErrorCode::Overloaded, ErrorCode::PluginRejected]),
        Operation::post("plugin.activate", "/v1/plugins/{name}/activate")
            .takes::<Activation>(json!({ "version": "049b7744adad" }))
            .answers::<PluginView>(200, "The plugin, with that version active")
            .refuses(&[ErrorCode::BadState, ErrorCode::NotFound, ErrorCode::PluginRejected]),
        Operation::post("plugin.rollback", "/v1/plugins/{name}/rollback")
            .answers::<PluginView>(200, "The plugin, with the version before active")
            .refuses(&[ErrorCode::BadState, ErrorCode::NotFound, ErrorCode::PluginRejected]),
        Operation::get("schemas", "/v1/plugins/{name}/versions/{digest}/schema")
            .answers::<BTreeMap<String, HandlerSchemas>>(200, "JSON Schemas by handler")
            .refuses(&[ErrorCode::NotFound]),
    ]
}

fn queues() -> Vec<Operation> {
    let limits = json!({
        "concurrency": 4,
        "rate": { "count": 100, "per": "1s" },
        "per_tag": { "tag": "customer", "concurrency": 2 },
    });
    vec![
        Operation::get("queue.list", "/v1/queues").answers::<QueueList>(200, "All queues"),
        Operation::get("queue.get", "/v1/queues/{queue}")
            .answers::<QueueView>(200, "The queue")
            .refuses(&[ErrorCode::NotFound]),
        Operation::post("queue.limit", "/v1/queues/{queue}/limit")
            .takes::<LimitOptions>(limits)
            .answers::<QueueView>(200, "The queue")
            .refuses(&[ErrorCode::Overloaded]),
        Operation::post("queue.pause", "/v1/queues/{queue}/pause")
            .answers::<QueueView>(200, "The queue; none of its jobs starts")
            .refuses(&[ErrorCode::Overloaded]),
        Operation::post("queue.purge", "/v1/queues/{queue}/purge")
            .answers::<PurgeView>(200, "The jobs are cancelled for good")
            .refuses(&[ErrorCode::NotFound]),
        Operation::post("queue.resume", "/v1/queues/{queue}/resume")
            .answers::<QueueView>(200, "The queue")
            .refuses(&[ErrorCode::Overloaded]),
    ]
}

fn schedules() -> Vec<Operation> {
    let example = json!({
        "cron": "30 2 * * MON-FRI",
        "timezone": "Europe/Berlin",
        "handler": "demo/add",
        "args": { "x": 10, "y": 20 },
        "opts": { "queue": "nightly" },
        "overlap": "skip",
        "jitter": "5m",
    });
    vec![
        Operation::get("schedule.list", "/v1/schedules")
            .query("limit", schedules_limit, "At most so many")
            .query("cursor", schedules_cursor, "`next` of the page before")
            .answers::<SchedulePage>(200, "A page of schedules, by name"),
        Operation::get("schedule.get", "/v1/schedules/{schedule}")
            .answers::<ScheduleView>(200, "The schedule with its arguments")
            .refuses(&[ErrorCode::NotFound]),
        Operation::put("schedule.put", "/v1/schedules/{schedule}")
            .takes::<ScheduleOptions>(example)
            .answers::<ScheduleView>(200, "The schedule was there, and does this from now on")
            .answers::<ScheduleView>(201, "The schedule is new")
            .refuses(&NOT_RUN),
        Operation::delete("schedule.delete", "/v1/schedules/{schedule}")
            .answers::<ScheduleRef>(200, "The schedule is forgotten; its jobs stay")
            .refuses(&[ErrorCode::NotFound]),
        Operation::post("schedule.pause", "/v1/schedules/{schedule}/pause")
            .answers::<ScheduleView>(200, "The schedule; none of its ticks submits a job")
            .refuses(&[ErrorCode::NotFound]),
        Operation::post("schedule.resume", "/v1/schedules/{schedule}/resume")
            .answers::<ScheduleView>(200, "The schedule")
            .refuses(&[ErrorCode::NotFound]),
        Operation::post("schedule.trigger", "/v1/schedules/{schedule}/trigger")
            .answers::<JobRef>(201, "A job of the schedule is on disk")
            .with_headers(&[("Location", "Where the job is")])
            .refuses(&NOT_RUN),
    ]
}

fn store() -> Vec<Operation> {
    vec![
        Operation::post("backup", "/v1/backup")
            .answers_bytes(
                "The backup; one that was not cut off says at its end that it is whole, or why not",
            )
            .refuses(&[ErrorCode::BadState, ErrorCode::Conflict]),
        Operation::post("verify", "/v1/verify")
            .answers_lines::<VerifyReport>(
                "A report each second, one a line; the last one is `done`, or has an `error`",
            )
            .refuses(&[ErrorCode::Conflict]),
    ]
}

fn schedules_limit(_: &mut SchemaGenerator) -> Schema {
    let (max, default) = (PAGE_SCHEDULES_MAX, PAGE_SCHEDULES_DEFAULT);
    json_schema!({ "type": "integer", "minimum": 1, "maximum": max, "default": default })
}

fn schedules_cursor(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": NAME_BYTES_MAX, "pattern": schema::NAME })
}

fn key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_BYTES_MAX })
}

fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": VERSION })
}

fn page_limit(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": PAGE_JOBS_MAX, "default": PAGE_JOBS_DEFAULT })
}

fn states(_: &mut SchemaGenerator) -> Schema {
    let state = JobState::ALL.map(JobState::name).join("|");
    json_schema!({ "type": "string", "pattern": format!("^({state})(,({state}))*$") })
}

fn moment(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "string", "format": "date-time" }, of::<Span>(generator)] })
}

fn cursor(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
}

fn subprotocol(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": SUBPROTOCOLS })
}
