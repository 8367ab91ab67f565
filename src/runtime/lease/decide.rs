//! What to do about a record (pure): create it, take it, renew it, or wait.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use tokio::time::Instant;

/// The most that a record's own duration is believed, as a multiple of ours: a slip of the hand in
/// `leaseDurationSeconds` must not keep every replica idle until a person comes.
const MOST_PATIENCE: u32 = 10;

/// A record, and since when (on our monotonic clock) it has looked as it does.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    /// The record as read or as written last.
    pub(super) lease: Lease,
    /// When its spec was first seen in this form.
    pub(super) since: Instant,
}

impl Observed {
    /// Takes note of `lease`, read at `at`. Only a change of the spec starts the time anew: labels or
    /// annotations that somebody edits do not prolong a dead holder's lease.
    pub(super) fn note(previous: Option<Self>, lease: Lease, at: Instant) -> Self {
        let since =
            previous.filter(|previous| previous.lease.spec == lease.spec).map_or(at, |same| same.since);
        Self { lease, since }
    }

    fn holder(&self) -> Option<&str> {
        self.lease.spec.as_ref().and_then(holder)
    }

    fn duration(&self, ours: Duration) -> Duration {
        let declared = self.lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        declared
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|&seconds| seconds > 0)
            .map_or(ours, Duration::from_secs)
            .min(ours.saturating_mul(MOST_PATIENCE))
    }
}

/// The next move of a candidate or holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// There is no record: create one that names us.
    Create,
    /// Nobody holds it, or its holder has been silent too long: write us into it.
    Take,
    /// It is ours: write a new renewal time.
    Renew,
    /// Another holds it, until this instant at least.
    Wait {
        /// When it may be taken if it does not change before.
        until: Instant,
    },
}

/// Who holds the lease; an empty identity is nobody.
pub(super) fn holder(spec: &LeaseSpec) -> Option<&str> {
    spec.holder_identity.as_deref().filter(|identity| !identity.is_empty())
}

/// Decides by what was `observed` of the record; `ours` is the configured lease duration.
pub(super) fn decide(observed: Option<&Observed>, me: &str, ours: Duration, now: Instant) -> Action {
    let Some(observed) = observed else { return Action::Create };
    match observed.holder() {
        None => Action::Take,
        Some(holder) if holder == me => Action::Renew,
        Some(_) => {
            let until = observed.since + observed.duration(ours);
            if now >= until { Action::Take } else { Action::Wait { until } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const OURS: Duration = Duration::from_secs(30);

    fn lease(holder: Option<&str>, seconds: Option<i32>) -> Lease {
        let spec = LeaseSpec {
            holder_identity: holder.map(Into::into),
            lease_duration_seconds: seconds,
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    fn after(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_situation_has_its_action() {
        let start = clock::monotonic();
        let wait = |seconds| Action::Wait { until: start + after(seconds) };
        let cases = [
            ("nobody", lease(None, Some(1)), 0, Action::Take),
            ("emptied by the last holder", lease(Some(""), Some(1)), 0, Action::Take),
            ("without a spec", Lease::default(), 0, Action::Take),
            ("ours", lease(Some("me"), Some(15)), 5, Action::Renew),
            ("ours and long expired", lease(Some("me"), Some(15)), 500, Action::Renew),
            ("another's, fresh", lease(Some("you"), Some(15)), 5, wait(15)),
            ("another's, a moment before the end", lease(Some("you"), Some(15)), 14, wait(15)),
            ("another's, at the end", lease(Some("you"), Some(15)), 15, Action::Take),
            ("another's, no duration: ours counts", lease(Some("you"), None), 29, wait(30)),
            ("another's, zero duration: ours counts", lease(Some("you"), Some(0)), 29, wait(30)),
            ("another's, negative duration: ours counts", lease(Some("you"), Some(-7)), 29, wait(30)),
            ("another's, a year: ten times ours counts", lease(Some("you"), Some(31_536_000)), 31, wait(300)),
            ("another's, a year, after that", lease(Some("you"), Some(31_536_000)), 300, Action::Take),
        ];
        for (name, lease, seconds, expected) in cases {
            let observed = Observed::note(None, lease, start);
            assert_eq!(decide(Some(&observed), "me", OURS, start + after(seconds)), expected, "{name}");
        }
        assert_eq!(decide(None, "me", OURS, start), Action::Create);
    }

    #[test]
    fn only_a_change_of_the_spec_starts_the_time_anew() {
        let start = clock::monotonic();
        let first = Observed::note(None, lease(Some("you"), Some(15)), start);

        let mut labelled = first.lease.clone();
        labelled.metadata.resource_version = Some("2".into());
        labelled.metadata.labels = Some([("edited".into(), "yes".into())].into());
        let same = Observed::note(Some(first), labelled, start + after(10));
        assert_eq!(same.since, start);
        assert_eq!(same.lease.metadata.resource_version.as_deref(), Some("2"), "the newest version is kept");

        let renewed = Observed::note(Some(same), lease(Some("you"), Some(16)), start + after(12));
        assert_eq!(renewed.since, start + after(12));
    }
}
