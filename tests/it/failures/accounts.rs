//! Service accounts: used like a key, told apart from one in messages, rotated in the middle of a batch.

use std::collections::BTreeSet;

use jumpcloud_sim::{DEFAULT_ORGANISATION, Route, Settings};
use serde_json::{Value, json};

use super::credentials::{long_quarantine, slow, strict};
use super::{jobs, message, says, sent, succeeds_without_an_attempt};
use crate::harness::declare::apply;
use crate::harness::manifests::connection;
use crate::harness::operator::QUICK;
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::{PATIENCE, World};

const CLIENT: &str = "the-client";
const FIRST: &str = "the-first-secret";
const SECOND: &str = "the-second-secret";

/// A Secret of the namespace.
fn put(world: &World, name: &str, data: &Value) {
    let metadata = json!({"namespace": world.namespace, "name": name});
    apply(
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}).to_string(),
    );
}

/// Id and secret in one Secret.
fn put_account(world: &World, secret: &str) {
    put(world, "account", &json!({"client-id": CLIENT, "client-secret": secret}));
}

/// Makes the connection use a service account whose secret is in the Secret of that name.
fn connect(world: &World, secret: &str) {
    let mut object = connection(&world.namespace, "default", world.sim.url());
    object["spec"]["auth"] = json!({"serviceAccount": {
        "clientIDSecretKeyRef": {"name": "account", "key": "client-id"},
        "clientSecretSecretKeyRef": {"name": secret, "key": "client-secret"},
    }});
    apply(&object.to_string());
}

async fn world(name: &str, settings: Settings) -> World {
    let world = World::bare(name, settings).await;
    world.sim.add_client_secret(DEFAULT_ORGANISATION, CLIENT, FIRST).expect("an account");
    // An API key would do, too; it is not to be used.
    assert!(world.sim.revoke_key(jumpcloud_sim::DEFAULT_KEY));
    world
}

/// The new client secret is in the Secret before the old one ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_client_secret_costs_no_attempt() {
    rotation("account-rotation", false).await;
}

/// The old client secret ends first; for a while there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_that_ends_in_the_middle_costs_no_attempt() {
    rotation("account-gap", true).await;
}

/// The client secret is replaced while jobs run, and every token that the old one got ends with it.
async fn rotation(name: &str, gap: bool) {
    let world = world(name, slow()).await;
    put_account(&world, FIRST);
    connect(&world, "account");
    let operator = world.operator(&long_quarantine());
    world.connection_reason("default", "Succeeded").await;
    without_faults(|| assert_eq!(world.sim.requests(Route::Token).len(), 1));
    world.apply_batch("sales", &strict(60, 10));
    jobs(&world, 2).await;
    world.sim.add_client_secret(DEFAULT_ORGANISATION, CLIENT, SECOND).expect("a second secret");
    if !gap {
        put_account(&world, SECOND);
    }
    assert!(world.sim.revoke_client_secret(CLIENT, FIRST));
    assert!(world.sim.revoke_tokens() >= 1);
    assert!(sent(&world.sim).len() < 6, "the batch was over before the secret was rotated");
    if gap {
        let told = world.connection_reason("default", "Retrying").await;
        says(&told, &["refuses the service account in Secret account keys client-id and client-secret"]);
        put_account(&world, SECOND);
    }
    let status = succeeds_without_an_attempt(&world, "sales").await;
    assert_eq!(status.progress.as_deref(), Some("60/60"));
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    let asked = world.sim.requests(Route::Token);
    let secrets: BTreeSet<_> = asked.iter().filter_map(|request| request.key.clone()).collect();
    assert_eq!(secrets.len(), 2, "both secrets got a token");
    let given = asked.iter().filter(|request| request.status == Some(200)).count();
    without_faults(|| assert!(given <= 4, "{given} tokens"));
    without_faults(|| {
        assert_eq!(operator.log().matches("this replica leads").count(), 1, "the operator was restarted");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_lacks_is_told_by_secret_and_key() {
    let world = world("account-lacks", Settings::default()).await;
    connect(&world, "other");
    world.apply_batch("sales", &strict(3, 100));
    let _operator = world.operator(QUICK);
    let told = async |reason: &str, words: &[&str]| {
        let what = format!("{words:?}");
        eventually(&what, PATIENCE, async || {
            let text = world.connection_reason("default", reason).await;
            if words.iter().all(|word| text.contains(word)) { Ok(()) } else { Err(text) }
        })
        .await;
    };
    told("SourceNotFound", &["Secret account not found; create it in the connection's namespace"]).await;
    put(&world, "account", &json!({"client-id": CLIENT}));
    told("SourceNotFound", &["Secret other not found; create it"]).await;
    put(&world, "other", &json!({"secret": FIRST}));
    told("SourceNotFound", &["Secret other key client-secret not found; put the client secret there"]).await;
    put(&world, "other", &json!({"client-secret": "not-the-secret"}));
    let place = "the service account in Secret account key client-id with Secret other key client-secret";
    told("Retrying", &[place, "put a valid client id and secret there", "check the region"]).await;
    eventually("the batch to say so", PATIENCE, async || {
        let status = world.reason("sales", "ConnectionNotReady").await;
        let words = ["JumpCloudConnection default is not ready", "put a valid client id and secret"];
        let text = message(&status);
        if words.iter().all(|word| text.contains(word)) { Ok(()) } else { Err(text.to_owned()) }
    })
    .await;
    assert!(world.sim.requests(Route::OrganizationList).is_empty(), "asked without a token");
    put(&world, "other", &json!({"client-secret": FIRST}));
    let status = succeeds_without_an_attempt(&world, "sales").await;
    assert_true(&world.sim, &status);
    let version = world.kubectl(&["get", "jcconn", "default", "-o", "jsonpath={.status.credentialVersion}"]);
    assert_eq!(version.split(',').count(), 2, "both Secrets count: {version}");
}
