//! What is measured. Names and labels are a contract (README.md, Metrics): dashboards rest on them.
//!
//! Label values are `&'static str`, so that no name of a user, object or namespace can become one and
//! the number of series is bounded by the code.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// The prefix of every metric.
pub const PREFIX: &str = "jumpcloud_operator";

/// Seconds. A pass without I/O takes under a millisecond; one with a look-up of 50 users some seconds.
const RECONCILE_BUCKETS: [f64; 10] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Seconds. The last bound is the default of `--submit-timeout`.
const REQUEST_BUCKETS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 20.0];

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// Every metric of the process. Clones share the values.
#[derive(Debug, Clone)]
pub struct Metrics {
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_duration: Durations<KindLabel>,
    api_requests: Family<RequestLabels, Counter>,
    api_request_duration: Durations<RouteLabel>,
    users: Family<UserLabels, Gauge>,
    /// JumpCloud jobs that were accepted and have not ended, over all objects.
    pub jobs_in_flight: Gauge,
    /// Submissions whose outcome is not known yet, over all objects.
    pub submissions_unknown: Gauge,
    /// Connections whose condition Ready is True.
    pub connection_ready: Gauge,
    /// 1 while this replica leads, else 0.
    pub leader: Gauge,
}

impl Metrics {
    /// Registers every metric in `registry`, under [`PREFIX`]. Once per registry.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            reconciles: Family::default(),
            reconcile_duration: Family::new_with_constructor(reconcile_histogram),
            api_requests: Family::default(),
            api_request_duration: Family::new_with_constructor(request_histogram),
            users: Family::default(),
            jobs_in_flight: Gauge::default(),
            submissions_unknown: Gauge::default(),
            connection_ready: Gauge::default(),
            leader: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix(PREFIX);
        // The encoder adds `_total` to counters, the unit to histograms and `_info` to information, so
        // "build" becomes build_info.
        registry.register("reconciles", "Passes over an object, by result", metrics.reconciles.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Time of one pass over an object",
            Unit::Seconds,
            metrics.reconcile_duration.clone(),
        );
        registry.register("api_requests", "Requests to JumpCloud, by result", metrics.api_requests.clone());
        registry.register_with_unit(
            "api_request_duration",
            "Time of one request to JumpCloud, from the first byte sent to the last received",
            Unit::Seconds,
            metrics.api_request_duration.clone(),
        );
        registry.register("users", "Users of all objects, by their last result", metrics.users.clone());
        registry.register(
            "jobs_in_flight",
            "JumpCloud jobs that were accepted and have not ended",
            metrics.jobs_in_flight.clone(),
        );
        registry.register(
            "submissions_unknown",
            "Submissions whose outcome is not known yet",
            metrics.submissions_unknown.clone(),
        );
        registry.register("connection_ready", "Connections that are ready", metrics.connection_ready.clone());
        registry.register("leader", "1 while this replica leads", metrics.leader.clone());
        registry.register(
            "build",
            "The version that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))].to_vec()),
        );
        metrics
    }

    /// Counts one pass over an object of `kind` that ended as `outcome` after `time`.
    pub fn reconciled(&self, kind: &'static str, outcome: &'static str, time: Duration) {
        self.reconciles.get_or_create(&ReconcileLabels { kind, outcome }).inc();
        self.reconcile_duration.get_or_create(&KindLabel { kind }).observe(time.as_secs_f64());
    }

    /// Counts one request to JumpCloud. `route` is a pattern (`GET /systemusers/{id}`), never a path
    /// with a value in it; `outcome` is how it was classified.
    pub fn requested(&self, route: &'static str, outcome: &'static str, time: Duration) {
        self.api_requests.get_or_create(&RequestLabels { route, outcome }).inc();
        self.api_request_duration.get_or_create(&RouteLabel { route }).observe(time.as_secs_f64());
    }

    /// Moves the number of users of `kind`'s objects that have `result` by `change`.
    pub fn users_changed(&self, kind: &'static str, result: &'static str, change: i64) {
        self.users.get_or_create(&UserLabels { kind, result }).inc_by(change);
    }
}

fn reconcile_histogram() -> Histogram {
    Histogram::new(RECONCILE_BUCKETS)
}

fn request_histogram() -> Histogram {
    Histogram::new(REQUEST_BUCKETS)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UserLabels {
    kind: &'static str,
    result: &'static str,
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn names_and_labels_are_those_of_the_contract() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.reconciled("JumpCloudUserBatch", "done", Duration::from_millis(3));
        metrics.requested("POST /bulk/users", "accepted", Duration::from_millis(300));
        metrics.users_changed("JumpCloudUserBatch", "Created", 5);
        metrics.users_changed("JumpCloudUserBatch", "Created", -2);
        metrics.jobs_in_flight.set(2);
        metrics.submissions_unknown.set(1);
        metrics.connection_ready.set(3);
        metrics.leader.set(1);

        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            r#"reconciles_total{kind="JumpCloudUserBatch",outcome="done"} 1"#,
            r#"reconcile_duration_seconds_count{kind="JumpCloudUserBatch"} 1"#,
            r#"reconcile_duration_seconds_bucket{le="0.005",kind="JumpCloudUserBatch"} 1"#,
            r#"api_requests_total{route="POST /bulk/users",outcome="accepted"} 1"#,
            r#"api_request_duration_seconds_count{route="POST /bulk/users"} 1"#,
            r#"users{kind="JumpCloudUserBatch",result="Created"} 3"#,
            "jobs_in_flight 2",
            "submissions_unknown 1",
            "connection_ready 3",
            "leader 1",
            &format!(r#"build_info{{version="{version}"}} 1"#),
        ] {
            let line = format!("{PREFIX}_{line}\n");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}
