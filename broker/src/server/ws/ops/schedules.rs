//! The ops of schedules.

use serde::Deserialize;
use serde_json::Value;
use windlass_wire::{
    problem::Problem,
    schedule::{ScheduleOptions, ScheduleRef},
};

use super::{typed, value};
use crate::server::{
    typed::refused_at,
    verbs,
    ws::session::{Answer, Params, Reply, Session},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSchedule {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn schedule_delete(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfSchedule { name } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        verbs::delete_schedule(&context, &caller, &name).await?;
        value(&ScheduleRef { name })
    }))
}

pub(super) fn schedule_get(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfSchedule { name } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&verbs::schedule(&context, &caller, &name).await?)
    }))
}

pub(super) fn schedule_list(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let Page { limit, cursor } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        let page = verbs::schedules(&context, &caller, limit, cursor).await;
        let point = |name: &str, reason: String| refused_at(&format!("/{name}"), reason);
        value(&page.map_err(|wrong| wrong.into_problem(point))?)
    }))
}

pub(super) fn schedule_pause(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    set_paused(session, params, true)
}

pub(super) fn schedule_put(session: &mut Session, mut params: Params) -> Result<Reply, Problem> {
    let Some(Value::String(name)) = params.remove("name") else {
        return Err(refused_at("/name", "expected the name of a schedule"));
    };
    let options: ScheduleOptions = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&verbs::put_schedule(&context, &caller, &name, options).await?.1)
    }))
}

pub(super) fn schedule_resume(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    set_paused(session, params, false)
}

fn set_paused(session: &mut Session, params: Params, is_paused: bool) -> Result<Reply, Problem> {
    let OfSchedule { name } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&verbs::pause_schedule(&context, &caller, &name, is_paused).await?)
    }))
}

pub(super) fn schedule_trigger(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfSchedule { name } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        verbs::trigger(&context, &caller, &name).await.map(Answer::Accepted)
    }))
}
