//! How long a request of unknown outcome is left alone. The same for every kind of request.

use std::time::Duration;

use jiff::Timestamp;

use super::facts::Notes;
use super::policy::{Policy, after};
use crate::api::submission::Submission;

impl Submission {
    /// When no byte of the request can be sent any more, by every clock.
    pub(super) fn expiry(&self, notes: &Notes, policy: &Policy, now: Timestamp) -> Timestamp {
        let seen = notes.first_seen.get(&self.nonce).copied().unwrap_or_default();
        match policy.submit_timeout.saturating_sub(seen) {
            Duration::ZERO => self.submit_by,
            rest => self.submit_by.max(after(now, rest)),
        }
    }

    /// When members of an unknown outcome may be looked up: a quarantine after the last byte may have
    /// been sent, and a quarantine after the look before; each by the wall clock and by this process's
    /// own monotonic one, so that no clock skew shortens it.
    pub(super) fn look_due(&self, notes: &Notes, policy: &Policy, now: Timestamp) -> Timestamp {
        let quarantine = policy.quarantine;
        let first_seen = &notes.first_seen;
        let seen = first_seen.get(&self.nonce).copied().unwrap_or_default();
        let seen_look = self.look_sight().and_then(|sight| first_seen.get(&sight).copied());
        // Once it has passed it says nothing more: a bound that moves along with the time would outdate
        // every look the moment it is taken in.
        let rest = |of: Duration, seen: Duration| match of.saturating_sub(seen) {
            Duration::ZERO => Timestamp::MIN,
            rest => after(now, rest),
        };
        after(self.submit_by, quarantine)
            .max(rest(quarantine + policy.submit_timeout, seen))
            .max(self.look_time.map_or(Timestamp::MIN, |time| after(time, quarantine)))
            .max(seen_look.map_or(Timestamp::MIN, |seen| rest(quarantine, seen)))
    }
}
