//! The ops of queues.

use serde::Deserialize;
use serde_json::{Value, json};
use windlass_wire::{code::ErrorCode, problem::Problem, queue::LimitOptions};

use super::{typed, value};
use crate::server::{
    verbs,
    ws::session::{Params, Reply, Session},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfQueue {
    queue: String,
}

pub(super) fn queue_get(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfQueue { queue } = typed(params)?;
    Ok(session
        .later(move |context, caller| async move { value(&verbs::queue(&context, &caller, &queue).await?) }))
}

pub(super) fn queue_limit(session: &mut Session, mut params: Params) -> Result<Reply, Problem> {
    let Some(Value::String(queue)) = params.remove("queue") else {
        return Err(Problem::new(ErrorCode::BadRequest, "`/queue`: expected the name of a queue")
            .with_detail(json!({ "pointer": "/queue" })));
    };
    let limits: LimitOptions = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&verbs::limit_queue(&context, &caller, &queue, limits).await?)
    }))
}

pub(super) fn queue_list(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let super::Nothing {} = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&json!({ "items": verbs::queues(&context, &caller).await? }))
    }))
}

pub(super) fn queue_pause(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    set_paused(session, params, true)
}

pub(super) fn queue_resume(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    set_paused(session, params, false)
}

fn set_paused(session: &mut Session, params: Params, is_paused: bool) -> Result<Reply, Problem> {
    let OfQueue { queue } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&verbs::pause_queue(&context, &caller, &queue, is_paused).await?)
    }))
}

pub(super) fn queue_purge(session: &mut Session, params: Params) -> Result<Reply, Problem> {
    let OfQueue { queue } = typed(params)?;
    Ok(session.later(move |context, caller| async move {
        value(&verbs::purge_queue(&context, &caller, &queue).await?)
    }))
}
