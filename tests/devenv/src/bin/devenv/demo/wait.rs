//! Waiting with a deadline.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Asks until there is an answer.
///
/// # Errors
/// When `ask` fails, or has no answer within `limit`; `what` names it then.
pub(super) fn until<T>(
    what: &str,
    limit: Duration,
    every: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if started.elapsed() >= limit {
            bail!("gave up on {what} after {} s", limit.as_secs());
        }
        std::thread::sleep(every);
    }
}
