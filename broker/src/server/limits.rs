//! Bounds of the network side. The unit is part of the name, or of the type.

use std::time::Duration;

/// Sockets open at once; above it new ones wait in the kernel's backlog.
pub(super) const CONNECTIONS_MAX: u32 = 16_384;
/// From the opening of a socket, or the end of an answer, to the end of the next request's head.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The head of a request.
pub(super) const HEAD_BYTES_MAX: usize = 32 << 10;
/// What a body may take in any case, before [`BODY_BYTES_PER_SECOND_MIN`] is asked for.
pub(super) const BODY_GRACE: Duration = Duration::from_secs(20);
/// A body that comes slower than this is given up.
pub(super) const BODY_BYTES_PER_SECOND_MIN: u64 = 1 << 10;
/// Pause after the kernel refused to hand over a connection.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// After its last answer a socket is read this long, so that the answer is not lost to a reset.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// Bytes read and thrown away meanwhile.
pub(super) const LINGER_BYTES_MAX: usize = 64 << 20;

/// From the upgrade to the first `session.hello`, if the upgrade showed no token.
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Bad frames in a row after which a WebSocket is closed.
pub(super) const BAD_FRAMES_MAX: u32 = 3;
/// Read buffer of a WebSocket. It is allocated at once, so it is what an idle one costs.
pub(super) const READ_BUFFER_BYTES: usize = 4 << 10;
/// Answers gathered before they are written.
pub(super) const WRITE_BUFFER_BYTES: usize = 16 << 10;
/// Written but not taken by the socket yet; more than one fragment on top of the write buffer.
pub(super) const WRITE_BUFFER_BYTES_MAX: usize = 256 << 10;
/// Longer answers are sent in fragments of this size, so that no buffer grows to the longest answer.
pub(super) const FRAGMENT_BYTES_MAX: usize = 64 << 10;
/// While more than this waits to be written, a WebSocket is not read and its events wait.
pub(super) const OUTBOX_BYTES_PAUSE: usize = 256 << 10;
/// A WebSocket with more than this waiting to be written is closed.
pub(super) const OUTBOX_BYTES_MAX: usize = 64 << 20;
/// A WebSocket that takes nothing for this long is closed.
pub(super) const WRITE_STALL: Duration = Duration::from_secs(10);
/// A WebSocket that was silent this long is pinged, and closed after as long again.
pub(super) const PING_AFTER: Duration = Duration::from_secs(30);
/// From the broker's close frame to the end of the socket.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The patience of a `job.wait` that names none.
pub(super) const PATIENCE_DEFAULT: Duration = Duration::from_secs(30);
/// What a client is asked to wait before it asks again for the result of a job that is not final.
pub(super) const RETRY_AFTER_SECONDS: u32 = 1;

/// Searches through the store at once, so that they leave room for reads of single records; others wait.
pub(super) const SEARCHES_AT_ONCE_MAX: usize = 4;

/// Bytes of a body gathered by whoever writes it, before they are sent.
pub(super) const BODY_PIECE_BYTES: usize = 256 << 10;
/// Pieces of such a body that may wait for the client; then its writer waits.
pub(super) const BODY_PIECES_MAX: usize = 8;
/// How long whoever reads the whole store rests at most, after each part of it.
pub(super) const WHOLE_READ_REST_MAX: Duration = Duration::from_millis(100);
/// How often a verification tells how far it is.
pub(super) const VERIFY_TOLD_EVERY: Duration = Duration::from_secs(1);

/// Records of connections that ended, kept to be shown.
pub(super) const ENDED_CONNECTIONS_KEPT_MAX: usize = 1_000;
/// How often a changed connection is recorded at most.
pub(super) const RECORD_PAUSE: Duration = Duration::from_secs(1);

const _: () =
    assert!(WRITE_BUFFER_BYTES + FRAGMENT_BYTES_MAX < WRITE_BUFFER_BYTES_MAX, "a fragment always fits");
