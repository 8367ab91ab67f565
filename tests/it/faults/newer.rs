//! Records of a newer operator: after a rollback they stay to the letter, and stop everything, until they are gone.

use std::time::Duration;

use jumpcloud_sim::{DEFAULT_ORGANISATION, Entry, Settings};
use serde_json::{Value, json};

use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, ahead, assert_scheduled_true, by_username};
use crate::harness::truth::assert_true;
use crate::harness::world::{PATIENCE, World};

/// A request under way as a newer operator might record it.
fn record(operation: &str, members: &[&str]) -> Value {
    json!({
        "nonce": "n-of-tomorrow",
        "recordVersion": 2,
        "operation": operation,
        "members": members,
        "payloadHash": "0",
        "organizationID": DEFAULT_ORGANISATION,
        "intentTime": ahead(-60).to_string(),
        "submitBy": ahead(-40).to_string(),
        "phase": "Accepted",
        "jobID": "6b0a0c600000000000000000",
        "acceptTime": ahead(-50).to_string(),
        "lane": {"number": 3, "kept": [true, null, "as it is"]},
    })
}

/// The object as it is.
fn read(world: &World, kind: &str) -> Value {
    let text = world.kubectl(&["get", kind, "sales", "--output", "json"]);
    serde_json::from_str(&text).expect("JSON")
}

/// Writes the records of an object; what it says of itself is that work goes on, which fits to any.
fn forge(world: &World, kind: &str, records: &Value) {
    let generation = read(world, kind)["metadata"]["generation"].clone();
    let condition = |kind: &str, value: &str| {
        json!({
            "type": kind, "status": value, "reason": "Progressing", "message": "forged",
            "observedGeneration": generation, "lastTransitionTime": ahead(0).to_string(),
        })
    };
    let conditions = [condition("Ready", "Unknown"), condition("Reconciling", "True")];
    let status = json!({
        "observedGeneration": generation, "conditions": conditions, "submissions": records,
    });
    let patch = json!({"status": status}).to_string();
    world.kubectl(&["patch", kind, "sales", "--subresource=status", "--type=merge", "-p", &patch]);
}

/// The status without its conditions and its generation.
fn but_conditions(object: &Value) -> Value {
    let mut status = object["status"].clone();
    let members = status.as_object_mut().expect("a status");
    members.retain(|name, _| name != "conditions" && name != "observedGeneration");
    status
}

fn calls(world: &World) -> usize {
    world.sim.ledger().iter().filter_map(Entry::request).count()
}

/// What the operator said last of this generation.
async fn stands(world: &World, kind: &str, reason: &str) -> Value {
    crate::harness::wait::eventually(&format!("{reason} of {kind}"), PATIENCE, async || {
        let object = read(world, kind);
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
        let current = ready["observedGeneration"] == object["metadata"]["generation"];
        if current && ready["reason"] == reason { Ok(object) } else { Err(ready) }
    })
    .await
}

/// Gives the object of that kind, which has come to its end, such a record, edits its spec, restarts the operator:
/// nothing but conditions and their generation changes and nobody is called. Without the record the edit is acted upon.
async fn left_alone(world: &World, kind: &str, forged: &Value, edit: &Value) {
    let operator = world.replica("a", QUICK);
    world.sim.quiet_for(Duration::from_secs(1), PATIENCE).await.expect("quiet");
    let before = calls(world);
    let mut expected = but_conditions(&read(world, kind));
    expected["submissions"] = json!([forged]);
    forge(world, kind, &json!([forged]));
    world.kubectl(&["patch", kind, "sales", "--type=merge", "-p", &json!({"spec": edit}).to_string()]);
    let told = stands(world, kind, "NewerVersion").await;
    assert_eq!(but_conditions(&told), expected, "{kind}");
    assert_eq!(told["status"]["observedGeneration"], told["metadata"]["generation"], "{kind}");
    drop(operator);
    let _operator = world.replica("b", QUICK);
    world.connection_reason("default", "Succeeded").await;
    world.kubectl(&["annotate", kind, "sales", "jumpcloud-operator.dev/requested-at=1"]);
    world.sim.quiet_for(Duration::from_secs(2), PATIENCE).await.expect("quiet");
    assert_eq!(but_conditions(&read(world, kind)), expected, "{kind}");
    let ledger = world.sim.ledger();
    let since = ledger.iter().filter_map(Entry::request).skip(before);
    let asked: Vec<_> = since.filter(|request| !request.path.contains("organizations")).collect();
    assert!(asked.is_empty(), "{kind}: {asked:?}");
    forge(world, kind, &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_a_newer_record_is_left_alone() {
    let world = World::new("newer-batch", Settings::default()).await;
    let operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": plain_users("n", 2)}));
    world.reason("sales", "Succeeded").await;
    drop(operator);
    let edit = json!({"users": plain_users("n", 3)});
    left_alone(&world, "jcub", &record("Create", &["n0002"]), &edit).await;
    let _operator = world.replica("c", QUICK);
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert_eq!(world.sim.users().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_with_a_newer_record_is_left_alone() {
    let (calendar, operator) = Calendar::running("newer-schedule", Settings::default(), QUICK).await;
    let ids = calendar.add_users("n", 2, "ACTIVATED");
    let spec = json!({
        "users": by_username(["n0000"]), "state": "Suspended", "startTime": ahead(7200).to_string(),
    });
    calendar.apply_schedule("sales", &spec);
    calendar.comes_to("sales", "Scheduled").await;
    drop(operator);
    let edit = json!({"users": by_username(["n0000", "n0001"])});
    left_alone(&calendar, "jcsus", &record("Schedule", &[&ids[1]]), &edit).await;
    let _operator = calendar.replica("c", QUICK);
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_scheduled_true(&calendar.sim, &status);
    assert_eq!(status.events.len(), 2, "{status:?}");
}
