//! Scheduled state changes, from YAML to the users' state.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jumpcloud_operator::api::FINALIZER;
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserState;
use jumpcloud_sim::{DEFAULT_ORGANISATION, Route, Settings};
use kube::api::Api;
use serde_json::{Value, json};

use crate::harness::declare::apply;
use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::plane::plane;
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::{PATIENCE, World};

fn manifest(world: &World, name: &str, spec: &Value) -> String {
    json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1",
        "kind": "ScheduledUserState",
        "metadata": {"namespace": world.namespace, "name": name},
        "spec": spec,
    })
    .to_string()
}

/// Waits until Ready has this reason for the current generation.
async fn reason(world: &World, name: &str, reason: &str) -> ScheduledUserState {
    let api: Api<ScheduledUserState> = Api::namespaced(world.client.clone(), &world.namespace);
    eventually(&format!("reason {reason} of {name}"), PATIENCE, async || {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let status = object.status.clone().unwrap_or_default();
        let current = status.observed_generation == object.metadata.generation;
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        match ready {
            Some(ready) if current && ready.reason == reason => Ok(object),
            Some(ready) => Err(format!("{} {} {}", ready.status, ready.reason, ready.message)),
            None => Err("no condition".to_owned()),
        }
    })
    .await
}

fn has_finalizer(object: &ScheduledUserState) -> bool {
    object.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

fn add_user(world: &World, username: &str) {
    let user = json!({"username": username, "email": format!("{username}@canary.example.com"),
                      "state": "ACTIVATED"});
    world.sim.add_user(DEFAULT_ORGANISATION, &user).expect("a user");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_scheduled_and_seen_in_the_state_when_the_time_has_come() {
    let world = World::new("schedule-whole-life", Settings::default()).await;
    add_user(&world, "ada");
    add_user(&world, "bob");
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    let mark = plane().audit().mark().expect("the audit log");
    let start = Timestamp::now().checked_add(SignedDuration::from_secs(30)).expect("a time");
    let start = start.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    apply(&manifest(
        &world,
        "leave",
        &json!({"users": [{"username": "ADA"}, {"email": "bob@canary.example.com"}], "state": "Suspended",
                "startTime": start, "verification": {"gracePeriod": "30s"}}),
    ));
    let scheduled = reason(&world, "leave", "Scheduled").await;
    assert!(has_finalizer(&scheduled), "{:?}", scheduled.metadata);
    let status = scheduled.status.expect("a status");
    let (events, listed) = (&status.events, world.sim.schedules());
    assert_eq!((events.len(), listed.len()), (2, 2), "{events:?} {listed:?}");
    for event in events {
        let is_listed = |row: &Value| {
            row["scheduledJobId"] == event.scheduled_job_id.as_str()
                && row["systemUserId"] == event.id.as_str()
                && row["state"] == "SUSPENDED"
        };
        assert!(listed.iter().any(is_listed), "{event:?} is not in {listed:?}");
        assert_eq!(event.origin, "Created");
    }
    assert!(!serde_json::to_string(&status).expect("JSON").contains("canary"), "no address in status");
    without_faults(|| assert_eq!(world.sim.requests(Route::ScheduleCreate).len(), 1));

    world.sim.advance(Duration::from_secs(60));
    let executed = eventually("that there is nothing to undo", PATIENCE, async || {
        let executed = reason(&world, "leave", "Executed").await;
        if has_finalizer(&executed) { Err(executed.metadata.finalizers) } else { Ok(executed) }
    })
    .await;
    let status = executed.status.expect("a status");
    let counts = status.counts.expect("counts");
    assert_eq!((counts.users, counts.executed), (2, 2), "{counts:?}");
    let condition = status.conditions.iter().find(|condition| condition.type_ == "Executed");
    assert_eq!(condition.map(|condition| condition.status.as_str()), Some("True"));
    for user in ["ada", "bob"] {
        assert_eq!(world.sim.user(user).expect("the user")["state"], "SUSPENDED");
    }
    assert_eq!(world.sim.requests(Route::ScheduleDelete).len(), 0);
    let writes = world.writes(mark);
    assert!(writes.iter().any(|entry| entry.resource == "events"), "{writes:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_deleted_before_its_time_takes_its_events_along() {
    let world = World::new("schedule-deleted", Settings::default()).await;
    add_user(&world, "ada");
    let _operator = world.operator(QUICK);
    apply(&manifest(
        &world,
        "leave",
        &json!({"users": [{"username": "ada"}], "state": "Suspended", "startTime": "2100-01-04T09:00:00Z"}),
    ));
    reason(&world, "leave", "Scheduled").await;
    let foreign = json!({"user_ids": [world.sim.user("ada").expect("the user")["_id"]], "state": "ACTIVATED",
                         "start_date": "2100-01-04T09:00:00Z"});
    let foreign = world.sim.add_schedule(DEFAULT_ORGANISATION, &foreign).expect("an event");
    world.kubectl(&["delete", "scheduleduserstate", "leave", "--timeout=60s"]);
    let left = world.sim.schedules();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["scheduledJobId"], foreign[0].as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_woken_by_its_batch_and_by_the_end_of_a_rival() {
    let world = World::new("schedule-woken", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    let spec = json!({"usersFromBatch": {"name": "staff"}, "state": "Suspended",
                      "startTime": "2100-01-04T09:00:00Z"});
    apply(&manifest(&world, "older", &spec));
    reason(&world, "older", "AwaitingUsers").await;
    world.apply_batch("staff", &json!({"users": plain_users("staff", 3)}));
    reason(&world, "older", "Scheduled").await;
    assert_eq!(world.sim.schedules().len(), 3);

    // Creation times are in whole seconds; the names would decide the same.
    apply(&manifest(&world, "younger", &spec));
    let younger = reason(&world, "younger", "Scheduled").await;
    let results: Vec<String> =
        younger.status.expect("a status").users.into_iter().map(|user| user.result).collect();
    assert_eq!(results, ["Conflict", "Conflict", "Conflict"]);
    assert_eq!(world.sim.schedules().len(), 3);
    let before: Vec<Value> = world.sim.schedules();

    world.kubectl(&["delete", "scheduleduserstate", "older", "--timeout=60s"]);
    eventually("events of the other one", PATIENCE, async || {
        let now = world.sim.schedules();
        let replaced = now.iter().all(|event| !before.contains(event));
        if now.len() == 3 && replaced { Ok(()) } else { Err(now) }
    })
    .await;
    let api: Api<jumpcloud_operator::api::connection::JumpCloudConnection> =
        Api::namespaced(world.client.clone(), &world.namespace);
    eventually("the sum of the connection", PATIENCE, async || {
        let status = api.get("default").await.map_err(|e| e.to_string())?.status.unwrap_or_default();
        match status.scheduled_events {
            Some(events) if events.count == 3 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
