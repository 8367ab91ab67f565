//! A node runs what a cluster's would, as far as kubectl can tell.
#![expect(clippy::unwrap_used, reason = "helpers outside #[test] functions fail the test, too")]

#[cfg(test)]
mod common;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use devenv::control_plane::{ControlPlane, ControllerManager, Controllers, Options};
use devenv::node::{Node, Options as NodeOptions};
use serde_json::{Value, json};

use common::{is_alive, until};

/// Runs the command with `input`; standard output if it succeeds, else standard error.
fn run(mut command: Command, arguments: &[&str], input: &str) -> Result<String, String> {
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn deployment(image: &str) -> Value {
    let labels = json!({"app": "greeter"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "greeter"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "greeter", "image": image,
                "args": ["-c", "echo $(GREETING) \"from ${HOSTNAME%-*}\" ${HOME-nowhere}; exec sleep 600"],
                "env": [{"name": "GREETING", "value": "hello"}],
            }],
        }}},
    })
}

fn pod(image: &str, arguments: &[&str]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "once"},
        "spec": {
            "serviceAccountName": "asker", "restartPolicy": "Never",
            "containers": [{"name": "asker", "image": image, "args": arguments}],
        },
    })
}

/// One test, because a control plane takes seconds.
#[test]
fn deployments_and_pods_run_as_on_a_cluster() {
    let controllers = Controllers::RunWorkloads;
    let plane = ControlPlane::start(Options { controllers, ..Options::default() }).unwrap();
    if let ControllerManager::Absent(reason) = plane.controller_manager() {
        println!("skipped: {reason}");
        return;
    }
    let images = [("shell:1", PathBuf::from("/bin/sh")), ("kubectl:1", plane.binaries().kubectl.clone())];
    let images = images.map(|(image, program)| (image.to_owned(), program)).into();
    let node = Node::join(&plane, NodeOptions { images, ..NodeOptions::default() }).unwrap();
    let kubectl = |arguments: &[&str], input: &str| run(plane.kubectl(), arguments, input);

    // A Deployment is rolled out, says what it has to, and is started again.
    kubectl(&["apply", "-f", "-"], &deployment("shell:1").to_string()).unwrap();
    if let Err(error) = kubectl(&["rollout", "status", "deployment/greeter", "--timeout=30s"], "") {
        let all = kubectl(&["get", "deployments,replicasets,pods", "-o", "wide"], "").unwrap();
        panic!("{error}{:?}\n{all}", node.trouble());
    }
    until("the container has spoken", || {
        kubectl(&["logs", "deployment/greeter"], "").is_ok_and(|log| log.starts_with("hello from greeter-"))
    });
    // Nothing of our own environment, but what a shell sets by itself.
    let log = kubectl(&["logs", "deployment/greeter", "--tail=1"], "").unwrap();
    assert!(log.ends_with(" nowhere\n"), "{log}");
    let [first] = <[_; 1]>::try_from(node.running()).unwrap();
    run(Command::new("sh"), &["-c", &format!("kill -9 {}", first.pid)], "").unwrap();
    until("it is started again", || {
        node.running().iter().any(|again| again.pid != first.pid && again.restarts == 1)
    });

    // An image that nobody has is why a Pod waits; the old one stays meanwhile.
    kubectl(&["apply", "-f", "-"], &deployment("shell:2").to_string()).unwrap();
    until("the reason is told", || {
        let reasons = "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}";
        kubectl(&["get", "pods", "-o", reasons], "").unwrap() == "ErrImagePull"
    });
    assert_eq!(node.running().len(), 1, "{:?}", node.trouble());

    // A Pod acts as its ServiceAccount, ends, and its log is followed to the end.
    kubectl(&["create", "serviceaccount", "asker"], "").unwrap();
    let arguments = ["auth", "whoami", "--cache-dir=/dev/null", "-o=jsonpath={.status.userInfo.username}"];
    kubectl(&["apply", "-f", "-"], &pod("kubectl:1", &arguments).to_string()).unwrap();
    let phase = ["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/once", "--timeout=30s"];
    kubectl(&phase, "").unwrap();
    // Another one of the same name has a log of its own.
    kubectl(&["delete", "pod/once", "--timeout=30s"], "").unwrap();
    kubectl(&["apply", "-f", "-"], &pod("kubectl:1", &arguments).to_string()).unwrap();
    kubectl(&phase, "").unwrap();
    let said = kubectl(&["logs", "once", "--follow"], "").unwrap();
    assert_eq!(said, "system:serviceaccount:default:asker");

    // What is deleted goes, and its process with it.
    let pid = node.running()[0].pid;
    kubectl(&["delete", "deployment/greeter", "--cascade=foreground", "--timeout=30s"], "").unwrap();
    until("the process is gone", || !is_alive(pid));
    assert_eq!(node.running().len(), 0);
}
