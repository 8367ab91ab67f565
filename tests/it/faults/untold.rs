//! Connections whose status is not written at first, or is not seen when it is.

use std::time::Duration;

use fault_proxy::{FaultRule, Which};
use jumpcloud_sim::Settings;
use serde_json::json;

use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_first_write_fails_is_told_all_the_same() {
    let world = World::new("untold", Settings::default()).await;
    let rule = FaultRule::status(500).of(Which::writes().on("jumpcloudconnections/status")).times(1);
    let proxy = world.proxy(vec![rule]);
    let _operator = world.operator_behind(&proxy, QUICK);
    world.connection_reason("default", "Succeeded").await;
    assert!(proxy.log().iter().any(|entry| entry.fault.as_deref() == Some("status 500")), "no write failed");
}

/// JumpCloud is away for a while, and the watch tells nothing meanwhile: what the operator knows of its connection is that
/// it was fine. It finds it fine again, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_fine_again_says_so_whatever_the_watch_has_told() {
    let world = World::new("untold-again", Settings::default()).await;
    let proxy = world.proxy(vec![]);
    let _operator = world.operator_behind(&proxy, QUICK);
    world.connection_reason("default", "Succeeded").await;
    proxy.freeze_watches(&Which::all().on("jumpcloudconnections"));
    // Longer than the client tries, when it looks for users and when it checks.
    world.sim.refuse_connections(Duration::from_secs(45));
    world.apply_batch("sales", &json!({"users": plain_users("u", 2)}));
    world.connection_reason("default", "Retrying").await;
    world.connection_reason("default", "Succeeded").await;
    proxy.cut_watches(&Which::all().on("jumpcloudconnections"));
    world.reason("sales", "Succeeded").await;
}
