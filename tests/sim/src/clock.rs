//! The simulator's clock: real time by default, and movable.
//!
//! Everything that happens in the simulated organisation (job execution, `created`, search lag,
//! retention) follows this clock. It is read when a request arrives, so nothing runs in the
//! background: advancing it makes all that fell due happen at its own time, in order.
#![expect(
    clippy::disallowed_methods,
    reason = "the simulator has no other clock; this module is its only reader"
)]

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A clock that can be advanced, set and made faster, slower or still.
#[derive(Clone, Debug)]
pub struct Clock {
    simulated: Timestamp,
    real: Instant,
    rate: f64,
}

impl Clock {
    /// A clock that shows the real time and runs at its rate.
    #[must_use]
    pub fn real() -> Self {
        Self { simulated: Timestamp::now(), real: Instant::now(), rate: 1.0 }
    }

    /// The simulated time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        after(self.simulated, self.real.elapsed().mul_f64(self.rate))
    }

    /// How many simulated seconds pass in a real one; 0 stands still.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Moves the clock forward.
    pub fn advance(&mut self, by: Duration) {
        self.set(after(self.now(), by));
    }

    /// Moves the clock to `to`, also backwards.
    pub fn set(&mut self, to: Timestamp) {
        self.simulated = to;
        self.real = Instant::now();
    }

    /// Changes the rate from now on. Negative and non-finite rates count as 0.
    pub fn set_rate(&mut self, rate: f64) {
        self.set(self.now());
        self.rate = if rate.is_finite() { rate.clamp(0.0, 1e6) } else { 0.0 };
    }
}

/// The real time, for the ledger.
#[must_use]
pub fn wall() -> Timestamp {
    Timestamp::now()
}

/// A monotonic instant of the real time.
#[must_use]
pub fn instant() -> Instant {
    Instant::now()
}

/// `time` plus `by`, at most the last time that can be written.
#[must_use]
pub fn after(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// The spelling of times in answers: UTC with milliseconds.
#[must_use]
pub fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_clock_moves_only_by_hand() {
        let mut clock = Clock::real();
        clock.set_rate(0.0);
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now(), after(start, Duration::from_secs(90)));
        clock.set(start);
        assert_eq!(clock.now(), start);
    }

    #[test]
    fn times_are_written_with_milliseconds() {
        let time: Timestamp = "2026-03-04T05:06:07.891234Z".parse().unwrap();
        assert_eq!(iso(time), "2026-03-04T05:06:07.891Z");
    }
}
