//! Which failures may pass, and when to try again.

use std::time::Duration;

/// Words of JumpCloud's messages that mark a failure as permanent.
const PERMANENT: [&str; 8] =
    ["exist", "duplicate", "unique", "invalid", "required", "must", "not allowed", "too long"];

/// Whether a failure with this message stays, whatever is tried.
#[must_use]
pub fn is_permanent(message: &str) -> bool {
    let message = message.to_lowercase();
    PERMANENT.iter().any(|word| message.contains(word))
}

/// How long after the job settled a user is sent again: 10 s after the first failure, doubled each
/// time, at most 10 min.
#[must_use]
pub fn backoff(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(10);
    Duration::from_secs((10_u64 << doublings).min(600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide_in_any_case() {
        assert!(is_permanent("Username ALREADY EXISTS"));
        assert!(is_permanent("email is required"));
        assert!(!is_permanent("internal error, try again"));
    }

    #[test]
    fn the_back_off_doubles_up_to_ten_minutes() {
        let seconds: Vec<_> = [0, 1, 2, 3, 6, 7, 8, 4_000_000_000].map(|n| backoff(n).as_secs()).into();
        assert_eq!(seconds, [10, 10, 20, 40, 320, 600, 600, 600]);
    }
}
