//! One socket, and every request on it: which name and page it comes from, which route it takes, who asks.

use std::{convert::Infallible, pin::pin, sync::Arc};

use hyper::{
    Method, Request,
    body::Incoming,
    header::{ALLOW, AUTHORIZATION, HeaderMap, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use windlass_wire::{
    code::ErrorCode,
    problem::{Problem, ProblemDocument},
};

use super::{
    Context,
    answer::{self, Answer},
    context::Caller,
    exchange::{Exchange, Origin},
    limits::{HEAD_BYTES_MAX, HEAD_TIMEOUT},
    query::Query,
    routes::{Access, Found, Route},
    socket::Socket,
};

/// The header that chooses a channel.
const CHANNEL: &str = "windlass-channel";
/// Counted for requests that led nowhere.
const NO_ROUTE: &str = "none";

/// Serves a socket until it ends or the broker goes down.
pub(super) async fn serve_socket(context: Arc<Context>, stream: TcpStream, origin: Origin) {
    context.traffic.sockets_open.inc();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "answers on this socket may be delayed");
    }
    let service = service_fn(|request| answer_request(Arc::clone(&context), request, origin.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Socket::new(stream)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = context.draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = context.cut.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %origin.peer, %error, "a socket ended early");
    }
    context.traffic.sockets_open.dec();
}

async fn answer_request(
    context: Arc<Context>,
    request: Request<Incoming>,
    origin: Origin,
) -> Result<Answer, Infallible> {
    let (route, answer) = match let_in(&context, &request) {
        Err(problem) => (NO_ROUTE, answer::problem(problem)),
        Ok(Found::Nothing) => {
            let problem =
                Problem::new(ErrorCode::NotFound, format!("there is no `{}`", request.uri().path()));
            (NO_ROUTE, answer::problem(problem.with_hint("`GET /` names what there is")))
        }
        Ok(Found::OtherMethods(methods)) => (NO_ROUTE, other_methods(request.method(), &methods)),
        Ok(Found::Route(route, params)) => {
            let answered = follow(&context, route, params, request, origin).await;
            (route.path, answered.unwrap_or_else(answer::problem))
        }
    };
    context.traffic.count_request(route, answer.status().as_u16());
    Ok(answer::seal(answer))
}

/// Checks the door a request came through, and finds its route.
fn let_in(context: &Context, request: &Request<Incoming>) -> Result<Found, Problem> {
    let host = context.doors.check_host(request.uri(), request.headers())?;
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    // Reading without changing is harmless: no answer lets a foreign page see it.
    if !is_reading || is_upgrade(request.headers()) {
        context.doors.check_origin(host, request.headers())?;
    }
    context.router.find(request.method(), request.uri().path())
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(hyper::header::UPGRADE)
}

async fn follow(
    context: &Arc<Context>,
    route: &Route,
    params: Vec<(String, String)>,
    request: Request<Incoming>,
    origin: Origin,
) -> Result<Answer, Problem> {
    let query = Query::parse(request.uri().query().unwrap_or_default())?;
    let is_authorized = route.access != Access::Open && is_authorized(context, request.headers())?;
    if route.access == Access::Token && !is_authorized {
        return Err(Problem::new(ErrorCode::Unauthorized, "the token is missing")
            .with_hint("send `Authorization: Bearer TOKEN`; `windlass token` prints it"));
    }
    let channel = match request.headers().get(CHANNEL).map(HeaderValue::to_str) {
        None => None,
        Some(Ok(channel)) => Some(channel),
        Some(Err(_)) => return Err(Problem::new(ErrorCode::BadRequest, "the channel's name is not text")),
    };
    let caller = Caller::new(channel)?;
    let exchange =
        Exchange { context: Arc::clone(context), caller, query, params, request, origin, is_authorized };
    (route.endpoint)(exchange).await
}

/// Whether the request shows the token. A wrong one is refused wherever it is shown.
fn is_authorized(context: &Context, headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(shown) = headers.get(AUTHORIZATION) else { return Ok(false) };
    let token = shown
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) if context.token.matches(token.trim()) => Ok(true),
        Some(_) => Err(Problem::new(ErrorCode::Unauthorized, "this is not the token of this broker")
            .with_hint("`windlass token` prints it")),
        None => Err(Problem::new(ErrorCode::Unauthorized, "expected `Authorization: Bearer TOKEN`")),
    }
}

fn other_methods(method: &Method, methods: &[&str]) -> Answer {
    let methods = methods.join(", ");
    let problem =
        Problem::new(ErrorCode::BadRequest, format!("`{method}` is not possible here; `{methods}` are"));
    let document = ProblemDocument { status: 405, ..ProblemDocument::from(problem) };
    answer::document(&document, |headers| {
        if let Ok(methods) = HeaderValue::from_str(&methods) {
            headers.insert(ALLOW, methods);
        }
    })
}
