//! The operator as a Pod of the chart's Deployment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use devenv::control_plane::ControlPlane;
use devenv::log_tail::log_tail;
use devenv::node::{Node, Options, Running};

use super::Operator;
use crate::demo::narrator::Narrator;
use crate::demo::wait;

/// The namespace of the release.
pub(in crate::demo) const NAMESPACE: &str = "jumpcloud-operator-system";

/// The container of the chart's Deployment.
const CONTAINER: &str = "operator";

/// The port of /livez, /readyz and /metrics in the Pod: the chart's `adminPort`.
const ADMIN: u16 = 8080;

/// How long it may take from the Deployment to a Pod that is ready.
const LIMIT: Duration = Duration::from_secs(60);

/// The node that runs the operator's Pods, and starts them again.
#[derive(Debug)]
pub(in crate::demo) struct Pods {
    node: Node,
    told: u32,
    last: PathBuf,
}

impl Pods {
    /// Joins a node that knows the chart's image as `binary`.
    pub(in crate::demo) fn join(control_plane: &ControlPlane, binary: &Path) -> anyhow::Result<Self> {
        let image =
            concat!("ghcr.io/jumpcloud-operator/jumpcloud-operator:", env!("CARGO_PKG_VERSION")).to_owned();
        let images = [(image, binary.to_owned())].into();
        let node = Node::join(control_plane, Options { images, ..Options::default() })?;
        Ok(Self { node, told: 0, last: PathBuf::new() })
    }

    /// Waits until one is ready.
    pub(in crate::demo) fn ready(mut self) -> anyhow::Result<Self> {
        let found = wait::until("a Pod that is ready", LIMIT, Duration::from_millis(100), || {
            Ok(self.now().filter(|running| running.is_ready))
        });
        let found = found.with_context(|| self.account())?;
        (self.told, self.last) = (found.pid, found.log);
        Ok(self)
    }

    /// What is known when a Pod is not ready.
    pub(in crate::demo) fn account(&self) -> String {
        let trouble = self.node.trouble().unwrap_or_else(|| "the node works".to_owned());
        format!("{trouble}; the end of the operator's log:\n{}", self.log_tail())
    }

    /// The one that is ready, or else any.
    fn now(&self) -> Option<Running> {
        let all = self.node.running().into_iter();
        let operators = all.filter(|one| one.namespace == NAMESPACE && one.container == CONTAINER);
        operators.max_by_key(|one| one.is_ready)
    }

    fn running(&self) -> anyhow::Result<Running> {
        let Some(running) = self.now() else {
            bail!("no Pod of the operator runs; the end of its log:\n{}", self.log_tail());
        };
        Ok(running)
    }
}

impl Operator for Pods {
    fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.running()?.pid)
    }

    fn admin(&self) -> anyhow::Result<u16> {
        let ports = self.running()?.ports;
        ports.get(&ADMIN).copied().with_context(|| format!("the Pod declares no port {ADMIN}"))
    }

    fn log(&self) -> PathBuf {
        self.now().map_or_else(|| self.last.clone(), |running| running.log)
    }

    fn log_tail(&self) -> String {
        log_tail(&self.log())
    }

    fn check_running(&self) -> anyhow::Result<()> {
        let restarts = self.running()?.restarts;
        if restarts > 0 {
            bail!(
                "the operator was started again {restarts} times; the end of its log:\n{}",
                self.log_tail()
            );
        }
        Ok(())
    }

    fn keep_running(&mut self, narrator: &Narrator, _: &ControlPlane) -> anyhow::Result<()> {
        // Whoever scales the Deployment to zero has no operator, and wants none.
        if let Some(now) = self.now().filter(|now| now.pid != self.told && now.is_ready) {
            narrator.step(&format!("another process of the operator is ready: Pod {}", now.pod));
            let admin = now.ports.get(&ADMIN).copied().unwrap_or_default();
            narrator.line(&format!("pid {}, metrics http://127.0.0.1:{admin}/metrics", now.pid));
            (self.told, self.last) = (now.pid, now.log);
        }
        Ok(())
    }
}
