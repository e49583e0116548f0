//! What a subscription tells, as server-sent events.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Response,
    body::Frame,
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio_util::sync::CancellationToken;
use windlass_wire::topic::Topic;

use super::{
    answer::Answer,
    limits::PING_AFTER,
    verbs::{Notice, Notices},
};

/// When a stream of events ends, beside with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With the final state of the one job it is about.
    WithJob,
    /// With the client.
    WithClient,
}

/// Streams what a subscription tells. Events are kept nowhere, so whoever resumes is told of a gap.
pub(super) fn events(notices: Notices, end: End, is_resumed: bool, draining: CancellationToken) -> Answer {
    let told = Told { notices, end, draining, gap_first: is_resumed, is_over: false };
    let body = StreamBody::new(pieces(told)).boxed_unsync();
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer
}

struct Told {
    notices: Notices,
    end: End,
    draining: CancellationToken,
    gap_first: bool,
    is_over: bool,
}

fn pieces(told: Told) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
    stream::unfold(told, |mut told| async move {
        let piece = told.next().await?;
        Some((Ok(Frame::data(Bytes::from(piece))), told))
    })
}

impl Told {
    async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        if std::mem::take(&mut self.gap_first) {
            return Some(gap(None));
        }
        // Every branch is cancel safe.
        tokio::select! {
            biased;
            notice = self.notices.next() => match notice? {
                Ok(Notice::Event { topic, seq, data, is_last }) => {
                    self.is_over = is_last && self.end == End::WithJob;
                    Some(event(topic, seq, data.get()))
                }
                Ok(Notice::Gap(missed)) => Some(gap(Some(missed))),
                Err(problem) => {
                    tracing::warn!(%problem, "a stream of events ends early");
                    None
                }
            },
            () = self.draining.cancelled() => None,
            () = tokio::time::sleep(PING_AFTER) => Some(": still here\n\n".to_owned()),
        }
    }
}

fn event(topic: Topic, seq: u64, data: &str) -> String {
    match (topic, seq) {
        (Topic::Job, 0) => format!("event: snapshot\ndata: {data}\n\n"),
        (_, 0) => format!("event: {topic}\ndata: {data}\n\n"),
        _ => format!("event: {topic}\nid: {seq}\ndata: {data}\n\n"),
    }
}

fn gap(missed: Option<u64>) -> String {
    let missed = missed.map_or("null".to_owned(), |missed| missed.to_string());
    format!("event: gap\ndata: {{\"missed\":{missed}}}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_carry_their_number_and_snapshots_none() {
        assert_eq!(event(Topic::Job, 7, "{}"), "event: job\nid: 7\ndata: {}\n\n");
        assert_eq!(event(Topic::Job, 0, "{}"), "event: snapshot\ndata: {}\n\n");
        assert_eq!(event(Topic::Stats, 0, "{}"), "event: stats\ndata: {}\n\n");
    }

    #[test]
    fn a_gap_of_unknown_size_says_so() {
        assert_eq!(gap(None), "event: gap\ndata: {\"missed\":null}\n\n");
    }
}
