//! The same of schedules.

use jumpcloud_operator::api::scheduled_user_state::ScheduledUserState;
use jumpcloud_sim::Settings;
use kube::Api;
use serde_json::{Value, json};

use super::{both_name, nothing_was_sent, validate};
use crate::harness::declare::apply;
use crate::harness::operator::QUICK;
use crate::harness::schedules::schedule;
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

#[tokio::test(flavor = "multi_thread")]
async fn validate_names_the_fields_of_a_schedule_that_the_api_server_refuses() {
    let world = World::bare("validate-schedule", Settings::default()).await;
    let namespace = world.namespace.as_str();
    // Wrong types, ranges, words, lengths and patterns, missing and nested fields, in one object.
    let spec = json!({
        "connectionRef": {},
        "paused": "yes",
        "users": [
            "ada",
            {"username": "a b"},
            {"username": ""},
            {"email": "nobody"},
            {"id": "5f-1b"},
            {"id": 7},
            {"username": "x".repeat(1025)},
            {"id": "x".repeat(65)},
        ],
        "usersFromBatch": {},
        "state": "Staged",
        "startTime": 7,
        "timeZone": "+01:00",
        "activationEmails": {"overrideAddress": "hr"},
        "missedPolicy": "Later",
        "startingDeadline": "soon",
        "deletionPolicy": "Keep",
        "guards": {"maxUsers": -1},
        "verification": {"gracePeriod": 30},
    });
    both_name(&schedule(namespace, "types", &spec), 20);
    both_name(&schedule(namespace, "nothing", &Value::Null), 1);
    // Without them the API server looks at no rule.
    both_name(&schedule(namespace, "empty", &json!({"users": [{"username": "ada"}]})), 2);

    let spec = json!({
        "users": [{"username": "ada", "mail": "x"}, {"username": "bob", "name": "y"}],
        "state": "Activated",
        "startTime": "2027-01-04T09:00:00Z",
        "time": "09:00",
        "verification": {"grace": "1h"},
    });
    both_name(&schedule(namespace, "unknown", &spec), 4);

    // What rules alone refuse. Those about mail are told for one field each.
    let spec = json!({
        "users": [{"username": "ada"}, {}, {"username": "bob", "email": "bob@example.com"}],
        "state": "Suspended",
        "startTime": "2027-02-30T09:00:00",
        "timeZone": "Europe/Atlantis",
        "activationEmails": {"send": false, "overrideAddress": "hr@example.com"},
        "startingDeadline": "0s",
        "verification": {"gracePeriod": "8761h"},
    });
    both_name(&schedule(namespace, "rules", &spec), 7);
    for (start, zone) in [
        ("soon, but not yet today", None),
        ("2027-01-04T09:00:00", None),
        ("2027-01-04T09:00:00Z", Some("Europe/Berlin")),
        ("2027-01-04T09:00:00.5", Some("Europe/Berlin")),
        ("2027-01-04T25:00:00+01:00", None),
        ("1969-12-31T00:00:00Z", None),
    ] {
        let mut spec = json!({"users": [], "state": "Activated", "startTime": start});
        if let Some(zone) = zone {
            spec["timeZone"] = json!(zone);
        }
        both_name(&schedule(namespace, "time", &spec), 2);
    }
    let many: Vec<Value> = (0..501).map(|i| json!({"username": format!("u{i}")})).collect();
    let spec = json!({"users": many, "state": "Activated", "startTime": "2027-01-04T09:00:00Z"});
    both_name(&schedule(namespace, "many", &spec), 1);
}

/// 300 users with mistakes that the schema lets through.
fn wrong() -> Value {
    let mut users: Vec<Value> = (0..300)
        .map(|i| match i % 3 {
            0 => json!({"username": format!("w{i:04}")}),
            1 => json!({"email": format!("w{i:04}@canary.example.com")}),
            _ => json!({"id": format!("{i:024x}")}),
        })
        .collect();
    users[30] = json!({"username": "W0000"});
    users[61] = json!({"email": "W0001@Canary.Example.Com"});
    users[92] = users[2].clone();
    // An hour before 1970, which a rule does not see.
    json!({"users": users, "state": "Activated", "startTime": "1970-01-01T00:30:00+01:00"})
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_and_the_operator_report_the_same_list_about_a_schedule() {
    let world = World::new("validate-schedule-list", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    let manifest = schedule(&world.namespace, "monday", &wrong());
    let problems = validate(&manifest);
    assert_eq!(
        problems,
        [
            "startTime: startTime must lie between 1970 and 30 December 9999",
            "users[30] 'W0000': username is used twice (also users[0])",
            "users[61]: email is used twice (also users[1])",
            "users[92]: id is used twice (also users[2])",
        ]
    );
    apply(&manifest.to_string());
    let api: Api<ScheduledUserState> = Api::namespaced(world.client.clone(), &world.namespace);
    let message = eventually("Stalled of monday", PATIENCE, async || {
        let status = api.get("monday").await.map_err(|e| e.to_string())?.status.unwrap_or_default();
        match status.conditions.iter().find(|c| c.type_ == "Stalled") {
            Some(stalled) if stalled.reason == "InvalidSpec" => Ok(stalled.message.clone()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(message, format!("4 problems: {}", problems.join("; ")));
    nothing_was_sent(&world);
}
