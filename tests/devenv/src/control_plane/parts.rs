//! The flags of the three programs.

use std::path::Path;
use std::time::Duration;

use crate::certificates::Certificates;
use crate::scratch::ScratchDir;
use crate::supervised::Program;

use super::ports::Ports;

/// The data is thrown away, so nothing is gained by letting a part finish (etcd would take five seconds).
const NO_GRACE: Duration = Duration::ZERO;

/// `data` is a folder of this start: after a failed one, etcd's would name the old ports.
pub(super) fn etcd<'a>(binary: &Path, ports: Ports, data: &Path, scratch: &'a ScratchDir) -> Program<'a> {
    let url = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    Program::new("etcd", binary, scratch.path().join("etcd.log"))
        .args([flag("data-dir", data.display())])
        .args([flag("listen-client-urls", &url), flag("advertise-client-urls", &url)])
        .args([flag("listen-peer-urls", &peer), flag("initial-advertise-peer-urls", &peer)])
        .args([flag("initial-cluster", format!("default={peer}"))])
        .args(["--unsafe-no-fsync", "--log-level=error"])
        .grace(NO_GRACE)
        .scratch(scratch)
}

pub(super) fn api_server<'a>(
    binary: &Path,
    ports: Ports,
    certificates: &Certificates,
    scratch: &'a ScratchDir,
) -> Program<'a> {
    let folder = scratch.path();
    Program::new("kube-apiserver", binary, folder.join("kube-apiserver.log"))
        .args([flag("etcd-servers", format!("http://127.0.0.1:{}", ports.etcd))])
        .args(["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.0.0.0/24"])
        .args([flag("secure-port", ports.api_server), flag("cert-dir", folder.display())])
        .args([flag("tls-cert-file", certificates.server.display())])
        .args([flag("tls-private-key-file", certificates.server_key.display())])
        .args([flag("service-account-key-file", certificates.service_account_public_key.display())])
        .args([flag("service-account-signing-key-file", certificates.service_account_key.display())])
        .args(["--service-account-issuer=https://kubernetes.default.svc.cluster.local"])
        .args([flag("token-auth-file", token_file(folder))])
        .args(["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"])
        .args([flag("audit-policy-file", folder.join(AUDIT_POLICY).display())])
        .args([flag("audit-log-path", folder.join(AUDIT_LOG).display())])
        // In megabytes: never rotated, because readers remember positions in it.
        .args(["--audit-log-maxsize=65536"])
        .grace(NO_GRACE)
        .scratch(scratch)
}

pub(super) fn controller_manager<'a>(
    binary: &Path,
    kubeconfig: &Path,
    controllers: &str,
    scratch: &'a ScratchDir,
) -> Program<'a> {
    Program::new("kube-controller-manager", binary, scratch.path().join("kube-controller-manager.log"))
        .args([flag("kubeconfig", kubeconfig.display())])
        .args([flag("controllers", controllers)])
        .args(["--leader-elect=false", "--secure-port=0"])
        .grace(NO_GRACE)
        .scratch(scratch)
}

/// The name of kube-apiserver's audit policy in the folder.
pub(super) const AUDIT_POLICY: &str = "audit-policy.yaml";

/// The name of the audit log in the folder.
pub(super) const AUDIT_LOG: &str = "audit.log";

pub(super) fn token_file(folder: &Path) -> String {
    folder.join("tokens.csv").display().to_string()
}

fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}
