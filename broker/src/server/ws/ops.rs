//! The broker's own ops, in one table.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use windlass_wire::{
    code::{ErrorCode, close},
    connection::OpView,
    frame::RequestId,
    id::JobId,
    job::JobStanding,
    name::is_name,
    problem::Problem,
    query::{BulkRequest, JobQuery},
    span::{Span, Timeout},
    state::JobState,
    topic::Topic,
};

use super::{
    super::{
        context::Caller,
        limits::PATIENCE_DEFAULT,
        translate::still,
        typed,
        verbs::{self, Search, StatusRequest, Subject, Submission, Waited, WatchFilter},
    },
    session::{Answer, Closing, Params, Reply, Session},
};

mod queues;
mod schedules;

use self::{
    queues::{queue_get, queue_limit, queue_list, queue_pause, queue_purge, queue_resume},
    schedules::{
        schedule_delete, schedule_get, schedule_list, schedule_pause, schedule_put, schedule_resume,
        schedule_trigger,
    },
};

type Run = fn(&mut Session, Params) -> Result<Reply, Problem>;

/// One of the broker's ops.
#[derive(Debug)]
pub struct Op {
    /// Its name.
    pub name: &'static str,
    /// Whether it can be asked for before the token was shown.
    pub is_open: bool,
    /// Its parameters.
    pub params: &'static [&'static str],
    /// What it does, in a few words.
    pub summary: &'static str,
    pub(super) run: Run,
}

/// A table row: `"name" access (parameters) function "summary"`.
macro_rules! ops {
    ($($name:literal $access:ident ($($param:literal)*) $run:ident, $summary:literal;)*) => {
        /// Every op, by name.
        pub static OPS: &[Op] = &[$(Op {
            name: $name,
            is_open: matches!(stringify!($access).as_bytes(), b"open"),
            params: &[$($param),*],
            summary: $summary,
            run: $run,
        },)*];
    };
}

ops! {
    "call.cancel" token ("call") call_cancel, "Stop a call in flight on this connection; `call` is its id";
    "close" token () close_connection, "Close the connection after the answer";
    "connection.list" token () connection_list, "The WebSockets of the channel, open and gone";
    "echo" token ("args") echo, "Answer the arguments";
    "identity" token () identity, "Who answers here";
    "job.bulk" token ("filter" "action" "dry_run") job_bulk, "Do something to every job a filter means";
    "job.cancel" token ("job") job_cancel, "Cancel a job";
    "job.get" token ("job") job_get, "A job with its arguments";
    "job.history" token ("job") job_history, "What is known of a job's life";
    "job.logs" token ("job") job_logs, "What a job logged";
    "job.purge" token ("job") job_purge, "Forget a final job";
    "job.query" token ("filter" "fields" "sort" "limit" "cursor") job_query, "A page of the jobs a filter means";
    "job.release" token ("job") job_release, "Let a job go on that was submitted with `hold`";
    "job.result" token ("job") job_result, "The result of a final job";
    "job.retry" token ("job" "version") job_retry, "Submit a final job again, as a new one";
    "job.status" token ("jobs") job_status, "The states of many jobs";
    "job.submit" token ("handler" "args" "opts") job_submit, "Submit a job; durable when answered";
    "job.submit_many" token ("jobs") job_submit_many, "Submit jobs, all of them or none, with one commit";
    "job.wait" token ("job" "timeout") job_wait, "Wait for a job's result; `timeout` is your patience";
    "ping" token () ping, "Answer `pong`";
    "plugin.activate" token ("plugin" "version") plugin_activate, "Make one of a plugin's versions the active one";
    "plugin.get" token ("plugin") plugin_get, "A plugin with its handlers";
    "plugin.list" token () plugin_list, "All plugins";
    "plugin.rollback" token ("plugin") plugin_rollback, "Make the version active that was active before";
    "queue.get" token ("queue") queue_get, "A queue: its limits and how many jobs are in which state";
    "queue.limit" token ("queue" "concurrency" "rate" "per_tag") queue_limit, "Limit how many jobs of a queue run or start";
    "queue.list" token () queue_list, "All queues";
    "queue.pause" token ("queue") queue_pause, "Let no job of a queue start";
    "queue.purge" token ("queue") queue_purge, "Cancel the jobs of a queue that do not run";
    "queue.resume" token ("queue") queue_resume, "Let jobs of a queue start again";
    "schedule.delete" token ("name") schedule_delete, "Forget a schedule; its jobs stay";
    "schedule.get" token ("name") schedule_get, "A schedule with its arguments";
    "schedule.list" token ("limit" "cursor") schedule_list, "A page of the schedules, by name";
    "schedule.pause" token ("name") schedule_pause, "Let no tick of a schedule submit a job";
    "schedule.put" token ("name" "cron" "timezone" "handler" "args" "opts" "overlap" "catch_up" "jitter" "paused") schedule_put, "Make a schedule, or change it into this one";
    "schedule.resume" token ("name") schedule_resume, "Let ticks of a schedule submit jobs again";
    "schedule.trigger" token ("name") schedule_trigger, "Submit a job of a schedule now";
    "session.hello" open ("token" "channel" "name") session_hello, "Show the token, choose a channel and a name";
    "session.ops" token () session_ops, "This list";
    "stats.get" token () stats_get, "Figures of the broker, with the last hour";
    "sub.close" token ("sub") sub_close, "End a subscription";
    "sub.open" token ("topic" "filter" "every") sub_open, "Follow jobs, figures or a list";
    "worker.list" token () worker_list, "What runs jobs and calls";
}

/// Finds an op; a refusal names the nearest.
pub(super) fn find(name: &str) -> Result<&'static Op, Problem> {
    if let Ok(place) = OPS.binary_search_by(|op| op.name.cmp(name)) {
        return Ok(&OPS[place]);
    }
    let nearest = OPS.iter().min_by_key(|op| strsim::damerau_levenshtein(op.name, name)).map(|op| op.name);
    Err(Problem::new(ErrorCode::UnknownOp, format!("there is no op `{}`", name.escape_debug()))
        .with_detail(json!({ "nearest": nearest }))
        .with_hint(nearest.map_or_else(String::new, |nearest| {
            format!("did you mean `{nearest}`? `session.ops` lists them all")
        })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfCall {
    call: RequestId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfJob {
    job: JobId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    jobs: Vec<Submission>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPlugin {
    plugin: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activate {
    plugin: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSubscription {
    sub: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    token: Option<String>,
    channel: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    job: JobId,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    job: JobId,
    timeout: Option<Timeout>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    topic: Topic,
    filter: Option<WatchFilter>,
    every: Option<Span>,
}

fn typed<T: DeserializeOwned>(params: Params) -> Result<T, Problem> {
    typed::from_value("", Value::Object(params))
}

fn value(value: &impl serde::Serialize) -> Result<Answer, Problem> {
    verbs::json(value).map(Answer::Value)
}

fn now(answer: &impl serde::Serialize) -> Result<Reply, Problem> {
    value(answer).map(|answer| Reply::Now(Ok(answer)))
}

fn call_cancel(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    session.cancel_call(&typed::<OfCall>(params)?.call)?;
    now(&Value::Null)
}

fn close_connection(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Nothing {} = typed(params)?;
    session.closing = Some(Closing::NORMAL);
    now(&"OK")
}

fn connection_list(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Nothing {} = typed(params)?;
    now(&verbs::connections(&session.context, &session.caller))
}

fn echo(_: &mut Session, mut params: Params) -> Result<Reply, Problem> {
    match params.remove("args") {
        None => now(&params),
        Some(args) if params.is_empty() => now(&args),
        Some(_) => Err(Problem::new(ErrorCode::BadRequest, "`args` and flat arguments do not go together")
            .with_detail(json!({ "keys": params.keys().collect::<Vec<_>>() }))),
    }
}

fn identity(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Nothing {} = typed(params)?;
    greet(session)
}

fn job_bulk(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let request: BulkRequest = typed(params)?;
    Ok(session
        .later(move |context, caller| async move { value(&verbs::bulk(&context, &caller, request).await?) }))
}

fn job_cancel(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfJob { job } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        verbs::cancel(&context, &caller, job).await?;
        value(&JobStanding { job, state: JobState::Cancelled })
    }))
}

fn job_get(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfJob { job } = typed(params)?;
    Ok(session.later(move |context, caller| async move { value(&verbs::get(&context, &caller, job).await?) }))
}

fn job_history(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfJob { job } = typed(params)?;
    Ok(session
        .later(move |context, caller| async move { value(&verbs::history(&context, &caller, job).await?) }))
}

fn job_logs(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfJob { job } = typed(params)?;
    Ok(session
        .later(move |context, caller| async move { value(&verbs::logs(&context, &caller, job).await?) }))
}

fn job_purge(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfJob { job } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        verbs::purge(&context, &caller, job).await?;
        value(&json!({ "job": job }))
    }))
}

fn job_release(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfJob { job } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        verbs::release(&context, &caller, job).await?;
        value(&json!({ "job": job }))
    }))
}

fn job_query(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let search = Search::new(typed::<JobQuery>(params)?)?;
    Ok(session
        .later(move |context, caller| async move { value(&verbs::query(&context, &caller, search).await?) }))
}

fn job_result(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfJob { job } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        let (job, _pinned) = verbs::find_pinned(&context, &caller, job).await?;
        verbs::result(&context, &job).await.map(Answer::Handled)
    }))
}

fn job_retry(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Retry { job, version } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        verbs::retry(&context, &caller, job, version.as_deref()).await.map(Answer::Accepted)
    }))
}

fn job_status(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let request: StatusRequest = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&verbs::statuses(&context, &caller, request).await?)
    }))
}

fn job_submit(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let submission: Submission = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        verbs::submit(&context, &caller, submission).await.map(Answer::Accepted)
    }))
}

fn job_submit_many(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Many { jobs } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&json!({ "jobs": verbs::submit_many(&context, &caller, jobs).await? }))
    }))
}

fn job_wait(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Wait { job, timeout } = typed(params)?;
    let patience: Option<Duration> =
        timeout.map_or(Some(PATIENCE_DEFAULT), |timeout| timeout.span().map(Span::duration));
    Ok(session.later(move |context, caller| async move {
        match verbs::wait(&context, &caller, job, patience).await? {
            Waited::Final(job, _pinned) => verbs::result(&context, &job).await.map(Answer::Handled),
            Waited::Still(state) => Err(still(state)),
        }
    }))
}

fn ping(_: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Nothing {} = typed(params)?;
    now(&"pong")
}

fn plugin_activate(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Activate { plugin, version } = typed(params)?;
    Ok(session
        .later(move |context, _| async move { value(&verbs::activate(&context, &plugin, &version).await?) }))
}

fn plugin_get(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfPlugin { plugin } = typed(params)?;
    now(&verbs::plugin(&session.context, &plugin)?)
}

fn plugin_list(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Nothing {} = typed(params)?;
    now(&verbs::plugins(&session.context))
}

fn plugin_rollback(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfPlugin { plugin } = typed(params)?;
    Ok(session.later(move |context, _| async move { value(&verbs::rollback(&context, &plugin).await?) }))
}

/// May be said once, also on a connection whose upgrade showed the token: then to choose channel and name.
fn session_hello(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Hello { token, channel, name } = typed(params)?;
    let is_token_right = match token {
        Some(token) => session.context.token.matches(&token),
        None => session.is_authorized,
    };
    if !is_token_right {
        session.closing = Some(Closing::new(close::NOT_AUTHENTICATED, "the token is missing or wrong"));
        return Err(Problem::new(ErrorCode::Unauthorized, "the token is missing or wrong")
            .with_hint("`windlass token` prints it"));
    }
    if session.was_greeted {
        return Err(Problem::new(ErrorCode::BadState, "`session.hello` was said already"));
    }
    if let Some(name) = name.as_ref().filter(|name| !is_name(name)) {
        return Err(Problem::new(ErrorCode::BadRequest, format!("`{name}` is not a name"))
            .with_detail(json!({ "pointer": "/name" })));
    }
    let caller = Caller::new(Some(channel.as_deref().unwrap_or(&session.caller.channel)))?;
    session.listed.entry().set_names(name, caller.channel.clone());
    session.caller = caller.into();
    session.is_authorized = true;
    session.was_greeted = true;
    greet(session)
}

fn session_ops(_: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Nothing {} = typed(params)?;
    let view = |op: &Op| OpView {
        op: op.name.to_owned(),
        summary: op.summary.to_owned(),
        params: op.params.iter().map(|param| (*param).to_owned()).collect(),
    };
    now(&OPS.iter().map(view).collect::<Vec<_>>())
}

fn stats_get(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Nothing {} = typed(params)?;
    Ok(session.later(|context, caller| async move { value(&verbs::stats(&context, &caller, true).await?) }))
}

fn sub_close(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    session.unsubscribe(typed::<OfSubscription>(params)?.sub)?;
    now(&Value::Null)
}

fn sub_open(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Open { topic, filter, every } = typed(params)?;
    let subject = Subject::new(topic, filter, every)
        .map_err(|(key, reason)| typed::refused_at(&format!("/{key}"), reason))?;
    session.subscribe(subject)
}

fn worker_list(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Nothing {} = typed(params)?;
    now(&verbs::workers(&session.context, &session.caller))
}

fn greet(session: &Session) -> Result<Reply, Problem> {
    now(&verbs::identity(&session.context, &session.caller, Some(session.listed.entry().id())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_ops_are_found() {
        assert!(OPS.is_sorted_by_key(|op| op.name));
        assert!(OPS.iter().all(|op| std::ptr::eq(find(op.name).unwrap(), op)));
    }

    #[test]
    fn only_hello_can_be_said_without_the_token() {
        let open: Vec<_> = OPS.iter().filter(|op| op.is_open).map(|op| op.name).collect();
        assert_eq!(open, ["session.hello"]);
    }

    #[test]
    fn every_op_is_in_the_protocol() {
        let protocol = include_str!("../../../../sdk/wire/PROTOCOL.md");
        for op in OPS {
            assert!(protocol.contains(&format!("`{}`", op.name)), "{}", op.name);
        }
    }

    #[test]
    fn an_unknown_op_names_the_nearest() {
        let problem = find("job.sumbit").unwrap_err();
        assert_eq!(
            (problem.code, problem.detail),
            (ErrorCode::UnknownOp, Some(json!({ "nearest": "job.submit" })))
        );
    }
}
