//! From `deploy/` to Helm, as the document on upgrades has it.

use std::path::Path;

use jumpcloud_sim::Settings;
use serde_json::Value;

use super::chart::present;
use super::cluster::{Cluster, RELEASE};
use crate::harness::plane::run;

/// The namespace of the overlay.
const SYSTEM: &str = "jumpcloud-operator-system";

#[tokio::test(flavor = "multi_thread")]
async fn what_kustomize_has_installed_is_taken_over() {
    let cluster = Cluster::start("takeover", Settings::default()).await;
    let overlay = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/overlays/cluster-wide");
    run(cluster.plane.kubectl().args(["apply", "--server-side", "-k"]).arg(overlay));
    cluster.established();
    let deployed = |field: &str| {
        let output = format!("jsonpath={field}");
        cluster.kubectl(&["get", "deployment", RELEASE, "--namespace", SYSTEM, "--output", &output])
    };
    let before = deployed("{.metadata.uid}");
    let install = ["install", RELEASE, &present(RELEASE), "--namespace", SYSTEM];
    let refused = cluster.fails_helm(&install);
    assert!(refused.contains("invalid ownership metadata"), "{refused}");
    // kubectl has applied the fields whose values differ.
    cluster.helm(&[&install[..], &["--take-ownership", "--force-conflicts"]].concat());
    assert_eq!(deployed("{.metadata.uid}"), before);
    let arguments = deployed("{.spec.template.spec.containers[0].args}");
    let rendered = cluster.helm(&["get", "manifest", RELEASE, "--namespace", SYSTEM]);
    let rendered: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("YAML");
    let of_chart = rendered.iter().find(|object| object["kind"] == "Deployment").expect("the chart has it");
    let of_chart = &of_chart["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(serde_json::from_str::<Value>(&arguments).expect("JSON"), *of_chart);
}
