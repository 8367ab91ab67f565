//! Every row of the conditions table, with every reason, as kstatus and Argo CD read it.

use jiff::Timestamp;
use jumpcloud_operator::api::condition::{Reason, Standing, Verdict, conditions};
use serde_json::{Value, json};

use crate::customization;
use crate::rig::{KINDS, kstatus, lua};

fn object(kind: &str, verdict: &Verdict, generation: i64, observed: i64) -> Value {
    json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "one", "namespace": "people", "generation": generation},
        "spec": {"paused": false},
        "status": {
            "observedGeneration": observed,
            "conditions": conditions(&[], verdict, observed, Timestamp::UNIX_EPOCH),
        },
    })
}

#[test]
fn every_row_is_read_as_it_is_meant() {
    for reason in Reason::ALL.iter().copied() {
        for standing in reason.standings().iter().copied() {
            let verdict = Verdict::new(standing, reason, "what to do");
            let (current, health) = match (standing, reason) {
                (Standing::Done, _) => ("Current", "Healthy"),
                (Standing::Stalled, _) => ("Failed", "Degraded"),
                // A connection is never in this row: paused, it is Ready.
                (Standing::Waiting, Reason::Paused) => ("InProgress", "Suspended"),
                (Standing::Working | Standing::Waiting, _) => ("InProgress", "Progressing"),
            };
            for kind in KINDS {
                let what = format!("{kind} {standing:?} {reason:?}");
                let one = object(kind, &verdict, 3, 3);
                assert_eq!(kstatus(&one), current, "{what}");
                if kind != "JumpCloudConnection" || reason != Reason::Paused {
                    assert_eq!(lua(&customization::of(kind).health, &one)["status"], health, "{what}");
                }
                // What is said of another generation is no news of this one.
                let edited = object(kind, &verdict, 4, 3);
                assert_eq!(kstatus(&edited), "InProgress", "{what}, edited");
                let health = lua(&customization::of(kind).health, &edited);
                assert_eq!(health["status"], "Progressing", "{what}, edited");
                let mut deleted = one;
                deleted["metadata"]["deletionTimestamp"] = json!("2026-11-27T09:00:00Z");
                assert_eq!(kstatus(&deleted), "Terminating", "{what}, deleted");
            }
        }
    }
}

/// The schema's default is what keeps a new object from being taken for a finished one.
#[test]
fn a_new_object_is_in_progress_because_of_the_default() {
    for kind in KINDS {
        let mut new = json!({
            "apiVersion": "jumpcloud-operator.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": "one", "namespace": "people", "generation": 1},
            "spec": {},
            "status": {"observedGeneration": -1},
        });
        assert_eq!(kstatus(&new), "InProgress", "{kind}");
        new["status"] = json!({});
        assert_eq!(kstatus(&new), "Current", "{kind}: without it kstatus knows no better");
    }
}
