//! What the frames of one connection mean: who asks, which op, what runs for it.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use futures_util::{
    StreamExt as _,
    future::{AbortHandle, Abortable, BoxFuture},
};
use serde_json::{Map, Value, value::RawValue};
use tokio_stream::StreamMap;
use windlass_wire::{
    code::{ErrorCode, close},
    frame::{Request, RequestId},
    id::JobId,
    limits::{ARGS_TEXT_BYTES_MAX, SUBSCRIPTIONS_MAX},
    name::OpKind,
    problem::Problem,
    submit::CallOptions,
};

use super::{
    super::{
        connections::Listed,
        context::{Caller, Context},
        typed,
        verbs::{self, HandlerValue, Notices},
    },
    ops,
};

/// What an op answers.
pub(super) enum Answer {
    /// A job was accepted.
    Accepted(JobId),
    /// What a handler gave.
    Handled(HandlerValue),
    /// A subscription begins.
    Subscribed(Subscription),
    /// A value.
    Value(Box<RawValue>),
}

/// An answer that is there, or is being worked on.
pub(super) enum Reply {
    Later(BoxFuture<'static, Result<Answer, Problem>>),
    Now(Result<Answer, Problem>),
}

/// A reason to close the connection, with its close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

impl Closing {
    /// Nothing is wrong.
    pub(super) const NORMAL: Self = Self::new(1000, "as asked");

    pub(super) const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// What has to be known when the answer is there.
#[derive(Debug, Default)]
pub(super) struct Tag {
    /// The request's id.
    pub(super) id: Option<RequestId>,
    /// Whether nothing is answered.
    pub(super) is_silent: bool,
    /// Whether and why the connection closes after the answer.
    pub(super) closing: Option<Closing>,
    call: Option<u64>,
}

/// A subscription that is not followed yet.
pub(super) struct Subscription {
    number: u64,
    notices: Notices,
    slot: Arc<()>,
}

/// One connection's state above its socket.
pub(super) struct Session {
    pub(super) context: Arc<Context>,
    pub(super) caller: Arc<Caller>,
    pub(super) listed: Listed,
    /// Whether the token was shown.
    pub(super) is_authorized: bool,
    /// Whether `session.hello` was said.
    pub(super) was_greeted: bool,
    /// Set by an op after whose answer the connection closes.
    pub(super) closing: Option<Closing>,
    pub(super) subscriptions: StreamMap<u64, Notices>,
    subscription_slots: Arc<()>,
    last_subscription: u64,
    calls: HashMap<RequestId, (u64, AbortHandle)>,
    last_call: u64,
}

impl Session {
    /// A session of somebody who has shown the token, or still has to.
    pub(super) fn new(context: Arc<Context>, caller: Caller, peer: SocketAddr, is_authorized: bool) -> Self {
        let listed = context.connections.list(peer, &caller.channel);
        Self {
            context,
            caller: Arc::new(caller),
            listed,
            is_authorized,
            was_greeted: false,
            closing: None,
            subscriptions: StreamMap::new(),
            subscription_slots: Arc::new(()),
            last_subscription: 0,
            calls: HashMap::new(),
            last_call: 0,
        }
    }

    /// Begins to work on a request that as JSON text would have at most so many bytes.
    pub(super) fn start(&mut self, mut request: Request, text_bytes: usize) -> (Tag, Reply) {
        let mut tag = Tag { id: request.id.take(), is_silent: !request.reply, ..Tag::default() };
        if let Some(trace) = &request.trace {
            tracing::debug!(op = request.op, trace, "a traced request");
        }
        let closes = request.close;
        let reply = match request.kind() {
            OpKind::Broker => self.broker_op(request),
            OpKind::Handler | OpKind::ShortHandler => self.call(request, &mut tag, text_bytes),
        };
        let asked = closes.then_some(Closing::NORMAL);
        tag.closing = self.closing.take().or(asked);
        (tag, reply.unwrap_or_else(|problem| Reply::Now(Err(problem))))
    }

    /// Cleans up after an answer.
    pub(super) fn end(&mut self, tag: &Tag) {
        if let (Some(id), Some(number)) = (&tag.id, tag.call)
            && self.calls.get(id).is_some_and(|(latest, _)| *latest == number)
        {
            self.calls.remove(id);
        }
    }

    fn broker_op(&mut self, request: Request) -> Result<Reply, Problem> {
        let op = ops::find(&request.op)?;
        if !op.is_open {
            self.authorize()?;
        }
        let mut params = request.rest;
        params.extend(request.args.map(|args| ("args".to_owned(), args)));
        params.extend(request.opts.map(|opts| ("opts".to_owned(), opts)));
        (op.run)(self, params)
    }

    fn call(&mut self, mut request: Request, tag: &mut Tag, text_bytes: usize) -> Result<Reply, Problem> {
        self.authorize()?;
        let base = if request.args.is_some() { "/args" } else { "" };
        let args = request.take_call_args()?;
        // Only a long frame can have arguments that are too long.
        if text_bytes > ARGS_TEXT_BYTES_MAX {
            verbs::check_args_size(args.to_string().len())?;
        }
        let options = match request.opts {
            Some(opts) => typed::from_value("/opts", opts)?,
            None => CallOptions::default(),
        };
        let (context, handler) = (Arc::clone(&self.context), request.op);
        let call =
            async move { verbs::call(&context, &handler, args, base, options).await.map(Answer::Handled) };
        let Some(id) = &tag.id else { return Ok(Reply::Later(Box::pin(call))) };
        let (handle, registration) = AbortHandle::new_pair();
        self.last_call += 1;
        tag.call = Some(self.last_call);
        self.calls.insert(id.clone(), (self.last_call, handle));
        let call = Abortable::new(call, registration);
        Ok(Reply::Later(Box::pin(async move { call.await.unwrap_or_else(|_| Err(call_cancelled())) })))
    }

    /// Stops a call that is in flight.
    pub(super) fn cancel_call(&mut self, id: &RequestId) -> Result<(), Problem> {
        match self.calls.get(id) {
            Some((_, handle)) => {
                handle.abort();
                Ok(())
            }
            None => {
                Err(Problem::new(ErrorCode::NotFound, "no call with this id is in flight on this connection"))
            }
        }
    }

    /// Works on an answer for whoever asks on this connection.
    pub(super) fn later<F>(&self, work: impl FnOnce(Arc<Context>, Arc<Caller>) -> F) -> Reply
    where
        F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        Reply::Later(Box::pin(work(Arc::clone(&self.context), Arc::clone(&self.caller))))
    }

    /// Begins a subscription, if there is room for one more.
    pub(super) fn subscribe(&mut self, subject: verbs::Subject) -> Result<Reply, Problem> {
        // Every subscription, open or about to open, holds a clone.
        if Arc::strong_count(&self.subscription_slots) > SUBSCRIPTIONS_MAX {
            let message = format!("{SUBSCRIPTIONS_MAX} subscriptions are open on this connection");
            return Err(Problem::new(ErrorCode::Overloaded, message).with_hint("close one with `sub.close`"));
        }
        self.last_subscription += 1;
        let (number, slot) = (self.last_subscription, Arc::clone(&self.subscription_slots));
        Ok(self.later(|context, caller| async move {
            let notices = verbs::follow(context, caller, subject).await?;
            Ok(Answer::Subscribed(Subscription { number, notices, slot }))
        }))
    }

    /// Follows a subscription and answers its number.
    pub(super) fn follow(&mut self, subscription: Subscription) -> u64 {
        let Subscription { number, notices, slot } = subscription;
        let notices = notices.inspect(move |_| {
            // Named, so that the stream holds the slot until it is dropped.
            let _ = &slot;
        });
        self.subscriptions.insert(number, Box::pin(notices));
        self.listed.entry().set_subscriptions(self.subscriptions.len());
        number
    }

    /// Ends a subscription.
    pub(super) fn unsubscribe(&mut self, number: u64) -> Result<(), Problem> {
        if self.subscriptions.remove(&number).is_none() {
            return Err(Problem::new(ErrorCode::NotFound, format!("there is no subscription {number}")));
        }
        self.listed.entry().set_subscriptions(self.subscriptions.len());
        Ok(())
    }

    fn authorize(&mut self) -> Result<(), Problem> {
        if self.is_authorized {
            return Ok(());
        }
        self.closing = Some(Closing::new(close::NOT_AUTHENTICATED, "the token is missing"));
        Err(Problem::new(ErrorCode::Unauthorized, "the token is missing")
            .with_hint("begin with `session.hello` and a `token`"))
    }
}

/// The parameters of an op: every key that is not of the envelope, and `args` and `opts` if they are there.
pub(super) type Params = Map<String, Value>;

fn call_cancelled() -> Problem {
    Problem::new(ErrorCode::Cancelled, "the call was cancelled")
}
