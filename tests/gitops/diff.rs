//! The program that tells what Argo CD finds different, by itself: what an operator adds is none, what somebody changes is.
//!
//! The samples are compared on a real API server: `tests/it/gitops.rs`.

use devenv::go_answers::{GoAnswers, Program};
use serde_json::{Value, json};

use crate::rig::diff;

fn in_git() -> Value {
    json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1",
        "kind": "ScheduledUserState",
        "metadata": {"name": "leaves", "namespace": "people"},
        "spec": {
            "users": [{"username": "noor.okafor"}],
            "state": "Suspended",
            "startTime": "2027-01-08T18:00:00+01:00",
        },
    })
}

/// The object after client-side apply, the server's defaults, and the operator.
fn live() -> Value {
    let mut live = in_git();
    live["metadata"]["annotations"] = json!({
        "kubectl.kubernetes.io/last-applied-configuration": in_git().to_string(),
        "jumpcloud-operator.dev/requested-at": "1",
    });
    live["metadata"]["finalizers"] = json!(["jumpcloud-operator.dev/cleanup"]);
    live["metadata"]["generation"] = json!(1);
    live["spec"]["paused"] = json!(false);
    live["spec"]["missedPolicy"] = json!("Fail");
    live["status"] = json!({"observedGeneration": 1});
    live
}

#[test]
fn what_is_added_is_no_difference() {
    assert_eq!(diff(&in_git(), &live()), json!({"modified": false, "differences": []}));
}

#[test]
fn what_git_declares_and_is_otherwise_is_one() {
    let mut live = live();
    live["spec"]["state"] = json!("Activated");
    live["spec"]["users"][0]["username"] = json!("somebody.else");
    let differences = json!([
        {"path": "/spec/state", "git": "Suspended", "live": "Activated"},
        {"path": "/spec/users/0/username", "git": "noor.okafor", "live": "somebody.else"},
    ]);
    assert_eq!(diff(&in_git(), &live), json!({"modified": true, "differences": differences}));
}

#[test]
fn what_left_git_is_one() {
    let mut git = in_git();
    git["spec"]["users"].as_array_mut().expect("a list").clear();
    git["spec"].as_object_mut().expect("a map").remove("startTime");
    let said = diff(&git, &live());
    assert_eq!(said["modified"], true);
    let paths: Vec<&Value> =
        said["differences"].as_array().expect("a list").iter().map(|one| &one["path"]).collect();
    assert_eq!(paths, ["/spec/startTime", "/spec/users"]);
}

#[test]
fn what_is_not_there_is_one() {
    assert_eq!(diff(&in_git(), &Value::Null)["modified"], true);
}

/// A text in `stringData` is what the server keeps as `data`.
#[test]
fn a_secret_is_compared_as_it_is_kept() {
    let git = |key: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "jumpcloud"}, "stringData": {"api-key": key},
        })
    };
    let mut live = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"api-key": "a2V5"},
        "metadata": {"name": "jumpcloud", "namespace": "people", "annotations": {}},
    });
    live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
        json!(git("key").to_string());
    assert_eq!(diff(&git("key"), &live)["modified"], false);
    assert_eq!(diff(&git("other"), &live)["modified"], true);
}

#[test]
fn what_cannot_be_compared_is_told() {
    let mut program = GoAnswers::start(Program::Diff).unwrap();
    let question =
        |mode: &str| json!({"mode": mode, "config": in_git(), "live": live(), "schema": "/nowhere"});
    for (mode, why) in
        [("by-eye", "no mode"), ("structured-merge", "no such file"), ("server-side", "no such file")]
    {
        let told = program.ask(&question(mode)).unwrap_err().to_string();
        assert!(told.contains(why), "{mode}: {told}");
    }
    let nothing = json!({"mode": "three-way", "config": null, "live": null});
    assert!(program.ask(&nothing).is_err());
    // It goes on afterwards.
    assert_eq!(program.ask(&question("three-way")).unwrap()["modified"], false);
}
