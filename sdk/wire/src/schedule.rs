//! A schedule as clients write and see it: a job that is submitted again and again.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{id::JobId, problem::Problem, span::Span, submit::SubmitOptions};
#[cfg(feature = "schema")]
use crate::{
    limits::{CRON_BYTES_MAX, JITTER_MILLIS_MAX, TIMEZONE_BYTES_MAX},
    schema,
};

/// The time zone of a schedule that names none.
pub const TIMEZONE_DEFAULT: &str = "UTC";

/// Parameters of `schedule.put` beside the name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScheduleOptions {
    /// When: five fields (minute, hour, day of the month, month, day of the week), six with seconds before them, or
    /// `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = CRON_BYTES_MAX)))]
    pub cron: String,
    /// The IANA time zone the times are meant in. Default `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = TIMEZONE_BYTES_MAX)))]
    pub timezone: Option<String>,
    /// `plugin/function`, or just the function where only one active plugin has it.
    pub handler: String,
    /// Its arguments: an object by name, or an array in order.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::args"))]
    pub args: Value,
    /// How each job is to be run: the options of a submission without `delay`, `run_at`, `hold`, `after`,
    /// `idempotency_key` and `parent`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(transform = schema::repeatable))]
    pub opts: SubmitOptions,
    /// What happens when a job before is still live. Default `allow`.
    #[serde(default)]
    pub overlap: Overlap,
    /// What happens to ticks that were missed. Default `once`.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// Its jobs are submitted up to so much later, each by the same span, so that many schedules do not begin at
    /// once. Up to an hour; default 0.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(transform = schema::span_up_to::<JITTER_MILLIS_MAX>))]
    pub jitter: Span,
    /// Whether it does nothing until it is resumed. Default false.
    #[serde(default)]
    pub paused: bool,
}

/// What happens at a tick when a job of the schedule is still live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Another job is submitted.
    #[default]
    Allow,
    /// The tick is skipped.
    Skip,
    /// The jobs before are cancelled, and another is submitted.
    Cancel,
}

/// What happens to ticks that pass while the broker is down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// One job for all of them.
    #[default]
    Once,
    /// None.
    Skip,
}

/// Gives an enum its names, which are those it has in JSON.
macro_rules! named {
    ($($type:ident { $($variant:ident $name:literal),+ })+) => {$(
        impl $type {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let known = Self::ALL.iter().find(|known| known.name() == text);
                known.copied().ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|known| known.name()).collect();
                    format!("expected one of {}", names.join(", "))
                })
            }
        }
    )+};
}

named! {
    Overlap { Allow "allow", Skip "skip", Cancel "cancel" }
    CatchUp { Once "once", Skip "skip" }
    SkipReason { Missed "missed", Overlap "overlap", Refused "refused" }
}

/// A schedule.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleView {
    /// Its name within its channel.
    pub name: String,
    /// The channel it belongs to.
    pub channel: String,
    /// When.
    pub cron: String,
    /// When, in plain English.
    pub description: String,
    /// The time zone the times are meant in.
    pub timezone: String,
    /// The handler, `plugin/function`.
    pub handler: String,
    /// Its arguments; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Box<RawValue>>,
    /// How each job is run.
    pub opts: SubmitOptions,
    /// What happens when a job before is still live.
    pub overlap: Overlap,
    /// What happens to ticks that were missed.
    pub catch_up: CatchUp,
    /// How much later its jobs are submitted at most.
    pub jitter: Span,
    /// Whether it does nothing until it is resumed.
    pub paused: bool,
    /// When it was made.
    pub created_at: String,
    /// When it was last put, paused or resumed.
    pub changed_at: String,
    /// The next ticks, up to five; none while it is paused.
    pub next: Vec<String>,
    /// What happened last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<TickView>,
    /// What happened at the last ten ticks and triggers, newest first.
    pub recent: Vec<TickView>,
}

/// What came of a tick or a trigger: a job, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TickView {
    /// When it was decided.
    pub at: String,
    /// The time of the tick; none = it was triggered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<String>,
    /// The job that was submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// Why none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkipReason>,
    /// What was wrong, if it was `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// Why a tick submitted no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The broker was down, and `catch_up` is `skip`.
    Missed,
    /// A job before was still live, and `overlap` is `skip`.
    Overlap,
    /// The job could not be submitted.
    Refused,
}

/// A page of the schedules of a channel, by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SchedulePage {
    /// The schedules, without their arguments.
    pub items: Vec<ScheduleView>,
    /// Where the next page begins; none = this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A schedule by its name: what is answered where nothing else is to be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleRef {
    /// The schedule.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_json() {
        fn check<T: Serialize + fmt::Display>(all: &[T]) {
            for one in all {
                assert_eq!(serde_json::to_value(one).unwrap(), format!("{one}").as_str());
            }
        }
        check(Overlap::ALL);
        check(CatchUp::ALL);
        check(SkipReason::ALL);
        assert_eq!("skip".parse(), Ok(Overlap::Skip));
        assert!("some".parse::<CatchUp>().unwrap_err().contains("once, skip"));
    }

    #[test]
    fn only_cron_and_handler_are_needed() {
        let options: ScheduleOptions =
            serde_json::from_str(r#"{"cron":"@hourly","handler":"demo/add"}"#).unwrap();
        assert_eq!((options.overlap, options.catch_up), (Overlap::Allow, CatchUp::Once));
        assert_eq!((options.timezone, options.jitter, options.paused), (None, Span::from_millis(0), false));
        assert!(serde_json::from_str::<ScheduleOptions>(r#"{"cron":"@hourly"}"#).is_err());
    }
}
