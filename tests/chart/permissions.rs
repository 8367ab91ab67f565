//! What the operator and the people may do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::helm::{NAMESPACE, RELEASE, Rendered, render, text};

/// The object of that kind in `deploy/rbac`.
fn deployed(kind: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/rbac/permissions.yaml");
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).expect("YAML");
    documents.into_iter().find(|document| document["kind"] == kind).expect("the file has it")
}

#[test]
fn the_operator_may_do_what_deploy_rbac_says() {
    let rendered = render(&json!({}));
    let wanted = deployed("ClusterRole");
    assert_eq!(rendered.one("ClusterRole", RELEASE)["rules"], wanted["rules"]);
    let lease = deployed("Role");
    assert_eq!(rendered.one("Role", "jumpcloud-operator-lease")["rules"], lease["rules"]);
    for (kind, name) in [("ClusterRoleBinding", RELEASE), ("RoleBinding", "jumpcloud-operator-lease")] {
        assert_eq!(
            rendered.one(kind, name)["subjects"],
            json!([{"kind": "ServiceAccount", "name": RELEASE, "namespace": NAMESPACE}])
        );
    }
    assert_eq!(rendered.all("Role").len(), 1, "{:?}", rendered.names());
}

#[test]
fn with_namespaces_nothing_is_cluster_wide() {
    let rendered = render(&json!({"watchNamespaces": ["people", "contractors"]}));
    let rules = &deployed("ClusterRole")["rules"];
    assert!(rendered.all("ClusterRole").is_empty(), "{:?}", rendered.names());
    assert!(rendered.all("ClusterRoleBinding").is_empty(), "{:?}", rendered.names());
    let mut where_it_may = BTreeSet::new();
    for role in rendered.all("Role") {
        if role["metadata"]["name"] == RELEASE {
            assert_eq!(role["rules"], *rules);
            where_it_may.insert(text(&role["metadata"]["namespace"]));
        }
    }
    assert_eq!(where_it_may, BTreeSet::from(["contractors".to_owned(), "people".to_owned()]));
    for binding in rendered.all("RoleBinding") {
        assert_eq!(binding["roleRef"]["kind"], "Role");
        assert_eq!(binding["subjects"][0]["namespace"], NAMESPACE);
    }
    assert_eq!(rendered.all("RoleBinding").len(), 3);
}

#[test]
fn secrets_are_only_got_and_by_name_if_asked() {
    for namespaces in [json!([]), json!(["people"])] {
        let values = json!({"watchNamespaces": namespaces, "rbac": {"secretNames": ["jumpcloud", "oauth"]}});
        let rendered = render(&values);
        let mut rules = 0;
        for role in rendered.all("ClusterRole").into_iter().chain(rendered.all("Role")) {
            for rule in role["rules"].as_array().into_iter().flatten() {
                if rule["resources"].as_array().unwrap().iter().any(|resource| resource == "secrets") {
                    assert_eq!(rule["verbs"], json!(["get"]));
                    assert_eq!(rule["resourceNames"], json!(["jumpcloud", "oauth"]));
                    rules += 1;
                }
            }
        }
        assert_eq!(rules, 1);
    }
}

/// The names that may be listed and watched, by namespace. A rule for it has no other verb, and names.
fn watched_secrets(rendered: &Rendered) -> BTreeMap<String, Value> {
    let mut watched = BTreeMap::new();
    for role in rendered.all("ClusterRole").into_iter().chain(rendered.all("Role")) {
        for rule in role["rules"].as_array().into_iter().flatten() {
            let of_secrets =
                rule["resources"].as_array().unwrap().iter().any(|resource| resource == "secrets");
            if of_secrets && rule["verbs"] != json!(["get"]) {
                assert_eq!((&rule["verbs"], &role["kind"]), (&json!(["list", "watch"]), &json!("Role")));
                assert!(!rule["resourceNames"].as_array().unwrap().is_empty());
                watched.insert(text(&role["metadata"]["namespace"]), rule["resourceNames"].clone());
            }
        }
    }
    watched
}

#[test]
fn secrets_are_listed_and_watched_by_name_where_that_is_asked_for() {
    let asked = json!(["people/jumpcloud", "guests/oauth", "people/oauth"]);
    let wanted = BTreeMap::from([
        ("guests".to_owned(), json!(["oauth"])),
        ("people".to_owned(), json!(["jumpcloud", "oauth"])),
    ]);
    for namespaces in [json!([]), json!(["guests", "people"])] {
        let rendered = render(&json!({"watchNamespaces": namespaces, "secrets": {"watch": asked}}));
        assert_eq!(watched_secrets(&rendered), wanted);
        let plain = render(&json!({"watchNamespaces": namespaces}));
        assert_eq!(watched_secrets(&plain), BTreeMap::new());
        let more = |kind: &str| rendered.all(kind).len() - plain.all(kind).len();
        assert_eq!((more("Role"), more("RoleBinding"), more("ClusterRole")), (2, 2, 0));
        let bindings = rendered.all("RoleBinding");
        let own =
            bindings.iter().filter(|binding| binding["metadata"]["name"] == "jumpcloud-operator-secrets");
        for binding in own {
            assert_eq!(binding["roleRef"]["name"], "jumpcloud-operator-secrets");
            assert_eq!(
                binding["subjects"],
                json!([{"kind": "ServiceAccount", "name": RELEASE, "namespace": NAMESPACE}])
            );
        }
    }
    let rendered = render(&json!({"rbac": {"create": false}, "secrets": {"watch": asked}}));
    assert_eq!(watched_secrets(&rendered), BTreeMap::new());
}

#[test]
fn the_test_asks_for_what_is_watched() {
    let rendered = render(&json!({"secrets": {"watch": ["people/jumpcloud"]}}));
    let arguments = &rendered.one("Pod", "jumpcloud-operator-test")["spec"]["containers"][0]["args"];
    assert_eq!(arguments[0], "check");
    assert!(arguments.as_array().unwrap().contains(&json!("--watch-secret=people/jumpcloud")), "{arguments}");
}

#[test]
fn the_lease_of_the_arguments_is_that_of_the_role() {
    let rendered = render(&json!({"leaderElection": {"leaseName": "mine"}, "fullnameOverride": "x"}));
    assert_eq!(rendered.one("Role", "x-lease")["rules"][0]["resourceNames"], json!(["mine"]));
    let rendered = render(&json!({"fullnameOverride": "x"}));
    assert_eq!(rendered.one("Role", "x-lease")["rules"][0]["resourceNames"], json!(["x"]));
    assert!(rendered.arguments().contains(&"--lease-name=x".to_owned()));
    assert!(rendered.arguments().contains(&format!("--lease-namespace={NAMESPACE}")));
    let rendered = render(&json!({"leaderElection": {"enabled": false}}));
    assert!(rendered.find("Role", "jumpcloud-operator-lease").is_none());
}

/// Whoever could write a status could make the operator believe anything.
#[test]
fn nobody_may_write_a_status_and_only_admins_a_connection() {
    let rendered = render(&json!({}));
    let writes = |role: &str| -> BTreeSet<String> {
        let rules = rendered.one("ClusterRole", role)["rules"].clone();
        rules
            .as_array()
            .unwrap()
            .iter()
            .filter(|rule| {
                rule["verbs"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|verb| !["get", "list", "watch"].contains(&verb.as_str().unwrap()))
            })
            .flat_map(|rule| rule["resources"].as_array().unwrap().iter().map(text).collect::<Vec<_>>())
            .collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(writes("jumpcloud-operator-view"), set(&[]));
    assert_eq!(writes("jumpcloud-operator-edit"), set(&["jumpclouduserbatches", "scheduleduserstates"]));
    assert_eq!(
        writes("jumpcloud-operator-admin"),
        set(&["jumpcloudconnections", "jumpclouduserbatches", "scheduleduserstates"])
    );
    for role in ["view", "edit", "admin"] {
        let labels =
            &rendered.one("ClusterRole", &format!("jumpcloud-operator-{role}"))["metadata"]["labels"];
        assert_eq!(labels[format!("rbac.authorization.k8s.io/aggregate-to-{role}")], "true");
    }
}

#[test]
fn the_account_is_the_same_everywhere() {
    let values = json!({"serviceAccount": {"name": "mine"}, "watchNamespaces": ["people"]});
    let rendered = render(&values);
    for binding in rendered.all("RoleBinding") {
        assert_eq!(binding["subjects"][0]["name"], "mine");
    }
    for pod in [
        &rendered.one("Deployment", RELEASE)["spec"]["template"]["spec"],
        &rendered.one("Pod", "jumpcloud-operator-test")["spec"],
    ] {
        assert_eq!(pod["serviceAccountName"], "mine");
    }
    assert_eq!(rendered.one("ServiceAccount", "mine")["automountServiceAccountToken"], false);
}
