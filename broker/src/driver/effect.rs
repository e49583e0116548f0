//! What follows from a decision once its records are durable.

use std::sync::Arc;

use tokio::sync::oneshot;
use windlass_core::{
    command::Answer,
    groups,
    job::{Fence, Job},
};

use super::handle::Refused;
use crate::store::Change;

/// Effects that wait for changes.
pub(super) type Groups = groups::Groups<Change, Effect>;

/// Something to do or to tell.
pub(super) enum Effect {
    Answer(oneshot::Sender<Result<Answer, Refused>>, Result<Answer, Refused>),
    AnswerWait(oneshot::Sender<Option<Arc<Job>>>),
    Assign { fence: Fence, job: Arc<Job> },
    Publish(Arc<Job>),
    Stop(Fence),
}
