//! New users, from YAML to JumpCloud.

use jumpcloud_sim::Settings;
use serde_json::json;

use crate::harness::manifests::plain_users;
use crate::harness::operator::DEFAULTS;
use crate::harness::plane::plane;
use crate::harness::truth::{assert_single_create, assert_true, calls};
use crate::harness::weather::clean_only;
use crate::harness::world::World;

/// Bar 3: 100 new users, connection ready, job time 2 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_users_cost_no_more_than_they_must() {
    if clean_only("counts calls and writes") {
        return;
    }
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 2000;
    let world = World::new("create-cost", settings).await;
    let operator = world.operator(DEFAULTS);
    world.connection_reason("default", "Succeeded").await;
    let (mark, seq) = (plane().audit().mark().unwrap(), world.sim.ledger().last().map_or(0, |e| e.seq));
    world.apply_batch("cost", &json!({"users": plain_users("cost", 100)}));
    let status = world.reason("cost", "Succeeded").await;
    assert_eq!(status.progress.as_deref(), Some("100/100"));
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);

    let calls = calls(&world.sim, seq);
    assert_eq!(calls.get("BulkCreate"), Some(&1), "{calls:?}");
    assert!(calls["UserSearch"] <= 4, "{calls:?}");
    assert!(calls["BulkResults"] <= 2, "{calls:?}");
    assert_eq!(calls.values().sum::<usize>(), calls["UserSearch"] + calls["BulkResults"] + 1, "{calls:?}");
    let writes = world.writes(mark);
    let events = writes.iter().filter(|entry| entry.resource == "events").count();
    assert!(events <= 2, "{writes:#?}");
    assert_eq!(writes.len() - events, 3, "{writes:#?}");
    let metrics = operator.metrics().await;
    for line in [
        r#"jumpcloud_operator_users{kind="JumpCloudUserBatch",result="Created"} 100"#,
        "jumpcloud_operator_jobs_in_flight 0",
        "jumpcloud_operator_connection_ready 1",
        "jumpcloud_operator_leader 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
