//! Waiting with a deadline.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Asks again and again until `ask` gives a value.
///
/// # Panics
/// After `limit`, with what `ask` said last.
pub async fn eventually<T, E: Debug>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let limit = super::weather::patience(limit);
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(value) => return value,
            Err(last) if begun.elapsed() > limit => {
                panic!("{what} did not come within {limit:?}; last: {last:#?}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
