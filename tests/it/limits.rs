//! How large an object may be, through kubectl, the API server, the operator and etcd (bar 2).

use std::collections::BTreeMap;

use jumpcloud_sim::settings::RowFailure;
use jumpcloud_sim::{Pattern, Route, Settings};
use kube::api::{Api, ApiResource, DynamicObject};
use serde_json::{Value, json};

use crate::harness::manifests::{batch, plain_users, users};
use crate::harness::operator::{QUICK, but};
use crate::harness::plane::kubectl;
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::weather::without_faults;
use crate::harness::world::World;

/// Most bytes of a user of whom 300 fit into a client-side apply: kubectl repeats the object in an
/// annotation, and annotations have 256 KiB in all.
const ROW: usize = 850;

/// Users of twenty declared fields and [`ROW`] bytes.
fn full_users(prefix: &str, count: usize) -> Vec<Value> {
    let mut rows = users(prefix, count, |i| {
        json!({
            "firstName": "Augusta Ada", "middleName": "King", "lastName": format!("Lovelace {i}"),
            "displayName": "Ada, Countess of Lovelace", "jobTitle": "Analyst", "department": "Engines",
            "company": "Analytical Engines", "costCenter": "1815", "location": "London",
            "employeeType": "Contractor", "employeeIdentifier": format!("{prefix}-{i}"), "state": "Staged",
            "unixUID": 10_000 + i, "unixGID": 10_000, "sudo": false, "passwordNeverExpires": true,
            "attributes": {"team": "engines", "floor": "3"},
        })
    });
    for row in &mut rows {
        let rest = row.to_string().len() + r#","description":"""#.len();
        row["description"] = "d".repeat(ROW - rest).into();
        assert_eq!((row.as_object().map(serde_json::Map::len), row.to_string().len()), (Some(20), ROW));
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_full_users_go_through_client_side_apply() {
    let world = World::new("limits-client", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let spec = json!({"batchSize": 300, "users": full_users("c", 300)});
    let object = batch(&world.namespace, "full", &spec).to_string();
    let printed = kubectl(&["apply", "-f", "-"], &object);
    assert!(printed.success, "{}", printed.text);
    let status = world.reason("full", "Succeeded").await;
    assert_eq!(status.progress.as_deref(), Some("300/300"));
    assert_true(&world.sim, &status);
    // The annotation that kubectl adds is what is tight; without it this test would prove nothing.
    let stored =
        world.batches().get("full").await.expect("the batch").metadata.annotations.unwrap_or_default();
    assert!(stored["kubectl.kubernetes.io/last-applied-configuration"].len() > 300 * ROW);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_full_users_go_through_server_side_apply() {
    let world = World::new("limits-server", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.apply_batch("full", &json!({"batchSize": 500, "users": full_users("s", 500)}));
    let status = world.reason("full", "Succeeded").await;
    assert_eq!(status.progress.as_deref(), Some("500/500"));
    assert_eq!(status.users_truncated, Some(false));
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_more_is_refused_with_what_to_do() {
    let world = World::bare("limits-refused", Settings::default()).await;
    let object = batch(&world.namespace, "full", &json!({"users": plain_users("u", 501)})).to_string();
    for arguments in [&["apply", "-f", "-"][..], &["apply", "--server-side", "-f", "-"]] {
        let printed = kubectl(arguments, &object);
        assert!(!printed.success, "{}", printed.text);
        assert!(
            printed.text.contains("at most 500 users; split the list over several objects"),
            "{}",
            printed.text
        );
    }
    assert!(world.batches().list(&Default::default()).await.expect("a list").items.is_empty());
}

/// The worst that is accepted: as large as it may be, every row failed, every message long.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_object_with_the_longest_messages_comes_to_an_end() {
    const OBJECT: usize = 890 * 1024;
    let mut settings = Settings::default();
    let message = format!("invalid row: {}", "no \"such\" value ".repeat(256));
    assert!(message.len() > 4096);
    settings.jobs.row_failures = vec![RowFailure::new(Pattern::new(".").expect("a pattern"), &message)];
    let world = World::new("limits-worst", settings).await;
    // More than a megabyte in one request: on a machine that does other things, too, that takes more than a moment.
    let patient = but(&but(QUICK, "--submit-timeout", "10s"), "--unknown-quarantine", "10s");
    let _operator = world.operator(&patient);

    let name = |i: usize| format!("worst{i:04}-{}", "n".repeat(54));
    let mut rows: Vec<Value> = (0..500)
        .map(|i| json!({"username": name(i), "email": format!("worst{i:04}@canary.example.com")}))
        .collect();
    let plain = batch(&world.namespace, "worst", &json!({"users": rows})).to_string().len();
    // What the API server fills in takes some hundred bytes.
    let each = (OBJECT - 1024 - plain) / rows.len() - r#","description":"","company":"""#.len();
    for row in &mut rows {
        row["description"] = "d".repeat(1000).into();
        row["company"] = "c".repeat(each - 1000).into();
    }
    world.apply_batch("worst", &json!({"batchSize": 800, "users": rows}));
    let status = world.reason("worst", "Failed").await;
    let ready = &status.conditions[0];
    assert!(
        ready.message.starts_with("500 of 500 users failed; see status.users, mend their rows"),
        "{ready:?}"
    );
    assert!(status.conditions.iter().any(|c| c.type_ == "Stalled" && c.status == "True"), "{status:?}");
    assert!(status.submissions.is_empty());
    assert_eq!((status.failures.len(), status.users_truncated), (500, Some(true)));
    without_faults(|| assert!(status.failures.iter().all(|f| f.attempts == 1 && f.retry_time.is_none())));

    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for request in world.sim.requests(Route::BulkCreate) {
        for username in request.usernames {
            *sent.entry(username).or_default() += 1;
        }
    }
    assert_eq!(sent.len(), 500);
    without_faults(|| assert!(sent.values().all(|times| *times == 1), "sent twice: {sent:?}"));
    assert!(world.sim.users().is_empty());

    let (object, without_status) = sizes(&world, "worst").await;
    assert!((OBJECT - 8 * 1024..=OBJECT).contains(&without_status), "the object has {without_status} bytes");
    assert!(object < 1_350 * 1024, "the object has {object} bytes");
    // So much was written that a smaller budget of etcd would show.
    assert!(object > without_status + 256 * 1024, "the status has {} bytes", object - without_status);
}

/// Bytes of a stored batch as JSON without managedFields, and without its status as well.
async fn sizes(world: &World, name: &str) -> (usize, usize) {
    let resource = ApiResource::erase::<jumpcloud_operator::api::user_batch::JumpCloudUserBatch>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
    let mut object = api.get(name).await.expect("the batch");
    object.metadata.managed_fields = None;
    let whole = serde_json::to_string(&object).expect("JSON").len();
    object.data.as_object_mut().expect("an object").remove("status");
    (whole, serde_json::to_string(&object).expect("JSON").len())
}
