//! Who waits for what: requests by their id, subscriptions by the number the broker gave them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use windlass_wire::{frame::Received, id::JobId};

use crate::{ClientError, Update};

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A job is durably queued.
    Accepted(JobId),
    /// Anything else.
    Value(Value),
}

/// The answers and events that are still to come. Shared by the callers and the task that reads the socket.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    requests: HashMap<u64, Waiter>,
    subscriptions: HashMap<u64, Watcher>,
    closed: Option<ClientError>,
}

#[derive(Debug)]
struct Waiter {
    answer: oneshot::Sender<Result<Answer, ClientError>>,
    /// Where events go, if this request opens a subscription. It is known here, and not only to the caller,
    /// because the first event may stand right behind the answer.
    events: Option<mpsc::Sender<Update>>,
}

#[derive(Debug)]
struct Watcher {
    events: mpsc::Sender<Update>,
    missed: u64,
}

impl Answers {
    /// Registers a request before it is sent.
    pub(crate) fn expect(
        &self,
        id: u64,
        events: Option<mpsc::Sender<Update>>,
    ) -> Result<oneshot::Receiver<Result<Answer, ClientError>>, ClientError> {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state();
        if let Some(error) = &state.closed {
            return Err(error.clone());
        }
        state.requests.insert(id, Waiter { answer, events });
        Ok(receiver)
    }

    /// Forgets a request; true if it was still unanswered.
    pub(crate) fn forget_request(&self, id: u64) -> bool {
        self.state().requests.remove(&id).is_some()
    }

    /// Forgets a subscription.
    pub(crate) fn forget_subscription(&self, sub: u64) {
        self.state().subscriptions.remove(&sub);
    }

    /// Hands a received frame to whoever waits for it. A frame nobody waits for any more is dropped.
    pub(crate) fn deliver(&self, frame: Received) -> Result<(), ClientError> {
        let unnumbered = || ClientError::Protocol("an answer without the id of its request".to_owned());
        let mut state = self.state();
        match frame {
            Received::Accepted { id, job } => {
                state
                    .answer(id.and_then(|id| id.as_u64()).ok_or_else(unnumbered)?, Ok(Answer::Accepted(job)));
            }
            Received::Error { id: Some(id), error } => {
                state.answer(id.as_u64().ok_or_else(unnumbered)?, Err(ClientError::Refused(Box::new(error))));
            }
            // Only a frame too broken to have an id is answered like this, and it was ours.
            Received::Error { id: None, error } => return Err(ClientError::Refused(Box::new(error))),
            Received::Result { id, value } => {
                state.answer(id.and_then(|id| id.as_u64()).ok_or_else(unnumbered)?, Ok(Answer::Value(value)));
            }
            Received::Event { sub, seq, data, .. } => state.watch(sub, Update::Event { seq, data }),
            Received::Gap { sub, missed } => state.watch(sub, Update::Gap { missed }),
        }
        Ok(())
    }

    /// Fails everything that waits, and everything that is asked for from now on. The first reason stays.
    pub(crate) fn close(&self, reason: &ClientError) {
        let mut state = self.state();
        if state.closed.is_some() {
            return;
        }
        state.closed = Some(reason.clone());
        state.subscriptions.clear();
        for (_, waiter) in state.requests.drain() {
            // Whoever dropped the receiver no longer wants the answer.
            drop(waiter.answer.send(Err(reason.clone())));
        }
    }

    /// Why the connection closed, if it did.
    pub(crate) fn closed(&self) -> Option<ClientError> {
        self.state().closed.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, id: u64, answer: Result<Answer, ClientError>) {
        let Some(waiter) = self.requests.remove(&id) else { return };
        let opened = match &answer {
            Ok(Answer::Value(value)) => value.get("sub").and_then(Value::as_u64),
            Ok(Answer::Accepted(_)) | Err(_) => None,
        };
        if let (Some(events), Some(sub)) = (waiter.events, opened) {
            self.subscriptions.insert(sub, Watcher { events, missed: 0 });
        }
        // Whoever dropped the receiver no longer wants the answer.
        drop(waiter.answer.send(answer));
    }

    fn watch(&mut self, sub: u64, update: Update) {
        if let Some(watcher) = self.subscriptions.get_mut(&sub) {
            watcher.offer(update);
        }
    }
}

impl Watcher {
    /// Never waits: a slow reader of one subscription must not hold up the answers behind it.
    /// What does not fit is counted, and the gap is announced as soon as there is room.
    fn offer(&mut self, update: Update) {
        if self.missed > 0 && self.events.try_send(Update::Gap { missed: self.missed }).is_ok() {
            self.missed = 0;
        }
        let weight = update.weight();
        if self.missed > 0 || self.events.try_send(update).is_err() {
            self.missed = self.missed.saturating_add(weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn received(frame: &Value) -> Received {
        serde_json::from_value(frame.clone()).unwrap()
    }

    fn event(sub: u64, seq: u64) -> Received {
        received(&json!({"op": "event", "sub": sub, "seq": seq, "topic": "job", "data": {}}))
    }

    #[test]
    fn answers_find_their_requests_in_any_order() {
        let answers = Answers::default();
        let mut first = answers.expect(1, None).unwrap();
        let mut second = answers.expect(2, None).unwrap();
        answers.deliver(received(&json!({"op": "result", "id": 2, "value": "b"}))).unwrap();
        answers.deliver(received(&json!({"op": "result", "id": 1, "value": "a"}))).unwrap();
        assert!(matches!(first.try_recv().unwrap(), Ok(Answer::Value(value)) if value == "a"));
        assert!(matches!(second.try_recv().unwrap(), Ok(Answer::Value(value)) if value == "b"));
    }

    #[test]
    fn closing_fails_what_waits_and_what_comes_later() {
        let answers = Answers::default();
        let mut waiting = answers.expect(1, None).unwrap();
        answers.close(&ClientError::Closed("first".to_owned()));
        answers.close(&ClientError::Closed("second".to_owned()));
        assert!(matches!(waiting.try_recv().unwrap(), Err(ClientError::Closed(reason)) if reason == "first"));
        assert!(matches!(answers.expect(2, None), Err(ClientError::Closed(reason)) if reason == "first"));
    }

    #[test]
    fn an_event_right_behind_the_answer_is_not_lost() {
        let answers = Answers::default();
        let (sender, mut events) = mpsc::channel(4);
        let _answer = answers.expect(1, Some(sender)).unwrap();
        answers.deliver(received(&json!({"op": "result", "id": 1, "value": {"sub": 9}}))).unwrap();
        answers.deliver(event(9, 5)).unwrap();
        assert!(matches!(events.try_recv().unwrap(), Update::Event { seq: 5, .. }));
    }

    #[test]
    fn a_slow_reader_is_told_of_the_gap() {
        let answers = Answers::default();
        let (sender, mut events) = mpsc::channel(2);
        let _answer = answers.expect(1, Some(sender)).unwrap();
        answers.deliver(received(&json!({"op": "result", "id": 1, "value": {"sub": 9}}))).unwrap();
        for seq in 1..=5 {
            answers.deliver(event(9, seq)).unwrap();
        }
        assert!(matches!(events.try_recv().unwrap(), Update::Event { seq: 1, .. }));
        assert!(matches!(events.try_recv().unwrap(), Update::Event { seq: 2, .. }));
        answers.deliver(event(9, 6)).unwrap();
        assert!(matches!(events.try_recv().unwrap(), Update::Gap { missed: 3 }));
        assert!(matches!(events.try_recv().unwrap(), Update::Event { seq: 6, .. }));
    }
}
