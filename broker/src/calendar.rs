//! When the ticks of schedules are: cron expressions in time zones.
//!
//! An expression that names its hours means times of day as the clocks there show them. When clocks are put
//! forward, the ticks of the hour that is left out are one, at the moment of the change; when they are put back,
//! the ticks of the hour that comes twice come the first time only. An expression for every hour (`*` or `*/n`)
//! means time that passes: it skips nothing that is there and comes in both.

use std::{cell::RefCell, collections::HashMap};

use croner::{
    errors::CronError,
    parser::{CronParser, Year},
};
use jiff::{
    SignedDuration, Zoned,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};
use thiserror::Error;
use windlass_core::{job::Timestamp, schedule};
use windlass_wire::limits::{CRON_BYTES_MAX, TIMEZONE_BYTES_MAX};

/// Times looked at for one tick: more than there are seconds in an hour that comes twice.
const CANDIDATES_MAX: usize = 100_000;

/// Why there is no such calendar.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// The expression is too long, or means nothing.
    #[error(
        "not a cron expression: {0}; expected five fields, six with seconds before them, or `@hourly` and the like"
    )]
    Cron(String),
    /// The expression means times that never come.
    #[error("there is no such time")]
    Never,
    /// There is no such time zone.
    #[error("there is no such time zone; expected an IANA name like `Europe/Berlin`")]
    Timezone,
}

/// A cron expression in a time zone.
#[derive(Debug, Clone)]
pub struct Cron {
    expression: croner::Cron,
    zone: TimeZone,
}

impl Cron {
    /// Understands an expression.
    pub fn new(cron: &str, timezone: &str) -> Result<Self, CalendarError> {
        Ok(Self { expression: expression(cron)?, zone: zone(timezone)? })
    }

    /// What the expression means, in plain English.
    pub fn description(&self) -> String {
        self.expression.describe()
    }

    /// The time zone's own name.
    pub fn timezone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The first tick after a time; none = there is none any more.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_millisecond(i64::try_from(after.0).ok()?).ok()?;
        let after = after.to_zoned(self.zone.clone());
        let tick = if self.expression.pattern.hours.from_wildcard {
            self.expression.find_next_occurrence(&after, false).ok()?.timestamp()
        } else {
            self.next_on_the_clock(&after)?
        };
        u64::try_from(tick.as_millisecond()).ok().map(Timestamp)
    }

    fn next_on_the_clock(&self, after: &Zoned) -> Option<jiff::Timestamp> {
        let mut shown = after.datetime();
        for _ in 0..CANDIDATES_MAX {
            shown = self.expression.find_next_occurrence(&shown, false).ok()?;
            let tick = self.first_at(shown)?;
            if tick > after.timestamp() {
                return Some(tick);
            }
        }
        None
    }

    /// When clocks first show this time, or are put past it.
    fn first_at(&self, shown: DateTime) -> Option<jiff::Timestamp> {
        let moment = self.zone.to_ambiguous_timestamp(shown);
        match moment.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => moment.earlier().ok(),
            AmbiguousOffset::Gap { .. } => {
                let behind = moment.later().ok()?.checked_add(SignedDuration::from_secs(1)).ok()?;
                self.zone.preceding(behind).next().map(|change| change.timestamp())
            }
        }
    }
}

fn expression(cron: &str) -> Result<croner::Cron, CalendarError> {
    if cron.len() > CRON_BYTES_MAX {
        return Err(CalendarError::Cron(format!("it is longer than {CRON_BYTES_MAX} bytes")));
    }
    if !cron.is_ascii() {
        return Err(CalendarError::Cron("it is not plain ASCII".to_owned()));
    }
    let fields = cron.split_whitespace().count();
    if !cron.starts_with('@') && !(5..=6).contains(&fields) {
        return Err(CalendarError::Cron(format!("it has {fields} fields")));
    }
    let parser = CronParser::builder().year(Year::Disallowed).build();
    parser.parse(cron).map_err(|error| {
        let (CronError::InvalidPattern(reason)
        | CronError::IllegalCharacters(reason)
        | CronError::ComponentError(reason)) = error
        else {
            return CalendarError::Cron(error.to_string());
        };
        CalendarError::Cron(reason.trim_end_matches('.').to_owned())
    })
}

fn zone(name: &str) -> Result<TimeZone, CalendarError> {
    let known = if name.len() > TIMEZONE_BYTES_MAX { None } else { TimeZone::get(name).ok() };
    known.filter(|zone| !zone.is_unknown()).ok_or(CalendarError::Timezone)
}

/// The calendar of the core. It asks for a time zone once, so that it never waits for the disk after that.
#[derive(Debug, Default)]
pub struct Calendar(RefCell<HashMap<String, TimeZone>>);

impl Calendar {
    fn cron(&self, cron: &str, timezone: &str) -> Result<Cron, CalendarError> {
        let mut zones = self.0.borrow_mut();
        let zone = match zones.get(timezone) {
            Some(zone) => zone.clone(),
            None => zones.entry(timezone.to_owned()).insert_entry(zone(timezone)?).get().clone(),
        };
        Ok(Cron { expression: expression(cron)?, zone })
    }
}

impl schedule::Calendar for Calendar {
    fn next(&self, cron: &str, timezone: &str, after: Timestamp) -> Option<Timestamp> {
        match self.cron(cron, timezone) {
            Ok(known) => known.next(after),
            Err(error) => {
                tracing::error!(cron, timezone, %error, "a schedule has no ticks any more");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
