//! What the chart allows the operator, and what a namespace that ends still takes.

mod used;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use jumpcloud_operator::api::GROUP;
use k8s_openapi::api::authorization::v1::{SelfSubjectRulesReview, SelfSubjectRulesReviewSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::grants::{self, ACCOUNT, Scope, grant_as};
use crate::harness::plane::{client_of, kubectl, plane};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// A namespace called `name`, and a client of the operator's ServiceAccount there.
async fn granted(scope: Scope, name: &str) -> Client {
    let created = kubectl(&["create", "namespace", name], "");
    assert!(created.success, "{}", created.text);
    grant_as(scope, name);
    client_of(&plane().service_account_kubeconfig(name, ACCOUNT).unwrap()).await
}

/// Verbs by group and resource, in that namespace.
async fn rules(client: Client, namespace: &str) -> BTreeMap<String, Vec<String>> {
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) },
        ..SelfSubjectRulesReview::default()
    };
    let api: Api<SelfSubjectRulesReview> = Api::all(client);
    let status = api.create(&PostParams::default(), &review).await.unwrap().status.unwrap();
    let mut rules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in status.resource_rules {
        for group in rule.api_groups.unwrap_or_default() {
            for resource in rule.resources.iter().flatten() {
                rules.entry(format!("{group}/{resource}")).or_default().extend(rule.verbs.iter().cloned());
            }
        }
    }
    rules.into_iter().map(|(resource, verbs)| (resource, verbs.into_iter().collect())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_may_do_this_and_nothing_else() {
    let client = granted(Scope::ClusterWide, "permissions").await;
    assert_eq!(allowed_in("default", "permissions", client.clone()).await, wanted());
    assert_eq!(allowed_in("permissions", "permissions", client).await, wanted_at_home());
    grants::revoke("permissions");
}

#[tokio::test(flavor = "multi_thread")]
async fn for_one_namespace_it_may_do_nothing_elsewhere() {
    let client = granted(Scope::OneNamespace, "permissions-one").await;
    assert_eq!(allowed_in("default", "permissions-one", client.clone()).await, BTreeMap::new());
    assert_eq!(allowed_in("permissions-one", "permissions-one", client).await, wanted_at_home());
}

/// What that client may do in `namespace` which not everybody may. Makes an account in `home` to compare with.
pub async fn allowed_in(namespace: &str, home: &str, client: Client) -> BTreeMap<String, Vec<String>> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "plain", "namespace": home}});
    apply(&account.to_string());
    let plain = client_of(&plane().service_account_kubeconfig(home, "plain").unwrap()).await;
    let everybody = rules(plain, namespace).await;
    let mut allowed = rules(client, namespace).await;
    allowed.retain(|resource, verbs| everybody.get(resource) != Some(verbs));
    allowed
}

/// The whole list of what the operator may do in the namespaces that it watches. Whoever needs another permission adds it
/// here, to the chart, to the command `check` and to docs/security.md.
pub fn wanted() -> BTreeMap<String, Vec<String>> {
    let wanted = [
        (format!("{GROUP}/jumpcloudconnections"), &["get", "list", "watch"][..]),
        (format!("{GROUP}/jumpcloudconnections/status"), &["patch"]),
        (format!("{GROUP}/jumpclouduserbatches"), &["get", "list", "watch"]),
        (format!("{GROUP}/jumpclouduserbatches/status"), &["patch"]),
        (format!("{GROUP}/scheduleduserstates"), &["get", "list", "patch", "watch"]),
        (format!("{GROUP}/scheduleduserstates/status"), &["patch"]),
        ("/secrets".to_owned(), &["get"]),
        ("events.k8s.io/events".to_owned(), &["create", "patch"]),
    ];
    wanted
        .into_iter()
        .map(|(resource, verbs)| (resource, verbs.iter().map(|verb| (*verb).to_owned()).collect()))
        .collect()
}

/// The same in its own namespace, when it watches that.
fn wanted_at_home() -> BTreeMap<String, Vec<String>> {
    let mut wanted = wanted();
    let verbs = ["create", "get", "update"].map(str::to_owned).to_vec();
    wanted.insert("coordination.k8s.io/leases".to_owned(), verbs);
    wanted
}

/// What `helm test` runs, under the same account.
#[tokio::test(flavor = "multi_thread")]
async fn check_is_content_with_these_permissions_and_names_a_missing_one() {
    granted(Scope::ClusterWide, "permissions-check").await;
    let plain = kubectl(&["-n", "permissions-check", "create", "serviceaccount", "plain"], "");
    assert!(plain.success, "{}", plain.text);
    let check = |account: &str| {
        let kubeconfig = plane().service_account_kubeconfig("permissions-check", account).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"))
            .args(["check", "--lease-namespace", "permissions-check"])
            .env("KUBECONFIG", kubeconfig)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (fine, said) = check("jumpcloud-operator");
    assert!(fine && said.contains("permissions are granted for all namespaces"), "{said}");
    let (fine, said) = check("plain");
    assert!(!fine && said.contains("may not get secrets in all namespaces"), "{said}");
}

/// `controller/events.rs` tells this answer from that to a missing permission by its cause.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_ends_refuses_events_and_says_why() {
    let client = granted(Scope::ClusterWide, "permissions-ending").await;
    let admin = client_of(plane().admin_kubeconfig()).await;
    let created = kubectl(&["create", "namespace", "ending"], "");
    assert!(created.success, "{}", created.text);
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "held", "namespace": "ending", "finalizers": ["example.com/held"]}});
    apply(&held.to_string());
    let namespaces: Api<Namespace> = Api::all(admin.clone());
    namespaces.delete("ending", &DeleteParams::default()).await.unwrap();

    let maps: Api<ConfigMap> = Api::namespaced(admin, "ending");
    let object = maps.get("held").await.unwrap().object_ref(&());
    let reporter = Reporter { controller: "test".to_owned(), instance: None };
    let recorder = Recorder::new(client, reporter);
    let event = Event {
        type_: EventType::Warning,
        reason: "CleanupAbandoned".to_owned(),
        note: None,
        action: "CleanUp".to_owned(),
        secondary: None,
    };
    let status = match recorder.publish(&event, &object).await.unwrap_err() {
        kube::Error::Api(status) => status,
        error => panic!("{error}"),
    };
    let causes: Vec<String> =
        status.details.into_iter().flat_map(|details| details.causes).map(|cause| cause.reason).collect();
    assert_eq!((status.code, causes), (403, vec!["NamespaceTerminating".to_owned()]));

    let free = json!({"metadata": {"finalizers": null}});
    maps.patch("held", &PatchParams::default(), &Patch::Merge(free)).await.unwrap();
    eventually("the namespace ends", PATIENCE, async || {
        namespaces.get_opt("ending").await.unwrap().map_or(Ok(()), |left| Err(left.status))
    })
    .await;
}
