//! The control plane behaves as a cluster does, and goes when we do.
//!
//! Most tests share one control plane in a `static`, as the integration tests of the operator do.
#![expect(clippy::unwrap_used, reason = "helpers outside #[test] functions fail the test, too")]

#[cfg(test)]
mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use devenv::audit::Entry;
use devenv::control_plane::{ControlPlane, ControllerManager, Controllers, Options};
use devenv::supervised::Supervised;

use common::{is_alive, until};

fn shared() -> &'static ControlPlane {
    static SHARED: OnceLock<ControlPlane> = OnceLock::new();
    SHARED.get_or_init(|| ControlPlane::start(Options::default()).unwrap())
}

/// Runs the command; standard output if it succeeds, else standard error.
fn run(mut command: Command, arguments: &[&str]) -> Result<String, String> {
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn kubectl_finds_the_namespaces_and_the_pinned_version() {
    let namespaces = run(shared().kubectl(), &["get", "namespaces", "--output=name"]).unwrap();
    assert!(namespaces.lines().any(|line| line == "namespace/default"), "{namespaces}");
    // A version that clients cannot parse was seen when it is not linked in.
    let version = run(shared().kubectl(), &["version"]).unwrap();
    let servers: Vec<_> =
        version.lines().filter_map(|line| line.strip_prefix("Server Version: v1.")).collect();
    assert!(
        matches!(servers[..], [numbers] if numbers.split('.').all(|n| n.parse::<u32>().is_ok())),
        "{version}"
    );
}

#[test]
fn each_request_is_counted_once() {
    let audit = shared().audit();
    let mark = audit.mark().unwrap();
    let ours = |entry: &Entry| entry.user == "admin" && entry.name == "counted";
    assert_eq!(audit.count_since(mark, ours).unwrap(), 0);

    run(shared().kubectl(), &["create", "configmap", "counted", "--namespace=kube-public"]).unwrap();
    let half = audit.mark().unwrap();
    let watch = ["get", "configmap", "counted", "--namespace=kube-public", "--watch", "--request-timeout=1s"];
    run(shared().kubectl(), &watch).unwrap();
    run(shared().kubectl(), &["delete", "configmap", "counted", "--namespace=kube-public"]).unwrap();

    let requests = audit.since(mark).unwrap();
    let create = requests.iter().find(|entry| ours(entry) && entry.verb == "create").unwrap();
    assert_eq!((create.resource.as_str(), create.namespace.as_str()), ("configmaps", "kube-public"));
    assert_eq!((create.code, create.api_group.as_str(), create.subresource.as_str()), (201, "", ""));
    assert!(create.user_agent.starts_with("kubectl"), "{create:?}");

    let verbs = |entries: &[Entry]| -> Vec<String> {
        let watched =
            |entry: &Entry| entry.user == "admin" && entry.request_uri.contains("metadata.name%3Dcounted");
        entries.iter().filter(|entry| ours(entry) || watched(entry)).map(|entry| entry.verb.clone()).collect()
    };
    let after = verbs(&audit.since(half).unwrap());
    assert_eq!(after.iter().filter(|verb| *verb == "watch").count(), 1, "{after:?}");
    assert_eq!(after.iter().filter(|verb| *verb == "delete").count(), 1, "{after:?}");
    assert!(!after.contains(&"create".to_owned()), "{after:?}");
}

#[test]
fn a_service_account_may_do_what_rbac_gives_it() {
    let admin = |arguments: &[&str]| run(shared().kubectl(), arguments).unwrap();
    admin(&["create", "namespace", "rbac"]);
    admin(&["create", "serviceaccount", "reader", "--namespace=rbac"]);
    let kubeconfig = shared().service_account_kubeconfig("rbac", "reader").unwrap();
    let list = || run(shared().kubectl_as(&kubeconfig), &["get", "configmaps", "--namespace=rbac"]);

    let refused = list().unwrap_err();
    assert!(refused.contains("system:serviceaccount:rbac:reader"), "{refused}");
    admin(&["create", "role", "read", "--namespace=rbac", "--verb=list", "--resource=configmaps"]);
    admin(&[
        "create",
        "rolebinding",
        "read",
        "--namespace=rbac",
        "--role=read",
        "--serviceaccount=rbac:reader",
    ]);
    until("the role is seen", || list().is_ok());

    let error = shared().service_account_kubeconfig("rbac", "nobody").unwrap_err().to_string();
    assert!(error.contains("nobody"), "{error}");
}

#[test]
fn a_deleted_namespace_goes_away() {
    if let ControllerManager::Absent(reason) = shared().controller_manager() {
        eprintln!("skipped: {reason}");
        return;
    }
    run(shared().kubectl(), &["create", "namespace", "passing"]).unwrap();
    run(shared().kubectl(), &["create", "configmap", "content", "--namespace=passing"]).unwrap();
    run(shared().kubectl(), &["delete", "namespace", "passing", "--timeout=60s"]).unwrap();
    let error = run(shared().kubectl(), &["get", "namespace", "passing"]).unwrap_err();
    assert!(error.contains("NotFound"), "{error}");
}

#[test]
fn two_run_side_by_side_and_a_dropped_one_leaves_nothing() {
    let other =
        ControlPlane::start(Options { controllers: Controllers::LeaveOut, ..Options::default() }).unwrap();
    assert_ne!(other.server_url(), shared().server_url());
    assert_eq!(*other.controller_manager(), ControllerManager::LeftOut);
    run(other.kubectl(), &["create", "namespace", "only-here"]).unwrap();
    run(shared().kubectl(), &["get", "namespace", "only-here"]).unwrap_err();

    let pids: Vec<u32> = other.parts().iter().map(Supervised::pid).collect();
    let folder = other.scratch().path().to_owned();
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_alive(*pid)) && folder.exists());
    drop(other);
    assert!(!pids.iter().any(|pid| is_alive(*pid)));
    assert!(!folder.exists());
    run(shared().kubectl(), &["get", "--raw", "/readyz"]).unwrap();
}

#[test]
fn nothing_is_left_when_the_parent_is_killed() {
    let parent_folder = tempfile::tempdir().unwrap();
    let folder = parent_folder.path().canonicalize().unwrap().join("killed");
    let mut up = Command::new(env!("CARGO_BIN_EXE_devenv"))
        .arg("up")
        .arg("--dir")
        .arg(&folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(up.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let kubeconfig = line.trim().strip_prefix("export KUBECONFIG=").unwrap_or_else(|| panic!("{line}"));
    run(shared().kubectl_as(Path::new(kubeconfig)), &["get", "namespaces"]).unwrap();
    let before = processes_that_name(&folder);
    for program in ["etcd ", "kube-apiserver "] {
        assert!(before.iter().any(|line| line.contains(program)), "{program} is not among {before:#?}");
    }

    // std sends SIGKILL.
    up.kill().unwrap();
    up.wait().unwrap();
    until("all processes are gone", || processes_that_name(&folder).is_empty());
    until("the folder is gone", || !folder.exists());
}

/// The command lines that contain the folder's path, as those of all programs and shells of a control plane do.
fn processes_that_name(folder: &Path) -> Vec<String> {
    let listed = Command::new("ps").args(["-A", "-ww", "-o", "args="]).output().unwrap();
    let folder = folder.to_str().unwrap();
    let lines = String::from_utf8_lossy(&listed.stdout).into_owned();
    lines
        .lines()
        .filter(|line| line.contains(folder) && !line.contains("devenv up"))
        .map(str::to_owned)
        .collect()
}
