//! Ticks of schedules become jobs: each is a submission like any other, checked against the handler's version that is
//! active by now.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use windlass_core::{job::Failure, schedule::DueTick};
use windlass_wire::{limits::TICK_ERROR_BYTES_MAX, problem::Problem};

use super::{Context, verbs};
use crate::driver::Ticks;

/// Ticks that are made jobs of at once, so that many share a commit.
const TICKS_AT_ONCE_MAX: usize = 1024;

/// Turns ticks into jobs for as long as there is a driver.
pub(super) async fn run(context: Arc<Context>, ticks: Ticks) {
    let ticks = UnboundedReceiverStream::new(ticks);
    ticks.for_each_concurrent(TICKS_AT_ONCE_MAX, |due| submit(&context, due)).await;
}

async fn submit(context: &Context, DueTick { schedule, tick }: DueTick) {
    let made = verbs::scheduled_job(context, &schedule, Some(tick)).await;
    let done = context.driver.run_schedule(schedule.id, Some(tick), made.map_err(failure)).await;
    if let Err(refusal) = done {
        tracing::debug!(%refusal, schedule = schedule.name, "a tick changed nothing");
    }
}

/// Why no job can be made, as short as it must be to be remembered.
fn failure(problem: Problem) -> Failure {
    let Problem { code, mut message, detail, .. } = problem;
    message.truncate(message.floor_char_boundary(TICK_ERROR_BYTES_MAX));
    let detail = detail.map(|detail| detail.to_string()).filter(|text| text.len() <= TICK_ERROR_BYTES_MAX);
    Failure { code, message, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_wire::code::ErrorCode;

    #[test]
    fn a_long_reason_is_cut_and_a_short_one_kept() {
        let problem = |length: usize| {
            Problem::new(ErrorCode::BadArguments, "ä".repeat(length))
                .with_detail(json!({ "pointer": "/args/x" }))
        };
        let kept = failure(problem(9));
        assert_eq!((kept.message, kept.detail), ("ä".repeat(9), Some(r#"{"pointer":"/args/x"}"#.to_owned())));
        assert_eq!(failure(problem(5000)).message.len(), TICK_ERROR_BYTES_MAX);
    }
}
