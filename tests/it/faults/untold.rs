//! A connection whose check went well and whose status could not be written at first.

use fault_proxy::{FaultRule, Which};
use jumpcloud_sim::Settings;

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
