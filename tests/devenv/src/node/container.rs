//! A container as a process: started, asked whether it is ready, started again, ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::Result;
use crate::port::free_port;
use crate::scratch::ScratchDir;
use crate::supervised::{Exit, Program, Supervised};

use super::launch::{Launch, Site, Waiting, launch};
use super::pod::{Container, Pod, RestartPolicy};

/// How long a container that ended again waits for its next start. The first one comes at once.
const BACK_OFF: Duration = Duration::from_secs(10);

/// A container of a Pod of this node.
#[derive(Debug)]
pub(super) struct Process {
    state: State,
    pub(super) restarts: u32,
    pub(super) ports: BTreeMap<u16, u16>,
    pub(super) is_ready: bool,
}

#[derive(Debug)]
enum State {
    Waiting { why: Waiting, until: Instant },
    Running { process: Supervised, since: Timestamp },
    Ended { exit: Exit, since: Timestamp, end: Timestamp },
}

/// Where a Pod's files are, and what its containers are given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) pod: &'a Pod,
    pub(super) site: &'a Site,
    pub(super) scratch: &'a ScratchDir,
    pub(super) kubeconfig: Option<&'a Path>,
}

impl Process {
    /// One that has not been started.
    pub(super) fn new() -> Self {
        let why = Waiting { reason: "ContainerCreating", message: String::new() };
        let state = State::Waiting { why, until: Instant::now() };
        Self { state, restarts: 0, ports: BTreeMap::new(), is_ready: false }
    }

    /// Notices an end, and starts it when it is time.
    pub(super) fn attend(&mut self, place: Place<'_>, container: &Container) -> Result<()> {
        if let State::Running { process, since } = &self.state
            && let Some(exit) = process.wait_exit(Duration::ZERO)?
        {
            self.state = State::Ended { exit, since: *since, end: Timestamp::now() };
            self.is_ready = false;
        }
        if let State::Ended { exit, .. } = self.state
            && restarts(place.pod.spec.restart_policy, exit)
        {
            let wait = if self.restarts == 0 { Duration::ZERO } else { BACK_OFF };
            let why = Waiting { reason: "CrashLoopBackOff", message: format!("it ended with {exit}") };
            self.state = State::Waiting { why, until: Instant::now() + wait };
            self.restarts += 1;
        }
        if matches!(&self.state, State::Waiting { until, .. } if *until <= Instant::now()) {
            self.start(place, container)?;
        }
        Ok(())
    }

    fn start(&mut self, place: Place<'_>, container: &Container) -> Result<()> {
        self.ports.clear();
        for port in &container.ports {
            self.ports.insert(port.container_port, free_port()?);
        }
        self.state = match launch(place.pod, container, place.site, &self.ports) {
            Err(why) => State::Waiting { why, until: Instant::now() + BACK_OFF },
            Ok(launch) => {
                State::Running { process: spawn(place, container, launch)?, since: Timestamp::now() }
            }
        };
        Ok(())
    }

    /// The process, while it runs.
    pub(super) fn running(&self) -> Option<&Supervised> {
        match &self.state {
            State::Running { process, .. } => Some(process),
            State::Waiting { .. } | State::Ended { .. } => None,
        }
    }

    /// How it ended, if it did for good.
    pub(super) fn ended(&self) -> Option<Exit> {
        match self.state {
            State::Ended { exit, .. } => Some(exit),
            State::Waiting { .. } | State::Running { .. } => None,
        }
    }

    /// Its part of the Pod's status.
    pub(super) fn status(&self, container: &Container) -> Value {
        let state = match &self.state {
            State::Waiting { why, .. } => {
                json!({"waiting": {"reason": why.reason, "message": why.message}})
            }
            State::Running { since, .. } => json!({"running": {"startedAt": seconds(*since)}}),
            State::Ended { exit, since, end } => {
                let code = match exit {
                    Exit::Code(code) => *code,
                    Exit::Signal(number) => 128 + number,
                };
                let reason = if code == 0 { "Completed" } else { "Error" };
                json!({"terminated": {"exitCode": code, "reason": reason,
                    "startedAt": seconds(*since), "finishedAt": seconds(*end)}})
            }
        };
        json!({
            "name": container.name,
            "image": container.image,
            "imageID": container.image,
            "ready": self.is_ready,
            "started": self.running().is_some(),
            "restartCount": self.restarts,
            "state": state,
        })
    }
}

fn restarts(policy: RestartPolicy, exit: Exit) -> bool {
    match policy {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => exit != Exit::Code(0),
        RestartPolicy::Never => false,
    }
}

/// As Kubernetes writes times.
pub(super) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The log of a container.
pub(super) fn log(folder: &Path, namespace: &str, pod: &str, container: &str) -> PathBuf {
    folder.join(format!("{namespace}.{pod}.{container}.log"))
}

fn spawn(place: Place<'_>, container: &Container, launch: Launch) -> Result<Supervised> {
    let Launch { program, arguments, environment } = launch;
    let metadata = &place.pod.metadata;
    let log = log(place.scratch.path(), &metadata.namespace, &metadata.name, &container.name);
    // Nothing of our own environment: a container has none of it. In the place of the token that a kubelet mounts, a kubeconfig.
    let mut variables: Vec<String> =
        environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    variables.extend(place.kubeconfig.map(|file| format!("KUBECONFIG={}", file.display())));
    let program = Program::new(&container.name, "env", log)
        .args(["-i"])
        .args(variables)
        .args([program])
        .args(arguments)
        .grace(Duration::from_secs(place.pod.spec.termination_grace_period_seconds))
        .scratch(place.scratch);
    Supervised::spawn(program)
}
