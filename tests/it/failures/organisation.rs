//! A credential of another organisation.

use std::time::Duration;

use jumpcloud_sim::settings::{Key, OrganisationSettings};
use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, FaultRule, Route, Settings};
use serde_json::json;

use super::{jobs, message, put_key, says, succeeds_without_an_attempt};
use crate::harness::declare::apply;
use crate::harness::manifests::{connection, plain_users};
use crate::harness::operator::QUICK;
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

const OTHER: &str = "5f0c1d2e3a4b5c6d7e8f9a02";
const OTHER_KEY: &str = "key-of-another-organisation";

fn two_organisations() -> Settings {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 1500;
    settings.organisations.push(OrganisationSettings {
        id: OTHER.to_owned(),
        display_name: "Other".to_owned(),
        keys: vec![Key::new(OTHER_KEY)],
        ..OrganisationSettings::default()
    });
    settings
}

/// Asserts that nothing was ever posted to the other organisation.
fn nothing_posted_to_the_other(world: &World) {
    for route in [Route::BulkCreate, Route::BulkUpdate, Route::UserUpdate] {
        for request in world.sim.requests(route) {
            assert_ne!(request.organisation.as_deref(), Some(OTHER), "{request:?}");
        }
    }
}

/// The Secret gets a key that works, of another organisation, while jobs run.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_stays_in_its_organisation() {
    let world = World::new("fail-org", two_organisations()).await;
    // One small job after the other, so that the batch outlasts the reading of the Secret.
    let mut narrow = connection(&world.namespace, "default", world.sim.url());
    narrow["spec"]["limits"]["maxConcurrentJobs"] = json!(1);
    apply(&narrow.to_string());
    let _operator = world.operator(QUICK);
    world
        .apply_batch("sales", &json!({"batchSize": 2, "retry": {"limit": 0}, "users": plain_users("u", 30)}));
    jobs(&world, 1).await;
    put_key(&world, OTHER_KEY);
    let status = world.reason("sales", "OrgMismatch").await;
    says(message(&status), &[OTHER, DEFAULT_ORGANISATION, "restore the credential, or make a new object"]);
    assert_eq!(status.organization_id.as_deref(), Some(DEFAULT_ORGANISATION));
    assert!(status.conditions.iter().any(|c| c.type_ == "Stalled"), "{status:?}");
    nothing_posted_to_the_other(&world);
    world.sim.update_settings(|settings| settings.jobs.service_time_ms = 0);
    put_key(&world, DEFAULT_KEY);
    let status = succeeds_without_an_attempt(&world, "sales").await;
    nothing_posted_to_the_other(&world);
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);

    // The same for an edit.
    put_key(&world, OTHER_KEY);
    let mut list = plain_users("u", 30);
    list[3]["company"] = json!("Example");
    let spec = json!({"batchSize": 2, "retry": {"limit": 0}, "users": list});
    // A pass that still has the old key would be right to use it: an edit of the connection has it checked.
    narrow["spec"]["limits"]["burst"] = json!(5);
    apply(&narrow.to_string());
    eventually("the other organisation to be seen", PATIENCE, async || {
        let id = world.kubectl(&["get", "jcconn", "default", "-o", "jsonpath={.status.organization.id}"]);
        if id == OTHER { Ok(()) } else { Err(id) }
    })
    .await;
    world.apply_batch("sales", &spec);
    world.reason("sales", "OrgMismatch").await;
    assert!(world.sim.requests(Route::BulkUpdate).is_empty(), "an update was sent");
    put_key(&world, DEFAULT_KEY);
    succeeds_without_an_attempt(&world, "sales").await;
    nothing_posted_to_the_other(&world);
    assert_eq!(world.sim.user("u0003").expect("the user is there")["company"], "Example");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_that_the_key_does_not_reach_is_told() {
    let world = World::bare("fail-org-id", two_organisations()).await;
    put_key(&world, DEFAULT_KEY);
    let mut wrong = connection(&world.namespace, "default", world.sim.url());
    wrong["spec"]["organizationID"] = json!(OTHER);
    apply(&wrong.to_string());
    world.apply_batch("sales", &json!({"users": plain_users("u", 3)}));
    let _operator = world.operator(QUICK);
    let told = world.connection_reason("default", "OrgMismatch").await;
    says(
        &told,
        &["does not reach organisation", OTHER, "correct organizationID or use a key of that organisation"],
    );
    world.reason("sales", "ConnectionNotReady").await;
    wrong["spec"]["organizationID"] = json!(DEFAULT_ORGANISATION);
    apply(&wrong.to_string());
    succeeds_without_an_attempt(&world, "sales").await;
    nothing_posted_to_the_other(&world);
}

/// Read once for a credential and generation, so not again after a restart; a connection that may not read
/// it works without it.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_new_users_is_shown_where_it_can_be_read() {
    let world = World::new("new-users", Settings::default()).await;
    let state = || {
        let shown = world.kubectl(&["get", "jcconn", "default", "-o", "jsonpath={.status.newUserState}"]);
        serde_json::from_str::<serde_json::Value>(&shown).unwrap_or_default()
    };
    let count = |route| world.sim.requests(route).len();
    let first = world.replica("a", QUICK);
    world.connection_reason("default", "Succeeded").await;
    assert_eq!(state(), json!({"bulk": "Staged", "otherSources": "Activated"}));
    first.kill();
    let _second = world.replica("b", QUICK);
    eventually("a check after the restart", PATIENCE, async || {
        let checks = count(Route::OrganizationList);
        if checks >= 2 { Ok(()) } else { Err(checks) }
    })
    .await;
    world.sim.quiet_for(Duration::from_secs(2), PATIENCE).await.expect("it is quiet at rest");
    assert_eq!((count(Route::OrganizationList), count(Route::OrganizationGet)), (2, 1));

    world.sim.set_faults(vec![FaultRule::status(403).on(Route::OrganizationGet)]);
    world.sim.add_key(DEFAULT_ORGANISATION, "the-second-key").expect("a new key");
    put_key(&world, "the-second-key");
    world.kubectl(&["patch", "jcconn", "default", "--type=merge", "-p", r#"{"spec":{"paused":true}}"#]);
    eventually("a check without the state", PATIENCE, async || {
        let state = state();
        if state.is_null() { Ok(()) } else { Err(state) }
    })
    .await;
    assert!(world.connection_reason("default", "Succeeded").await.contains("paused"));
}
