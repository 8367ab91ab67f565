//! One etcd, one kube-apiserver and, unless left out, one kube-controller-manager on 127.0.0.1.
//!
//! # Guarantees
//! - Ready when [`ControlPlane::start`] returns: `/readyz` has answered and the namespace `default` is there.
//! - RBAC decides, ServiceAccount tokens work, and every request is in the audit log.
//! - Several can run side by side; each has its own ports, folder, CA and tokens.
//! - All functions block on `std` and may be called from any thread or runtime; the value is `Sync`, so that a test binary can
//!   share one in a `static`. Dropping it, or the end of the process, ends everything and removes the folder.
//!
//! # Caveats
//! No kubelet and no scheduler: pods do not run, unless a [`crate::node::Node`] is there. Only the garbage collector, the namespace
//! controller and ClusterRole aggregation run; when asked for, also what makes Pods of a Deployment. The ServiceAccount admission plugin is off, so
//! that pods may name ServiceAccounts that do not exist.

mod identity;
mod parts;
mod ports;
mod ready;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::audit::AuditLog;
use crate::binaries::{Binaries, ControllerManagerBinary};
use crate::certificates::{Certificates, write_private};
use crate::error::{Error, Result};
use crate::kubeconfig;
use crate::scratch::ScratchDir;
use crate::supervised::Supervised;

use ports::with_new_ports;

pub(crate) use identity::OURS;

/// The namespace of every kubeconfig written here.
const DEFAULT: &str = "default";

/// How to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether kube-controller-manager is wanted; default yes.
    pub controllers: Controllers,
    /// The folder for data, logs and kubeconfigs, new or empty, removed at the end; default one among the temporary files.
    pub directory: Option<PathBuf>,
}

/// Whether kube-controller-manager is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Controllers {
    /// Run it where its executable is to be had.
    #[default]
    Run,
    /// As [`Controllers::Run`], and Deployments come to Pods, which a [`crate::node::Node`] can run.
    RunWorkloads,
    /// Leave it out: namespaces then stay Terminating and owned objects are not collected.
    LeaveOut,
}

impl Controllers {
    fn names(self) -> &'static str {
        const RUN: &str =
            "garbage-collector-controller,namespace-controller,clusterrole-aggregation-controller";
        const WORKLOADS: &str = "garbage-collector-controller,namespace-controller,clusterrole-aggregation-controller,\
            deployment-controller,replicaset-controller";
        match self {
            Self::Run => RUN,
            Self::RunWorkloads => WORKLOADS,
            Self::LeaveOut => "",
        }
    }
}

/// Whether kube-controller-manager runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControllerManager {
    /// It does: namespaces go away and owned objects are collected.
    Running,
    /// It was left out on request.
    LeftOut,
    /// It is not to be had, for the reason given. A test that needs it says so and skips.
    Absent(String),
}

/// A running control plane.
#[derive(Debug)]
pub struct ControlPlane {
    // Fields are dropped in this order: first the programs, then their folder.
    running: Vec<Supervised>,
    scratch: ScratchDir,
    binaries: Binaries,
    certificates: Certificates,
    controller_manager: ControllerManager,
    server_url: String,
    admin_kubeconfig: PathBuf,
    own_kubeconfig: PathBuf,
    own_token: String,
}

impl ControlPlane {
    /// Starts one and waits until it is ready: about 4 s, and about 5 min more on a machine where the binaries must be built first.
    ///
    /// # Errors
    /// When binaries are missing and cannot be built ([`Binaries::locate_or_build`]), and when a part ends or is not ready within
    /// 60 s; the end of its log is in the error.
    pub fn start(options: Options) -> Result<Self> {
        let Options { controllers, directory } = options;
        let binaries = Binaries::locate_or_build()?;
        let scratch = directory.as_deref().map_or_else(ScratchDir::new, ScratchDir::at)?;
        let folder = scratch.path();
        let certificates = Certificates::write(folder)?;
        let tokens = identity::Tokens::random();
        tokens.write(Path::new(&parts::token_file(folder)))?;
        write_private(&folder.join(parts::AUDIT_POLICY), include_str!("audit-policy.yaml"))?;

        let own_kubeconfig = folder.join("devenv.kubeconfig");
        let (mut running, server_url) = with_new_ports(|ports, attempt| {
            let server_url = format!("https://127.0.0.1:{}", ports.api_server);
            kubeconfig::write(&own_kubeconfig, &server_url, &certificates.ca, &tokens.ours, DEFAULT)?;
            let data = folder.join(format!("etcd-{attempt}"));
            let etcd = Supervised::spawn(parts::etcd(&binaries.etcd, ports, &data, &scratch))?;
            ready::listening(&etcd, ports.etcd)?;
            let api_server = parts::api_server(&binaries.kube_apiserver, ports, &certificates, &scratch);
            let api_server = Supervised::spawn(api_server)?;
            ready::serving(&[&etcd, &api_server], || kubectl(&binaries, folder, &own_kubeconfig))?;
            Ok((vec![etcd, api_server], server_url))
        })?;

        let admin_kubeconfig = folder.join("admin.kubeconfig");
        kubeconfig::write(&admin_kubeconfig, &server_url, &certificates.ca, &tokens.admin, DEFAULT)?;
        let controller_manager = match (controllers, &binaries.controller_manager) {
            (Controllers::LeaveOut, _) => ControllerManager::LeftOut,
            (_, ControllerManagerBinary::Absent(reason)) => ControllerManager::Absent(reason.clone()),
            (_, ControllerManagerBinary::Found(binary)) => {
                let file = folder.join("kube-controller-manager.kubeconfig");
                kubeconfig::write(&file, &server_url, &certificates.ca, &tokens.controller_manager, DEFAULT)?;
                // In front: it ends before the server that it talks to.
                let which = controllers.names();
                running
                    .insert(0, Supervised::spawn(parts::controller_manager(binary, &file, which, &scratch))?);
                ControllerManager::Running
            }
        };
        Ok(Self {
            running,
            binaries,
            certificates,
            controller_manager,
            server_url,
            admin_kubeconfig,
            own_kubeconfig,
            own_token: tokens.ours,
            scratch,
        })
    }

    /// The kubeconfig of the user `admin`, who may do everything. For kubectl and kube-rs.
    #[must_use]
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin_kubeconfig
    }

    /// kube-apiserver's address, `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The certificate that clients trust, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.certificates.ca_pem
    }

    /// The folder with logs and kubeconfigs. A test may put files of its own there.
    #[must_use]
    pub fn scratch(&self) -> &ScratchDir {
        &self.scratch
    }

    /// The executables in use.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Whether namespaces go away and owned objects are collected.
    #[must_use]
    pub fn controller_manager(&self) -> &ControllerManager {
        &self.controller_manager
    }

    /// A kubectl command for the user `admin`; add arguments.
    #[must_use]
    pub fn kubectl(&self) -> Command {
        self.kubectl_as(&self.admin_kubeconfig)
    }

    /// A kubectl command with another kubeconfig; add arguments.
    #[must_use]
    pub fn kubectl_as(&self, kubeconfig: &Path) -> Command {
        kubectl(&self.binaries, self.scratch.path(), kubeconfig)
    }

    /// Writes a kubeconfig with a fresh 24 h token of a ServiceAccount, which must exist. What it may do is what RBAC gives it.
    ///
    /// # Errors
    /// [`Error::Kubectl`] when there is no such ServiceAccount.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let arguments = ["create", "token", name, "--namespace", namespace, "--duration=24h"];
        let output = self
            .kubectl_as(&self.own_kubeconfig)
            .args(arguments)
            .output()
            .map_err(Error::io("run", &self.binaries.kubectl))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Kubectl { arguments: arguments.join(" "), stderr });
        }
        let token = String::from_utf8_lossy(&output.stdout);
        let file = self.scratch.path().join(format!("{namespace}.{name}.kubeconfig"));
        kubeconfig::write(&file, &self.server_url, &self.certificates.ca, token.trim(), DEFAULT)?;
        Ok(file)
    }

    /// The file with the certificate that clients trust.
    pub(crate) fn ca_file(&self) -> &Path {
        &self.certificates.ca
    }

    /// The token of this crate itself, whose requests no reader of the audit log counts.
    pub(crate) fn own_token(&self) -> &str {
        &self.own_token
    }

    /// The ledger of every request that kube-apiserver answered.
    #[must_use]
    pub fn audit(&self) -> AuditLog {
        let (kubectl_path, own) = (self.binaries.clone(), self.own_kubeconfig.clone());
        let folder = self.scratch.path().to_owned();
        AuditLog::new(self.scratch.path().join(parts::AUDIT_LOG), move || {
            kubectl(&kubectl_path, &folder, &own)
        })
    }

    /// The running programs, by [`Supervised::name`]: kube-controller-manager (if it runs), etcd, kube-apiserver. A test may freeze
    /// one to see what others do about it.
    #[must_use]
    pub fn parts(&self) -> &[Supervised] {
        &self.running
    }

    /// Fails when a part has ended by itself.
    ///
    /// # Errors
    /// [`Error::Ended`], with the end of its log.
    pub fn check_running(&self) -> Result<()> {
        self.running.iter().try_for_each(Supervised::check_running)
    }
}

/// A kubectl that neither reads nor writes anything in the person's home: its cache of what servers offer is keyed by address, and
/// ours come again with other content.
fn kubectl(binaries: &Binaries, folder: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(&binaries.kubectl);
    command.arg("--kubeconfig").arg(kubeconfig);
    command.env("KUBECACHEDIR", folder.join("kubectl-cache")).env("KUBECTL_KUBERC", "false");
    // It lives for a tenth of a second, a third of which Go's garbage collector would take.
    command.env("GOGC", "off");
    command
}
