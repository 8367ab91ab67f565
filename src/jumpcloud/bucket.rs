//! A token bucket that hands out reservations (pure; the time is an argument).
//!
//! Why not governor: the rate must be changeable while requests wait (connections that share a
//! credential come and go, and the lowest limit holds), a 429 must empty the bucket and stop it until a
//! given time, an unused reservation must be given back, and the fill level is a metric. Governor's
//! limiter is fixed at construction, keeps its state to itself, and hands out no reservations, so callers
//! would race for each freed token. What is needed is shorter than working around that, and runs in
//! tokio's paused time because it takes the time as an argument.
//!
//! Guarantees: in any span of `t` seconds at most `burst + t * rate` requests are let through (plus what
//! was let through before a limit was lowered); reservations are served in the order in which they are
//! made; after a block there is no burst.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// How fast requests may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests per second in the long run.
    pub requests_per_second: NonZeroU32,
    /// Requests that may be made at once after a quiet time.
    pub burst: NonZeroU32,
}

impl Limits {
    /// Limits from plain numbers; zero counts as one.
    #[must_use]
    pub fn new(requests_per_second: u32, burst: u32) -> Self {
        let positive = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self { requests_per_second: positive(requests_per_second), burst: positive(burst) }
    }

    /// The lower of each limit.
    #[must_use]
    pub fn lowest(self, other: Self) -> Self {
        Self {
            requests_per_second: self.requests_per_second.min(other.requests_per_second),
            burst: self.burst.min(other.burst),
        }
    }
}

impl Default for Limits {
    /// 3 requests per second, 10 at once: below the 200 per minute that JumpCloud is said to allow.
    fn default() -> Self {
        Self::new(3, 10)
    }
}

/// The bucket. Tokens below zero are reservations whose time has not come.
#[derive(Debug)]
pub(crate) struct Bucket {
    limits: Limits,
    tokens: f64,
    /// The time that `tokens` is true for. In the future while blocked: nothing is filled in until then.
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, tokens: f64::from(limits.burst.get()), at: now }
    }

    /// Takes a token that becomes usable within `patience` and says how long to wait for it.
    ///
    /// # Errors
    /// The time until a token would be usable, when that is longer than `patience`; nothing is taken.
    pub(crate) fn reserve(&mut self, now: Instant, patience: Duration) -> Result<Duration, Duration> {
        let wait = self.ready_in(now);
        if wait > patience {
            return Err(wait);
        }
        self.tokens -= 1.0;
        Ok(wait)
    }

    /// How long until a token is free; zero when one is.
    pub(crate) fn ready_in(&mut self, now: Instant) -> Duration {
        self.fill(now);
        let missing = (1.0 - self.tokens).max(0.0);
        self.blocked_for(now) + Duration::from_secs_f64(missing / self.rate())
    }

    /// Gives back a token that was not used.
    pub(crate) fn refund(&mut self, now: Instant) {
        self.fill(now);
        self.tokens = (self.tokens + 1.0).min(self.capacity());
    }

    /// Lets nothing through before `until`, and no burst after it. A shorter block changes nothing.
    pub(crate) fn block(&mut self, now: Instant, until: Instant) {
        self.fill(now);
        self.at = self.at.max(until);
        self.tokens = self.tokens.min(1.0);
    }

    /// How long the block lasts; zero when there is none.
    pub(crate) fn blocked_for(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// Changes the limits; what is reserved stays reserved.
    pub(crate) fn set_limits(&mut self, now: Instant, limits: Limits) {
        self.fill(now);
        self.limits = limits;
        self.tokens = self.tokens.min(self.capacity());
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Requests that could be made at this moment.
    pub(crate) fn available(&mut self, now: Instant) -> u32 {
        self.fill(now);
        if self.at > now {
            return 0;
        }
        (1..=self.limits.burst.get()).rev().find(|n| f64::from(*n) <= self.tokens).unwrap_or(0)
    }

    fn fill(&mut self, now: Instant) {
        if now > self.at {
            let seconds = now.duration_since(self.at).as_secs_f64();
            self.tokens = (self.tokens + seconds * self.rate()).min(self.capacity());
            self.at = now;
        }
    }

    fn rate(&self) -> f64 {
        f64::from(self.limits.requests_per_second.get())
    }

    fn capacity(&self) -> f64 {
        f64::from(self.limits.burst.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const LONG: Duration = Duration::from_secs(3600);

    fn near(a: Duration, seconds: f64) {
        assert!((a.as_secs_f64() - seconds).abs() < 1e-6, "{a:?} is not {seconds} s");
    }

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let now = clock::monotonic();
        let mut bucket = Bucket::new(Limits::new(2, 3), now);
        assert_eq!(bucket.available(now), 3);
        for _ in 0..3 {
            near(bucket.reserve(now, LONG).unwrap(), 0.0);
        }
        for n in 1..=4_u32 {
            near(bucket.reserve(now, LONG).unwrap(), f64::from(n) / 2.0);
        }
        assert_eq!(bucket.available(now), 0);
    }

    #[test]
    fn impatience_takes_nothing() {
        let now = clock::monotonic();
        let mut bucket = Bucket::new(Limits::new(1, 1), now);
        bucket.reserve(now, Duration::ZERO).unwrap();
        for _ in 0..5 {
            near(bucket.reserve(now, Duration::from_millis(999)).unwrap_err(), 1.0);
        }
        near(bucket.reserve(now, Duration::from_secs(1)).unwrap(), 1.0);
    }

    #[test]
    fn the_bucket_never_holds_more_than_the_burst() {
        let now = clock::monotonic();
        let mut bucket = Bucket::new(Limits::new(10, 2), now);
        let later = now + LONG;
        bucket.refund(later);
        assert_eq!(bucket.available(later), 2);
    }

    #[test]
    fn a_refund_serves_the_next() {
        let now = clock::monotonic();
        let mut bucket = Bucket::new(Limits::new(1, 1), now);
        bucket.reserve(now, LONG).unwrap();
        bucket.refund(now);
        near(bucket.reserve(now, LONG).unwrap(), 0.0);
    }

    #[test]
    fn a_block_stops_everything_and_leaves_no_burst() {
        let now = clock::monotonic();
        let mut bucket = Bucket::new(Limits::new(2, 10), now);
        bucket.block(now, now + Duration::from_secs(60));
        bucket.block(now, now + Duration::from_secs(5));
        near(bucket.blocked_for(now), 60.0);
        assert_eq!(bucket.available(now), 0);
        near(bucket.reserve(now, Duration::from_secs(59)).unwrap_err(), 60.0);
        near(bucket.reserve(now, LONG).unwrap(), 60.0);
        near(bucket.reserve(now, LONG).unwrap(), 60.5);
        let after = now + Duration::from_secs(61);
        near(bucket.blocked_for(after), 0.0);
        near(bucket.reserve(after, LONG).unwrap(), 0.0);
    }

    #[test]
    fn limits_can_change_at_any_time() {
        let now = clock::monotonic();
        let mut bucket = Bucket::new(Limits::new(10, 10), now);
        bucket.set_limits(now, Limits::new(1, 2));
        assert_eq!(bucket.available(now), 2);
        bucket.set_limits(now, Limits::new(1, 20));
        assert_eq!(bucket.available(now), 2, "a higher burst is not a gift");
    }

    #[test]
    fn lowest_is_taken_limit_by_limit() {
        assert_eq!(Limits::new(1, 9).lowest(Limits::new(5, 2)), Limits::new(1, 2));
        assert_eq!(Limits::new(0, 0), Limits::new(1, 1));
    }
}
