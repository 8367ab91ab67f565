//! A key that is rotated, with the flags' defaults and the permission to `get` Secrets alone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, Settings};
use serde_json::json;

use super::put_key;
use crate::harness::manifests::plain_users;
use crate::harness::plane::plane;
use crate::harness::weather::clean_only;
use crate::harness::world::World;

/// How long the new key may wait: `--secret-poll-interval`, which nobody sets here.
const INTERVAL: Duration = Duration::from_secs(60);

const NEW: &str = "the-second-key";
const THIRD: &str = "the-third-key";

/// Twice: the old key ends when the new one is in the Secret; and long before, so that the connection says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_used_within_a_minute_by_get_alone() {
    if clean_only("measures time") {
        return;
    }
    let world = World::new("fail-rotated", Settings::default()).await;
    let mark = plane().audit().mark().expect("the audit log");
    let _operator = world.operator(&[]);
    world.connection_reason("default", "Succeeded").await;

    world.sim.add_key(DEFAULT_ORGANISATION, NEW).expect("a new key");
    put_key(&world, NEW);
    assert!(world.sim.revoke_key(DEFAULT_KEY));
    world.apply_batch("one", &json!({"users": plain_users("one", 2)}));
    world.reason_within("one", "Succeeded", INTERVAL).await;

    world.sim.add_key(DEFAULT_ORGANISATION, THIRD).expect("a third key");
    assert!(world.sim.revoke_key(NEW));
    world.apply_batch("two", &json!({"users": plain_users("two", 2)}));
    world.connection_reason("default", "Retrying").await;
    let put = Instant::now();
    put_key(&world, THIRD);
    world.connection_reason("default", "Succeeded").await;
    let waited = put.elapsed();
    assert!(waited < INTERVAL, "the new key was used after {waited:?}");
    world.reason("two", "Succeeded").await;

    let asked = world.requests(mark);
    let secrets: BTreeSet<&str> =
        asked.iter().filter(|entry| entry.resource == "secrets").map(|entry| entry.verb.as_str()).collect();
    assert_eq!(secrets, BTreeSet::from(["get"]), "Secrets are read one by one");
    let refused: Vec<_> = asked.iter().filter(|entry| entry.code == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}
