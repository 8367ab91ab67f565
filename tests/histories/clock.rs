//! Virtual time: milliseconds since the history began.

use std::time::Duration;

use jiff::Timestamp;

/// Milliseconds since the history began, or a number of them.
pub type Ms = i64;

/// A second.
pub const SECOND: Ms = 1000;

/// A minute.
pub const MINUTE: Ms = 60 * SECOND;

/// When histories begin: 2026-01-01T00:00:00Z.
const BEGIN: i64 = 1_767_225_600_000;

/// The wall-clock time at that moment, on a clock without skew.
pub fn stamp(at: Ms) -> Timestamp {
    Timestamp::from_millisecond(BEGIN + at).unwrap()
}

/// The moment at which a clock without skew shows this time.
pub fn moment(time: Timestamp) -> Ms {
    time.as_millisecond() - BEGIN
}

/// A duration in milliseconds.
pub fn ms(duration: Duration) -> Ms {
    Ms::try_from(duration.as_millis()).unwrap()
}

/// Milliseconds as a duration; negative ones are none.
pub fn span(ms: Ms) -> Duration {
    Duration::from_millis(ms.max(0).unsigned_abs())
}
