//! What the operator of a test may do: what the chart grants, as `deploy/` has it, in all namespaces or in one.
//!
//! One half of the tests runs with each, told by the namespace's name; with [`VARIABLE`] all of them run with one.

use std::path::Path;

use serde_json::{Value, json};

use super::declare::apply;
use super::plane::kubectl;

/// The environment variable that says with which permissions all tests run: `cluster-wide` or `one-namespace`.
pub const VARIABLE: &str = "JUMPCLOUD_OPERATOR_TEST_PERMISSIONS";

/// The account in each namespace.
pub const ACCOUNT: &str = "jumpcloud-operator";

/// Where an operator may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In all namespaces, by a ClusterRole.
    ClusterWide,
    /// In the namespaces that it watches, by a Role in each.
    OneNamespace,
}

impl Scope {
    /// That of the operator whose own namespace this is.
    pub fn of(namespace: &str) -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Ok("cluster-wide") => Self::ClusterWide,
            Ok("one-namespace") => Self::OneNamespace,
            Ok(other) => panic!("{VARIABLE} is {other}; use cluster-wide or one-namespace"),
            Err(_) if namespace.bytes().map(u32::from).sum::<u32>() % 2 == 0 => Self::ClusterWide,
            Err(_) => Self::OneNamespace,
        }
    }

    /// Rendered from the chart; a test of `devenv` compares them.
    fn file(self) -> &'static str {
        match self {
            Self::ClusterWide => "deploy/rbac/permissions.yaml",
            Self::OneNamespace => "deploy/base/one-namespace/operator.yaml",
        }
    }

    fn objects(self) -> Vec<Value> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.file());
        let text = std::fs::read_to_string(path).expect("deploy is there");
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        objects.retain(|object| object["kind"] != "Deployment");
        assert!(objects.len() > 4, "{} grants nothing", self.file());
        objects
    }
}

/// Makes the operator's account in `namespace`, and gives it what it may do there.
pub fn grant(namespace: &str) {
    grant_as(Scope::of(namespace), namespace);
}

/// The same with a scope of the test's choice.
pub fn grant_as(scope: Scope, namespace: &str) {
    let items: Vec<Value> =
        scope.objects().into_iter().map(|object| moved(object, namespace, namespace)).collect();
    apply_all(&items);
}

/// Lets the operator of `home` act in `namespace`, too.
pub fn extend(home: &str, namespace: &str) {
    let scope = Scope::of(home);
    if scope == Scope::ClusterWide {
        return;
    }
    let of_users = |object: &Value| {
        ["Role", "RoleBinding"].iter().any(|kind| object["kind"] == *kind)
            && object["metadata"]["name"] == ACCOUNT
    };
    let objects = scope.objects().into_iter().filter(of_users);
    let items: Vec<Value> = objects
        .map(|object| {
            let mut object = moved(object, namespace, home);
            let name = format!("{ACCOUNT}-of-{home}");
            object["metadata"]["name"] = name.clone().into();
            if object["kind"] == "RoleBinding" {
                object["roleRef"]["name"] = name.into();
            }
            object
        })
        .collect();
    assert_eq!(items.len(), 2, "a Role and its binding");
    apply_all(&items);
}

/// Lets the operator of `namespace` act everywhere: for tests that delete a namespace. Its Roles go with it before the
/// objects do, so that an operator with nothing else can take no finalizer off: docs/security.md says so.
pub fn beyond(namespace: &str) {
    grant_as(Scope::ClusterWide, namespace);
}

/// Takes away what outlives the namespace.
pub fn revoke(namespace: &str) {
    kubectl(&["delete", "clusterrolebinding", &cluster_wide(namespace), "--ignore-not-found"], "");
}

fn apply_all(items: &[Value]) {
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
}

fn cluster_wide(namespace: &str) -> String {
    format!("{ACCOUNT}-{namespace}")
}

/// The same object for another namespace, and for the account of `home`; cluster-wide bindings get a name of their own.
fn moved(mut object: Value, namespace: &str, home: &str) -> Value {
    if object.pointer("/metadata/namespace").is_some() {
        object["metadata"]["namespace"] = namespace.into();
    }
    if object["kind"] == "ClusterRoleBinding" {
        object["metadata"]["name"] = cluster_wide(namespace).into();
    }
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        subject["namespace"] = home.into();
    }
    object
}
