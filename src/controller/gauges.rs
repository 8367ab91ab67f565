//! Numbers over all objects, kept up to date from what each pass leaves behind.

mod share;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

pub use self::share::ScheduleShare;
use self::share::{Requests, results};
use crate::api::recording::Kind;
use crate::api::scheduled_user_state::ScheduledState;
use crate::api::user_status::JumpCloudUserBatchStatus;
use crate::runtime::metrics::Metrics;

/// Name of the kind in metrics.
pub const KIND: &str = Kind::UserBatch.name();

/// Name of the second kind in metrics.
pub const SCHEDULE_KIND: &str = Kind::Schedule.name();

/// What each object contributes.
#[derive(Debug, Default)]
pub struct Gauges {
    objects: Mutex<HashMap<String, Share>>,
}

#[derive(Debug, Default)]
struct Share {
    /// By kind and result.
    users: BTreeMap<(&'static str, &'static str), i64>,
    pending: BTreeMap<ScheduledState, i64>,
    requests: Requests,
}

impl Gauges {
    /// Replaces what a batch contributes.
    pub fn keep(&self, metrics: &Metrics, uid: &str, status: &JumpCloudUserBatchStatus) {
        let share = Share {
            users: of_kind(KIND, results(status)),
            pending: BTreeMap::new(),
            requests: Requests::of(&status.submissions),
        };
        self.replace(metrics, uid, share);
    }

    /// Replaces what a schedule contributes.
    pub fn keep_schedule(&self, metrics: &Metrics, uid: &str, share: ScheduleShare) {
        let ScheduleShare { results, pending, requests } = share;
        self.replace(metrics, uid, Share { users: of_kind(SCHEDULE_KIND, results), pending, requests });
    }

    fn replace(&self, metrics: &Metrics, uid: &str, share: Share) {
        self.with(|objects| {
            let kept = objects.entry(uid.to_owned()).or_default();
            shift(metrics, kept, &share);
            *kept = share;
        });
    }

    /// Takes out what objects contribute that are not among these, of whichever kind: the uids are those of
    /// all kinds.
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
        let oldest =
            self.with(|objects| objects.values().filter_map(|share| share.requests.oldest_job).min());
        // A clock that was set back makes no job younger than new.
        oldest.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0))
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Share>) -> T) -> T {
        act(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn of_kind(
    kind: &'static str,
    results: BTreeMap<&'static str, i64>,
) -> BTreeMap<(&'static str, &'static str), i64> {
    results.into_iter().map(|(result, count)| ((kind, result), count)).collect()
}

fn shift(metrics: &Metrics, before: &Share, now: &Share) {
    for ((kind, result), change) in changes(&before.users, &now.users) {
        metrics.users_changed(kind, result, change);
    }
    for (state, change) in changes(&before.pending, &now.pending) {
        metrics.schedules_changed(state.as_str(), change);
    }
    metrics.jobs_in_flight.inc_by(now.requests.jobs - before.requests.jobs);
    metrics.submissions_unknown.inc_by(now.requests.unknown - before.requests.unknown);
}

/// By how much each number has changed, where it has.
fn changes<K: Ord + Copy>(before: &BTreeMap<K, i64>, now: &BTreeMap<K, i64>) -> Vec<(K, i64)> {
    let keys: BTreeSet<K> = before.keys().chain(now.keys()).copied().collect();
    let number = |all: &BTreeMap<K, i64>, key: K| all.get(&key).copied().unwrap_or_default();
    let change = |key| (key, number(now, key) - number(before, key));
    keys.into_iter().map(change).filter(|(_, change)| *change != 0).collect()
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use serde_json::json;

    use super::*;
    use crate::api::user_status::result;

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
    fn schedules_are_counted_beside_batches() {
        let mut registry = Registry::default();
        let (metrics, gauges) = (Metrics::register(&mut registry), Gauges::default());
        let numbers = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            let ours = text.lines().filter(|line| {
                let name = line.trim_start_matches("jumpcloud_operator_");
                ["users{", "schedules{", "jobs_", "submissions_"].iter().any(|begin| name.starts_with(begin))
            });
            let nonzero = ours.filter_map(|line| line.rsplit_once(' ')).filter(|(_, number)| *number != "0");
            nonzero
                .map(|(name, number)| {
                    format!("{} {number}", name.trim_start_matches("jumpcloud_operator_").replace('"', ""))
                })
                .collect::<BTreeSet<_>>()
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let request = |nonce: &str, more: serde_json::Value| {
            let mut request = json!({"nonce": nonce, "recordVersion": 1, "operation": "Schedule", "members": ["u"],
                "payloadHash": "", "organizationID": "o", "intentTime": at(50), "submitBy": at(60),
                "phase": "Unknown", "state": "Suspended", "time": at(200), "acceptTime": at(50)});
            request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            request
        };
        let created = status(&[], &json!({"created": 4}));
        let event = |id: &str| json!({"id": id, "scheduledJobID": "j", "origin": "Created"});
        let mut replaced = event("u2");
        replaced["superseded"] = json!({"state": "Activated", "time": at(150)});
        let mut over = replaced.clone();
        over["time"] = json!(at(90));
        let status = json!({
            "scheduledTime": at(200), "scheduledState": "Suspended",
            "events": [event("u1"), event("u2"), replaced, over],
            "users": [{"result": "Scheduled"}, {"result": "Scheduled"}, {"result": "NotFound"},
                      {"result": "FromALaterVersion"}],
            "submissions": [
                request("a", json!({})),
                request("b", json!({"phase": "Accepted",
                                    "events": [{"id": "u3", "scheduledJobID": "k"}]})),
                request("c", json!({"phase": "Accepted", "operation": "Update", "jobID": "l"})),
            ],
        });
        let keep = |second| {
            let share = ScheduleShare::of(&serde_json::from_value(status.clone()).unwrap(), at(second));
            gauges.keep_schedule(&metrics, "s", share);
        };
        let set = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
        gauges.keep(&metrics, "b", &created);
        let batch = "users{kind=JumpCloudUserBatch,result=Created} 4";
        let users = [
            "users{kind=ScheduledUserState,result=NotFound} 1",
            "users{kind=ScheduledUserState,result=Scheduled} 2",
        ];
        let others = ["jobs_in_flight 1", "submissions_unknown 1", batch];
        let events = ["schedules{state=Activated} 1", "schedules{state=Suspended} 3"];
        for _ in 0..2 {
            keep(100);
            assert_eq!(numbers(), set(&[&users[..], &others, &events].concat()));
        }
        keep(200);
        assert_eq!(numbers(), set(&[&users[..], &others].concat()), "none is still to come");
        keep(100);
        gauges.keep_only(&metrics, &BTreeSet::from(["b".to_owned()]));
        assert_eq!(numbers(), set(&[batch]));
        assert!(gauges.oldest_job_age(at(100)).abs() < f64::EPSILON);
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
