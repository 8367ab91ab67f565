//! How fast one credential may speak to one organisation.
//!
//! A [`Throttle`] is shared by every client of the same credential: one token bucket
//! ([`crate::jumpcloud::bucket`]), one pause after a 429, one limit of concurrent requests.
//!
//! Guarantees: each request to the API costs a token and holds a slot while it runs. A [`Permit`] is a
//! token in hand: it is used once, and an unused one goes back when it is dropped.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use crate::jumpcloud::bucket::{Bucket, Limits};
use crate::runtime::clock;

/// The longest wait for a token. A pass that would have to wait longer ends and comes back.
pub const MAX_WAIT: Duration = Duration::from_secs(5);

/// Requests that may run at the same time.
pub const MAX_CONCURRENT: usize = 4;

/// The pause after a 429 that does not say how long; doubled by each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause that is chosen here.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The longest pause that a server may ask for: a broken header must not stop an organisation for days.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(3600);

/// The shared limits of one credential. Clones are the same throttle.
#[derive(Clone)]
pub struct Throttle {
    shared: Arc<Shared>,
}

struct Shared {
    bucket: Mutex<Bucket>,
    slots: Arc<Semaphore>,
    /// 429 answers since the last good one.
    refusals: AtomicU32,
}

/// One token: the right to make one request. Dropped unused, it goes back.
#[must_use = "a permit that is dropped goes back to the bucket"]
pub struct Permit {
    throttle: Throttle,
    state: Token,
}

#[derive(PartialEq, Eq)]
enum Token {
    InHand,
    Spent,
}

/// No request is possible soon enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("request limit reached; next request possible in {retry_in:?}")]
pub struct Throttled {
    /// When a request will be possible, counted from now.
    pub retry_in: Duration,
}

/// Held while a request runs.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Throttle {
    /// A throttle with a full bucket. Clients of one credential should share one: see
    /// [`crate::jumpcloud::throttles::Throttles`].
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            shared: Arc::new(Shared {
                bucket: Mutex::new(Bucket::new(limits, clock::monotonic())),
                slots: Arc::new(Semaphore::new(MAX_CONCURRENT)),
                refusals: AtomicU32::new(0),
            }),
        }
    }

    /// Waits for a token for at most [`MAX_WAIT`].
    ///
    /// # Errors
    /// [`Throttled`] at once, without waiting, when a token would take longer.
    pub async fn reserve(&self) -> Result<Permit, Throttled> {
        self.reserve_within(MAX_WAIT).await
    }

    /// Waits for a token for at most `patience`.
    pub(crate) async fn reserve_within(&self, patience: Duration) -> Result<Permit, Throttled> {
        let wait =
            self.bucket().reserve(clock::monotonic(), patience).map_err(|retry_in| Throttled { retry_in })?;
        // Made before the wait, so that a caller who gives up while waiting gives the token back.
        let permit = Permit { throttle: self.clone(), state: Token::InHand };
        if !wait.is_zero() {
            sleep(wait).await;
        }
        // A 429 may have come while this token was waited for.
        match self.blocked_for() {
            Duration::ZERO => Ok(permit),
            retry_in => Err(Throttled { retry_in }),
        }
    }

    /// Waits for a free place among the concurrent requests; none before `deadline` gives `None`.
    pub(crate) async fn slot(&self, deadline: Instant) -> Option<Slot> {
        let permit = timeout_at(deadline, Arc::clone(&self.shared.slots).acquire_owned()).await.ok()?.ok()?;
        Some(Slot { _permit: permit })
    }

    /// Stops every request until `until`, and the burst after it: for what is learnt elsewhere.
    pub fn block_until(&self, until: Instant) {
        self.bucket().block(clock::monotonic(), until);
    }

    /// Notes a 429 and returns the pause that begins: what the server asked for, or a growing one.
    pub(crate) fn refused(&self, asked: Option<Duration>) -> Duration {
        let before = self.shared.refusals.fetch_add(1, Ordering::Relaxed).min(16);
        let own = FIRST_PAUSE.saturating_mul(1 << before).min(LONGEST_PAUSE);
        let pause = asked.map_or(own, |asked| asked.min(LONGEST_ASKED_PAUSE));
        self.block_until(clock::monotonic() + pause);
        pause
    }

    /// Notes an answer other than 429.
    pub(crate) fn accepted(&self) {
        self.shared.refusals.store(0, Ordering::Relaxed);
    }

    /// How long the pause after a 429 lasts; zero when there is none.
    #[must_use]
    pub fn blocked_for(&self) -> Duration {
        self.bucket().blocked_for(clock::monotonic())
    }

    /// Requests that could be made at this moment: the metric `rate_tokens`.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.bucket().available(clock::monotonic())
    }

    /// How long until a token is free; zero when one is.
    #[must_use]
    pub fn ready_in(&self) -> Duration {
        self.bucket().ready_in(clock::monotonic())
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.bucket().limits()
    }

    /// Changes the limits. What is reserved stays reserved.
    pub fn set_limits(&self, limits: Limits) {
        self.bucket().set_limits(clock::monotonic(), limits);
    }

    /// Whether anybody but the holder of this one handle has it.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        // The bucket is never left half changed, so a panic elsewhere does not spoil it.
        self.shared.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Uses the token up.
    pub(crate) fn spend(mut self) {
        self.state = Token::Spent;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.state == Token::InHand {
            self.throttle.bucket().refund(clock::monotonic());
        }
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("limits", &self.limits()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_in_virtual_time_and_then_refuses() {
        let throttle = Throttle::new(Limits::new(1, 1));
        let begin = clock::monotonic();
        for _ in 0..6 {
            throttle.reserve().await.unwrap().spend();
        }
        let seconds = (clock::monotonic() - begin).as_secs_f64();
        assert!((4.9..5.2).contains(&seconds), "{seconds}");

        // Six callers at once: the sixth would wait 6 s and is turned away without waiting.
        let callers: Vec<_> = (0..6).map(|_| throttle.clone()).collect();
        let answers = futures::future::join_all(
            callers.iter().map(|throttle| async { throttle.reserve().await.map(Permit::spend) }),
        )
        .await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
        let refused = answers.iter().find_map(|answer| answer.as_ref().err()).unwrap();
        assert!(refused.retry_in > MAX_WAIT && refused.retry_in < Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unused_permit_goes_back() {
        let throttle = Throttle::new(Limits::new(1, 1));
        drop(throttle.reserve().await.unwrap());
        assert_eq!(throttle.available(), 1);
        throttle.reserve().await.unwrap().spend();
        assert_eq!(throttle.available(), 0);

        // A caller that gives up while it waits gives its token back, too.
        let waiting = tokio::time::timeout(Duration::from_millis(100), throttle.reserve()).await;
        assert!(waiting.is_err());
        tokio::time::sleep(Duration::from_millis(901)).await;
        assert_eq!(throttle.available(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_stops_those_who_already_wait() {
        let throttle = Throttle::new(Limits::new(1, 1));
        throttle.reserve().await.unwrap().spend();
        let other = throttle.clone();
        let waiting = tokio::spawn(async move { other.reserve().await.map(Permit::spend) });
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(throttle.refused(Some(Duration::from_secs(30))), Duration::from_secs(30));
        let refused = waiting.await.unwrap().unwrap_err();
        assert!(refused.retry_in > Duration::from_secs(29), "{refused}");
        let refused = throttle.reserve().await.unwrap_err();
        assert!(refused.retry_in > Duration::from_secs(29), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_a_good_answer() {
        let throttle = Throttle::new(Limits::default());
        let seconds: Vec<_> = (0..6).map(|_| throttle.refused(None).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
        throttle.accepted();
        assert_eq!(throttle.refused(None).as_secs(), 5);
        assert_eq!(throttle.refused(Some(Duration::MAX)), LONGEST_ASKED_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_limited_and_waited_for_until_the_deadline() {
        let throttle = Throttle::new(Limits::default());
        let soon = || clock::monotonic() + Duration::from_secs(1);
        let mut held = Vec::new();
        for _ in 0..MAX_CONCURRENT {
            held.push(throttle.slot(soon()).await.unwrap());
        }
        assert!(throttle.slot(soon()).await.is_none());
        held.pop();
        assert!(throttle.slot(soon()).await.is_some());
    }
}
