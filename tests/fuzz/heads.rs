//! The watched forms of objects: one odd object must not stop the watch for all.

use jumpcloud_operator::api::head::BatchHead;
use jumpcloud_operator::api::schedule_head::ScheduleHead;
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserState;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::check;
use crate::documents::{mutated, mutations, object_of, value};

const MEMBERS: &[&str] = &[
    "connectionRef",
    "users",
    "usersFromBatch",
    "paused",
    "organizationID",
    "inventory",
    "submissions",
    "conditions",
    "scheduledState",
    "scheduledTime",
    "events",
    "failures",
    "state",
    "startTime",
];

fn sound() -> Vec<Value> {
    let condition = json!({"type": "Ready", "status": "False", "reason": "GuardTripped", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let record = json!({"nonce": "n", "recordVersion": 1, "operation": "Schedule", "phase": "Accepted", "jobID": "j",
        "members": ["1"], "usernames": ["ada"], "state": "Suspended", "time": "2027-01-04T08:00:00Z",
        "events": [{"id": "1", "scheduledJobID": "j"}]});
    vec![
        json!({
            "spec": {"connectionRef": {"name": "eu"}, "users": [{"username": "ada", "email": "ada@example.com"}]},
            "status": {"organizationID": "o", "submissions": [record], "inventory":
                [{"username": "ada", "id": "1", "hash": "h", "state": "suspended: true"}]},
        }),
        json!({
            "spec": {"connectionRef": {"name": "eu"}, "usersFromBatch": {"name": "b"}, "paused": false},
            "status": {"organizationID": "o", "conditions": [condition], "scheduledState": "Suspended",
                "scheduledTime": "2027-01-04T08:00:00Z", "submissions": [record],
                "users": [{"id": "1", "result": "Scheduled", "username": "ada"}],
                "events": [{"id": "1", "scheduledJobID": "j", "origin": "Created",
                    "superseded": {"state": "Activated", "time": "2027-01-04T08:00:00Z"}}]},
        }),
    ]
}

/// What the API server guarantees of any object of ours, whatever the definition: spec and status are objects or
/// absent, and the metadata is sound.
fn whole(mut parts: Value) -> Value {
    let parts = parts.as_object_mut().unwrap();
    parts.retain(|name, part| {
        matches!(name.as_str(), "spec" | "status") && (part.is_object() || part.is_null())
    });
    parts.insert("metadata".to_owned(), json!({"name": "sales", "namespace": "people", "uid": "u"}));
    Value::Object(std::mem::take(parts))
}

#[test]
fn every_object_is_read() {
    let some = (object_of(MEMBERS), object_of(MEMBERS))
        .prop_map(|(spec, status)| json!({"spec": spec, "status": status}));
    let changed = (select(sound()), mutations(8)).prop_map(|(sound, changes)| mutated(sound, &changes));
    let parts = prop_oneof![some, changed.prop_filter("an object", Value::is_object)];
    check(file!(), 250, &parts, |parts| {
        // What is too deep is refused by whoever reads JSON, before any type of ours.
        let text = serde_json::to_vec(&whole(parts)).unwrap();
        if serde_json::from_slice::<Value>(&text).is_err() {
            return Ok(());
        }
        let batch = serde_json::from_slice::<BatchHead>(&text);
        prop_assert!(batch.is_ok(), "{:?}", batch.err());
        let schedule = serde_json::from_slice::<ScheduleHead>(&text);
        prop_assert!(schedule.is_ok(), "{:?}", schedule.err());
        // A pass and a watch understand an object that both can read.
        if let Ok(object) = serde_json::from_slice::<ScheduledUserState>(&text) {
            prop_assert!(ScheduleHead::of(&object).is_some());
        }
        // What is kept is read again in the same way.
        let batch = batch.unwrap();
        let kept = serde_json::to_string(&batch).unwrap();
        prop_assert!(kept.len() <= text.len() + 500);
        let again: BatchHead = serde_json::from_str(&kept).unwrap();
        prop_assert_eq!(again.status.submissions, batch.status.submissions);
        Ok(())
    });
}

#[test]
fn what_is_no_object_is_refused() {
    check(file!(), 200, &value(), |value| {
        let _ = serde_json::from_value::<BatchHead>(value.clone());
        let _ = serde_json::from_value::<ScheduleHead>(value.clone());
        let _ =
            serde_json::from_value::<BatchHead>(json!({"metadata": value, "spec": value, "status": value}));
        let _ = serde_json::from_value::<ScheduleHead>(
            json!({"metadata": value, "spec": value, "status": value}),
        );
        Ok(())
    });
}

#[test]
fn a_large_object_is_read() {
    let users =
        vec![json!({"username": "a".repeat(900), "email": [[{}]], "id": "1", "result": "Scheduled"}); 5000];
    let text =
        json!({"metadata": {}, "spec": {"users": users}, "status": {"users": users, "inventory": users}})
            .to_string();
    let head: BatchHead = serde_json::from_str(&text).unwrap();
    assert_eq!(head.users.held.len(), 5000);
    serde_json::from_str::<ScheduleHead>(&text).unwrap();
}
