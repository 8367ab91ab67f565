//! The chart on a real API server: installed by Helm, admitted where Pod Security is "restricted", and with the permissions of
//! `deploy/rbac` and no other. What Helm renders from which value is tested in `tests/chart`.

mod upgrade;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use devenv::packaging::Helm;
use serde_json::{Value, json};

use crate::harness::declare::apply;
use crate::harness::plane::{client_of, kubectl, plane, run};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;
use crate::permissions::{allowed_in, wanted};

/// A release of the chart in a namespace of the same name, in which "restricted" is enforced. The definitions are those that
/// all tests share, so the release has none of its own.
struct Release {
    name: &'static str,
    values: Value,
}

impl Release {
    fn install(name: &'static str, mut values: Value) -> Self {
        values["crds"] = json!({"enabled": false});
        values["fullnameOverride"] = json!(name);
        namespace(name);
        let release = Self { name, values };
        run(&mut release.helm("install"));
        release
    }

    /// A helm command of this release, with its chart and values.
    fn helm(&self, what: &str) -> Command {
        let file = plane().scratch().path().join(format!("values-{}.json", self.name));
        std::fs::write(&file, self.values.to_string()).expect("the values are written");
        let mut command = tool().command_as(plane().admin_kubeconfig());
        command.args([what, self.name, concat!(env!("CARGO_MANIFEST_DIR"), "/charts/jumpcloud-operator")]);
        command.args(["--namespace", self.name, "--values"]).arg(file);
        command
    }

    fn uninstall(&self) {
        let mut command = tool().command_as(plane().admin_kubeconfig());
        run(command.args(["uninstall", self.name, "--namespace", self.name]));
    }

    /// The objects of the release.
    fn objects(&self) -> Vec<Value> {
        let text = run(self.helm("template").args(["--kube-version", "1.37.0"]));
        serde_saphyr::from_multiple(&text).expect("YAML")
    }

    fn object(&self, kind: &str) -> Value {
        self.objects().into_iter().find(|object| object["kind"] == kind).expect("the release has it")
    }

    fn kubeconfig(&self) -> PathBuf {
        plane().service_account_kubeconfig(self.name, self.name).expect("a token")
    }

    /// Runs the command of a container of the Pod of `helm test`, as the Pod would.
    fn tested(&self, container: usize) -> Output {
        let pod = self.object("Pod");
        let arguments = pod["spec"]["containers"][container]["args"].as_array().expect("arguments").clone();
        Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"))
            .args(arguments.iter().filter_map(Value::as_str))
            .env("KUBECONFIG", self.kubeconfig())
            .output()
            .expect("the operator starts")
    }
}

fn tool() -> &'static Helm {
    static HELM: OnceLock<Helm> = OnceLock::new();
    HELM.get_or_init(|| Helm::locate_or_build().expect("helm is built"))
}

fn namespace(name: &str) {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    apply(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
            .to_string(),
    );
}

/// Refused unless the profile is kept: Pod Security judges Pods, and of a Deployment it only warns.
fn admitted(release: &Release) {
    let mut pod = release.object("Deployment")["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("operator");
    for pod in [pod, release.object("Pod")] {
        let arguments = ["-n", release.name, "create", "--dry-run=server", "--validate=strict", "-f", "-"];
        let printed = kubectl(&arguments, &pod.to_string());
        assert!(printed.success, "{}", printed.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn installed_for_all_namespaces_it_may_do_what_it_must() {
    let release =
        Release::install("helm-wide", json!({"replicas": 2, "podDisruptionBudget": {"enabled": true}}));
    admitted(&release);
    let client = client_of(&release.kubeconfig()).await;
    assert_eq!(allowed_in("default", "helm-wide", client).await, wanted());
    let output = release.tested(0);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    let people = "--as=somebody";
    for (role, may, may_not) in [
        ("view", "get jumpclouduserbatches", "create jumpclouduserbatches"),
        ("edit", "create jumpclouduserbatches", "create jumpcloudconnections"),
        ("admin", "create jumpcloudconnections", "patch jumpclouduserbatches --subresource=status"),
    ] {
        let binding = format!("--clusterrole={role}");
        let name = format!("somebody-{role}");
        let bound =
            kubectl(&["-n", "helm-wide", "create", "rolebinding", &name, &binding, "--user=somebody"], "");
        assert!(bound.success, "{}", bound.text);
        let can = |what: &str| {
            let mut arguments = vec!["-n", "helm-wide", "auth", "can-i", people];
            arguments.extend(what.split(' '));
            kubectl(&arguments, "").success
        };
        eventually("the role is aggregated", PATIENCE, async || if can(may) { Ok(()) } else { Err(may) })
            .await;
        assert!(!can(may_not), "{role} may {may_not}");
    }
    release.uninstall();
}

#[tokio::test(flavor = "multi_thread")]
async fn installed_for_some_namespaces_it_may_do_nothing_elsewhere() {
    namespace("helm-people");
    let values = json!({"watchNamespaces": ["helm-people", "helm-some"],
        "rbac": {"secretNames": ["jumpcloud"]}, "secrets": {"watch": ["helm-people/jumpcloud"]}});
    let release = Release::install("helm-some", values);
    admitted(&release);
    assert!(release.objects().iter().all(|object| object["kind"] != "ClusterRole"));
    let client = client_of(&release.kubeconfig()).await;
    assert_eq!(allowed_in("default", "helm-some", client).await, BTreeMap::new());
    let output = release.tested(0);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let account = "--as=system:serviceaccount:helm-some:helm-some";
    for (what, may) in [
        (["get", "secrets/jumpcloud"], true),
        (["get", "secrets/other"], false),
        (["list", "secrets"], false),
        (["list", "secrets/jumpcloud"], true),
        (["watch", "secrets/jumpcloud"], true),
        (["watch", "secrets/other"], false),
        (["list", "jumpclouduserbatches"], true),
    ] {
        let asked = kubectl(&["-n", "helm-people", "auth", "can-i", account, what[0], what[1]], "");
        assert_eq!(asked.success, may, "{what:?}: {}", asked.text);
    }
    release.uninstall();
}

/// Unknown fields and wrong types are refused by the API server.
#[tokio::test(flavor = "multi_thread")]
async fn every_object_is_valid() {
    let release = Release {
        name: "helm-valid",
        values: json!({
            "fullnameOverride": "helm-valid",
            "crds": {"enabled": false},
            "caBundle": {"inline": "x"},
            "proxy": {"url": "http://proxy.example:3128"},
            "allowedAPIURLs": ["https://a.example:8443"],
            "connection": {"enabled": true, "apiKey": {"secretName": "jc"}, "region": "EU",
                "spec": {"limits": {"burst": 5}, "protectedUsers": ["root.*"], "paused": true}},
            "podDisruptionBudget": {"enabled": true, "minAvailable": "50%"},
            "networkPolicy": {"enabled": true},
            "metrics": {"service": {"enabled": true}},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
            "priorityClassName": "system-cluster-critical",
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
            "dnsConfig": {"searches": ["a"]},
            "extraEnv": [{"name": "A", "value": "b"}],
            "extraVolumes": [{"name": "a", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "a", "mountPath": "/a"}],
        }),
    };
    namespace("helm-valid");
    let arguments = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
    let mut text = String::new();
    for item in release.objects() {
        // Its ServiceAccount does not exist in a dry run.
        if item["kind"] != "Pod" {
            let printed = kubectl(&arguments, &item.to_string());
            assert!(printed.success, "{}\n{item}", printed.text);
            text.push_str(&printed.text);
        }
    }
    for kind in ["deployment", "poddisruptionbudget", "networkpolicy", "jumpcloudconnection", "service/"] {
        assert!(text.contains(kind), "{kind}: {text}");
    }
}
