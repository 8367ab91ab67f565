//! Edits of a batch that has begun: what this release carries out, and what it refuses.

use jumpcloud_sim::Settings;
use serde_json::json;

use super::{message, says, sent};
use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_user_that_is_ours_cannot_change() {
    let world = World::new("edit-row", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let users = plain_users("u", 3);
    world.apply_batch("sales", &json!({"users": users}));
    world.reason("sales", "Succeeded").await;
    let before = world.sim.users();

    // A changed row and a new one: the new one is not sent either.
    let mut edited = plain_users("u", 4);
    edited[1]["firstName"] = json!("Ada");
    world.apply_batch("sales", &json!({"users": edited}));
    let status = world.reason("sales", "InvalidSpec").await;
    says(
        message(&status),
        &["users[1] 'u0001'", "this release creates users and cannot update them; restore the row"],
    );

    world.apply_batch("sales", &json!({"users": users[..2]}));
    let status = world.reason("sales", "InvalidSpec").await;
    says(message(&status), &["'u0002'", "its row was taken off", "restore the row"]);
    assert_eq!(status.inventory.len(), 3, "a user was forgotten");

    // The template counts as part of every row.
    world.apply_batch("sales", &json!({"template": {"company": "Example"}, "users": users}));
    let status = world.reason("sales", "InvalidSpec").await;
    says(message(&status), &["users[0] 'u0000'", "users[2] 'u0002'", "(or the template) has changed"]);

    assert_eq!(sent(&world.sim).len(), 1, "something was sent for a spec that cannot be carried out");
    assert_eq!(world.sim.users(), before);
    world.apply_batch("sales", &json!({"users": users}));
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    assert_eq!(sent(&world.sim).len(), 1);
}

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
    assert_eq!(sent(&world.sim), [vec!["u0000", "u0001"], vec!["a0000", "a0001", "u0002"]]);
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
    assert_eq!(sent(&world.sim), [["u0000", "u0001"], ["u0002", "u0003"]]);
}
