//! What follows from a decision once its records are durable.

use std::sync::Arc;

use tokio::sync::oneshot;
use windlass_core::{
    command::Answer,
    groups,
    job::{Fence, Job},
    parked::Load,
};
use windlass_wire::id::JobId;

use super::handle::Refused;
use crate::{
    store::{Change, Pinned},
    worker::JobWork,
};

/// Effects that wait for changes.
pub(super) type Groups = groups::Groups<Change, Effect>;

/// Something to do or to tell.
pub(super) enum Effect {
    /// The last of it keeps what the command is about until it is durable.
    Answer(oneshot::Sender<Result<Answer, Refused>>, Result<Answer, Refused>, Vec<Pinned>),
    AnswerWait(oneshot::Sender<Option<Arc<Job>>>),
    Assign(JobWork),
    /// Read a parked job that a request is about.
    Fetch(JobId),
    /// Read a part of a line of parked jobs.
    Load(Load),
    Publish(Arc<Job>),
    Stop(Fence),
    Unpin(Vec<Pinned>),
}
