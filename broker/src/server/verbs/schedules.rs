//! Schedules: look at them, put, pause, trigger and delete them.

use std::collections::BTreeSet;

use windlass_core::{
    command::{Refusal, ScheduleChange},
    job::Timestamp,
    schedule::{Plan, Schedule},
};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    limits::{PAGE_SCHEDULES_DEFAULT, PAGE_SCHEDULES_MAX},
    name::is_name,
    problem::Problem,
    schedule::{ScheduleOptions, SchedulePage, ScheduleView},
};

use super::{Submission, bring, damaged, submit::new_job};
use crate::{
    driver::{NewJob, Refused},
    server::{
        context::{Caller, Context},
        translate::{Times, once_only, refused, schedule_view},
    },
    store::Pinned,
};

/// A page of the caller's schedules, by name and without their arguments.
pub(in crate::server) async fn schedules(
    context: &Context,
    caller: &Caller,
    limit: Option<usize>,
    cursor: Option<String>,
) -> Result<SchedulePage, WrongPage> {
    let limit = limit.unwrap_or(PAGE_SCHEDULES_DEFAULT);
    if !(1..=PAGE_SCHEDULES_MAX).contains(&limit) {
        return Err(WrongPage::Limit);
    }
    if cursor.as_deref().is_some_and(|cursor| !is_name(cursor)) {
        return Err(WrongPage::Cursor);
    }
    let (channel, now) = (caller.channel.clone(), context.driver.clock().now());
    let found = context.search(move |store| {
        // One more than asked for tells whether there is a next page.
        let mut schedules = store.schedules_of(&channel, cursor.as_deref(), limit + 1)?;
        let is_last = schedules.len() <= limit;
        schedules.truncate(limit);
        let next = schedules.last().filter(|_| !is_last).map(|schedule| schedule.name.clone());
        Ok(SchedulePage {
            items: schedules.iter().map(|schedule| schedule_view(schedule, None, now)).collect(),
            next,
        })
    });
    found.await.map_err(WrongPage::Problem)
}

/// Why there is no such page. How the mistake is pointed to depends on how the page was asked for.
#[derive(Debug)]
pub(in crate::server) enum WrongPage {
    /// So many cannot be asked for.
    Limit,
    /// No page said so.
    Cursor,
    /// Something else.
    Problem(Problem),
}

impl WrongPage {
    /// The problem; `point` makes that of a mistake in a parameter.
    pub(in crate::server) fn into_problem(self, point: impl Fn(&str, String) -> Problem) -> Problem {
        match self {
            Self::Limit => point("limit", format!("expected 1 to {PAGE_SCHEDULES_MAX}")),
            Self::Cursor => point("cursor", "not a cursor; pass `next` of the page before".to_owned()),
            Self::Problem(problem) => problem,
        }
    }
}

/// One schedule, with its arguments.
pub(in crate::server) async fn schedule(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<ScheduleView, Problem> {
    let schedule = find(context, caller, name).await?;
    let args = bring(context, &schedule.plan.args).await?;
    Ok(schedule_view(&schedule, Some(args), context.driver.clock().now()))
}

/// Makes a schedule, or changes it into this one; durable when this answers. The flag says whether it was made.
///
/// Cancel safety: dropped before the answer, the change may have been made or not.
pub(in crate::server) async fn put_schedule(
    context: &Context,
    caller: &Caller,
    name: &str,
    options: ScheduleOptions,
) -> Result<(bool, ScheduleView), Problem> {
    if !is_name(name) {
        let expected = "expected 1 to 128 letters, digits and `._:-@`, beginning with a letter or digit";
        let reason = format!("`{}` is not a name: {expected}", name.escape_debug());
        return Err(Problem::new(ErrorCode::BadRequest, reason));
    }
    let (plan, pinned) = plan(context, caller, options).await?;
    let is_new = change(context, caller, name, ScheduleChange::Put(Box::new(plan)), pinned).await?;
    Ok((is_new, schedule(context, caller, name).await?))
}

/// Lets the ticks of a schedule submit jobs, or not; durable when this answers.
pub(in crate::server) async fn pause_schedule(
    context: &Context,
    caller: &Caller,
    name: &str,
    is_paused: bool,
) -> Result<ScheduleView, Problem> {
    change(context, caller, name, ScheduleChange::Pause(is_paused), Vec::new()).await?;
    schedule(context, caller, name).await
}

/// Forgets a schedule; its jobs stay. Durable when this answers.
pub(in crate::server) async fn delete_schedule(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<(), Problem> {
    change(context, caller, name, ScheduleChange::Delete, Vec::new()).await.map(drop)
}

/// Submits a job of a schedule now, whatever its times and overlap say; durable when this answers.
///
/// Cancel safety: dropped before the answer, the job may have been accepted or not.
pub(in crate::server) async fn trigger(
    context: &Context,
    caller: &Caller,
    name: &str,
) -> Result<JobId, Problem> {
    let schedule = find(context, caller, name).await?;
    let job = scheduled_job(context, &schedule, None).await?;
    match context.driver.run_schedule(schedule.id, None, Ok(job)).await {
        Ok(Some(job)) => Ok(job),
        Ok(None) => Err(refused(Refused::Stopped)),
        Err(refusal) => Err(of_schedule(refusal, name)),
    }
}

/// The job of a tick, or of a trigger, as a submission of the schedule's handler, arguments and options.
pub(in crate::server) async fn scheduled_job(
    context: &Context,
    schedule: &Schedule,
    tick: Option<Timestamp>,
) -> Result<NewJob, Problem> {
    let caller = Caller { channel: schedule.channel.clone() };
    let args = bring(context, &schedule.plan.args).await?;
    let args = serde_json::from_str(args.get()).map_err(|error| damaged(&error))?;
    let (handler, opts) = (schedule.plan.handler.clone(), schedule.plan.opts.clone());
    let mut job = new_job(context, &caller, Submission { handler, args, opts }).await?;
    job.spec.schedule = Some(schedule.origin(tick));
    Ok(job)
}

/// Checks everything about a schedule, its job as if it were submitted now. The arguments are pinned.
async fn plan(
    context: &Context,
    caller: &Caller,
    options: ScheduleOptions,
) -> Result<(Plan, Vec<Pinned>), Problem> {
    once_only(&options.opts)?;
    let Times { cron, timezone, jitter_millis } = Times::new(&options, context.driver.clock().now())?;
    let ScheduleOptions { handler, args, mut opts, overlap, catch_up, paused, .. } = options;
    let job = new_job(context, caller, Submission { handler, args, opts: opts.clone() }).await?;
    // What may mean something else later is kept in full.
    opts.version = opts.version.map(|_| job.spec.version.to_string());
    if let Some(on) = opts.retry.as_mut().and_then(|retry| retry.on.as_mut()) {
        *on = on.drain(..).collect::<BTreeSet<_>>().into_iter().collect();
    }
    let (handler, args) = (job.spec.handler, job.spec.args);
    let plan =
        Plan { cron, timezone, handler, args, opts, overlap, catch_up, jitter_millis, is_paused: paused };
    Ok((plan, job.pinned))
}

async fn change(
    context: &Context,
    caller: &Caller,
    name: &str,
    change: ScheduleChange,
    pinned: Vec<Pinned>,
) -> Result<bool, Problem> {
    let changed = context.driver.change_schedule(&caller.channel, name, change, pinned).await;
    changed.map_err(|refusal| of_schedule(refusal, name))
}

async fn find(context: &Context, caller: &Caller, name: &str) -> Result<Schedule, Problem> {
    let (channel, wanted) = (caller.channel.clone(), name.to_owned());
    let found = if is_name(name) {
        context.with_store(move |store| store.schedule(&channel, &wanted)).await?
    } else {
        None
    };
    found.ok_or_else(|| unknown(name))
}

fn of_schedule(refusal: Refused, name: &str) -> Problem {
    if refusal == Refused::Core(Refusal::UnknownSchedule) { unknown(name) } else { refused(refusal) }
}

fn unknown(name: &str) -> Problem {
    Problem::new(ErrorCode::NotFound, format!("there is no schedule `{}`", name.escape_debug()))
        .with_hint("`schedule.list` or `GET /v1/schedules` shows those there are")
}
