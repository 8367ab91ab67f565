//! What is written into the record (pure): every form keeps the foreign metadata and fields it had.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::config::LeaseConfig;
use super::decide::holder;

/// Seconds a released record asks others to wait. Nobody waits for a lease without a holder; the API
/// refuses zero.
const RELEASED_SECONDS: i32 = 1;

/// The first record of a lease that did not exist.
pub(super) fn created(config: &LeaseConfig, now: Timestamp) -> Lease {
    let mut lease = Lease::default();
    lease.metadata.namespace = Some(config.namespace.clone());
    lease.metadata.name = Some(config.name.clone());
    lease.spec = Some(LeaseSpec { lease_transitions: Some(0), ..held(config, now) });
    lease
}

/// The record with us as its holder: acquired when another held it before, else renewed.
pub(super) fn claimed(previous: &Lease, config: &LeaseConfig, now: Timestamp) -> Lease {
    let mut lease = previous.clone();
    let old = lease.spec.take().unwrap_or_default();
    let continued = holder(&old) == Some(config.identity.as_str());
    let transitions = old.lease_transitions.unwrap_or(0);
    let new = held(config, now);
    lease.spec = Some(LeaseSpec {
        holder_identity: new.holder_identity,
        lease_duration_seconds: new.lease_duration_seconds,
        renew_time: new.renew_time,
        acquire_time: if continued { old.acquire_time } else { new.acquire_time },
        lease_transitions: Some(if continued { transitions } else { transitions.saturating_add(1) }),
        preferred_holder: old.preferred_holder,
        strategy: old.strategy,
    });
    lease
}

/// The record without a holder, to be taken at once by whoever sees it.
///
/// The holder is left out rather than written as an empty string; both read as nobody.
pub(super) fn released(previous: &Lease, now: Timestamp) -> Lease {
    let mut lease = previous.clone();
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = None;
    spec.lease_duration_seconds = Some(RELEASED_SECONDS);
    spec.renew_time = Some(MicroTime(now));
    lease
}

fn held(config: &LeaseConfig, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(config.identity.clone()),
        lease_duration_seconds: Some(config.duration_seconds()),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        ..LeaseSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config(identity: &str) -> LeaseConfig {
        LeaseConfig {
            namespace: "system".into(),
            name: "operator".into(),
            identity: identity.into(),
            duration: Duration::from_secs(30),
            renew_deadline: Duration::from_secs(20),
            retry_period: Duration::from_secs(4),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_renewal_keeps_the_time_of_acquisition_and_counts_no_transition() {
        let first = created(&config("a"), at(1));
        let renewed = claimed(&first, &config("a"), at(5)).spec.unwrap();
        assert_eq!(renewed.acquire_time, Some(MicroTime(at(1))));
        assert_eq!(renewed.renew_time, Some(MicroTime(at(5))));
        assert_eq!(renewed.lease_transitions, Some(0));
    }

    #[test]
    fn a_takeover_counts_a_transition() {
        let first = created(&config("a"), at(1));
        let taken = claimed(&first, &config("b"), at(40)).spec.unwrap();
        assert_eq!(taken.holder_identity.as_deref(), Some("b"));
        assert_eq!(taken.acquire_time, Some(MicroTime(at(40))));
        assert_eq!(taken.lease_transitions, Some(1));

        let emptied = released(&first, at(9));
        assert_eq!(holder(emptied.spec.as_ref().unwrap()), None);
        assert_eq!(emptied.spec.as_ref().unwrap().lease_duration_seconds, Some(1));
        assert_eq!(claimed(&emptied, &config("b"), at(10)).spec.unwrap().lease_transitions, Some(1));
    }

    #[test]
    fn what_others_wrote_into_the_object_survives() {
        let mut first = created(&config("a"), at(1));
        first.metadata.resource_version = Some("7".into());
        first.metadata.labels = Some([("team".into(), "identity".into())].into());
        first.spec.as_mut().unwrap().strategy = Some("OldestEmulationVersion".into());
        for next in [claimed(&first, &config("b"), at(2)), released(&first, at(2))] {
            assert_eq!(next.metadata, first.metadata);
            assert_eq!(next.spec.unwrap().strategy.as_deref(), Some("OldestEmulationVersion"));
        }
    }
}
