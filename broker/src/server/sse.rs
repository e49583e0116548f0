//! The changes of one job as server-sent events.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Response,
    body::Frame,
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::Answer,
    limits::PING_AFTER,
    verbs::{Notice, Watch},
};

/// Streams what a watch of one job tells until the job is final or the broker goes down. Events are kept
/// nowhere, so whoever resumes is told of a gap.
pub(super) fn events(watch: Watch, is_resumed: bool, draining: CancellationToken) -> Answer {
    let told = Told { watch, draining, gap_first: is_resumed, is_over: false };
    let body = StreamBody::new(pieces(told)).boxed_unsync();
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer
}

struct Told {
    watch: Watch,
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
            notice = self.watch.next() => match notice? {
                Ok(Notice::Changed { seq, job, is_final }) => {
                    self.is_over = is_final;
                    Some(changed(seq, job.get()))
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

fn changed(seq: u64, job: &str) -> String {
    if seq == 0 {
        format!("event: snapshot\ndata: {job}\n\n")
    } else {
        format!("event: job\nid: {seq}\ndata: {job}\n\n")
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
        assert_eq!(changed(7, "{}"), "event: job\nid: 7\ndata: {}\n\n");
        assert_eq!(changed(0, "{}"), "event: snapshot\ndata: {}\n\n");
    }

    #[test]
    fn a_gap_of_unknown_size_says_so() {
        assert_eq!(gap(None), "event: gap\ndata: {\"missed\":null}\n\n");
    }
}
