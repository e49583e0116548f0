//! Subscriptions, whatever they are about: what may be followed, and what is told.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt as _, stream};
use serde_json::value::RawValue;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use windlass_wire::{
    limits::{CHANGES_EVERY_MILLIS_DEFAULT, CHANGES_EVERY_MILLIS_MAX, CHANGES_EVERY_MILLIS_MIN},
    problem::Problem,
    span::Span,
    topic::Topic,
};

use super::watch::{Watch, WatchFilter};
use crate::server::{
    context::{Caller, Context},
    live::{ChangesKey, List, ListKey, Told},
};

/// What a subscription tells.
#[derive(Debug)]
pub(in crate::server) enum Notice {
    /// Something happened.
    Event {
        /// What it is about.
        topic: Topic,
        /// Grows with every event of the subscription; 0 = how something was found.
        seq: u64,
        /// What happened, as clients see it.
        data: Arc<RawValue>,
        /// Whether it is a job that never changes again.
        is_last: bool,
    },
    /// So many events were missed.
    Gap(u64),
}

/// What a subscription tells, one after the other; it ends with the broker.
pub(in crate::server) type Notices = Pin<Box<dyn Stream<Item = Result<Notice, Problem>> + Send>>;

/// What may be followed.
#[derive(Debug)]
pub(in crate::server) enum Subject {
    /// Every change of the jobs that match.
    Job(WatchFilter),
    /// The jobs that match and changed within a window, as they are now.
    Jobs(WatchFilter, Span),
    /// A list, and figures.
    List(List),
}

impl Subject {
    /// Refuses what the topic does not take: the key, and why.
    pub(in crate::server) fn new(
        topic: Topic,
        filter: Option<WatchFilter>,
        every: Option<Span>,
    ) -> Result<Self, (&'static str, String)> {
        if let Some(every) = every {
            check_every(topic, every).map_err(|reason| ("every", reason))?;
        }
        let list = match topic {
            Topic::Job => return Ok(Self::Job(filter.unwrap_or_default())),
            Topic::Jobs => {
                let every = every.unwrap_or(Span::from_millis(CHANGES_EVERY_MILLIS_DEFAULT));
                return Ok(Self::Jobs(filter.unwrap_or_default(), every));
            }
            Topic::Connections => List::Connections,
            Topic::Plugins => List::Plugins,
            Topic::Stats => List::Stats,
            Topic::Workers => List::Workers,
        };
        match filter {
            Some(_) => Err(("filter", format!("the topic `{topic}` takes no filter"))),
            None => Ok(Self::List(list)),
        }
    }
}

fn check_every(topic: Topic, every: Span) -> Result<(), String> {
    if topic != Topic::Jobs {
        return Err(format!("the topic `{topic}` is told when it changes; only `jobs` takes `every`"));
    }
    let allowed = CHANGES_EVERY_MILLIS_MIN..=CHANGES_EVERY_MILLIS_MAX;
    if allowed.contains(&every.millis()) {
        return Ok(());
    }
    Err(format!("expected {CHANGES_EVERY_MILLIS_MIN} to {CHANGES_EVERY_MILLIS_MAX} milliseconds"))
}

/// Begins a subscription.
pub(in crate::server) async fn follow(
    context: Arc<Context>,
    caller: Arc<Caller>,
    subject: Subject,
) -> Result<Notices, Problem> {
    let channel = caller.channel.clone();
    match subject {
        Subject::Job(filter) => {
            let watch = Watch::open(context, caller, filter).await?;
            Ok(Box::pin(stream::unfold(watch, |mut watch| async move {
                let notice = watch.next().await?;
                Some((notice, watch))
            })))
        }
        Subject::Jobs(filter, every) => {
            let key = ChangesKey { channel, filter, every: every.duration() };
            let told = context.live.follow_changes(key)?;
            Ok(Box::pin(notices(Topic::Jobs, told)))
        }
        Subject::List(list) => {
            let (now, told) = context.live.follow_list(&context, ListKey { list, channel }).await?;
            let first = event(list.topic(), 0, now);
            Ok(Box::pin(stream::iter([Ok(first)]).chain(notices(list.topic(), told))))
        }
    }
}

/// What a feed tells one who follows it.
fn notices(topic: Topic, told: Receiver<Told>) -> impl Stream<Item = Result<Notice, Problem>> + Send {
    stream::unfold(told, move |mut told| async move {
        let notice = match told.recv().await {
            Ok(Told::Event { seq, data }) => event(topic, seq, data),
            Ok(Told::Gap(missed)) | Err(RecvError::Lagged(missed)) => Notice::Gap(missed),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(notice), told))
    })
}

fn event(topic: Topic, seq: u64, data: Arc<RawValue>) -> Notice {
    Notice::Event { topic, seq, data, is_last: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_topic_does_not_take_is_refused() {
        let key = |topic, filter: Option<WatchFilter>, every: Option<u64>| {
            Subject::new(topic, filter, every.map(Span::from_millis)).map_err(|(key, _)| key).err()
        };
        assert_eq!(key(Topic::Stats, None, Some(250)), Some("every"));
        assert_eq!(key(Topic::Job, None, Some(250)), Some("every"));
        assert_eq!(key(Topic::Plugins, Some(WatchFilter::default()), None), Some("filter"));
        assert_eq!(key(Topic::Jobs, None, Some(CHANGES_EVERY_MILLIS_MIN - 1)), Some("every"));
        assert_eq!(key(Topic::Jobs, None, Some(CHANGES_EVERY_MILLIS_MAX)), None);
        assert_eq!(key(Topic::Jobs, Some(WatchFilter::default()), None), None);
    }
}
