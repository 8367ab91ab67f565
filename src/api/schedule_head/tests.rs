use serde_json::json;

use super::*;

const T: &str = "2027-01-04T08:00:00Z";

fn head(value: Value) -> ScheduleHead {
    serde_json::from_value(value).unwrap()
}

fn change(id: &str) -> u64 {
    fingerprint::of_change(id, ScheduledState::Suspended, T.parse().unwrap())
}

fn scheduled(changes: Value) -> ScheduleHead {
    let mut object = json!({
        "metadata": {"namespace": "people", "name": "leavers"},
        "spec": {"state": "Suspended", "startTime": T},
        "status": {"scheduledState": "Suspended", "scheduledTime": T,
            "users": [
                {"row": 0, "id": "1", "result": "Scheduled"}, {"row": 1, "id": "2", "result": "Pending"},
                {"row": 2, "id": "3", "result": "Conflict"}, {"row": 3, "id": "4", "result": "Executed"},
                {"row": 4, "result": "Pending"}, {"row": 5, "id": "6", "result": "Held"}],
            "events": [
                {"id": "1", "scheduledJobID": "j", "origin": "Created"},
                {"id": "2", "scheduledJobID": "j", "origin": "Created",
                 "superseded": {"state": "Activated", "time": T}}]},
    });
    json_patch(&mut object, changes);
    head(object)
}

/// RFC 7386, as far as it is needed here.
fn json_patch(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                json_patch(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch,
    }
}

fn set(list: &[u64]) -> Vec<u64> {
    sorted(list.to_vec())
}

#[test]
fn users_results_and_foreign_annotations_are_dropped() {
    let head = head(json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "ScheduledUserState",
        "metadata": {"name": "leavers", "managedFields": [{"manager": "kubectl"}], "labels": {"team": "lovelace"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "lovelace", "uid": "u"}],
            "finalizers": [crate::api::FINALIZER], "deletionTimestamp": T, "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "lovelace@example.com",
            "jumpcloud-operator.dev/requested-at": "1"}},
        "spec": {"connectionRef": {"name": "eu"}, "usersFromBatch": {"name": "sales"},
            "users": [{"email": "lovelace@example.com"}]},
        "status": {"organizationID": "o", "users": [{"username": "lovelace", "result": "Pending"}],
            "submissions": [{"nonce": "n", "phase": "Accepted", "members": ["lovelace"]}]},
    }));
    let kept = serde_json::to_string(&head).unwrap();
    assert!(!kept.contains("lovelace"), "{kept}");
    assert!(kept.contains("requested-at") && kept.contains("cleanup"), "{kept}");
    assert!(head.metadata.deletion_timestamp.is_some());
    assert_eq!(head.spec.connection_ref.name, "eu");
    assert_eq!(head.spec.users_from_batch.unwrap().name, "sales");
    assert_eq!(head.status.organization_id.as_deref(), Some("o"));
    assert_eq!(head.status.submissions[0].phase, Some(Phase::Accepted));
}

#[test]
fn who_is_still_to_be_scheduled_is_claimed_and_every_event_is_recorded() {
    let users = scheduled(json!({})).users;
    assert_eq!(users.held, [change("1")]);
    assert_eq!(users.wanted, set(&[change("2"), change("3")]));
    assert_eq!(
        users.recorded,
        set(&[fingerprint::of_event("j", "1"), fingerprint::of_event("j", "2")]),
        "replaced ones, too"
    );
    assert_eq!((users.events, users.time), (1, Some(T.parse().unwrap())));
}

#[test]
fn who_does_not_act_claims_nothing_but_keeps_its_events() {
    let stalled = |reason: &str, status: &str| {
        json!({"status": {"conditions": [
        {"type": "Ready", "status": "False", "reason": reason}, {"type": "Stalled", "status": status, "reason": reason}]}})
    };
    let idle = [
        json!({"spec": {"paused": true}}),
        json!({"metadata": {"deletionTimestamp": T}}),
        json!({"status": {"scheduledState": "Deleted"}}),
        json!({"status": {"scheduledTime": "soon"}}),
    ];
    for change in idle.into_iter().chain(CLAIMS_NOTHING.map(|reason| stalled(reason, "True"))) {
        let users = scheduled(change.clone()).users;
        assert!(users.wanted.is_empty() && users.held.is_empty(), "{change}");
        assert_eq!((users.recorded.len(), users.events), (2, 1), "{change}");
    }
    for change in [stalled("InvalidSpec", "False"), stalled("NotReached", "True")] {
        assert_eq!(scheduled(change.clone()).users.held.len(), 1, "{change}");
    }
}

#[test]
fn requests_count_before_they_are_settled() {
    let with = |phase: &str, time: &str| {
        scheduled(json!({"status": {"submissions": [{"nonce": "n", "operation": "Schedule", "phase": phase,
            "members": ["2", "3"], "state": "Suspended", "time": time,
            "events": if phase == "Accepted" { json!([{"id": "2", "scheduledJobID": "k"}]) } else { json!([]) }}]}}))
        .users
    };
    for phase in ["Intended", "Unknown"] {
        let users = with(phase, T);
        let minute = |id| fingerprint::of_minute(id, ScheduledState::Suspended, T.parse().unwrap());
        assert_eq!(users.under_way, set(&[minute("2"), minute("3")]), "{phase}");
        assert_eq!(users.held, [change("1")], "{phase}");
    }
    let accepted = with("Accepted", T);
    assert!(accepted.under_way.is_empty());
    assert_eq!(accepted.held, set(&[change("1"), change("2")]));
    assert!(accepted.recorded.contains(&fingerprint::of_event("k", "2")));
    assert_eq!(accepted.events, 1, "sums wait for the record");
    let of_old = with("Accepted", "2027-01-05T08:00:00Z");
    assert_eq!(of_old.held, [change("1")], "an edit came between");
    assert!(of_old.recorded.contains(&fingerprint::of_event("k", "2")));
    assert!(with("Rejected", T).under_way.is_empty());
}

#[test]
fn a_pass_and_a_watch_understand_an_object_alike() {
    let value = json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "ScheduledUserState",
        "metadata": {"namespace": "people", "name": "a", "resourceVersion": "7", "creationTimestamp": T},
        "spec": {"state": "Suspended", "startTime": T, "users": [{"id": "1"}]},
        "status": {"organizationID": "o", "scheduledState": "Suspended", "scheduledTime": T,
            "users": [{"row": 0, "id": "1", "result": "Scheduled"}],
            "events": [{"id": "1", "scheduledJobID": "j", "origin": "Created"}]},
    });
    let object: ScheduledUserState = serde_json::from_value(value.clone()).unwrap();
    let of_pass = ScheduleHead::of(&object).unwrap();
    let watched = head(value);
    assert_eq!(of_pass.users, watched.users);
    assert_eq!(of_pass.users.held.len(), 1);
    assert_eq!(of_pass.metadata, watched.metadata);
}

#[test]
fn an_odd_object_can_still_be_watched() {
    let odd = head(json!({
        "metadata": {"name": "odd"},
        "spec": {"connectionRef": "eu", "usersFromBatch": 7, "users": 7, "paused": "yes"},
        "status": {"organizationID": [], "conditions": {}, "scheduledState": 7, "scheduledTime": {},
            "users": "x", "events": [1], "submissions": {"nonce": 1}},
    }));
    assert_eq!(odd.spec.connection_ref.name, "default");
    assert_eq!(odd.users, ScheduleUsers::default());
    let empty = head(json!({"metadata": {"name": "odd"}, "spec": null, "status": null}));
    assert!(empty.status.submissions.is_empty());
    // One odd item does not hide the others.
    let one = scheduled(json!({"status": {"events": [
        7, {"id": 1}, {"id": "1", "scheduledJobID": "j", "origin": 3, "more": {}}]}}));
    assert_eq!(one.users.held, [change("1")]);
}

/// design.md: 10,000 watched schedules take at most 64 MiB.
#[test]
fn a_head_is_small() {
    let long = "n".repeat(63);
    let mut head = head(json!({
        "metadata": {"namespace": long, "name": long, "uid": "8a6fbd39-5e42-4b1c-a1a5-5f1c2f3cfa11", "generation": 7,
            "resourceVersion": "123456789", "creationTimestamp": T, "finalizers": [crate::api::FINALIZER],
            "labels": {"app": long}, "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
            "annotations": {"jumpcloud-operator.dev/requested-at": T, "jumpcloud-operator.dev/retry-failed": T}},
        "spec": {"usersFromBatch": {"name": long}, "users": (0..500).map(|i| json!({"id": i.to_string()})).collect::<Vec<_>>()},
        "status": {"organizationID": "5f1b5f1b5f1b5f1b5f1b5f1b", "submissions": (0..5).map(|i| json!(
            {"nonce": format!("{i:016}"), "phase": "Intended", "members": vec!["5f1b5f1b5f1b5f1b5f1b5f1b"; 100]}))
            .collect::<Vec<_>>()},
    }));
    head.users = ScheduleUsers::default();
    let bytes = bytes(&head);
    assert!(bytes <= 64 * 1024 * 1024 / 10_000 / 2, "{bytes} bytes a head; the index takes the rest");
}

/// What a head takes, without what the allocator adds.
fn bytes(head: &ScheduleHead) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
    let metadata = &head.metadata;
    let entry = 2 * size_of::<String>();
    let annotations = metadata.annotations.iter().flatten().map(|(k, v)| k.capacity() + v.capacity() + entry);
    let finalizers = metadata.finalizers.iter().flatten().map(|f| f.capacity() + size_of::<String>());
    assert!(metadata.labels.is_none() && metadata.managed_fields.is_none());
    let submissions = head
        .status
        .submissions
        .iter()
        .map(|s| size_of::<HeadSubmission>() + s.nonce.capacity() + text(&s.job_id));
    size_of::<ScheduleHead>()
        + text(&metadata.name)
        + text(&metadata.namespace)
        + text(&metadata.uid)
        + text(&metadata.resource_version)
        // A node of a map has room for eleven.
        + annotations.sum::<usize>().max(11 * entry)
        + finalizers.sum::<usize>()
        + head.spec.connection_ref.name.capacity()
        + head.spec.users_from_batch.as_ref().map_or(0, |batch| batch.name.capacity())
        + text(&head.status.organization_id)
        + submissions.sum::<usize>()
}
