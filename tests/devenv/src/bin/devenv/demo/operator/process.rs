//! The operator, as a process with nothing but the permissions of `deploy/rbac`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use devenv::control_plane::ControlPlane;
use devenv::port::free_port;
use devenv::supervised::{Program, Supervised};

use super::Operator;
use crate::demo::narrator::Narrator;
use crate::demo::wait;

/// Namespace and ServiceAccount of `deploy/rbac`.
const NAMESPACE: &str = "jumpcloud-operator-system";
const SERVICE_ACCOUNT: &str = "jumpcloud-operator";

/// The defaults are for a service that takes minutes; jobs of the demo take three seconds.
const QUICK: [&str; 10] = [
    "--poll-min=2s",
    "--poll-max=4s",
    "--secret-poll-interval=5s",
    "--submit-timeout=3s",
    "--unknown-quarantine=10s",
    "--lease-duration=6s",
    "--lease-renew-deadline=5s",
    "--lease-retry-period=1s",
    "--lease-namespace",
    NAMESPACE,
];

/// How long it may take from its start until it serves.
const LIMIT: Duration = Duration::from_secs(20);

/// How often a free port is looked for when another process is quicker.
const STARTS: u32 = 3;

/// What the operator needs to start, and to start again.
#[derive(Debug)]
struct Recipe {
    binary: PathBuf,
    kubeconfig: PathBuf,
    log: PathBuf,
    api_url: String,
}

/// A running operator.
#[derive(Debug)]
struct Started {
    process: Supervised,
    admin: u16,
}

/// An operator that is started again here when it ends.
#[derive(Debug)]
pub(in crate::demo) struct Process {
    started: Started,
    recipe: Recipe,
}

impl Process {
    /// Starts the operator and waits until it serves metrics. `deploy/rbac` must have been applied.
    pub(in crate::demo) fn start(
        binary: PathBuf,
        control_plane: &ControlPlane,
        api_url: &str,
    ) -> anyhow::Result<Self> {
        let recipe = Recipe::new(binary, control_plane, api_url)?;
        let started = recipe.start_at(control_plane, free_port()?)?;
        Ok(Self { started, recipe })
    }
}

impl Operator for Process {
    fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.started.process.pid())
    }

    fn admin(&self) -> anyhow::Result<u16> {
        Ok(self.started.admin)
    }

    fn log(&self) -> PathBuf {
        self.started.process.log_path().to_owned()
    }

    fn log_tail(&self) -> String {
        self.started.process.log_tail()
    }

    fn check_running(&self) -> anyhow::Result<()> {
        Ok(self.started.process.check_running()?)
    }

    fn keep_running(&mut self, narrator: &Narrator, control_plane: &ControlPlane) -> anyhow::Result<()> {
        let Some(exit) = self.started.process.wait_exit(Duration::ZERO)? else { return Ok(()) };
        narrator.step(&format!("the operator has ended ({exit}); starting it again, as a Deployment would"));
        // At the same port, if that is still free: people have copied the address.
        self.started = self.recipe.start_at(control_plane, self.started.admin)?;
        let (pid, admin) = (self.started.process.pid(), self.started.admin);
        narrator.line(&format!("pid {pid}, metrics http://127.0.0.1:{admin}/metrics"));
        Ok(())
    }
}

impl Recipe {
    fn new(binary: PathBuf, control_plane: &ControlPlane, api_url: &str) -> anyhow::Result<Self> {
        let kubeconfig = control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)?;
        let log = control_plane.scratch().path().join("operator.log");
        Ok(Self { binary, kubeconfig, log, api_url: api_url.to_owned() })
    }

    fn start_at(&self, control_plane: &ControlPlane, mut port: u16) -> anyhow::Result<Started> {
        for _ in 0..STARTS {
            let operator = self.spawn(control_plane, port)?;
            let listening = format!("127.0.0.1:{}", operator.admin);
            let up = wait::until("the operator's admin server", LIMIT, Duration::from_millis(50), || {
                if std::net::TcpStream::connect(&listening).is_ok() {
                    return Ok(Some(true));
                }
                let exit = operator.process.wait_exit(Duration::ZERO)?;
                Ok(exit.is_some().then_some(false))
            })?;
            // Whoever took the port in between listens there, too.
            if up && operator.process.check_running().is_ok() {
                return Ok(operator);
            }
            let tail = operator.process.log_tail();
            if !tail.contains("cannot listen") {
                bail!("the operator ended at its start; the end of its log:\n{tail}");
            }
            port = free_port()?;
        }
        bail!("other processes took {STARTS} free ports in a row; run make demo again")
    }

    fn spawn(&self, control_plane: &ControlPlane, admin: u16) -> anyhow::Result<Started> {
        let program = Program::new("jumpcloud-operator", &self.binary, &self.log)
            .args(["run"])
            .args(QUICK)
            .args([format!("--allowed-api-url={}", self.api_url)])
            .args([format!("--admin-address=127.0.0.1:{admin}")])
            .env("KUBECONFIG", &self.kubeconfig)
            .grace(Duration::from_secs(10))
            .scratch(control_plane.scratch());
        Ok(Started { process: Supervised::spawn(program)?, admin })
    }
}
