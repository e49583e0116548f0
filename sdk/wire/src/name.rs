//! Names: of plugins, of ops, of queues and channels.

use crate::limits::{NAME_BYTES_MAX, PLUGIN_NAME_BYTES_MAX};

/// The queue of a job that names none.
pub const DEFAULT_QUEUE: &str = "default";
/// The channel of a connection that names none.
pub const DEFAULT_CHANNEL: &str = "0";

/// What an `op` addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpKind {
    /// A handler by its full name, `plugin/function`.
    Handler,
    /// One of the broker's own ops: it has a dot, or is one of the four bare ones.
    Broker,
    /// The short form of a handler's name.
    ShortHandler,
}

/// Decides what an `op` addresses, by its form alone.
pub fn op_kind(op: &str) -> OpKind {
    if op.contains('/') {
        OpKind::Handler
    } else if op.contains('.') || matches!(op, "ping" | "echo" | "identity" | "close") {
        OpKind::Broker
    } else {
        OpKind::ShortHandler
    }
}

/// Whether the text is a plugin's name: `[a-z][a-z0-9-]{0,62}`.
pub fn is_plugin_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= PLUGIN_NAME_BYTES_MAX
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether the text may name a queue, channel or connection: 1 to 128 bytes of
/// letters, digits and `._:-@`, beginning with a letter or digit.
pub fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-' | b'@');
    text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= NAME_BYTES_MAX
        && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_an_op_says_whose_it_is() {
        assert_eq!(op_kind("math/add"), OpKind::Handler);
        assert_eq!(op_kind("math/ops.add"), OpKind::Handler);
        assert_eq!(op_kind("job.submit"), OpKind::Broker);
        assert_eq!(op_kind("ping"), OpKind::Broker);
        assert_eq!(op_kind("add"), OpKind::ShortHandler);
    }

    #[test]
    fn plugin_names_are_plain() {
        for good in ["a", "math", "line-2"] {
            assert!(is_plugin_name(good), "{good}");
        }
        for bad in ["", "2a", "-a", "A", "a_b", "a/b", "../a", "a.b", &"a".repeat(64)] {
            assert!(!is_plugin_name(bad), "{bad}");
        }
    }

    #[test]
    fn queue_names_cannot_hide_anything() {
        for good in ["default", "0", "mail.eu-1", "a:b@c"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", " a", "a\0b", "a/b", ".", "é", &"a".repeat(129)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
