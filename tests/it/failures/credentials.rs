//! Keys, Secrets, connections and hosts that are wrong, missing or change while jobs run.

use std::time::{Duration, Instant};

use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, FaultRule, Route, Settings};
use serde_json::json;

use super::{jobs, message, put_key, says, sent, succeeds_without_an_attempt};
use crate::harness::declare::apply;
use crate::harness::manifests::{connection, plain_users, secret};
use crate::harness::operator::QUICK;
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::wait::eventually;
use crate::harness::weather::{self, without_faults};
use crate::harness::world::World;

/// How long there is no valid key in bar 8.
const GAP: Duration = Duration::from_secs(20);

/// A batch that no lost attempt would leave whole.
pub(super) fn strict(users: usize, batch_size: usize) -> serde_json::Value {
    json!({"batchSize": batch_size, "retry": {"limit": 0}, "users": plain_users("u", users)})
}

/// Whoever takes a refused request for one of unknown outcome waits for longer than a test does. Under weather some
/// are of unknown outcome.
pub(super) fn long_quarantine() -> Vec<(&'static str, &'static str)> {
    if weather::is_on() {
        return QUICK.to_vec();
    }
    let quick = QUICK.iter().copied().filter(|(flag, _)| *flag != "--unknown-quarantine");
    quick.chain([("--unknown-quarantine", "5m")]).collect()
}

/// Jobs that take long enough for something to happen meanwhile.
pub(super) fn slow() -> Settings {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 1500;
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_and_its_correction_is_noticed() {
    let world = World::bare("fail-key", Settings::default()).await;
    put_key(&world, "not-the-key");
    apply(&connection(&world.namespace, "default", world.sim.url()).to_string());
    world.apply_batch("sales", &strict(3, 100));
    let _operator = world.operator(QUICK);
    let told = world.connection_reason("default", "Retrying").await;
    says(&told, &["refuses the API key in Secret jumpcloud", "put a valid key there", "check the region"]);
    let status = world.reason("sales", "ConnectionNotReady").await;
    says(message(&status), &["JumpCloudConnection default is not ready", "put a valid key there"]);
    assert!(sent(&world.sim).is_empty());
    put_key(&world, DEFAULT_KEY);
    let status = succeeds_without_an_attempt(&world, "sales").await;
    assert_true(&world.sim, &status);
    world.connection_reason("default", "Succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_told_and_its_correction_is_noticed() {
    let world = World::bare("fail-host", Settings::default()).await;
    // One letter too long for a name: no name server is asked.
    let nowhere = format!("https://{}.example.com", "x".repeat(64));
    put_key(&world, DEFAULT_KEY);
    apply(&connection(&world.namespace, "default", &nowhere).to_string());
    world.apply_batch("sales", &strict(3, 100));
    let flags = [QUICK, &[("--allowed-api-url", nowhere.as_str())]].concat();
    let _operator = world.operator(&flags);
    let told = world.connection_reason("default", "Retrying").await;
    says(&told, &["JumpCloud cannot be reached", "check apiURL, region and the network"]);
    says(
        message(&world.reason("sales", "ConnectionNotReady").await),
        &["default is not ready", "check apiURL"],
    );
    apply(&connection(&world.namespace, "default", world.sim.url()).to_string());
    succeeds_without_an_attempt(&world, "sales").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_not_allowed_gets_no_key() {
    let world = World::bare("fail-origin", Settings::default()).await;
    put_key(&world, DEFAULT_KEY);
    // The simulator under another name of the same host.
    let port = world.sim.address().port();
    apply(&connection(&world.namespace, "default", &format!("http://localhost:{port}")).to_string());
    world.apply_batch("sales", &strict(3, 100));
    let _operator = world.operator(QUICK);
    let told = world.connection_reason("default", "InvalidSpec").await;
    says(&told, &["apiURL is not allowed", "--allowed-api-url", "use region"]);
    world.reason("sales", "ConnectionNotReady").await;
    assert!(world.sim.last_request().is_none(), "a key was sent to an origin that is not allowed");
    apply(&connection(&world.namespace, "default", world.sim.url()).to_string());
    succeeds_without_an_attempt(&world, "sales").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_and_a_missing_key_are_told() {
    let world = World::bare("fail-secret", Settings::default()).await;
    apply(&connection(&world.namespace, "default", world.sim.url()).to_string());
    world.apply_batch("sales", &strict(3, 100));
    let _operator = world.operator(QUICK);
    let told = world.connection_reason("default", "SourceNotFound").await;
    says(&told, &["Secret jumpcloud not found", "create it in the connection's namespace"]);
    says(
        message(&world.reason("sales", "ConnectionNotReady").await),
        &["Secret jumpcloud not found; create it"],
    );

    let mut other = secret(&world.namespace, DEFAULT_KEY);
    other["stringData"] = json!({"apikey": DEFAULT_KEY});
    apply(&other.to_string());
    let world_ref = &world;
    crate::harness::wait::eventually("the missing key", crate::harness::world::PATIENCE, async || {
        let told = world_ref.connection_reason("default", "SourceNotFound").await;
        if told.contains("key api-key not found; put the API key there") { Ok(()) } else { Err(told) }
    })
    .await;
    assert!(world.sim.last_request().is_none());
    put_key(&world, DEFAULT_KEY);
    succeeds_without_an_attempt(&world, "sales").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_connection_is_told_and_its_creation_is_noticed() {
    let world = World::bare("fail-connection", Settings::default()).await;
    put_key(&world, DEFAULT_KEY);
    world.apply_batch("sales", &strict(3, 100));
    let _operator = world.operator(QUICK);
    let status = world.reason("sales", "ConnectionNotReady").await;
    says(message(&status), &["JumpCloudConnection default does not exist in this namespace; create it"]);
    apply(&connection(&world.namespace, "default", world.sim.url()).to_string());
    succeeds_without_an_attempt(&world, "sales").await;
}

/// The new key is in the Secret before the old one ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_costs_nothing() {
    let world = World::new("fail-rotation", slow()).await;
    let _operator = world.operator(&long_quarantine());
    world.apply_batch("sales", &strict(100, 10));
    jobs(&world, 2).await;
    world.sim.add_key(DEFAULT_ORGANISATION, "the-second-key").expect("a new key");
    put_key(&world, "the-second-key");
    assert!(world.sim.revoke_key(DEFAULT_KEY));
    let status = succeeds_without_an_attempt(&world, "sales").await;
    assert_eq!(status.progress.as_deref(), Some("100/100"));
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    let keys: std::collections::BTreeSet<_> =
        world.sim.requests(jumpcloud_sim::Route::BulkCreate).into_iter().filter_map(|r| r.key).collect();
    without_faults(|| assert_eq!(keys.len(), 2, "the key was not rotated in the middle of the batch"));
}

/// The old key ends first; for a while there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_ends_in_the_middle_costs_no_attempt() {
    let world = World::new("fail-revoked", slow()).await;
    let _operator = world.operator(&long_quarantine());
    world.apply_batch("sales", &strict(100, 10));
    jobs(&world, 2).await;
    assert!(world.sim.revoke_key(DEFAULT_KEY));
    world.connection_reason("default", "Retrying").await;
    let status = world.reason("sales", "ConnectionNotReady").await;
    says(message(&status), &["put a valid key there"]);
    let before = sent(&world.sim).len();
    assert!(before < 10, "the batch was over before the key ended");
    world.sim.add_key(DEFAULT_ORGANISATION, "the-second-key").expect("a new key");
    put_key(&world, "the-second-key");
    let status = succeeds_without_an_attempt(&world, "sales").await;
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
}

/// Bar 8: the old key is dead at once, the new one comes 20 s later.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_missing_for_20_seconds_costs_no_attempt() {
    let world = World::new("fail-gap", slow()).await;
    let operator = world.operator(&long_quarantine());
    world.apply_batch("sales", &strict(100, 10));
    jobs(&world, 2).await;
    assert!(world.sim.revoke_key(DEFAULT_KEY));
    let (ended, before) = (Instant::now(), sent(&world.sim));
    assert!(before.len() < 10, "the batch was over before the key ended");
    eventually("20 s without a key", GAP * 2, async || {
        let status = world.status("sales").await;
        assert_eq!(status.counts.as_ref().map_or(0, |counts| counts.failed), 0, "{:?}", status.failures);
        without_faults(|| assert_eq!(status.failures.iter().map(|failure| failure.attempts).sum::<u32>(), 0));
        if ended.elapsed() >= GAP { Ok(()) } else { Err(ended.elapsed()) }
    })
    .await;
    assert_eq!(sent(&world.sim), before, "jobs were accepted with a dead key");
    world.sim.add_key(DEFAULT_ORGANISATION, "the-second-key").expect("a new key");
    put_key(&world, "the-second-key");

    let status = succeeds_without_an_attempt(&world, "sales").await;
    assert_eq!(status.progress.as_deref(), Some("100/100"));
    assert!(status.failures.is_empty(), "{:?}", status.failures);
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    let mut users: Vec<String> = sent(&world.sim).into_iter().flatten().collect();
    users.sort();
    users.dedup();
    without_faults(|| {
        assert_eq!((sent(&world.sim).len(), users.len()), (10, 100), "each user is in one accepted job");
    });
    without_faults(|| {
        assert_eq!(operator.log().matches("this replica leads").count(), 1, "the operator was restarted");
    });
}

/// Look-ups work and say nothing about the right to write.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_only_read_is_told_and_tried_ever_more_rarely() {
    let world = World::new("fail-read-only-key", Settings::default()).await;
    world.sim.set_faults(vec![FaultRule::status(403).on(Route::BulkCreate)]);
    world.apply_batch("sales", &strict(3, 100));
    let _operator = world.operator(QUICK);
    let status = world.reason("sales", "Retrying").await;
    says(message(&status), &["JumpCloud refuses the credential (403)"]);
    let tries = world.sim.requests(Route::BulkCreate).len();
    without_faults(|| assert!(tries <= 4, "{tries} requests before anybody was told"));
    world.sim.set_faults(Vec::new());
    let status = succeeds_without_an_attempt(&world, "sales").await;
    assert_true(&world.sim, &status);
}
