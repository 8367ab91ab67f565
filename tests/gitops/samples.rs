//! The samples for Argo CD and Flux fit each other, the samples of the kinds, and the release.

use std::collections::BTreeSet;
use std::process::Command;

use devenv::binaries::Binaries;
use serde_json::Value;

use crate::rig::{KINDS, all_documents, place};

fn word<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What `kubectl kustomize` makes of a folder.
fn kustomized(folder: &str) -> Vec<Value> {
    let kubectl = Binaries::locate_or_build().expect("kubectl").kubectl;
    let output = Command::new(kubectl).arg("kustomize").arg(place(folder)).output().expect("kubectl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_saphyr::from_multiple(&String::from_utf8(output.stdout).expect("text")).expect("YAML")
}

#[test]
fn waves_follow_each_other() {
    for object in kustomized("deploy/argocd/application") {
        let wave = word(&object, "/metadata/annotations/argocd.argoproj.io~1sync-wave");
        let wanted = match word(&object, "/kind") {
            "JumpCloudConnection" => "0",
            "JumpCloudUserBatch" => "1",
            "ScheduledUserState" => "2",
            _ => "",
        };
        assert_eq!(wave, wanted, "{}", word(&object, "/kind"));
    }
}

#[test]
fn samples_name_this_release() {
    let release = format!("v{}", env!("CARGO_PKG_VERSION"));
    let (argo, flux) = (all_documents("deploy/argocd/application"), all_documents("deploy/flux"));
    let operator = argo.iter().find(|one| word(one, "/metadata/name") == "jumpcloud-operator").expect("it");
    assert_eq!(word(operator, "/spec/source/targetRevision"), release);
    let source = flux.iter().find(|one| !word(one, "/spec/ref/tag").is_empty()).expect("a source with a tag");
    assert_eq!(word(source, "/spec/ref/tag"), release);
}

/// A health check of an object that is not there waits for ever.
#[test]
fn flux_waits_for_what_is_there() {
    let samples = all_documents("deploy/samples");
    let flux = all_documents("deploy/flux");
    let checks = flux.iter().flat_map(|one| one["spec"]["healthChecks"].as_array().into_iter().flatten());
    let mut checked = 0;
    for check in checks {
        assert_eq!(word(check, "/apiVersion"), "jumpcloud-operator.dev/v1alpha1");
        assert!(KINDS.contains(&word(check, "/kind")), "{check}");
        let there = samples
            .iter()
            .any(|sample| sample["kind"] == check["kind"] && sample["metadata"]["name"] == check["name"]);
        assert!(there, "{check} is no sample");
        checked += 1;
    }
    assert!(checked >= 2);
}

#[test]
fn flux_steps_depend_on_steps() {
    let flux = all_documents("deploy/flux");
    let steps: BTreeSet<&str> = flux
        .iter()
        .filter(|one| word(one, "/kind") == "Kustomization")
        .map(|one| word(one, "/metadata/name"))
        .collect();
    let sources: BTreeSet<&str> = flux
        .iter()
        .filter(|one| word(one, "/kind") == "GitRepository")
        .map(|one| word(one, "/metadata/name"))
        .collect();
    for one in &flux {
        for needed in one["spec"]["dependsOn"].as_array().into_iter().flatten() {
            assert!(steps.contains(word(needed, "/name")), "{needed}");
        }
        for pointer in ["/spec/sourceRef/name", "/spec/chart/spec/sourceRef/name"] {
            assert!(word(one, pointer).is_empty() || sources.contains(word(one, pointer)), "{one}");
        }
    }
}
