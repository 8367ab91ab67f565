//! Sharing one key fairly (bar 6).

use std::time::{Duration, Instant};

use jumpcloud_sim::ledger::What;
use jumpcloud_sim::{Route, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::manifests::{batch, connection, plain_users};
use crate::harness::operator::DEFAULTS;
use crate::harness::wait::eventually;
use crate::harness::weather::clean_only;
use crate::harness::world::{PATIENCE, World};

/// A 1-user batch beside 100 batches of 100 of another namespace on one key ends within twice its time
/// alone. Nothing is scaled: jobs take 10 s, limits and polls are the defaults. The hundred batches are
/// not waited for; they go on taking all they can get until the small one has ended.
#[tokio::test(flavor = "multi_thread")]
async fn one_user_beside_ten_thousand_takes_no_more_than_twice_its_time() {
    if clean_only("measures time") {
        return;
    }
    const JOBS: usize = 4;
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 10_000;
    let world = World::new("fair-small", settings).await;
    let many = world.beside("fair-many");
    for of in [&world, &many] {
        let mut default = connection(&of.namespace, "default", world.sim.url());
        default["spec"]["limits"] = json!({});
        apply(&default.to_string());
    }
    let _operator = world.operator_with(&[&many], DEFAULTS);
    world.connection_reason("default", "Succeeded").await;
    many.connection_reason("default", "Succeeded").await;

    let alone = time(&world, "alone").await;

    let batches: Vec<_> = (0..100)
        .map(|i| {
            let users = plain_users(&format!("m{i:02}u"), 100);
            batch(&many.namespace, &format!("m{i:02}"), &json!({"users": users}))
        })
        .collect();
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": batches}).to_string());
    let sent = || world.sim.requests(Route::BulkCreate).iter().filter(|r| r.rows == 100).count();
    // So many that the slots have been given away more than once.
    eventually("jobs of the many", PATIENCE, async || if sent() > JOBS { Ok(()) } else { Err(sent()) }).await;

    let before = sent();
    let beside = time(&world, "beside").await;
    assert!(beside <= alone * 2, "alone {alone:?}, beside the others {beside:?}");
    assert!(sent() > before, "the others stood still meanwhile");

    let mut running: Vec<(String, usize)> = Vec::new();
    let mut most = (0, 0);
    for entry in world.sim.ledger() {
        match &entry.what {
            What::Request(request) if request.route == Route::BulkCreate => {
                running.extend(request.job_id.clone().map(|job| (job, request.rows)));
            }
            What::JobFinished { job_id, .. } => running.retain(|(job, _)| job != job_id),
            _ => {}
        }
        let of_many = running.iter().filter(|(_, rows)| *rows == 100).count();
        most = (most.0.max(running.len()), most.1.max(of_many));
    }
    assert_eq!(most, (JOBS, JOBS - 1), "jobs at the same time, and those of the many");
}

/// How long a new batch of one user takes.
async fn time(world: &World, name: &str) -> Duration {
    let begun = Instant::now();
    world.apply_batch(name, &json!({"users": plain_users(name, 1)}));
    world.reason(name, "Succeeded").await;
    begun.elapsed()
}
