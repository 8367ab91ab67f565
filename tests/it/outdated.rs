//! An operator that is newer than the definitions of the cluster: Helm does not upgrade these by itself.

use std::path::Path;
use std::time::Duration;

use devenv::control_plane::{ControlPlane, Options};
use jumpcloud_sim::{DEFAULT_KEY, Settings, Sim};
use serde_json::{Value, json};

use crate::harness::manifests::{batch, connection, plain_users, secret};
use crate::harness::operator::{Operator, QUICK};
use crate::harness::plane::run;
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

const NAMESPACE: &str = "outdated";

/// A definition of `crds/`, without a field of status that the operator writes.
fn older(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").join(file);
    let text = std::fs::read_to_string(path).expect("crds/ is there");
    let mut definition: Value = serde_saphyr::from_str(&text).expect("YAML");
    let counts = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/counts/properties";
    if let Some(Value::Object(counts)) = definition.pointer_mut(counts) {
        assert!(counts.remove("desired").is_some(), "the field is there");
    }
    definition
}

/// The work is done, the log says what to do, and nobody writes in circles.
#[tokio::test(flavor = "multi_thread")]
async fn older_definitions_cost_no_storm_of_writes() {
    let plane = ControlPlane::start(Options::default()).expect("a control plane of its own");
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        older("jumpcloud-operator.dev_jumpcloudconnections.yaml"),
        older("jumpcloud-operator.dev_jumpclouduserbatches.yaml"),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    ]});
    let apply = |objects: &Value| {
        let file = plane.scratch().path().join("objects.json");
        std::fs::write(&file, objects.to_string()).expect("a file");
        run(plane.kubectl().args(["apply", "--server-side", "-f"]).arg(&file));
    };
    apply(&objects);
    run(plane.kubectl().args(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]));
    let sim = Sim::start(Settings::default()).await.expect("the simulator starts");
    let kubeconfig = plane.admin_kubeconfig().to_owned();
    let operator = Operator::start_as(kubeconfig, NAMESPACE, "a", sim.url(), QUICK);
    let mark = plane.audit().mark().expect("the audit log");
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": [
        secret(NAMESPACE, DEFAULT_KEY),
        connection(NAMESPACE, "default", sim.url()),
        batch(NAMESPACE, "sales", &json!({"users": plain_users("o", 3)})),
    ]}));
    eventually("the advice", PATIENCE, async || {
        let log = operator.log();
        let told = log.contains("apply the current custom resource definitions");
        if told && sim.users().len() == 3 { Ok(()) } else { Err((told, sim.users().len())) }
    })
    .await;
    // Passes go on, ever more rarely, with a write each.
    sim.quiet_for(Duration::from_secs(10), Duration::from_secs(60)).await.expect("quiet");
    let entries = plane.audit().since(mark).expect("the audit log");
    let writes = entries.iter().filter(|e| e.resource == "jumpclouduserbatches" && e.verb == "patch").count();
    assert!(writes < 60, "{writes} writes");
}
