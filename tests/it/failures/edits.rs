//! Edits of a batch that has begun.

use std::time::Duration;

use jumpcloud_sim::{FaultRule, Route, Settings};
use serde_json::json;

use super::sent;
use crate::harness::manifests::plain_users;
use crate::harness::operator::{QUICK, but};
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::weather::without_faults;
use crate::harness::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn rows_added_by_an_edit_are_created_and_nobody_else_is_sent() {
    let world = World::new("edit-add", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": plain_users("u", 2)}));
    world.reason("sales", "Succeeded").await;
    // In front and behind: the place in the list means nothing.
    let more = [plain_users("a", 2), plain_users("u", 3)].concat();
    world.apply_batch("sales", &json!({"users": more}));
    let status = world.reason("sales", "Succeeded").await;
    assert_eq!(status.progress.as_deref(), Some("5/5"));
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    without_faults(|| {
        assert_eq!(sent(&world.sim), [vec!["u0000", "u0001"], vec!["a0000", "a0001", "u0002"]]);
    });
}

/// Rows added while the first job runs wait for nothing but their turn.
#[tokio::test(flavor = "multi_thread")]
async fn rows_added_while_a_job_runs_are_created_as_well() {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 2000;
    let world = World::new("edit-running", settings).await;
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": plain_users("u", 2)}));
    super::jobs(&world, 1).await;
    world.apply_batch("sales", &json!({"users": plain_users("u", 4)}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    without_faults(|| assert_eq!(sent(&world.sim), [["u0000", "u0001"], ["u0002", "u0003"]]));
}

/// Rows added while a request is on its way: the pass that records its job has planned from the list without them,
/// and what it writes speaks of that one. (That no status of a generation counts another one's rows is checked for
/// every test.)
#[tokio::test(flavor = "multi_thread")]
async fn rows_added_while_a_request_is_on_its_way_are_not_taken_for_done() {
    let world = World::new("edit-on-its-way", Settings::default()).await;
    let late = FaultRule::drop_reply().on(Route::BulkCreate).times(1);
    let late = FaultRule { reply: jumpcloud_sim::Reply::AsIs, ..late }.after(Duration::from_secs(3));
    world.sim.set_faults(vec![late]);
    let flags = but(&but(QUICK, "--submit-timeout", "10s"), "--unknown-quarantine", "20s");
    let _operator = world.operator(&flags);
    world.apply_batch("sales", &json!({"users": plain_users("u", 2)}));
    super::jobs(&world, 1).await;
    world.apply_batch("sales", &json!({"users": plain_users("u", 4)}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert_eq!(sent(&world.sim), [["u0000", "u0001"], ["u0002", "u0003"]]);
    let late = world.history().versions.iter().any(|version| {
        let recorded = version.records().any(|record| record.members.len() == 2 && record.job_id.is_some());
        recorded && version.metadata["generation"] == 2 && version.status["observedGeneration"] == 1
    });
    assert!(late, "the job was not recorded in the edited object");
}
