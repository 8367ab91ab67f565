//! The samples of `deploy/samples/admission` that ask whether the requester has a permission, on a real API server.
//!
//! The requests are those of people without roles of Kubernetes: each has what the test grants, and nothing else.

use jumpcloud_operator::api::GROUP;
use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use crate::abuse::admission::install;
use crate::harness::declare::apply;
use crate::harness::manifests::{batch, plain_users};
use crate::harness::plane::{Printed, kubectl};
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

/// Grants `person` the rules in `namespace`.
fn grant(namespace: &str, person: &str, rules: &Value) {
    let name = format!("of-{person}");
    let metadata = json!({"name": name, "namespace": namespace});
    let group = "rbac.authorization.k8s.io";
    let version = format!("{group}/v1");
    apply(&json!({"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": rules}).to_string());
    let binding = json!({
        "apiVersion": version, "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": person}],
    });
    apply(&binding.to_string());
}

/// Everything that people do with the operator's objects.
fn edit(more: &[Value]) -> Value {
    let mut rules = vec![json!({
        "apiGroups": [GROUP], "resources": ["*"],
        "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
    })];
    rules.extend_from_slice(more);
    Value::Array(rules)
}

fn apply_as(person: &str, object: &Value, more: &[&str]) -> Printed {
    let manager = format!("--field-manager={person}");
    let mut arguments =
        vec!["apply", "--as", person, "--server-side", "--force-conflicts", &manager, "-f", "-"];
    arguments.extend(more);
    kubectl(&arguments, &object.to_string())
}

/// A policy, like a permission, takes a moment to be in force. Nothing is written while it is not: what is there already
/// would be refused to nobody afterwards.
async fn refused(policy: &str, person: &str, object: &Value) {
    eventually("a refusal", PATIENCE, async || {
        let printed = apply_as(person, object, &["--dry-run=server"]);
        if !printed.success && printed.text.contains(policy) { Ok(()) } else { Err(printed.text) }
    })
    .await;
}

async fn taken(person: &str, object: &Value) {
    eventually("an acceptance", PATIENCE, async || {
        let printed = apply_as(person, object, &[]);
        if printed.success { Ok(()) } else { Err(printed.text) }
    })
    .await;
}

fn uninstall(policy: &str) {
    kubectl(&["delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", policy], "");
}

fn schedule(namespace: &str, connection: &str) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1alpha1"), "kind": "ScheduledUserState",
        "metadata": {"name": "monday", "namespace": namespace},
        "spec": {"connectionRef": {"name": connection}, "users": [{"username": "ada"}], "state": "Activated",
                 "startTime": "2099-01-05T09:00:00Z"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_takes_a_permission_of_its_own() {
    const NAMESPACE: &str = "abuse-resolve-policy";
    const POLICY: &str = "jumpcloud-resolve-needs-permission";
    let _world = World::bare(NAMESPACE, Settings::default()).await;
    install("resolve-needs-permission", NAMESPACE);
    grant(NAMESPACE, "resolve-ada", &edit(&[]));
    let resolve = json!({"apiGroups": [GROUP], "resources": ["jumpclouduserbatches"], "verbs": ["resolve"]});
    grant(NAMESPACE, "resolve-grace", &edit(&[resolve]));

    let asking = |mut object: Value, value: &str| {
        object["metadata"]["annotations"] = json!({"jumpcloud-operator.dev/resolve": value});
        object
    };
    let sales = batch(NAMESPACE, "sales", &json!({"users": plain_users("u", 3)}));
    refused(POLICY, "resolve-ada", &asking(sales.clone(), "adopt")).await;
    // Everything else is as before, and another annotation is none of this policy's.
    taken("resolve-ada", &sales).await;
    let mut retrying = sales.clone();
    retrying["metadata"]["annotations"] = json!({"jumpcloud-operator.dev/retry-failed": "1"});
    taken("resolve-ada", &retrying).await;
    // Not by an edit either, and for no kind.
    refused(POLICY, "resolve-ada", &asking(sales.clone(), "abandon")).await;
    refused(POLICY, "resolve-ada", &asking(schedule(NAMESPACE, "default"), "abandon")).await;

    taken("resolve-grace", &asking(sales.clone(), "adopt")).await;
    // Her right is for batches.
    refused(POLICY, "resolve-grace", &asking(schedule(NAMESPACE, "default"), "abandon")).await;
    // The value that is there hinders nobody; another one does.
    taken("resolve-ada", &asking(batch(NAMESPACE, "sales", &json!({"users": plain_users("u", 4)})), "adopt"))
        .await;
    refused(POLICY, "resolve-ada", &asking(sales, "adopt-again")).await;
    let off = [
        "annotate",
        "--as",
        "resolve-ada",
        "-n",
        NAMESPACE,
        "jcub",
        "sales",
        "jumpcloud-operator.dev/resolve-",
    ];
    let printed = kubectl(&off, "");
    assert!(printed.success, "{}", printed.text);
    uninstall(POLICY);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_teams_connection_takes_a_permission() {
    const NAMESPACE: &str = "abuse-use";
    const POLICY: &str = "jumpcloud-connections-need-permission";
    let _world = World::bare(NAMESPACE, Settings::default()).await;
    install("connections-need-permission", NAMESPACE);
    let shared = "jumpcloud-operator.dev/shared=true";
    assert!(kubectl(&["label", "namespace", NAMESPACE, shared], "").success);
    for team in ["use-a", "use-b"] {
        let rule = json!({"apiGroups": [GROUP], "resources": ["jumpcloudconnections"], "resourceNames": [team],
                          "verbs": ["use"]});
        grant(NAMESPACE, team, &edit(&[rule]));
    }
    let list = |connection: &str, count: usize| {
        let spec = json!({"connectionRef": {"name": connection}, "users": plain_users("u", count)});
        batch(NAMESPACE, &format!("through-{connection}"), &spec)
    };
    refused(POLICY, "use-a", &list("use-b", 3)).await;
    refused(POLICY, "use-a", &schedule(NAMESPACE, "use-b")).await;
    // No connection named is the one called default, which is nobody's here.
    refused(POLICY, "use-a", &batch(NAMESPACE, "unnamed", &json!({"users": plain_users("u", 3)}))).await;
    taken("use-a", &schedule(NAMESPACE, "use-a")).await;
    // As large as a list may be: comparing two of them costs little enough.
    taken("use-a", &list("use-a", 500)).await;
    taken("use-a", &list("use-a", 499)).await;
    // Whoever changes another team's list acts through its connection.
    taken("use-b", &list("use-b", 3)).await;
    refused(POLICY, "use-a", &list("use-b", 4)).await;
    // What declares nothing is as before: an annotation, and the finalizer that the operator sets.
    for patch in [
        json!({"metadata": {"annotations": {"jumpcloud-operator.dev/requested-at": "1"}}}),
        json!({"metadata": {"finalizers": ["jumpcloud-operator.dev/test"]}}),
        json!({"metadata": {"finalizers": null}}),
    ] {
        let patch = patch.to_string();
        let arguments =
            ["patch", "--as", "use-b", "-n", NAMESPACE, "jcsus", "monday", "--type=merge", "-p", &patch];
        let printed = kubectl(&arguments, "");
        assert!(printed.success, "{}", printed.text);
    }
    uninstall(POLICY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_names_only_secrets_that_its_author_may_read() {
    const NAMESPACE: &str = "abuse-secrets";
    const POLICY: &str = "jumpcloud-secrets-need-permission";
    let _world = World::bare(NAMESPACE, Settings::default()).await;
    install("secrets-need-permission", NAMESPACE);
    let own = json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["own", "own-client"],
                     "verbs": ["get"]});
    grant(NAMESPACE, "secrets-ada", &edit(&[own]));
    let connection = |auth: Value, region: &str| {
        json!({"apiVersion": format!("{GROUP}/v1alpha1"), "kind": "JumpCloudConnection",
               "metadata": {"name": "probe", "namespace": NAMESPACE},
               "spec": {"region": region, "auth": auth}})
    };
    let key = |secret: &str| json!({"apiKey": {"secretKeyRef": {"name": secret, "key": "api-key"}}});
    let account = |id: &str, secret: &str| {
        json!({"serviceAccount": {"clientIDSecretKeyRef": {"name": id, "key": "id"},
                                  "clientSecretSecretKeyRef": {"name": secret, "key": "secret"}}})
    };
    refused(POLICY, "secrets-ada", &connection(key("theirs"), "EU")).await;
    refused(POLICY, "secrets-ada", &connection(account("own-client", "theirs"), "EU")).await;
    refused(POLICY, "secrets-ada", &connection(account("theirs", "own-client"), "EU")).await;
    taken("secrets-ada", &connection(key("own"), "EU")).await;
    taken("secrets-ada", &connection(key("own"), "IN")).await;
    refused(POLICY, "secrets-ada", &connection(key("theirs"), "IN")).await;
    // Somebody else's connection cannot be turned to another address.
    let theirs = connection(key("theirs"), "EU");
    apply(&theirs.to_string());
    refused(POLICY, "secrets-ada", &connection(key("theirs"), "IN")).await;
    uninstall(POLICY);
}
