//! The only place that reads a clock or draws randomness.
//!
//! Decisions take the time as an argument (`src/plan`), so that tests can run whole histories in
//! virtual time; everything else asks here. Clippy refuses the standard functions elsewhere.
#![expect(clippy::disallowed_methods, reason = "this module is what the ban points to")]

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The wall-clock time. May jump in either direction; never use it to measure a duration.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The monotonic time of this process. Follows tokio's paused time in tests.
#[must_use]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Sixteen random hexadecimal digits: unique for every practical purpose, not a secret.
#[must_use]
pub fn nonce() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// `period` shortened by up to a tenth, so that many periodic actions do not fall together.
#[must_use]
pub fn jittered(period: Duration) -> Duration {
    period.mul_f64(1.0 - rand::random::<f64>() / 10.0)
}
