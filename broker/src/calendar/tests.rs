//! What cron expressions mean, above all on the days when clocks change.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(u64::try_from(at.as_millisecond()).unwrap())
}

/// The next ticks after a time, in UTC without the seconds.
fn ticks(cron: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
    let known = Cron::new(cron, timezone).unwrap();
    let ticks = std::iter::successors(known.next(at(after)), |tick| known.next(*tick));
    let text = |tick: Timestamp| {
        jiff::Timestamp::from_millisecond(i64::try_from(tick.0).unwrap()).unwrap().to_string()
    };
    ticks.take(count).map(|tick| text(tick).replace(":00Z", "Z")).collect()
}

#[test]
fn a_time_that_clocks_leave_out_comes_at_the_change() {
    // 2:00 becomes 3:00 at 1:00 UTC.
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
        ["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"]
    );
    // 2:00 becomes 3:00 at 7:00 UTC.
    assert_eq!(
        ticks("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2),
        ["2026-03-08T07:00Z", "2026-03-09T06:30Z"]
    );
}

#[test]
fn several_times_that_clocks_leave_out_come_once() {
    assert_eq!(
        ticks("*/20 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 4),
        ["2026-03-29T01:00Z", "2026-03-29T01:20Z", "2026-03-29T01:40Z", "2026-03-30T00:00Z"]
    );
}

#[test]
fn a_time_that_clocks_show_twice_comes_once() {
    // 3:00 becomes 2:00 at 1:00 UTC.
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]
    );
    assert_eq!(
        ticks("0,30 2 * * *", "Europe/Berlin", "2026-10-25T00:10:00Z", 2),
        ["2026-10-25T00:30Z", "2026-10-26T01:00Z"]
    );
    // 2:00 becomes 1:00 at 6:00 UTC.
    assert_eq!(
        ticks("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
        ["2026-11-01T05:30Z", "2026-11-02T06:30Z"]
    );
    // After the change what clocks show again has been already.
    assert_eq!(ticks("30 1 * * *", "America/New_York", "2026-11-01T06:10:00Z", 1), ["2026-11-02T06:30Z"]);
}

#[test]
fn every_hour_means_time_that_passes() {
    let hours = |after| ticks("@hourly", "Europe/Berlin", after, 4);
    assert_eq!(
        hours("2026-03-28T23:30:00Z"),
        ["2026-03-29T00:00Z", "2026-03-29T01:00Z", "2026-03-29T02:00Z", "2026-03-29T03:00Z"]
    );
    assert_eq!(
        hours("2026-10-24T23:30:00Z"),
        ["2026-10-25T00:00Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z", "2026-10-25T03:00Z"]
    );
}

#[test]
fn expressions_are_told_in_plain_english() {
    for (cron, description) in [
        ("*/15 * * * *", "At every 15 minutes."),
        ("0 14 * * *", "At 14:00."),
        ("30 0 14 * * MON", "At 14:00:30, on Monday."),
        ("@daily", "At 00:00."),
    ] {
        assert_eq!(Cron::new(cron, "UTC").unwrap().description(), description, "{cron}");
    }
}

#[test]
fn what_means_nothing_is_refused() {
    let long = "0,".repeat(200) + "0 * * * *";
    for cron in
        ["", "* * * *", "* * * * * * *", "60 * * * *", "5-1 * * * *", "@reboot", "* * * * ä", long.as_str()]
    {
        assert!(matches!(Cron::new(cron, "UTC"), Err(CalendarError::Cron(_))), "{cron}");
    }
    for timezone in ["", "Mars/Olympus", "../../etc/passwd", "Etc/Unknown"] {
        assert_eq!(Cron::new("@daily", timezone).unwrap_err(), CalendarError::Timezone, "{timezone}");
    }
}

#[test]
fn a_day_that_never_comes_has_no_tick() {
    for cron in ["0 0 30 2 *", "* * 31 4 *"] {
        assert_eq!(
            Cron::new(cron, "Europe/Berlin").unwrap().next(at("2026-01-01T00:00:00Z")),
            None,
            "{cron}"
        );
    }
    assert_eq!(ticks("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00Z"]);
}

#[test]
fn the_calendar_of_the_core_asks_for_a_zone_once() {
    let calendar = Calendar::default();
    let next =
        |timezone| schedule::Calendar::next(&calendar, "0 0 * * *", timezone, at("2026-01-01T12:00:00Z"));
    assert_eq!(next("Europe/Berlin"), Some(at("2026-01-01T23:00:00Z")));
    assert_eq!(next("Europe/Berlin"), next("Europe/Berlin"));
    assert_eq!(next("Mars/Olympus"), None);
    assert_eq!(calendar.0.borrow().len(), 1);
}

proptest! {
    #[test]
    fn no_text_is_too_much(cron in "[-0-9*/,LW#?@+ A-Za-z]{0,40}", after in 0..4_000_000_000_000_u64) {
        if let Ok(known) = Cron::new(&cron, "America/New_York") {
            let next = known.next(Timestamp(after));
            prop_assert!(next.is_none_or(|next| next.0 > after && next.0.is_multiple_of(1000)));
            prop_assert!(!known.description().is_empty());
        }
    }

    /// Around a change of clocks, against a walk over all minutes.
    #[test]
    fn ticks_are_those_a_walk_over_all_minutes_finds(
        minutes in prop_oneof![Just("*/20"), Just("5,50"), Just("0"), Just("*")],
        hours in prop_oneof![Just("2"), Just("1-3"), Just("1,2"), Just("2,14")],
        zone in prop_oneof![Just("Europe/Berlin"), Just("America/New_York"), Just("Australia/Lord_Howe")],
        day in prop_oneof![Just("2026-03-08"), Just("2026-03-29"), Just("2026-04-05"), Just("2026-10-04"),
            Just("2026-10-25"), Just("2026-11-01")],
    ) {
        let known = Cron::new(&format!("{minutes} {hours} * * *"), zone).unwrap();
        let tz = TimeZone::get(zone).unwrap();
        let begin = format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().unwrap() - SignedDuration::from_hours(18);
        let minute = |n: i64| begin + SignedDuration::from_mins(n);
        // A minute has a tick if clocks show it for the first time, or have been put past it just now.
        let matches = |shown: DateTime| known.expression.is_time_matching(&shown).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let mut expected = Vec::new();
        let mut last = minute(0).to_zoned(tz.clone()).datetime();
        seen.insert(last);
        for n in 1..48 * 60 {
            let shown = minute(n).to_zoned(tz.clone()).datetime();
            let mut passed = last + SignedDuration::from_mins(1);
            let mut has_tick = seen.insert(shown) && matches(shown);
            while passed < shown {
                has_tick |= seen.insert(passed) && matches(passed);
                passed += SignedDuration::from_mins(1);
            }
            if has_tick {
                expected.push(minute(n));
            }
            last = shown;
        }
        let end = minute(48 * 60);
        let first = known.next(Timestamp(u64::try_from(begin.as_millisecond()).unwrap()));
        let found: Vec<_> = std::iter::successors(first, |tick| known.next(*tick))
            .map(|tick| jiff::Timestamp::from_millisecond(i64::try_from(tick.0).unwrap()).unwrap())
            .take_while(|tick| *tick < end)
            .collect();
        prop_assert_eq!(found, expected);
    }
}
