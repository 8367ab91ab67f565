//! What people ask for by edits and annotations: failures that are forgotten, values that were handled.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Draft;
use crate::api::user_status::{LastHandled, reason};
use crate::plan::desired::Desired;
use crate::users::row::fold;

impl Draft {
    /// Forgets failures of rows that are gone or changed; keeps what may prove a user ours.
    pub fn forget_obsolete(&mut self, desired: &Desired, now: Timestamp) {
        let rows: BTreeMap<String, &str> =
            desired.rows.iter().map(|row| (row.key(), row.hash.as_str())).collect();
        for failure in &mut self.status.failures {
            if failure.repair_may_come(now).is_some() {
                continue;
            }
            if rows.get(&fold(&failure.username)).is_none_or(|hash| *hash != failure.hash) {
                failure.attempts = 0;
                failure.retry_time = None;
                failure.unknown_sends = None;
            }
        }
        self.status.failures.retain(|failure| {
            rows.get(&fold(&failure.username)).is_some_and(|hash| *hash == failure.hash)
                || failure.unknown_time.is_some()
                || failure.repair_may_come(now).is_some()
        });
    }

    /// Acts on annotation resolve: `abandon` gives requests of unknown outcome up.
    pub fn abandon(&mut self) {
        for failure in &mut self.status.failures {
            failure.unknown_time = None;
            failure.unknown_sends = None;
        }
        self.status.failures.retain(|failure| failure.reason != reason::SUBMISSION_UNKNOWN);
    }

    /// Notes that annotation resolve was acted on, or has gone.
    pub fn resolved(&mut self, value: Option<&str>) {
        let before = self.status.last_handled.as_ref().and_then(|handled| handled.resolve.as_deref());
        if before != value {
            self.handled().resolve = value.map(str::to_owned);
        }
    }

    /// Acts on annotation retry-failed: everything that failed starts anew.
    pub fn retry_failed(&mut self, value: &str, now: Timestamp) {
        for failure in &mut self.status.failures {
            failure.attempts = 0;
            failure.unknown_sends = None;
            failure.hash = String::new();
            if failure.repair_may_come(now).is_none() {
                failure.retry_time = None;
            }
        }
        self.status
            .failures
            .retain(|failure| failure.unknown_time.is_some() || failure.repair_may_come(now).is_some());
        self.handled().retry_failed = Some(value.to_owned());
    }

    /// Notes that annotation requested-at was acted on.
    pub fn requested(&mut self, value: &str) {
        self.handled().requested_at = Some(value.to_owned());
    }

    fn handled(&mut self) -> &mut LastHandled {
        self.status.last_handled.get_or_insert_default()
    }
}
