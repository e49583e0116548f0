//! Limits every client meets. The unit is part of the name.

/// A frame or HTTP body, each way, after authentication.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// Values in a frame of `MessagePack`: as many as fit a frame of JSON.
pub const FRAME_VALUES_MAX: usize = MESSAGE_BYTES_MAX / 2;
/// Arrays and objects within each other in a frame.
pub const FRAME_DEPTH_MAX: usize = 127;
/// A frame before authentication.
pub const MESSAGE_BYTES_MAX_BEFORE_HELLO: usize = 64 << 10;
/// Arguments of one run, decoded.
pub const ARGS_BYTES_MAX: usize = 4 << 20;
/// Result of one run, decoded.
pub const RESULT_BYTES_MAX: usize = 4 << 20;
/// An uploaded component.
pub const PLUGIN_BYTES_MAX: usize = 32 << 20;
/// A queue's, channel's or connection's name.
pub const NAME_BYTES_MAX: usize = 128;
/// A plugin's name.
pub const PLUGIN_NAME_BYTES_MAX: usize = 63;
/// A request id, serialised.
pub const REQUEST_ID_BYTES_MAX: usize = 256;
/// Tags of one job.
pub const TAGS_MAX: usize = 32;
/// A tag's key or value.
pub const TAG_BYTES_MAX: usize = 256;
/// All tags of one job together: keys and values.
pub const TAGS_BYTES_MAX: usize = 1024;
/// Requests of one WebSocket in flight; above it the broker reads no further.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 1024;
/// Subscriptions of one WebSocket.
pub const SUBSCRIPTIONS_MAX: usize = 64;
/// Jobs of one event of topic `jobs`.
pub const CHANGED_JOBS_MAX: usize = 500;
/// Events of topic `jobs` in a second, for all subscribers together; with more subscribers each is told less often.
pub const CHANGE_EVENTS_PER_SECOND_MAX: usize = 100;
/// Jobs told by topic `jobs` in a second to all subscribers together.
pub const CHANGED_JOBS_PER_SECOND_MAX: usize = 4000;
/// The shortest window of topic `jobs`.
pub const CHANGES_EVERY_MILLIS_MIN: u64 = 100;
/// The longest window of topic `jobs`.
pub const CHANGES_EVERY_MILLIS_MAX: u64 = 10_000;
/// The window of topic `jobs`, unless asked otherwise.
pub const CHANGES_EVERY_MILLIS_DEFAULT: u64 = 250;
/// Jobs on one page.
pub const PAGE_JOBS_MAX: usize = 1000;
/// Jobs on one page, unless asked otherwise.
pub const PAGE_JOBS_DEFAULT: usize = 100;
/// Running jobs shown of one worker.
pub const RUNNING_SHOWN_MAX: usize = 256;
/// Jobs one search looks at before it answers what it found so far.
pub const SEARCH_ROWS_MAX: usize = 10_000;
/// Jobs one bulk action changes.
pub const BULK_JOBS_MAX: usize = 10_000;
/// Refusals one bulk action tells of.
pub const BULK_FAILURES_MAX: usize = 100;
/// Conditions of a filter.
pub const FILTER_CONDITIONS_MAX: usize = 256;
/// Filters within filters.
pub const FILTER_DEPTH_MAX: usize = 16;
/// Values of one `$in`, `$nin` or `$all`.
pub const FILTER_VALUES_MAX: usize = 1000;
/// Patterns of a filter, and words of a `$text`.
pub const FILTER_PATTERNS_MAX: usize = 8;
/// One pattern of a filter.
pub const FILTER_PATTERN_BYTES_MAX: usize = 1024;
/// The path of a field.
pub const FILTER_PATH_BYTES_MAX: usize = 512;
/// Parts of the path of a field.
pub const FILTER_PATH_PARTS_MAX: usize = 16;
/// Fields a query may name in `fields`.
pub const FIELDS_MAX: usize = 64;
/// Fields a query may name in `sort`.
pub const SORT_KEYS_MAX: usize = 4;
/// Attempts of one job.
pub const ATTEMPTS_MAX: u32 = 1000;
/// Jobs one job may come after.
pub const AFTER_JOBS_MAX: usize = 256;
/// Parents above a job: a child of a job that has none is one deep.
pub const JOB_DEPTH_MAX: u32 = 16;
/// Live children of one job.
pub const CHILDREN_LIVE_MAX: usize = 1000;
/// Children counted where one job is shown, the newest first.
pub const CHILDREN_COUNTED_MAX: usize = 1000;
/// An idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// A serial key.
pub const SERIAL_KEY_BYTES_MAX: usize = 128;
/// Jobs one request submits.
pub const SUBMIT_JOBS_MAX: usize = 1000;
/// Jobs one request asks for the states of.
pub const STATUS_JOBS_MAX: usize = 1000;
/// Jobs of a queue that run at once, and starts a rate allows in its span.
pub const QUEUE_LIMIT_MAX: u32 = 10_000;
/// The span of a queue's rate, in milliseconds: a week.
pub const RATE_SPAN_MILLIS_MAX: u64 = 7 * 24 * 3_600_000;
/// Schedules of one channel.
pub const CHANNEL_SCHEDULES_MAX: usize = 10_000;
/// Schedules on one page.
pub const PAGE_SCHEDULES_MAX: usize = 1000;
/// Schedules on one page, unless asked otherwise.
pub const PAGE_SCHEDULES_DEFAULT: usize = 100;
/// The cron expression of a schedule.
pub const CRON_BYTES_MAX: usize = 256;
/// The name of a time zone.
pub const TIMEZONE_BYTES_MAX: usize = 64;
/// The jitter of a schedule, in milliseconds: an hour.
pub const JITTER_MILLIS_MAX: u64 = 3_600_000;
/// Ticks and triggers of a schedule that are remembered.
pub const TICKS_KEPT_MAX: usize = 10;
/// Why a tick was refused, as it is remembered: the message, and the detail as JSON.
pub const TICK_ERROR_BYTES_MAX: usize = 1024;
/// The next ticks of a schedule that are shown.
pub const NEXT_TICKS_SHOWN_MAX: usize = 5;
/// The lowest priority; higher goes first.
pub const PRIORITY_MIN: i8 = -100;
/// The highest priority.
pub const PRIORITY_MAX: i8 = 100;

/// Arguments of one run as JSON text: room for [`ARGS_BYTES_MAX`] in base64 and some names.
pub const ARGS_TEXT_BYTES_MAX: usize = ARGS_BYTES_MAX / 3 * 4 + (64 << 10);

const _: () = assert!(ARGS_TEXT_BYTES_MAX < MESSAGE_BYTES_MAX, "arguments fit a frame");
