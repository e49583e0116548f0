//! The accept loop: how many sockets, for how long, and how they end.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{
    Context,
    exchange::Origin,
    http,
    limits::{ACCEPT_PAUSE, CONNECTIONS_MAX},
    ticks,
};
use crate::driver::Ticks;

/// Serves, and turns ticks of schedules into jobs, until `shutdown` is done; then accepts nothing more, lets what runs end, tells every WebSocket to go, and
/// after `drain` cuts what is left.
pub async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    ticks: Ticks,
    drain: Duration,
    shutdown: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let ticking = tokio::spawn(ticks::run(Arc::clone(&context), ticks));
    // Every branch is cancel safe: a permit or socket that is not handed out stays where it is.
    tokio::select! {
        () = shutdown => {}
        () = accept_all(&listener, &context, &permits) => {}
        () = context.connections.keep_recording() => {}
        () = context.live.run(&context) => {}
    }
    drop(listener);
    // Ticks that did not become jobs come after the next start.
    ticking.abort();
    context.draining.cancel();
    // Whoever holds all permits is alone.
    if timeout(drain, permits.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        tracing::warn!("cutting connections that did not end in time");
        context.cut.cancel();
        drop(permits.acquire_many(CONNECTIONS_MAX).await);
    }
}

async fn accept_all(listener: &TcpListener, context: &Arc<Context>, permits: &Arc<Semaphore>) {
    let mut draining = pin!(context.draining.cancelled());
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(permits).acquire_owned().await {
        let (stream, peer) = tokio::select! {
            accepted = accept(listener) => accepted,
            () = &mut draining => return,
        };
        let origin = Origin { peer, permit: Arc::new(permit) };
        drop(tokio::spawn(http::serve_socket(Arc::clone(context), stream, origin)));
    }
}

/// Accepts the next socket, however often the kernel refuses.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client was gone before it was served; the next one may be fine.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "the kernel hands over no connection; is the limit of open files reached?");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
