//! Silence: nothing at rest, next to nothing after a restart.

use std::time::Duration;

use jumpcloud_sim::{Route, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::manifests::{batch, plain_users};
use crate::harness::operator::QUICK;
use crate::harness::plane::plane;
use crate::harness::truth::calls;
use crate::harness::weather::clean_only;
use crate::harness::world::World;

/// Bar 4: 60 s at rest, then a restart with 200 settled objects, 2 min.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_happens_at_rest_and_next_to_nothing_after_a_restart() {
    if clean_only("counts the calls of a restart") {
        return;
    }
    let world = World::new("at-rest", Settings::default()).await;
    let operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    let objects: Vec<_> = (0..200)
        .map(|i| batch("at-rest", &format!("b{i}"), &json!({"users": plain_users(&format!("b{i}u"), 1)})))
        .collect();
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string());
    for i in 0..200 {
        world.reason_within(&format!("b{i}"), "Succeeded", Duration::from_secs(180)).await;
    }
    // The last event may be on its way.
    world.sim.quiet_for(Duration::from_secs(3), Duration::from_secs(60)).await.unwrap();

    let (mark, seq) = (plane().audit().mark().unwrap(), world.sim.ledger().last().unwrap().seq);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(calls(&world.sim, seq).len(), 0, "calls at rest");
    assert_eq!(world.writes(mark), Vec::new(), "writes at rest");

    operator.kill();
    let mark = plane().audit().mark().unwrap();
    let _operator = world.replica("b", QUICK);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let made: Vec<Route> =
        world.sim.ledger_since(seq).iter().filter_map(|entry| entry.request().map(|r| r.route)).collect();
    assert_eq!(made, [Route::OrganizationList], "one check of the one connection");
    assert_eq!(world.writes(mark), Vec::new(), "writes after a restart");
    let passes = world
        .requests(mark)
        .iter()
        .filter(|e| e.verb == "get" && e.resource == "jumpclouduserbatches")
        .count();
    assert!(passes >= 200, "the operator looked at {passes} objects only");
}
