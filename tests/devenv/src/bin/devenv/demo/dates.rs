//! The dates of the third act, and how they get into the samples.

use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The zone of the samples.
pub(super) const ZONE: &str = "Europe/Berlin";

/// A date as a manifest has it, and the instant that it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Date {
    lines: String,
    pub(super) instant: Timestamp,
}

impl Date {
    /// The next such day that is not today, at this hour of Berlin's clocks: never near the hours in which they
    /// are moved.
    pub(super) fn next(day: Weekday, hour: i8, now: Timestamp) -> anyhow::Result<Self> {
        let today = now.to_zoned(TimeZone::get(ZONE)?).date();
        let local = today.nth_weekday(1, day)?.to_datetime(time(hour, 0, 0, 0));
        let instant = local.in_tz(ZONE)?.timestamp();
        Ok(Self { lines: format!("  startTime: \"{local}\"\n  timeZone: {ZONE}\n"), instant })
    }

    /// So long from now, in UTC, to the second.
    pub(super) fn soon(after: SignedDuration, now: Timestamp) -> anyhow::Result<Self> {
        let instant = Timestamp::from_second(now.checked_add(after)?.as_second())?;
        Ok(Self { lines: format!("  startTime: \"{instant}\"\n"), instant })
    }

    /// A sample with this date instead of its own.
    pub(super) fn put_into(&self, sample: &str) -> String {
        let mut text = String::new();
        for line in sample.lines() {
            if line.starts_with("  startTime:") {
                text.push_str(&self.lines);
            } else if !line.starts_with("  timeZone:") {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_next_week_in_either_season() {
        let next =
            |day, hour, now: &str| Date::next(day, hour, now.parse().unwrap()).unwrap().instant.to_string();
        // Winter, summer, and a Friday on which it is not that Friday.
        assert_eq!(next(Weekday::Monday, 9, "2026-11-27T20:00:00Z"), "2026-11-30T08:00:00Z");
        assert_eq!(next(Weekday::Friday, 18, "2026-06-30T08:00:00Z"), "2026-07-03T16:00:00Z");
        assert_eq!(next(Weekday::Friday, 18, "2026-11-27T08:00:00Z"), "2026-12-04T17:00:00Z");
    }

    #[test]
    fn a_sample_gets_another_date_and_nothing_else() {
        let now = "2026-11-27T20:00:00.5Z".parse().unwrap();
        let sample = "spec:\n  state: Activated\n  # When.\n  startTime: \"2027-01-04T09:00:00\"\n  timeZone: Europe/Berlin\n  paused: true\n";
        let soon = Date::soon(SignedDuration::from_secs(20), now).unwrap();
        assert_eq!(
            soon.put_into(sample),
            "spec:\n  state: Activated\n  # When.\n  startTime: \"2026-11-27T20:00:20Z\"\n  paused: true\n"
        );
        let monday = Date::next(Weekday::Monday, 9, now).unwrap();
        assert_eq!(monday.put_into(&soon.put_into(sample)), sample.replace("2027-01-04", "2026-11-30"));
    }
}
