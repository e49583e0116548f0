//! Bugs that a test plants, to see whether the simulation finds them. Without the feature `planted` there are
//! none, and asking costs nothing.

/// A bug that would break a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// What a commit promises is told before the commit.
    AnswerBeforeDurable = 1,
    /// A cancel is not written.
    CancelOnlyInMemory,
    /// A cancelled job stays live while its run goes on, and takes the run's result.
    CompleteAfterCancel,
    /// One job more than the limit of a queue runs.
    ConcurrencyOffByOne,
    /// A worker's death does not count.
    DeathNotCounted,
    /// The last of several awaited jobs is not waited for.
    DependencyOffByOne,
    /// Scheduled jobs come due a second early.
    DueTooEarly,
    /// A report that comes after its lease has ended still counts, if nobody noticed the end before.
    ExpiredLeaseStillCompletes,
    /// A waiting job is not entered in the timetable of those that expire.
    ExpiryForgotten,
    /// Extending a lease changes nothing.
    ExtendForgotten,
    /// Fences begin anew at each start of the broker.
    FenceWithoutStart,
    /// What went while it was read comes back.
    GoneWhileLoading,
    /// The idempotency key is not written with its job.
    KeyOnlyInMemory,
    /// A lost worker's jobs are forgotten.
    LostWithWorker,
    /// Of missed ticks each makes a job.
    MissedTicksAllRun,
    /// A job of a schedule is not live to it any more once it has begun.
    OverlapForgotten,
    /// Children whose parent was cancelled are left to live at a restart.
    OrphansAfterRestart,
    /// More is parked while what comes before it is read, which then ends the line.
    ParkedWhileLoading,
    /// A pause is forgotten at a restart.
    PauseForgotten,
    /// What passed while a schedule was paused is made up for.
    PausedTicksComeBack,
    /// What is in use is purged all the same.
    PurgedInUse,
    /// Final jobs are purged a second early.
    PurgedTooEarly,
    /// A failure counts twice.
    RetryCountedTwice,
    /// A serial key is free between the attempts of the job that has it.
    SerialKeyFreeBetweenAttempts,
    /// A report under a stale fence ends whatever runs.
    StaleFenceAccepted,
    /// A job starts before its submission is durable.
    StartBeforeDurable,
    /// Ticks are known by their time alone, so that of two schedules with the same one only one comes.
    TickKeyWithoutSchedule,
    /// A tick is not written with its job.
    TickOnlyInMemory,
    /// Ticks come a second early.
    TickTooEarly,
    /// A limit of a tag does not count what runs when it is set.
    TagLimitForgetsRunning,
    /// The starts of a tag's value are forgotten once it has no jobs.
    TagRateForgottenWhenIdle,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 31] = [
        Self::AnswerBeforeDurable,
        Self::CancelOnlyInMemory,
        Self::CompleteAfterCancel,
        Self::ConcurrencyOffByOne,
        Self::DeathNotCounted,
        Self::DependencyOffByOne,
        Self::DueTooEarly,
        Self::ExpiredLeaseStillCompletes,
        Self::ExpiryForgotten,
        Self::ExtendForgotten,
        Self::FenceWithoutStart,
        Self::GoneWhileLoading,
        Self::KeyOnlyInMemory,
        Self::LostWithWorker,
        Self::MissedTicksAllRun,
        Self::OverlapForgotten,
        Self::OrphansAfterRestart,
        Self::ParkedWhileLoading,
        Self::PauseForgotten,
        Self::PausedTicksComeBack,
        Self::PurgedInUse,
        Self::PurgedTooEarly,
        Self::RetryCountedTwice,
        Self::SerialKeyFreeBetweenAttempts,
        Self::StaleFenceAccepted,
        Self::StartBeforeDurable,
        Self::TickKeyWithoutSchedule,
        Self::TickOnlyInMemory,
        Self::TickTooEarly,
        Self::TagLimitForgetsRunning,
        Self::TagRateForgottenWhenIdle,
    ];
}

#[cfg(feature = "planted")]
static PLANTED: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(0);

/// Plants a bug, or takes it away again.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as u8), core::sync::atomic::Ordering::SeqCst);
}

/// Whether this bug is planted.
#[cfg(feature = "planted")]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.load(core::sync::atomic::Ordering::Relaxed) == bug as u8
}

/// Whether this bug is planted: never.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
