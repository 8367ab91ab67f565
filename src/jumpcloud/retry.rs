//! Which failed requests are made again, when, and for how long.
//!
//! Guarantees: a write is made again only when not one byte of it was sent; a read also after 429, 500,
//! 502, 503, 504, a broken connection and a timeout of the network. Nothing is begun after the deadline,
//! and no write again so late that the deadline could come while it still connects: what is known not to
//! have been sent must not become unknown.
//!
//! A pause that the server asks for and that is longer than [`MAX_WAIT`] ends the request instead: the
//! caller knows better things to do than to wait here.
//!
//! Every other repetition is the planner's business, which counts it in the object's status.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::time::Instant;

use crate::jumpcloud::error::Error;
use crate::jumpcloud::throttle::MAX_WAIT;
use crate::jumpcloud::transport::CONNECT_TIMEOUT;
use crate::runtime::clock;

/// What a request does at JumpCloud, which decides whether it may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: a read.
    Read,
    /// Sets or removes a named thing. A second time changes nothing more, but may send mail.
    Set,
    /// Makes something new each time.
    Once,
}

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(4);

/// The time that must be left for a write to be made again: it ends connecting well before the deadline.
const LEAST_FOR_WRITE: Duration = CONNECT_TIMEOUT.saturating_add(Duration::from_secs(1));

/// Repetitions of one request; the deadline usually ends them earlier.
const MAX_RETRIES: usize = 5;

/// Runs `attempt`, which gets its number (from 1), until it succeeds or may not be made again.
pub(crate) async fn run<T, Fut>(
    effect: Effect,
    deadline: Instant,
    mut attempt: impl FnMut(u32) -> Fut,
) -> Result<T, Error>
where
    Fut: Future<Output = Result<T, Error>>,
{
    let delays = ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_max_times(MAX_RETRIES)
        .with_jitter();
    let mut number = 0;
    let numbered = move || {
        number += 1;
        attempt(number)
    };
    numbered
        .retry(delays)
        .sleep(tokio::time::sleep)
        .when(|error| may_repeat(effect, error))
        .adjust(|error, delay| {
            delay_before_next(error, delay?, clock::monotonic(), last_begin(effect, deadline))
        })
        .await
}

/// Whether the request that failed so may be made again by this client.
fn may_repeat(effect: Effect, error: &Error) -> bool {
    match error {
        Error::Connect { .. } => true,
        Error::Token { cause } => cause.is_transient(),
        Error::Timeout | Error::Interrupted { .. } => effect == Effect::Read,
        Error::Status { status, .. } => {
            effect == Effect::Read && matches!(status, 429 | 500 | 502 | 503 | 504)
        }
        // Our own limits have been waited for already, and the rest comes out the same again.
        Error::Throttled { .. }
        | Error::Expired
        | Error::InvalidId
        | Error::TooLarge { .. }
        | Error::Decode { .. } => false,
    }
}

/// When the last repetition may begin; `None` when there may be none.
fn last_begin(effect: Effect, deadline: Instant) -> Option<Instant> {
    match effect {
        Effect::Read => Some(deadline),
        Effect::Set | Effect::Once => deadline.checked_sub(LEAST_FOR_WRITE),
    }
}

/// The wait before the next attempt: the server's wish or our own delay, whichever is longer. `None` when
/// the wish is too long to wait here or the next attempt would begin too late.
fn delay_before_next(
    error: &Error,
    delay: Duration,
    now: Instant,
    last: Option<Instant>,
) -> Option<Duration> {
    let asked = error.retry_after().unwrap_or_default();
    let wait = asked.max(delay);
    (asked <= MAX_WAIT && now + wait < last?).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, retry_after: Option<u64>) -> Error {
        Error::Status { status, message: String::new(), retry_after: retry_after.map(Duration::from_secs) }
    }

    fn connect() -> Error {
        Error::Connect { detail: String::from("refused") }
    }

    /// How often `error` is met before it is given back, when each attempt ends with it.
    async fn attempts(effect: Effect, error: &Error, seconds: u64) -> u32 {
        let deadline = clock::monotonic() + Duration::from_secs(seconds);
        let mut last = 0;
        let answer: Result<(), Error> = run(effect, deadline, |number| {
            last = number;
            async { Err(error.clone()) }
        })
        .await;
        assert_eq!(answer.as_ref(), Err(error));
        assert!(clock::monotonic() <= deadline);
        last
    }

    #[tokio::test(start_paused = true)]
    async fn writes_are_repeated_only_when_nothing_was_sent() {
        let interrupted = Error::Interrupted { detail: String::new() };
        for effect in [Effect::Set, Effect::Once] {
            assert_eq!(attempts(effect, &connect(), 60).await, 6);
            for error in [Error::Timeout, interrupted.clone(), status(503, None), status(429, Some(1))] {
                assert_eq!(attempts(effect, &error, 60).await, 1, "{error}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_may_come_is_asked_for_again() {
        let without = |cause| Error::Token { cause: Box::new(cause) };
        for effect in [Effect::Read, Effect::Set, Effect::Once] {
            assert_eq!(attempts(effect, &without(status(503, None)), 60).await, 6);
            for code in [400, 401, 404] {
                assert_eq!(attempts(effect, &without(status(code, None)), 60).await, 1, "{code}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reads_are_repeated_after_what_may_pass() {
        let interrupted = Error::Interrupted { detail: String::new() };
        for error in [Error::Timeout, interrupted, connect(), status(500, None), status(429, Some(1))] {
            assert_eq!(attempts(Effect::Read, &error, 60).await, 6, "{error}");
        }
        let decode = Error::Decode { status: 200, detail: String::new() };
        for error in [
            status(400, None),
            status(401, None),
            status(404, None),
            status(501, None),
            decode,
            Error::Expired,
        ] {
            assert_eq!(attempts(Effect::Read, &error, 60).await, 1, "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_begins_after_the_deadline() {
        assert_eq!(attempts(Effect::Read, &status(503, Some(4)), 10).await, 3);
        assert_eq!(attempts(Effect::Read, &connect(), 0).await, 1);
        assert_eq!(attempts(Effect::Once, &connect(), 6).await, 1, "it might still connect at the deadline");
        assert!(attempts(Effect::Once, &connect(), 7).await >= 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_pause_is_the_callers_to_wait_for() {
        assert_eq!(attempts(Effect::Read, &status(429, Some(6)), 60).await, 1);
        assert_eq!(attempts(Effect::Read, &status(503, Some(6)), 60).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn success_ends_it() {
        let deadline = clock::monotonic() + Duration::from_secs(30);
        let answer = run(Effect::Read, deadline, |number| async move {
            if number < 3 { Err(connect()) } else { Ok(number) }
        })
        .await;
        assert_eq!(answer, Ok(3));
    }
}
