//! Every bound of the core. The unit is part of the name.

/// Jobs that are not final, over all queues.
pub const LIVE_JOBS_MAX: usize = 100_000_000;
/// Those of them that are held in memory. Of a queue that limits the values of a tag no job is parked.
pub const UNPARKED_JOBS_MAX: usize = 1_000_000;
/// Plain jobs of one lane, or of the timetable, that are held in memory, about; the others are parked.
pub const WINDOW_JOBS: usize = 4_096;
/// Queues over all channels; their numbers are three bytes of a job's id.
pub const QUEUES_MAX: u32 = 1 << 16;
/// Schedules over all channels.
pub const SCHEDULES_MAX: usize = 50_000;
/// Values of limited tags that have no jobs and are remembered for their rates, over all queues; of more, those
/// whose starts count shortest are forgotten.
pub const TAG_LINES_IDLE_MAX: usize = 100_000;
/// Calls waiting for a slot.
pub const CALLS_WAITING_MAX: usize = 10_000;
/// Idempotency keys remembered at once, over all channels.
pub const IDEMPOTENCY_KEYS_MAX: usize = 1_000_000;
/// How long an idempotency key is remembered, in milliseconds: a day.
pub const IDEMPOTENCY_WINDOW_MILLIS: u64 = 24 * 3_600_000;
/// Jobs one [`crate::command::Command::PurgeQueue`] cancels.
pub const PURGED_JOBS_MAX: usize = 10_000;
/// Ended attempts kept in a job's record.
pub const ATTEMPTS_KEPT_MAX: usize = 10;
/// How long a final job is kept, in milliseconds, unless the job or the broker says otherwise: a week.
pub const RETENTION_MILLIS_DEFAULT: u64 = 7 * 24 * 3_600_000;
/// How long it is known at least that a purged job was there, in milliseconds: 30 days.
pub const TOMBSTONE_MILLIS: u64 = 30 * 24 * 3_600_000;
/// Purged jobs of which that is known.
pub const TOMBSTONES_MAX: u64 = 1_000_000;
/// Slots of one worker.
pub const SLOTS_MAX: u32 = 1024;
/// Bits of a broker's start number; the rest of a fence or sequence number counts within one start.
pub const START_BITS: u32 = 24;
/// Bits of a counter within one start.
pub const COUNTER_BITS: u32 = 64 - START_BITS;
/// Workers a job may lose before it is quarantined, unless it says otherwise.
pub const WORKER_DEATHS_DEFAULT: u32 = 3;
/// The time one attempt may take, in milliseconds, unless the job says otherwise.
pub const RUN_TIMEOUT_MILLIS_DEFAULT: u64 = 30_000;

const _: () = assert!(QUEUES_MAX <= 1 << 24, "a queue's number fits its place in a job's id");
