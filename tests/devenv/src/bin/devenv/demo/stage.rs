//! All the processes of the demo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, bail};
use devenv::control_plane::{ControlPlane, Controllers, Options};

use super::chart::Release;
use super::manifests;
use super::narrator::Narrator;
use super::operator::Operator;
use super::simulator::Simulator;

/// How the operator is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `kubectl apply -k` of `deploy`.
    Manifests,
    /// `helm install` of the chart.
    Chart,
}

impl Way {
    fn control_plane(self) -> Options {
        let controllers = match self {
            Self::Manifests => Controllers::Run,
            Self::Chart => Controllers::RunWorkloads,
        };
        Options { controllers, ..Options::default() }
    }
}

/// What runs. Fields are dropped in this order: whoever calls goes before whoever answers.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) operator: Box<dyn Operator>,
    /// Where it was installed by Helm.
    pub(super) release: Option<Release>,
    binary: PathBuf,
    pub(super) simulator: Simulator,
    pub(super) control_plane: ControlPlane,
}

impl Stage {
    /// Starts everything, and installs what an administrator installs once per cluster.
    pub(super) fn set(narrator: &Narrator, way: Way) -> anyhow::Result<Self> {
        let binary = sibling("jumpcloud-operator")?;
        let simulator_binary = sibling("jumpcloud-sim")?;

        narrator.step(
            "starting etcd and kube-apiserver: the real ones, on 127.0.0.1, with a folder of their own",
        );
        let control_plane = ControlPlane::start(way.control_plane())?;
        narrator.step("starting the simulator in JumpCloud's place: jobs take 3 s, two users exist already");
        let simulator = Simulator::start(&simulator_binary, &control_plane)?;
        let (operator, release): (Box<dyn Operator>, _) = match way {
            Way::Manifests => {
                (Box::new(manifests::install(narrator, &control_plane, &simulator, &binary)?), None)
            }
            Way::Chart => {
                let release = Release::new(&control_plane, &simulator)?;
                (Box::new(release.install(narrator, &control_plane, &binary)?), Some(release))
            }
        };
        narrator.line(&format!("pid {}, log {}", operator.pid()?, operator.log().display()));
        Ok(Self { operator, release, binary, simulator, control_plane })
    }

    /// Fails when anything has ended by itself.
    pub(super) fn check_running(&self) -> anyhow::Result<()> {
        self.operator.check_running()?;
        self.check_surroundings()
    }

    /// Lets the operator be started again when it has ended; fails when anything else has ended.
    pub(super) fn keep_running(&mut self, narrator: &Narrator) -> anyhow::Result<()> {
        self.check_surroundings()?;
        self.operator.keep_running(narrator, &self.control_plane)
    }

    /// The operator's own way to look into JumpCloud, with the credential of the sample connection.
    pub(super) fn look(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(self.look_arguments()).env("KUBECONFIG", self.control_plane.admin_kubeconfig());
        command
    }

    /// The same as a line to copy.
    pub(super) fn look_line(&self, what: &str) -> String {
        format!("{} {} {what}", self.binary.display(), self.look_arguments().join(" "))
    }

    fn look_arguments(&self) -> [String; 3] {
        let allowed = format!("--allowed-api-url={}", self.simulator.url());
        ["api".to_owned(), "--connection=default/default".to_owned(), allowed]
    }

    fn check_surroundings(&self) -> anyhow::Result<()> {
        self.simulator.process().check_running()?;
        Ok(self.control_plane.check_running()?)
    }
}

/// The root of the checkout that this was built from.
pub(super) fn repository() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().with_context(|| format!("the checkout {} is gone; build again", root.display()))
}

/// Runs a command; its standard output, or an error with what it wrote to standard error.
pub(super) fn spoken(command: &mut Command) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&succeeded(command)?.stdout).into_owned())
}

/// Runs a command; its standard output, then its standard error.
pub(super) fn heard(command: &mut Command) -> anyhow::Result<String> {
    let Output { stdout, stderr, .. } = succeeded(command)?;
    Ok(String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn succeeded(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}

/// An executable of this workspace, built by the same cargo into the same folder as we are.
fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let path = env::current_exe().context("cannot tell where this executable is")?.with_file_name(name);
    if !path.is_file() {
        bail!("{} is not there; run make build", path.display());
    }
    Ok(path)
}
