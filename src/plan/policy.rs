//! The operator's own settings, as far as decisions depend on them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Settings of the process. Defaults are those of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long after its intent a request may still be sent.
    pub submit_timeout: Duration,
    /// How long a request of unknown outcome is left alone before its users are looked up.
    pub quarantine: Duration,
    /// First poll of a job after it was accepted, and the least distance between polls.
    pub poll_min: Duration,
    /// Greatest distance between polls.
    pub poll_max: Duration,
    /// How long cleaning up after a deleted object may take before its finalizer goes all the same.
    pub cleanup_timeout: Duration,
    /// Whether anything may be written to JumpCloud.
    pub writes: Writes,
}

/// Whether the process may write to JumpCloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// It may.
    Allowed,
    /// It may not (`--read-only`): running jobs are followed, nothing else happens.
    Forbidden,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            submit_timeout: Duration::from_secs(20),
            quarantine: Duration::from_secs(300),
            poll_min: Duration::from_secs(5),
            poll_max: Duration::from_secs(60),
            cleanup_timeout: Duration::from_secs(600),
            writes: Writes::Allowed,
        }
    }
}

/// `time` moved by `by`; at the end of time, that.
#[must_use]
pub fn after(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// `time` moved back by `by`; at the beginning of time, that.
#[must_use]
pub fn before(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}
