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

use super::scraped::Scraped;

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
    schedules: Family<StateLabel, Gauge>,
    /// JumpCloud jobs that were accepted and have not ended, over all objects.
    pub jobs_in_flight: Gauge,
    /// Seconds since the oldest of these jobs was accepted, at the time of the scrape.
    pub oldest_job_age: Scraped,
    /// Submissions whose outcome is not known yet, over all objects.
    pub submissions_unknown: Gauge,
    /// Requests that the credential nearest to its limit could make at the time of the scrape.
    pub rate_tokens: Scraped,
    /// Connections that this process has checked and can use.
    pub connection_ready: Gauge,
    /// Scheduled state changes that may be left in JumpCloud because cleaning up was given up.
    pub cleanup_abandoned: Counter,
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
            schedules: Family::default(),
            jobs_in_flight: Gauge::default(),
            oldest_job_age: Scraped::new(
                "oldest_job_age",
                "Time since the oldest job in flight was accepted; 0 without one",
                Some(Unit::Seconds),
            ),
            submissions_unknown: Gauge::default(),
            rate_tokens: Scraped::new(
                "rate_tokens",
                "Requests that the credential nearest to its limit could make now; absent while no credential is in use",
                None,
            ),
            connection_ready: Gauge::default(),
            cleanup_abandoned: Counter::default(),
            leader: Gauge::default(),
        };
        // Both are there from the beginning, so that none to come is 0 and not absent.
        for state in ["Activated", "Suspended"] {
            metrics.schedules_changed(state, 0);
        }
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
            "schedules",
            "Scheduled state changes that JumpCloud has still to make, by the state they lead to",
            metrics.schedules.clone(),
        );
        registry.register(
            "jobs_in_flight",
            "JumpCloud jobs that were accepted and have not ended",
            metrics.jobs_in_flight.clone(),
        );
        registry.register_collector(Box::new(metrics.oldest_job_age.clone()));
        registry.register(
            "submissions_unknown",
            "Submissions whose outcome is not known yet",
            metrics.submissions_unknown.clone(),
        );
        registry.register_collector(Box::new(metrics.rate_tokens.clone()));
        registry.register(
            "connection_ready",
            "Connections that this process has checked and can use",
            metrics.connection_ready.clone(),
        );
        registry.register(
            "cleanup_abandoned",
            "Scheduled state changes that may be left in JumpCloud because cleaning up after a deleted object was given up",
            metrics.cleanup_abandoned.clone(),
        );
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

    /// Moves the number of state changes that are to come and lead to `state` by `change`.
    pub fn schedules_changed(&self, state: &'static str, change: i64) {
        self.schedules.get_or_create(&StateLabel { state }).inc_by(change);
    }
}

/// A metric as the reference describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The name without the prefix, as it is scraped.
    pub name: String,
    /// counter, gauge, histogram or info.
    pub kind: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// What is measured.
    pub help: String,
}

/// Every metric, read from what a registry prints when each has a value.
#[must_use]
pub fn described() -> Vec<Described> {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    metrics.reconciled("", "", Duration::ZERO);
    metrics.requested("", "", Duration::ZERO);
    metrics.users_changed("", "", 0);
    metrics.oldest_job_age.ask(|| Some(0.0));
    metrics.rate_tokens.ask(|| Some(0.0));
    let mut text = String::new();
    // Writing into a String does not fail.
    if prometheus_client::encoding::text::encode(&mut text, &registry).is_err() {
        return Vec::new();
    }
    read_back(&text)
}

/// The descriptions in a page of metrics: `# HELP` and `# TYPE` of each, and the labels of its first sample.
fn read_back(text: &str) -> Vec<Described> {
    let mut found: Vec<Described> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let mut kind = String::new();
        while let Some(comment) = lines.next_if(|line| line.starts_with('#')) {
            if let Some((_, word)) = comment.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                word.clone_into(&mut kind);
            }
        }
        let sample = lines.peek().copied().unwrap_or_default();
        let labels = sample
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'))
            .map(|(labels, _)| {
                labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name)
            })
            .into_iter()
            .flatten()
            .filter(|name| *name != "le")
            .map(str::to_owned)
            .collect();
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let short = name.strip_prefix(PREFIX).map_or(name, |rest| rest.trim_start_matches('_'));
        found.push(Described { name: format!("{short}{suffix}"), kind, labels, help: help.to_owned() });
    }
    found
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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    /// A dashboard shows the help of a metric; one without it is not done.
    #[test]
    fn every_metric_has_a_name_of_the_contract_and_a_help() {
        let names: Vec<_> = described().into_iter().map(|metric| metric.name).collect();
        assert_eq!(
            names,
            [
                "reconciles_total",
                "reconcile_duration_seconds",
                "api_requests_total",
                "api_request_duration_seconds",
                "users",
                "schedules",
                "jobs_in_flight",
                "submissions_unknown",
                "connection_ready",
                "cleanup_abandoned_total",
                "leader",
                "build_info",
                "oldest_job_age_seconds",
                "rate_tokens",
            ]
        );
        assert!(described().iter().all(|metric| metric.help.ends_with('.') && metric.help.len() > 10));
    }

    #[test]
    fn names_and_labels_are_those_of_the_contract() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.reconciled("JumpCloudUserBatch", "done", Duration::from_millis(3));
        metrics.requested("POST /bulk/users", "accepted", Duration::from_millis(300));
        metrics.users_changed("JumpCloudUserBatch", "Created", 5);
        metrics.users_changed("JumpCloudUserBatch", "Created", -2);
        metrics.jobs_in_flight.set(2);
        metrics.oldest_job_age.ask(|| Some(12.5));
        metrics.submissions_unknown.set(1);
        metrics.rate_tokens.ask(|| Some(7.0));
        metrics.connection_ready.set(3);
        metrics.schedules_changed("Suspended", 4);
        metrics.schedules_changed("Suspended", -1);
        metrics.cleanup_abandoned.inc_by(2);
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
            r#"schedules{state="Suspended"} 3"#,
            "cleanup_abandoned_total 2",
            "jobs_in_flight 2",
            "oldest_job_age_seconds 12.5",
            "submissions_unknown 1",
            "rate_tokens 7.0",
            "connection_ready 3",
            "leader 1",
            &format!(r#"build_info{{version="{version}"}} 1"#),
        ] {
            let line = format!("{PREFIX}_{line}\n");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}
