//! `deploy/samples/admission` on a real API server.

use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use crate::harness::declare::apply;
use crate::harness::manifests::{batch, plain_users};
use crate::harness::plane::kubectl;
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

const NAMESPACE: &str = "abuse-admission";
const POLICY: &str = "jumpcloud-no-device-administrators";

/// A sample as it is, with the binding for `namespace` alone: other tests do what it forbids.
pub(super) fn install(sample: &str, namespace: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples/admission");
    let dry = kubectl(&["apply", "--server-side", "--dry-run=server", "-k", folder], "");
    assert!(dry.success, "{}", dry.text);
    let text = std::fs::read_to_string(format!("{folder}/{sample}.yaml")).expect("the sample");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    for mut document in documents {
        if document["kind"] == "ValidatingAdmissionPolicyBinding" {
            let here = json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace]});
            let selector = &mut document["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"];
            match selector.as_array_mut() {
                Some(expressions) => expressions.push(here),
                // A sample for every namespace.
                None => *selector = json!([here]),
            }
        }
        apply(&document.to_string());
    }
}

fn try_apply(spec: &Value) -> crate::harness::plane::Printed {
    let object = batch(NAMESPACE, "sales", spec).to_string();
    kubectl(&["apply", "--server-side", "-f", "-"], &object)
}

fn with(field: &str, value: &Value) -> Value {
    let mut users = plain_users("u", 3);
    users[1][field] = value.clone();
    json!({"users": users})
}

#[tokio::test(flavor = "multi_thread")]
async fn case_04_the_sample_policy_denies_administrators_of_devices() {
    let _world = World::bare(NAMESPACE, Settings::default()).await;
    install("no-device-administrators", NAMESPACE);
    let row = |field: &str| with(field, &json!(true));
    // A policy takes a moment to be in force.
    eventually("the policy", PATIENCE, async || {
        let printed = try_apply(&row("sudo"));
        if !printed.success && printed.text.contains(POLICY) { Ok(()) } else { Err(printed.text) }
    })
    .await;
    let template = |field: &str, value: Value| {
        let mut spec = json!({"users": plain_users("u", 3), "template": {}});
        spec["template"][field] = value;
        spec
    };
    for (field, value) in [
        ("sudo", json!(true)),
        ("passwordlessSudo", json!(true)),
        ("ldapBindingUser", json!(true)),
        ("sambaServiceUser", json!(true)),
        ("unixUID", json!(999)),
        ("unixGID", json!(27)),
    ] {
        let mut refused = vec![with(field, &value)];
        // Who has one number has no template for it.
        if field != "unixUID" {
            refused.push(template(field, value));
        }
        for spec in refused {
            let printed = try_apply(&spec);
            assert!(!printed.success && printed.text.contains(POLICY), "{spec}: {}", printed.text);
        }
    }
    // The definition's own.
    for field in ["unixUID", "unixGID"] {
        let printed = try_apply(&with(field, &json!(0)));
        assert!(!printed.success && printed.text.contains(field), "{}", printed.text);
    }

    // As large as a list may be, and harmless: the rules cost little enough.
    let mut users = plain_users("u", 500);
    for user in &mut users {
        user["sudo"] = json!(false);
        user["unixUID"] = json!(1000);
    }
    let mut spec = json!({"users": users, "template": {"passwordlessSudo": false, "unixGID": 1000}});
    let printed = try_apply(&spec);
    assert!(printed.success, "{}", printed.text);
    // An edit is looked at like a creation; the last row like the first.
    spec["users"][499]["passwordlessSudo"] = json!(true);
    let printed = try_apply(&spec);
    assert!(!printed.success && printed.text.contains(POLICY), "{}", printed.text);

    let allowed = "jumpcloud-operator.dev/device-administrators=allowed";
    assert!(kubectl(&["label", "namespace", NAMESPACE, allowed], "").success);
    eventually("the exception", PATIENCE, async || {
        let printed = try_apply(&spec);
        if printed.success { Ok(()) } else { Err(printed.text) }
    })
    .await;
    kubectl(&["delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", POLICY], "");
}
