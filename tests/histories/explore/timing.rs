//! How long things take, and how late things may still happen: what the exploration takes for granted.

use crate::clock::{MINUTE, Ms, SECOND};

/// How long after its intent a request may be sent.
pub const SUBMIT: Ms = 20 * SECOND;

/// The quarantine.
pub const QUARANTINE: Ms = 60 * SECOND;

/// The longest that JumpCloud takes for a job, and the longest that its searches lag behind.
pub const SERVICE: Ms = 15 * SECOND;

/// How long a job may take before it counts as lost: longer than clocks differ.
pub const JOB_TIMEOUT: Ms = 30 * MINUTE;

/// The longest that a request is under way which its sender has given up, counted from the last moment at
/// which its first byte may be sent: with the time of a job and the lag of a search, `25 + 15 + 15` seconds, it
/// has come to pass before the quarantine is over.
pub const DELAY: Ms = 25 * SECOND;

/// The same of requests that are looked for twice, a quarantine apart: before the second look, with job and lag
/// `80 + 15 + 15 < 2 * 60` seconds. Updates, and what an object that goes has sent, are looked for once.
pub const LONG_DELAY: Ms = 80 * SECOND;

/// How soon something is tried again that failed.
pub const AGAIN: Ms = 5 * SECOND;
