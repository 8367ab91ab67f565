//! The invariant checker itself, against a real API server: it sees every version, and it finds what is wrong.

use jumpcloud_sim::{DEFAULT_KEY, Settings};
use serde_json::{Value, json};

use crate::harness::invariants::{Kind, Rule};
use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::world::World;

/// How many edits follow each other as fast as kubectl makes them.
const EDITS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn no_version_is_missed() {
    let world = World::new("checked-versions", Settings::default()).await;
    world.apply_batch("users", &json!({"paused": true, "users": plain_users("v", 2)}));
    let batches = world.batches();
    for number in 0..EDITS {
        let patch = json!({"metadata": {"annotations": {"example.com/number": number.to_string()}}});
        let patch = kube::api::Patch::Merge(patch);
        batches.patch("users", &kube::api::PatchParams::default(), &patch).await.expect("an edit");
    }
    world.kubectl(&["delete", "jcub", "users"]);
    let history = world.history();
    let of_batch = history.versions.iter().filter(|version| version.kind == Kind::Batch);
    let numbers: Vec<String> = of_batch
        .clone()
        .filter_map(|version| {
            version.metadata["annotations"]["example.com/number"].as_str().map(str::to_owned)
        })
        .collect();
    let mut wanted: Vec<String> = (0..EDITS).map(|number| number.to_string()).collect();
    // The version that is its end has the last annotations once more.
    wanted.push((EDITS - 1).to_string());
    assert_eq!(numbers, wanted);
    assert!(of_batch.clone().next_back().is_some_and(|version| version.gone));
    assert!(history.live().all(|version| version.kind == Kind::Connection));
    world.hold();
}

/// Somebody who calls itself the operator creates a user, and a key is in a status: both are found.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_found() {
    let world = World::new("checked-wrong", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.apply_batch("users", &json!({"users": plain_users("w", 2)}));
    world.reason("users", "Succeeded").await;
    assert_eq!(world.violations(), Vec::<String>::new());
    let history = world.history();
    let intended = history.versions.iter().flat_map(|version| version.records());
    assert!(intended.into_iter().any(|record| record.members == ["w0000", "w0001"]));

    let answer = reqwest::Client::new()
        .post(format!("{}/api/v2/bulk/users", world.sim.url()))
        .header("x-api-key", DEFAULT_KEY)
        .header("user-agent", "jumpcloud-operator/forged")
        .header("content-type", "application/json")
        .body(json!([{"username": "w0002", "email": "w0002@canary.example.com"}]).to_string())
        .send();
    assert!(answer.await.expect("the simulator answers").status().is_success());
    let status = json!({"status": {"organizationID": DEFAULT_KEY}}).to_string();
    world.kubectl(&["patch", "jcub", "users", "--subresource=status", "--type=merge", "-p", &status]);
    let found = world.violations();
    let of = |rule: &str| found.iter().filter(|text| text.starts_with(rule)).count();
    assert_eq!(of("Intended"), 1, "{found:#?}");
    assert!(of("Secrecy") > 0, "{found:#?}");
    let why = "the violations are the test";
    world.may_break(Rule::Intended, why);
    world.may_break(Rule::Secrecy, why);
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// Statuses that somebody else wrote are told from the operator's own.
#[tokio::test(flavor = "multi_thread")]
async fn who_wrote_a_status_is_known() {
    let world = World::bare("checked-authors", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.apply_batch("users", &json!({"users": plain_users("a", 2)}));
    world.reason("users", "ConnectionNotReady").await;
    let meddled = |world: &World| world.history().versions.iter().filter(|version| version.meddled).count();
    assert_eq!(meddled(&world), 0);
    let status: Value = json!({"status": {"progress": "9/9"}});
    world.kubectl(&[
        "patch",
        "jcub",
        "users",
        "--subresource=status",
        "--type=merge",
        "-p",
        &status.to_string(),
    ]);
    assert_eq!(meddled(&world), 1);
}
