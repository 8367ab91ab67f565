//! What a person reads after `helm install`: the next command, fit for what was installed.

use serde_json::{Value, json};

use crate::helm::{NAMESPACE, OPERATOR, RELEASE, folder, helm};

fn notes(values: &Value) -> String {
    let chart = folder(OPERATOR);
    let output = helm(
        &[
            "install",
            RELEASE,
            chart.to_str().unwrap(),
            "--namespace",
            NAMESPACE,
            "--dry-run=client",
            "--values",
            "-",
        ],
        values,
    );
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.split_once("NOTES:").expect("notes").1.to_owned()
}

#[test]
fn the_next_command_fits_what_was_installed() {
    let plain = notes(&json!({}));
    assert!(plain.contains("It attends to all namespaces."), "{plain}");
    assert!(plain.contains("rollout status deployment/jumpcloud-operator"), "{plain}");
    assert!(plain.contains("--namespace default create secret generic jumpcloud"), "{plain}");
    assert!(plain.contains("helm test jumpcloud-operator --namespace operators --logs"), "{plain}");

    // What is between the words is copied as it stands: an indented END would end nothing.
    assert!(plain.contains("\nEND\n") && plain.contains("\napiVersion: "), "{plain}");

    let some = notes(&json!({"watchNamespaces": ["people", "b"]}));
    assert!(some.contains("namespaces people, b."), "{some}");
    assert!(some.contains("--namespace people create secret"), "{some}");

    let connected = notes(&json!({"connection": {"enabled": true, "apiKey": {"secretName": "jc"}}}));
    assert!(connected.contains("wait --for=condition=Ready jumpcloudconnection/default"), "{connected}");
    assert!(!connected.contains("create secret"), "{connected}");

    let bare = notes(
        &json!({"crds": {"enabled": false}, "replicas": 0, "readOnly": true, "tests": {"enabled": false}}),
    );
    assert!(bare.contains("helm install jumpcloud-operator-crds"), "{bare}");
    assert!(bare.contains("No replica runs"), "{bare}");
    assert!(bare.contains("writes nothing to JumpCloud"), "{bare}");
    assert!(!bare.contains("helm test"), "{bare}");
}
