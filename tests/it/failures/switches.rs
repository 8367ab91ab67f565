//! The switches that stop writing: of a batch and of a connection.

use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use super::{jobs, message, says, sent};
use crate::harness::declare::apply;
use crate::harness::manifests::{connection, plain_users};
use crate::harness::operator::QUICK;
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::wait::eventually;
use crate::harness::weather::clean_only;
use crate::harness::world::{PATIENCE, World};

const USERS: usize = 60;

/// Jobs that run when the switch is thrown.
fn slow() -> Settings {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 3000;
    settings
}

fn spec(paused: bool) -> Value {
    json!({"paused": paused, "batchSize": 10, "users": plain_users("u", USERS)})
}

/// Waits until the running jobs have ended and nothing but the switch holds the batch; asserts that it
/// was held in the middle, and that nothing was sent since.
async fn held_in_the_middle(world: &World, words: &[&str]) {
    let status = world.reason("sales", "Paused").await;
    says(message(&status), words);
    assert!(status.submissions.is_empty(), "jobs under way were not followed: {:?}", status.submissions);
    let requests = sent(&world.sim).len();
    assert!((2..USERS / 10).contains(&requests), "{requests} requests: not held in the middle");
    assert_eq!(status.inventory.len(), requests * 10, "results of running jobs are missing");
    assert_eq!(status.progress, Some(format!("{}/{USERS}", requests * 10)));
    assert!(status.conditions.iter().all(|c| c.type_ != "Ready" || c.status == "False"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_batch_sends_nothing_and_follows_what_runs() {
    if clean_only("throws a switch between two jobs") {
        return;
    }
    let world = World::new("pause-batch", slow()).await;
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &spec(true));
    says(message(&world.reason("sales", "Paused").await), &["spec.paused is true; users are waiting"]);
    assert!(sent(&world.sim).is_empty());
    world.apply_batch("sales", &spec(false));
    jobs(&world, 2).await;
    world.apply_batch("sales", &spec(true));
    held_in_the_middle(&world, &["spec.paused is true"]).await;
    world.apply_batch("sales", &spec(false));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    // Paused with nothing left to do is still done.
    world.apply_batch("sales", &spec(true));
    world.reason("sales", "Succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connection_stops_its_batches_and_follows_what_runs() {
    if clean_only("throws a switch between two jobs") {
        return;
    }
    let world = World::new("pause-connection", slow()).await;
    let pause = |paused: bool| {
        let mut object = connection(&world.namespace, "default", world.sim.url());
        object["spec"]["paused"] = json!(paused);
        apply(&object.to_string());
    };
    pause(true);
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &spec(false));
    says(message(&world.reason("sales", "Paused").await), &["JumpCloudConnection default is paused"]);
    says(&world.connection_reason("default", "Succeeded").await, &["paused: nothing is written"]);
    assert!(sent(&world.sim).is_empty());
    pause(false);
    jobs(&world, 2).await;
    pause(true);
    // The switch is the connection's: the batch itself has no new generation to wait for.
    eventually("the running jobs to end", PATIENCE, async || {
        let status = world.reason("sales", "Paused").await;
        if status.submissions.is_empty() { Ok(()) } else { Err(status.submissions.len()) }
    })
    .await;
    held_in_the_middle(&world, &["JumpCloudConnection default is paused"]).await;
    pause(false);
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
}
