//! The HTTP side of every verb: from a request to a verb, from its value to an answer.

pub(super) mod about;
pub(super) mod calls;
pub(super) mod jobs;
pub(super) mod live;
pub(super) mod plugins;
pub(super) mod queues;
pub(super) mod schedules;
pub(super) mod search;
pub(super) mod store;
