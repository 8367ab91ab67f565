//! Kubernetes events: one for each transition, none for what stays, none after a restart.

use std::collections::BTreeMap;

use devenv::audit::Mark;
use jumpcloud_operator::controller::events::catalogue;
use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::plane::plane;
use crate::harness::wait::eventually;
use crate::harness::weather::clean_only;
use crate::harness::world::{PATIENCE, World};

/// How often each event was published, by `object type reason`.
fn published(world: &World) -> BTreeMap<String, u64> {
    let printed = world.kubectl(&["get", "events.events.k8s.io", "-o", "json"]);
    let list: Value = serde_json::from_str(&printed).expect("JSON");
    let mut found = BTreeMap::new();
    for event in list["items"].as_array().expect("a list") {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let times = event.pointer("/series/count").and_then(Value::as_u64).unwrap_or(1);
        let key = format!("{} {} {}", text("/regarding/name"), text("/type"), text("/reason"));
        *found.entry(key).or_insert(0) += times;
        let listed = |entry: &_| {
            let jumpcloud_operator::controller::events::Entry { reason, type_, .. } = entry;
            *reason == text("/reason") && *type_ == text("/type")
        };
        assert!(catalogue().iter().any(listed), "not in the catalogue: {event}");
    }
    found
}

/// Waits until these events were published, and no others.
async fn come(world: &World, expected: &[(&str, u64)]) {
    let expected: BTreeMap<String, u64> = expected.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect();
    eventually("the events", PATIENCE, async || {
        let found = published(world);
        if found == expected { Ok(()) } else { Err(found) }
    })
    .await;
}

/// Waits until the operator has had passes over these batches since `mark`.
async fn looked_at(world: &World, mark: Mark, batches: &[&str]) {
    eventually("a pass over each batch", PATIENCE, async || {
        let requests = world.requests(mark);
        let seen = |name: &&str| {
            requests
                .iter()
                .any(|r| r.verb == "get" && r.resource == "jumpclouduserbatches" && r.name == **name)
        };
        if batches.iter().all(seen) { Ok(()) } else { Err(requests.len()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_transition_is_one_event_and_a_restart_is_none() {
    if clean_only("counts events, which are not published again") {
        return;
    }
    let world = World::new("events", Settings::default()).await;
    let operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    world.apply_batch("good", &json!({"users": plain_users("good", 3)}));
    let twice = [plain_users("bad", 1), plain_users("bad", 1)].concat();
    world.apply_batch("bad", &json!({"users": twice}));
    world.reason("good", "Succeeded").await;
    world.reason("bad", "InvalidSpec").await;
    let mut expected =
        vec![("default Normal Succeeded", 1), ("good Normal Succeeded", 1), ("bad Warning InvalidSpec", 1)];
    come(&world, &expected).await;

    // Another mistake of the same kind is told in the condition, and is no event.
    let thrice = [twice, plain_users("bad", 1)].concat();
    world.apply_batch("bad", &json!({"users": thrice}));
    world.reason("bad", "InvalidSpec").await;
    let mark = plane().audit().mark().expect("the audit log");
    operator.kill();
    let _operator = world.replica("b", QUICK);
    looked_at(&world, mark, &["good", "bad"]).await;

    // Mended: an event again. What is settled gave none meanwhile.
    world.apply_batch("bad", &json!({"users": plain_users("bad", 2)}));
    world.reason("bad", "Succeeded").await;
    expected.push(("bad Normal Succeeded", 1));
    come(&world, &expected).await;
    let events = |entry: &&devenv::audit::Entry| entry.resource == "events";
    assert_eq!(world.writes(mark).iter().filter(events).count(), 1, "{:#?}", world.writes(mark));
}
