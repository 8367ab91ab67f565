//! What holds of every render: labels, namespaces, the restricted profile, and that the operator takes its arguments.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::helm::{
    DEFINITIONS, NAMESPACE, OPERATOR, RELEASE, Rendered, file, folder, helm, render, render_with, text,
};

/// Values that switch everything on.
pub fn everything() -> Value {
    json!({
        "commonLabels": {"team": "it"},
        "commonAnnotations": {"contact": "it"},
        "replicas": 2,
        "watchNamespaces": ["people", "operators"],
        "watchSelector": "team in (a,b)",
        "allowedAPIURLs": ["https://a.example:8443", "http://127.0.0.1:9"],
        "caBundle": {"inline": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"},
        "proxy": {"url": "http://proxy.example:3128"},
        "rbac": {"secretNames": ["jc"]},
        "secrets": {"watch": ["people/jc"]},
        "connection": {"enabled": true, "apiKey": {"secretName": "jc"}},
        "podDisruptionBudget": {"enabled": true},
        "networkPolicy": {"enabled": true},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"},
        ],
        "metrics": {
            "renderMode": "alwaysRender",
            "serviceMonitor": {"enabled": true},
            "podMonitor": {"enabled": true},
        },
    })
}

const CLUSTER_WIDE: &[&str] = &["CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"];

fn pods(rendered: &Rendered) -> Vec<Value> {
    let of_deployments = rendered.all("Deployment").into_iter().map(|one| one["spec"]["template"].clone());
    of_deployments.chain(rendered.all("Pod").into_iter().cloned()).collect()
}

/// Older releases of Helm fail to show the logs of a Pod with several containers, and `helm test --logs` with them.
#[test]
fn the_pods_of_helm_test_have_one_container_each() {
    let rendered = render(&everything());
    let tests = rendered.all("Pod");
    assert_eq!(tests.len(), 2, "{:?}", rendered.names());
    for pod in tests {
        assert_eq!(pod["spec"]["containers"].as_array().map(Vec::len), Some(1), "{pod}");
    }
}

#[test]
fn every_object_is_labelled_and_has_a_place() {
    let mut wide = everything();
    wide["watchNamespaces"] = json!([]);
    for values in [everything(), wide] {
        for object in render(&values).0 {
            let metadata = &object["metadata"];
            let labels = &metadata["labels"];
            assert_eq!(labels["team"], "it", "{object}");
            assert_eq!(labels["app.kubernetes.io/instance"], RELEASE, "{object}");
            assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm", "{object}");
            assert_eq!(labels["helm.sh/chart"], format!("jumpcloud-operator-{}", env!("CARGO_PKG_VERSION")));
            assert_eq!(metadata["annotations"]["contact"], "it", "{object}");
            let kind = text(&object["kind"]);
            assert_eq!(metadata["namespace"].is_null(), CLUSTER_WIDE.contains(&kind.as_str()), "{object}");
        }
    }
}

/// The rules of Pod Security "restricted" that a default render must keep; the API server's own word is in tests/it.
#[test]
fn pods_are_restricted_and_write_nothing() {
    for values in [json!({}), everything()] {
        for pod in pods(&render(&values)) {
            let spec = &pod["spec"];
            assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{pod}");
            assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{pod}");
            assert_eq!(spec["enableServiceLinks"], false, "{pod}");
            for container in spec["containers"].as_array().unwrap() {
                let context = &container["securityContext"];
                assert_eq!(context["allowPrivilegeEscalation"], false, "{pod}");
                assert_eq!(context["readOnlyRootFilesystem"], true, "{pod}");
                assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{pod}");
                assert!(container["resources"]["requests"]["memory"].is_string(), "{pod}");
            }
        }
    }
}

/// Else the Service, the budget and the policy would count the Pod of `helm test` as an operator.
#[test]
fn selectors_find_the_operator_and_not_the_test() {
    let rendered = render(&everything());
    let selectors = [
        rendered.one("Deployment", RELEASE)["spec"]["selector"]["matchLabels"].clone(),
        rendered.one("PodDisruptionBudget", RELEASE)["spec"]["selector"]["matchLabels"].clone(),
        rendered.one("NetworkPolicy", RELEASE)["spec"]["podSelector"]["matchLabels"].clone(),
        rendered.one("PodMonitor", RELEASE)["spec"]["selector"]["matchLabels"].clone(),
        rendered.one("Service", "jumpcloud-operator-metrics")["spec"]["selector"].clone(),
    ];
    let operator = &rendered.one("Deployment", RELEASE)["spec"]["template"]["metadata"]["labels"];
    let test = &rendered.one("Pod", "jumpcloud-operator-test")["metadata"]["labels"];
    let matches = |selector: &Value, labels: &Value| {
        selector.as_object().unwrap().iter().all(|(name, value)| labels[name] == *value)
    };
    for selector in &selectors {
        assert!(matches(selector, operator) && !matches(selector, test), "{selector}");
    }
    let monitor = &rendered.one("ServiceMonitor", RELEASE)["spec"]["selector"]["matchLabels"];
    let service = &rendered.one("Service", "jumpcloud-operator-metrics")["metadata"]["labels"];
    assert!(matches(monitor, service), "{monitor} {service}");
}

/// The file is where the argument says, in the operator's Pod and in that of the test that asks JumpCloud. No other reads it.
#[test]
fn certificates_are_mounted_where_they_are_read() {
    let rendered = render(&everything());
    let mut readers = Vec::new();
    for pod in pods(&rendered) {
        let container = &pod["spec"]["containers"][0];
        let arguments = container["args"].as_array().unwrap();
        if arguments.iter().any(|argument| argument == "--ca-file=/etc/jumpcloud-operator/ca/ca.crt") {
            readers.push(container["name"].clone());
            assert_eq!(container["volumeMounts"][0]["mountPath"], "/etc/jumpcloud-operator/ca", "{pod}");
            assert_eq!(pod["spec"]["volumes"][0]["configMap"]["name"], "jumpcloud-operator-ca", "{pod}");
        } else {
            assert!(container["volumeMounts"].is_null() && pod["spec"]["volumes"].is_null(), "{pod}");
        }
    }
    assert_eq!(readers, ["operator", "connection"]);
    let sum = |inline: &str| {
        let rendered = render(&json!({"caBundle": {"inline": inline}}));
        rendered.one("Deployment", RELEASE)["spec"]["template"]["metadata"]["annotations"].clone()
    };
    assert_ne!(sum("a"), sum("b"), "a changed bundle must start the Pods again");
}

/// `--leader-elect=false` is for one Pod at a time.
#[test]
fn without_a_lease_two_pods_never_run_at_once() {
    let strategy = |enabled: bool| {
        let rendered = render(&json!({"leaderElection": {"enabled": enabled}}));
        rendered.one("Deployment", RELEASE)["spec"]["strategy"]["type"].clone()
    };
    assert_eq!((strategy(true), strategy(false)), (json!("RollingUpdate"), json!("Recreate")));
}

/// With a port of the origin or of the proxy, or the policy would cut the operator off.
#[test]
fn the_policy_lets_out_what_the_flags_need() {
    let ports = |values: Value| -> Vec<Value> {
        let mut values = values;
        values["networkPolicy"] = json!({"enabled": true});
        let egress = render(&values).one("NetworkPolicy", RELEASE)["spec"]["egress"][2]["ports"].clone();
        egress.as_array().unwrap().iter().map(|port| port["port"].clone()).collect()
    };
    assert_eq!(ports(json!({})), [json!(443)]);
    assert_eq!(ports(json!({"allowedAPIURLs": ["https://a.example:8443"]})), [json!(8443), json!(443)]);
    assert_eq!(ports(json!({"allowedAPIURLs": ["https://a.example"]})), [json!(443)]);
    assert_eq!(ports(json!({"proxy": {"url": "http://p.example:3128/"}})), [json!(3128)]);
    assert_eq!(ports(json!({"proxy": {"url": "http://p.example"}})), [json!(80)]);
}

/// Without a cluster `run` ends by saying so, after it has read and compared its flags.
#[test]
fn the_operator_takes_its_arguments() {
    let mut values = everything();
    // The file is of the Pod.
    values["caBundle"] = json!({});
    for values in [json!({}), json!({"leaderElection": {"enabled": false}}), values] {
        let rendered = render(&values);
        for pod in pods(&rendered) {
            for container in pod["spec"]["containers"].as_array().unwrap() {
                let arguments: Vec<String> = container["args"].as_array().unwrap().iter().map(text).collect();
                let output = Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"))
                    .args(&arguments)
                    .env_clear()
                    .env("KUBECONFIG", "/nonexistent/kubeconfig")
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(said.contains("no cluster"), "{arguments:?}: {said}");
            }
        }
    }
}

#[test]
fn lint_finds_nothing() {
    for chart in [OPERATOR, DEFINITIONS] {
        let folder = folder(chart);
        let output = helm(&["lint", "--strict", folder.to_str().unwrap()], &json!({}));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !said.contains("[WARNING]"), "{said}");
    }
}

/// They are released together.
#[test]
fn versions_are_those_of_the_operator() {
    for chart in [OPERATOR, DEFINITIONS] {
        let about: Value = serde_saphyr::from_str(&file(chart, "Chart.yaml")).unwrap();
        assert_eq!(about["version"], env!("CARGO_PKG_VERSION"), "{chart}");
        assert_eq!(about["appVersion"], env!("CARGO_PKG_VERSION"), "{chart}");
    }
    let about: Value = serde_saphyr::from_str(&file(OPERATOR, "Chart.yaml")).unwrap();
    let annotations = |name: &str| -> Value {
        serde_saphyr::from_str(about["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap())
            .unwrap()
    };
    let rendered = render(&json!({}));
    let container = &rendered.one("Deployment", RELEASE)["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(annotations("images")[0]["image"], container["image"]);
    let shown: Vec<String> =
        annotations("crds").as_array().unwrap().iter().map(|crd| text(&crd["name"])).collect();
    let rendered = render_with(DEFINITIONS, &json!({}), &[]);
    let mut served: Vec<String> =
        rendered.all("CustomResourceDefinition").iter().map(|crd| text(&crd["metadata"]["name"])).collect();
    served.sort();
    assert_eq!(shown, served);
}

/// A release may be in any namespace; nothing names another by itself.
#[test]
fn nothing_is_elsewhere_by_itself() {
    for object in render(&json!({})).0 {
        let namespace = &object["metadata"]["namespace"];
        assert!(namespace.is_null() || namespace == NAMESPACE, "{object}");
    }
}
