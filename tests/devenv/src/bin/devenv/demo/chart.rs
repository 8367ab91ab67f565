//! The installation of `make demo-helm`: the chart's release, with everything that it makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use devenv::control_plane::ControlPlane;
use devenv::packaging::Helm;

use super::narrator::Narrator;
use super::operator::{NAMESPACE, Pods};
use super::simulator::Simulator;
use super::stage::{heard, repository};

/// Its name, and so that of its ServiceAccount.
const NAME: &str = "jumpcloud-operator";

/// The release, and how Helm is asked about it.
#[derive(Debug)]
pub(super) struct Release {
    helm: Helm,
    chart: PathBuf,
    kubeconfig: PathBuf,
    values: PathBuf,
    api_url: String,
}

impl Release {
    /// Writes the values down.
    pub(super) fn new(control_plane: &ControlPlane, simulator: &Simulator) -> anyhow::Result<Self> {
        let values = control_plane.scratch().path().join("values.yaml");
        // The defaults are for a service that takes minutes; jobs of the demo take three seconds.
        let content = format!(
            "# Quick, because jobs of the demo take seconds.\n\
             timing: {{pollMin: 2s, pollMax: 4s, secretPollInterval: 5s, submitTimeout: 3s, unknownQuarantine: 10s}}\n\
             leaderElection: {{leaseDuration: 6s, renewDeadline: 5s, retryPeriod: 1s}}\n\
             # The simulator in JumpCloud's place.\n\
             allowedAPIURLs: [\"{}\"]\n",
            simulator.url()
        );
        fs::write(&values, content).with_context(|| format!("cannot write {}", values.display()))?;
        Ok(Self {
            helm: Helm::locate_or_build()?,
            chart: repository()?.join("charts/jumpcloud-operator"),
            kubeconfig: control_plane.admin_kubeconfig().to_owned(),
            values,
            api_url: simulator.url().to_owned(),
        })
    }

    /// Joins a node, and installs the chart: kinds, permissions, ServiceAccount, Deployment.
    pub(super) fn install(
        &self,
        narrator: &Narrator,
        control_plane: &ControlPlane,
        binary: &Path,
    ) -> anyhow::Result<Pods> {
        narrator.step(
            "a node joins that runs Pods as processes: their arguments and variables, a token of their ServiceAccount",
        );
        let pods = Pods::join(control_plane, binary)?;
        narrator.step("helm install charts/jumpcloud-operator --wait, with these values:");
        narrator.quote(&fs::read_to_string(&self.values)?);
        narrator.heading(&format!(
            "$ helm install {NAME} charts/jumpcloud-operator --namespace {NAMESPACE} --create-namespace --values values.yaml --wait"
        ));
        let mut install = self.on_chart("install");
        install.args(["--create-namespace", "--values"]).arg(&self.values).args(WAIT);
        narrator.quote(&heard(&mut install).with_context(|| pods.account())?);
        narrator.heading(&format!("The Deployment's Pod runs, as ServiceAccount {NAME} of the chart"));
        pods.ready()
    }

    /// Adds the connection to the release, from a Secret that is there.
    pub(super) fn connect(&self, narrator: &Narrator) -> anyhow::Result<()> {
        narrator.heading(&format!(
            "$ helm upgrade {NAME} charts/jumpcloud-operator --namespace {NAMESPACE} --reuse-values --set connection... --wait"
        ));
        let settings = [
            "connection.enabled=true".to_owned(),
            "connection.namespace=default".to_owned(),
            format!("connection.apiURL={}", self.api_url),
            "connection.apiKey.secretName=jumpcloud".to_owned(),
        ];
        for setting in &settings {
            narrator.line(&format!("--set {setting}"));
        }
        let mut upgrade = self.on_chart("upgrade");
        upgrade.arg("--reuse-values").args(settings.iter().flat_map(|setting| ["--set", setting])).args(WAIT);
        narrator.quote(&heard(&mut upgrade)?);
        Ok(())
    }

    /// Runs the release's own test.
    pub(super) fn test(&self, narrator: &Narrator) -> anyhow::Result<()> {
        narrator.heading(&format!("$ helm test {NAME} --namespace {NAMESPACE} --logs"));
        let mut test = self.helm.command_as(&self.kubeconfig);
        test.args(["test", NAME, "--namespace", NAMESPACE, "--logs", "--timeout=120s"]);
        narrator.quote(&heard(&mut test)?);
        Ok(())
    }

    /// Where the executable is, for commands to copy.
    pub(super) fn helm(&self) -> &Path {
        self.helm.path()
    }

    /// What can be tried with a release, each with its commands.
    pub(super) fn next(&self) -> Vec<(&'static str, Vec<String>)> {
        vec![
            (
                "what the release says of itself, and the log of its Pod",
                vec![
                    format!("helm status {NAME} --namespace {NAMESPACE}"),
                    format!("kubectl --namespace {NAMESPACE} logs deployment/{NAME} --follow"),
                ],
            ),
            (
                "the emergency stop by an upgrade: a new Pod is ready before the old one ends; then back",
                vec![
                    format!(
                        "helm upgrade {NAME} charts/jumpcloud-operator --namespace {NAMESPACE} --reuse-values --set readOnly=true --wait"
                    ),
                    format!("helm rollback {NAME} --namespace {NAMESPACE} --wait"),
                ],
            ),
        ]
    }

    fn on_chart(&self, what: &str) -> Command {
        let mut command = self.helm.command_as(&self.kubeconfig);
        command.args([what, NAME]).arg(&self.chart).args(["--namespace", NAMESPACE]);
        command
    }
}

/// Helm waits until everything is ready, the connection included.
const WAIT: [&str; 2] = ["--wait", "--timeout=120s"];
