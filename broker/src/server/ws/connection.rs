//! The loop over one WebSocket: frames in, requests worked on, answers out. One task per connection; what runs for
//! it is dropped with it, so that its calls are stopped and its jobs go on.

use std::{
    borrow::Cow,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use futures_util::{
    StreamExt as _,
    future::BoxFuture,
    stream::{FuturesOrdered, FuturesUnordered, SplitStream},
};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    time::{Instant, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::ProtocolError,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use windlass_wire::{
    code::close,
    frame::{BadFrame, Response},
    limits::{MESSAGE_BYTES_MAX_BEFORE_HELLO, REQUESTS_IN_FLIGHT_MAX},
    problem::Problem,
};

use super::{
    super::{
        limits::{
            BAD_FRAMES_MAX, CLOSE_TIMEOUT, HELLO_TIMEOUT, OUTBOX_BYTES_MAX, OUTBOX_BYTES_PAUSE, PING_AFTER,
        },
        socket::{ReadAllowance, Socket},
        verbs::{self, Notice},
    },
    encoding::Encoding,
    outbox::Outbox,
    session::{Answer, Closing, Reply, Session, Tag},
};

/// How often a connection looks after itself. The first time is when its hello is due.
const TICK: std::time::Duration = HELLO_TIMEOUT;
/// Silent ticks until a ping.
const PING_TICKS: u64 = PING_AFTER.as_secs() / TICK.as_secs();

/// Why the loop ended.
enum Ending {
    /// The client closed the connection.
    ByClient,
    /// The broker closes it.
    Closing(Closing),
    /// The broker's time to end is over.
    Cut,
    /// The socket is gone.
    Lost(String),
    /// The client does not read.
    Stalled,
}

/// A request that is being worked on.
struct InFlight {
    tag: Tag,
    answer: BoxFuture<'static, Result<Answer, Problem>>,
}

impl Future for InFlight {
    type Output = (Tag, Result<Answer, Problem>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.as_mut().poll(cx));
        Poll::Ready((std::mem::take(&mut self.tag), answer))
    }
}

/// One WebSocket and all that runs for it.
pub(super) struct Connection {
    reader: SplitStream<WebSocketStream<Socket>>,
    outbox: Outbox,
    session: Session,
    encoding: Encoding,
    /// There until the token was shown.
    allowance: Option<ReadAllowance>,
    overtaking: FuturesUnordered<InFlight>,
    ordered: FuturesOrdered<InFlight>,
    bad_frames: u32,
    silent_ticks: u64,
}

impl Connection {
    pub(super) fn new(
        stream: WebSocketStream<Socket>,
        allowance: ReadAllowance,
        session: Session,
        encoding: Encoding,
    ) -> Self {
        let (sink, reader) = stream.split();
        Self {
            reader,
            outbox: Outbox::new(sink),
            allowance: (!session.is_authorized).then_some(allowance),
            session,
            encoding,
            overtaking: FuturesUnordered::new(),
            ordered: FuturesOrdered::new(),
            bad_frames: 0,
            silent_ticks: 0,
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn serve(mut self) {
        let ending = self.run().await;
        self.finish(ending).await;
    }

    async fn run(&mut self) -> Ending {
        let context = Arc::clone(&self.session.context);
        let (mut draining, mut cut) = (pin!(context.draining.cancelled()), pin!(context.cut.cancelled()));
        let mut tick = interval_at(Instant::now() + TICK, TICK);
        let mut is_draining = false;
        loop {
            let in_flight = self.overtaking.len() + self.ordered.len();
            self.session.listed.entry().set_in_flight(in_flight);
            if is_draining && in_flight == 0 && self.outbox.is_empty() {
                return Ending::Closing(Closing::new(close::DRAINING, "the broker is shutting down"));
            }
            let has_room = self.outbox.bytes() < OUTBOX_BYTES_PAUSE;
            let may_read = has_room && !is_draining && in_flight < REQUESTS_IN_FLIGHT_MAX;
            // Every branch is cancel safe. Writing comes after everything that may have more to write, so that
            // one flush takes it all.
            let ending = tokio::select! {
                biased;
                message = self.reader.next(), if may_read => self.receive(message),
                Some((tag, answer)) = self.overtaking.next() => self.answer(&tag, answer),
                Some((tag, answer)) = self.ordered.next() => self.answer(&tag, answer),
                Some((sub, notice)) = self.session.subscriptions.next(), if has_room => self.tell(sub, notice),
                written = self.outbox.drain(), if !self.outbox.is_empty() => written.err().as_ref().map(unwritten),
                _ = tick.tick() => self.tick(may_read),
                () = &mut draining, if !is_draining => { is_draining = true; None }
                () = &mut cut => Some(Ending::Cut),
            };
            if let Some(ending) = ending {
                return ending;
            }
            if self.outbox.bytes() > OUTBOX_BYTES_MAX {
                return Ending::Stalled;
            }
        }
    }

    fn receive(&mut self, message: Option<Result<Message, Error>>) -> Option<Ending> {
        self.silent_ticks = 0;
        match message {
            Some(Ok(frame @ (Message::Text(_) | Message::Binary(_)))) => self.request(&frame),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
            Some(Ok(Message::Close(_))) | None => Some(Ending::ByClient),
            Some(Err(error)) => Some(self.unread(&error)),
        }
    }

    fn request(&mut self, frame: &Message) -> Option<Ending> {
        self.session.listed.entry().count_in();
        self.session.context.traffic.frames_received.inc();
        if !self.session.is_authorized && frame.len() > MESSAGE_BYTES_MAX_BEFORE_HELLO {
            return Some(too_large());
        }
        let request = match self.encoding.read(frame) {
            Ok(request) => request,
            Err(bad) => return self.refuse(&bad),
        };
        self.bad_frames = 0;
        let (tag, reply) = self.session.start(request, self.encoding.text_bytes_max(frame.len()));
        if self.session.is_authorized
            && let Some(allowance) = self.allowance.take()
        {
            allowance.lift();
        }
        match reply {
            Reply::Now(answer) if tag.id.is_some() || self.ordered.is_empty() => self.answer(&tag, answer),
            Reply::Now(answer) => {
                self.ordered.push_back(InFlight { tag, answer: Box::pin(std::future::ready(answer)) });
                None
            }
            Reply::Later(answer) if tag.id.is_some() => {
                self.overtaking.push(InFlight { tag, answer });
                None
            }
            Reply::Later(answer) => {
                self.ordered.push_back(InFlight { tag, answer });
                None
            }
        }
    }

    fn answer(&mut self, tag: &Tag, answer: Result<Answer, Problem>) -> Option<Ending> {
        self.session.end(tag);
        let id = tag.id.as_ref();
        let answer = match answer {
            // The number is what the client needs to know which events are meant.
            Ok(Answer::Subscribed(subscription)) => {
                let sub = self.session.follow(subscription);
                verbs::json(&json!({ "sub": sub })).map(Answer::Value)
            }
            other => other,
        };
        if !tag.is_silent {
            match answer {
                Ok(Answer::Accepted(job)) => self.send(&Response::Accepted { id, job }),
                Ok(Answer::Handled(value)) => self.send_frame(self.encoding.write_result(id, &value)),
                Ok(Answer::Value(value)) => self.send(&Response::Result { id, value: &value }),
                Ok(Answer::Subscribed(_)) => {}
                Err(error) => self.send(&Response::Error { id, error: &error }),
            }
        }
        tag.closing.map(Ending::Closing)
    }

    fn tell(&mut self, sub: u64, notice: Result<Notice, Problem>) -> Option<Ending> {
        match notice {
            Ok(Notice::Event { topic, seq, data, .. }) => {
                self.send(&Response::Event { sub, seq, topic: topic.name(), data: &data });
                None
            }
            Ok(Notice::Gap(missed)) => {
                self.send(&Response::Gap { sub, missed });
                None
            }
            Err(problem) => {
                tracing::warn!(%problem, "a subscription cannot go on");
                Some(Ending::Closing(Closing::new(CloseCode::Error.into(), "a subscription failed")))
            }
        }
    }

    fn send(&mut self, response: &Response<'_>) {
        self.send_frame(self.encoding.write(response));
    }

    fn send_frame(&mut self, frame: Message) {
        self.outbox.push_frame(frame);
        self.session.listed.entry().count_out();
        self.session.context.traffic.frames_sent.inc();
    }

    fn refuse(&mut self, bad: &BadFrame) -> Option<Ending> {
        self.send(&Response::Error { id: bad.id.as_ref(), error: &bad.problem });
        self.bad_frames += 1;
        let closing = Closing::new(close::BAD_FRAMES, "three bad frames in a row");
        (self.bad_frames == BAD_FRAMES_MAX).then_some(Ending::Closing(closing))
    }

    fn tick(&mut self, may_read: bool) -> Option<Ending> {
        if !self.session.is_authorized {
            return Some(Ending::Closing(Closing::new(close::HELLO_TOO_LATE, "no session.hello in time")));
        }
        // A client that is not read cannot be heard.
        self.silent_ticks = if may_read { self.silent_ticks + 1 } else { 0 };
        if self.silent_ticks == PING_TICKS {
            self.outbox.push_ping();
        }
        (self.silent_ticks == 2 * PING_TICKS).then(|| Ending::Lost("no answer to a ping".to_owned()))
    }

    fn unread(&self, error: &Error) -> Ending {
        let is_spent = self.allowance.as_ref().is_some_and(ReadAllowance::is_spent);
        let is_reset = matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake));
        if matches!(error, Error::Capacity(_)) || is_spent {
            too_large()
        } else if matches!(error, Error::Utf8(_)) {
            Ending::Closing(Closing::new(CloseCode::Invalid.into(), "text that is not UTF-8"))
        } else if matches!(error, Error::Protocol(_)) && !is_reset {
            Ending::Closing(Closing::new(CloseCode::Protocol.into(), "not a WebSocket frame"))
        } else {
            Ending::Lost(error.to_string())
        }
    }

    /// Stops what runs for the connection, says goodbye as far as that is possible, and ends the record.
    async fn finish(self, ending: Ending) {
        let Self { mut reader, mut outbox, session, overtaking, ordered, .. } = self;
        drop((overtaking, ordered));
        let is_there = matches!(ending, Ending::ByClient | Ending::Closing(_) | Ending::Stalled);
        let (closing, reason): (_, Cow<'_, str>) = match ending {
            Ending::ByClient => {
                outbox.clear();
                (None, "closed by the client".into())
            }
            Ending::Closing(closing) => {
                (Some(closing), format!("closed: {} ({})", closing.reason, closing.code).into())
            }
            Ending::Cut => (None, "closed: the broker was shut down".into()),
            Ending::Lost(error) => (None, format!("lost: {error}").into()),
            Ending::Stalled => {
                outbox.clear();
                let closing = Closing::new(close::TOO_FAST, "answers are not read");
                (Some(closing), "closed: answers are not read (4429)".into())
            }
        };
        tracing::debug!(connection = session.listed.entry().id(), %reason, "a connection ends");
        session.listed.end(reason.into_owned());
        if !is_there {
            return;
        }
        let goodbye = async {
            if let Some(Closing { code, reason }) = closing {
                outbox.push_close(CloseFrame { code: code.into(), reason: reason.into() });
            }
            // Reading on answers the client's close frame or waits for the answer to ours, and lets a client that
            // reads only after it has written come to reading.
            let (written, ()) =
                tokio::join!(outbox.drain(), async { while let Some(Ok(_)) = reader.next().await {} });
            if let Err(error) = written {
                tracing::debug!(%error, "a connection was gone before goodbye");
            }
            if let Ok(stream) = reader.reunite(outbox.into_sink())
                && let Err(error) = stream.into_inner().shutdown().await
            {
                tracing::debug!(%error, "a socket was gone before its end");
            }
        };
        // A client that does not answer in time has had its chance.
        drop(timeout(CLOSE_TIMEOUT, goodbye).await);
    }
}

fn too_large() -> Ending {
    Ending::Closing(Closing::new(close::TOO_LARGE, "the frame is too large"))
}

fn unwritten(error: &Error) -> Ending {
    let is_stalled = matches!(error, Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut);
    if is_stalled { Ending::Stalled } else { Ending::Lost(error.to_string()) }
}
