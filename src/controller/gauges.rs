//! Numbers over all objects, kept up to date from what each pass leaves behind.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::api::submission::{Phase, Recorded};
use crate::api::user_status::{Counts, JumpCloudUserBatchStatus, result};
use crate::runtime::metrics::Metrics;

/// Name of the kind in metrics.
pub const KIND: &str = "JumpCloudUserBatch";

/// What each object contributes.
#[derive(Debug, Default)]
pub struct Gauges {
    objects: Mutex<HashMap<String, Share>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    counts: Counts,
    jobs: i64,
    unknown: i64,
    /// When the oldest job in flight was accepted.
    oldest_job: Option<Timestamp>,
}

impl Gauges {
    /// Replaces what an object contributes.
    pub fn keep(&self, metrics: &Metrics, uid: &str, status: &JumpCloudUserBatchStatus) {
        let known = || status.submissions.iter().filter_map(Recorded::known);
        let number = |phase| i64::try_from(known().filter(|s| s.phase == phase).count()).unwrap_or(i64::MAX);
        let jobs = known().filter(|s| s.phase == Phase::Accepted);
        let share = Share {
            counts: status.counts.unwrap_or_default(),
            jobs: number(Phase::Accepted),
            unknown: number(Phase::Unknown),
            oldest_job: jobs.map(|s| s.accept_time.unwrap_or(s.intent_time)).min(),
        };
        let before = self.with(|objects| objects.insert(uid.to_owned(), share)).unwrap_or_default();
        shift(metrics, &before, &share);
    }

    /// Takes out what objects contribute that are not among these.
    pub fn keep_only(&self, metrics: &Metrics, uids: &BTreeSet<String>) {
        self.with(|objects| {
            objects.retain(|uid, share| {
                let stays = uids.contains(uid);
                if !stays {
                    shift(metrics, share, &Share::default());
                }
                stays
            });
        });
    }

    /// Seconds since the oldest job in flight was accepted; zero without one.
    #[must_use]
    pub fn oldest_job_age(&self, now: Timestamp) -> f64 {
        let oldest = self.with(|objects| objects.values().filter_map(|share| share.oldest_job).min());
        // A clock that was set back makes no job younger than new.
        oldest.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0))
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Share>) -> T) -> T {
        act(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn shift(metrics: &Metrics, before: &Share, now: &Share) {
    let (old, new) = (results(&before.counts), results(&now.counts));
    for ((result, old), (_, new)) in old.into_iter().zip(new) {
        if old != new {
            metrics.users_changed(KIND, result, i64::from(new) - i64::from(old));
        }
    }
    metrics.jobs_in_flight.inc_by(now.jobs - before.jobs);
    metrics.submissions_unknown.inc_by(now.unknown - before.unknown);
}

/// Every result that a user can have, with how many have it.
fn results(counts: &Counts) -> [(&'static str, u32); 7] {
    [
        (result::CREATED, counts.created),
        (result::UPDATED, counts.updated),
        (result::ADOPTED, counts.adopted),
        (result::UNCHANGED, counts.unchanged),
        (result::PENDING, counts.pending),
        (result::FAILED, counts.failed),
        (result::CONFLICT, counts.conflicts),
    ]
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use serde_json::json;

    use super::*;

    fn status(accepted: &[i64], counts: &serde_json::Value) -> JumpCloudUserBatchStatus {
        let submissions: Vec<_> = accepted
            .iter()
            .map(|second| {
                let time = Timestamp::from_second(*second).unwrap();
                json!({"nonce": second.to_string(), "recordVersion": 1, "operation": "Create", "members": ["u"],
                       "rowHashes": ["h"], "identities": ["i"], "payloadHash": "", "organizationID": "o",
                       "intentTime": time, "submitBy": time, "phase": "Accepted", "jobID": "j", "acceptTime": time})
            })
            .collect();
        serde_json::from_value(json!({"submissions": submissions, "counts": counts})).unwrap()
    }

    #[test]
    fn every_result_is_counted_and_goes_with_its_object() {
        let mut registry = Registry::default();
        let (metrics, gauges) = (Metrics::register(&mut registry), Gauges::default());
        let page = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        };
        let counts = json!({"created": 1, "updated": 2, "adopted": 3, "unchanged": 4, "pending": 5, "failed": 6,
                            "conflicts": 7});
        gauges.keep(&metrics, "a", &status(&[], &counts));
        gauges.keep(&metrics, "b", &status(&[], &json!({"updated": 10})));
        gauges.keep(&metrics, "b", &status(&[], &json!({"updated": 5})));
        for (result, n) in [
            (result::CREATED, 1),
            (result::UPDATED, 7),
            (result::ADOPTED, 3),
            (result::UNCHANGED, 4),
            (result::PENDING, 5),
            (result::FAILED, 6),
            (result::CONFLICT, 7),
        ] {
            let line = format!("users{{kind=\"{KIND}\",result=\"{result}\"}} {n}\n");
            assert!(page().contains(&line), "{line} is not in\n{}", page());
        }
        gauges.keep_only(&metrics, &BTreeSet::new());
        let page = page();
        let left: Vec<_> = page.lines().filter(|l| l.contains("users{") && !l.ends_with(" 0")).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn the_oldest_job_of_all_objects_has_the_age() {
        let (metrics, gauges) = (Metrics::register(&mut Registry::default()), Gauges::default());
        let at = |second| Timestamp::from_second(second).unwrap();
        let age = |second: i64| gauges.oldest_job_age(at(second));
        assert!(age(1000).abs() < f64::EPSILON);
        gauges.keep(&metrics, "a", &status(&[700, 600], &json!({})));
        gauges.keep(&metrics, "b", &status(&[650], &json!({})));
        assert!((age(1000) - 400.0).abs() < f64::EPSILON, "{}", age(1000));
        assert!((age(1001) - 401.0).abs() < f64::EPSILON, "it ages by itself");
        assert!(age(500).abs() < f64::EPSILON);
        gauges.keep(&metrics, "a", &status(&[], &json!({})));
        assert!((age(1000) - 350.0).abs() < f64::EPSILON);
    }
}
