//! A control plane with the chart installed in it by Helm.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use devenv::control_plane::{ControlPlane, Options};
use devenv::packaging::Helm;
use serde_json::{Value, json};

/// The release, its namespace and the names of its objects.
pub(crate) const RELEASE: &str = "jumpcloud-operator";

/// The namespace that the operator attends to.
pub(crate) const PEOPLE: &str = "people";

/// A cluster that ends with this.
pub(crate) struct Cluster {
    plane: ControlPlane,
}

impl Cluster {
    /// Starts one and installs the chart with `values`. No Pod runs there: there is no kubelet.
    pub(crate) fn with_chart(values: &Value) -> Self {
        let cluster = Self { plane: ControlPlane::start(Options::default()).unwrap() };
        cluster.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PEOPLE}}));
        let file = cluster.plane.scratch().path().join("values.json");
        std::fs::write(&file, values.to_string()).unwrap();
        let mut helm = Helm::locate_or_build().unwrap().command_as(cluster.plane.admin_kubeconfig());
        helm.args(["install", RELEASE, concat!(env!("CARGO_MANIFEST_DIR"), "/charts/jumpcloud-operator")]);
        helm.args(["--namespace", RELEASE, "--create-namespace", "--values"]).arg(file);
        said(&mut helm);
        cluster
    }

    /// The address of the API server, without its scheme.
    pub(crate) fn address(&self) -> (&str, &str) {
        self.plane.server_url().trim_start_matches("https://").rsplit_once(':').unwrap()
    }

    /// The certificate of its authority.
    pub(crate) fn authority(&self) -> &str {
        self.plane.ca_pem()
    }

    /// A token of the ServiceAccount that the chart has made.
    pub(crate) fn token(&self) -> String {
        self.kubectl(&["-n", RELEASE, "create", "token", RELEASE]).trim().to_owned()
    }

    /// Applies one object or a List.
    pub(crate) fn apply(&self, object: &Value) {
        let mut command = self.plane.kubectl();
        command.args(["apply", "--server-side", "-f", "-"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // Dropped at the end of the statement, which is the end of kubectl's input.
        child.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What kubectl prints.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        said(self.plane.kubectl().args(arguments))
    }

    /// What the API server has.
    pub(crate) fn read(&self, namespace: &str, what: &[&str]) -> Value {
        let arguments = [&["-n", namespace, "get", "-o", "json"], what].concat();
        serde_json::from_str(&self.kubectl(&arguments)).unwrap()
    }

    /// Waits until every object of that kind in [`PEOPLE`] has this reason for what its spec is now.
    pub(crate) async fn settled(&self, kind: &str, reason: &str, limit: Duration) -> Vec<Value> {
        let current = |object: &Value| {
            let status = &object["status"];
            let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
            status["observedGeneration"] == object["metadata"]["generation"]
                && conditions.iter().any(|c| c["type"] == "Ready" && c["reason"] == reason)
        };
        eventually(&format!("{reason} of every {kind}"), limit, async || {
            let list = self.read(PEOPLE, &[kind]);
            let all = list["items"].as_array().cloned().unwrap_or_default();
            match all.iter().find(|object| !current(object)) {
                None if !all.is_empty() => Ok(all),
                other => Err(other.map(|object| object["status"]["conditions"].clone())),
            }
        })
        .await
    }
}

/// The output of a command that must succeed.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    out.into_owned()
}

/// Asks until there is a value; panics after `limit` with what was said last.
pub(crate) async fn eventually<T, E: std::fmt::Debug>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(value) => return value,
            Err(last) if begun.elapsed() > limit => {
                panic!("{what} did not come within {limit:?}; last: {last:?}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
