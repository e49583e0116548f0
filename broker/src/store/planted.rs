//! Bugs that a test plants, to see whether the losses of power find them. Without the feature `planted` there are
//! none, and asking costs nothing.

/// A bug that would break a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// A group is acknowledged before it is synced.
    AcknowledgedBeforeSync = 1,
    /// The name of a new segment is not synced.
    DirectoryNotSynced,
    /// The log of the state is synced only at the end of a group, however long it has become.
    LogSyncedSeldom,
    /// The state is marked as having what is only then written to it.
    MarkedBeforeFolded,
    /// A segment is removed before the state has what is in it.
    SegmentRemovedEarly,
    /// A frame is taken for whole without a look at its payload.
    TornFrameAccepted,
    /// What there is of a group that was cut off stays in the journal, and others are written after it.
    TornTailLeft,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 7] = [
        Self::AcknowledgedBeforeSync,
        Self::DirectoryNotSynced,
        Self::LogSyncedSeldom,
        Self::MarkedBeforeFolded,
        Self::SegmentRemovedEarly,
        Self::TornFrameAccepted,
        Self::TornTailLeft,
    ];
}

#[cfg(feature = "planted")]
static PLANTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Plants a bug, or takes it away again.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as u8), std::sync::atomic::Ordering::SeqCst);
}

/// Whether this bug is planted.
#[cfg(feature = "planted")]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.load(std::sync::atomic::Ordering::Relaxed) == bug as u8
}

/// Whether this bug is planted: never.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
