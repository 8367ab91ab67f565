//! A node of a cluster, without containers: what a scheduler and a kubelet do, with processes of this machine.
//!
//! # Guarantees
//! - A container is the program that its image stands for, with its own arguments and variables as a kubelet expands them, nothing
//!   of our environment, and a token of the Pod's own ServiceAccount that is bound to the Pod.
//! - Status is told as it is: a Pod is ready once its readiness probe is answered; a container that ends is started again by the
//!   Pod's policy; what cannot be given to a container (`launch`) is a reason why it waits, never left out.
//! - `kubectl logs` works (`logs`), and Pods that are deleted end as their grace period has it. With
//!   [`crate::control_plane::Controllers::RunWorkloads`] so do `kubectl rollout status` and `helm install --wait`.
//! - Dropping it ends the processes and waits until they are gone.
//!
//! # Differences
//! Processes share the machine's network: a declared port of all addresses becomes a free one of 127.0.0.1. The token is in a
//! kubeconfig. Probes of liveness and start, resources, security contexts and mounts do not exist.

mod api;
mod container;
mod expand;
mod launch;
mod logs;
mod pod;
mod status;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::error::{Error, Result};
use crate::kubeconfig;
use crate::scratch::ScratchDir;

use api::{Access, Api};
use container::{Place, Process, log, seconds};
use launch::Site;
use logs::{Growing, LogServer};
use pod::Pod;
use status::{ADDRESS, status};

/// Its name.
const NAME: &str = "this-machine";

/// How often it looks.
const EVERY: Duration = Duration::from_millis(200);

/// Tokens outlive what they are for: nothing here renews them.
const TOKEN_SECONDS: u64 = 24 * 60 * 60;

/// What a node has.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The program that each image stands for.
    pub images: BTreeMap<String, PathBuf>,
    /// Variables that every container gets: what here stands for a cluster's network, such as a proxy.
    pub environment: BTreeMap<String, String>,
}

/// A container that runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// The namespace of its Pod.
    pub namespace: String,
    /// Its Pod.
    pub pod: String,
    /// Its name.
    pub container: String,
    /// Its process.
    pub pid: u32,
    /// Its output.
    pub log: PathBuf,
    /// The ports that it declares, each with the one that it has on 127.0.0.1.
    pub ports: BTreeMap<u16, u16>,
    /// How often it was started again.
    pub restarts: u32,
    /// Whether its readiness probe is answered.
    pub is_ready: bool,
}

/// A node. Drop it before the control plane.
#[derive(Debug)]
pub struct Node {
    common: Arc<Common>,
    thread: Option<JoinHandle<()>>,
    _logs: LogServer,
}

#[derive(Debug)]
struct Common {
    scratch: ScratchDir,
    running: Mutex<Vec<Running>>,
    trouble: Mutex<Option<String>>,
    growing: Growing,
    ends: AtomicBool,
}

impl Node {
    /// Joins one to the control plane. It takes every Pod that there is and that will be.
    ///
    /// # Errors
    /// When it cannot serve, or the API server refuses it.
    pub fn join(control_plane: &ControlPlane, options: Options) -> Result<Self> {
        let common = Arc::new(Common {
            scratch: ScratchDir::new()?,
            running: Mutex::default(),
            trouble: Mutex::default(),
            growing: Growing::default(),
            ends: AtomicBool::new(false),
        });
        let logs = LogServer::start(common.scratch.path(), Arc::clone(&common.growing))?;
        let access = Access::of(control_plane);
        let (server, ca) = (access.server.clone(), control_plane.ca_file().to_owned());
        let site = Site { images: options.images, environment: options.environment, node: NAME.to_owned() };
        let (tell, told) = mpsc::channel();
        let (theirs, log_port) = (Arc::clone(&common), logs.port);
        let thread = std::thread::spawn(move || {
            let api = Api::of(access);
            let joined = api.and_then(|api| api.post("/api/v1/nodes", &description(log_port)).map(|_| api));
            let api = match joined {
                Ok(api) => api,
                Err(error) => return drop(tell.send(Err(error))),
            };
            drop(tell.send(Ok(())));
            let mut keeper = Keeper { api, site, server, ca, common: theirs, pods: BTreeMap::new() };
            while !keeper.common.ends.load(Ordering::Acquire) {
                let trouble = keeper.look().err().map(|error| error.to_string());
                *lock(&keeper.common.trouble) = trouble;
                std::thread::sleep(EVERY);
            }
        });
        told.recv().unwrap_or_else(|_| {
            let source = std::io::Error::other("its thread has ended");
            Err(Error::Io { action: "start a node".to_owned(), source })
        })?;
        Ok(Self { common, thread: Some(thread), _logs: logs })
    }

    /// The containers that run.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        lock(&self.common.running).clone()
    }

    /// What went wrong in the last look, if anything did. The next look tries again.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Some("the node's thread has ended".to_owned());
        }
        lock(&self.common.trouble).clone()
    }

    /// Where logs and kubeconfigs are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.common.scratch.path()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.common.ends.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn description(log_port: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NAME, "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": NAME}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": ADDRESS}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": log_port}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "NoContainersNeeded"}],
        },
    })
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the node knows of one of its Pods.
#[derive(Debug)]
struct Kept {
    pod: Pod,
    since: String,
    kubeconfig: Option<PathBuf>,
    containers: Vec<Process>,
    written: Value,
}

/// The thread's own state.
struct Keeper {
    api: Api,
    site: Site,
    server: String,
    ca: PathBuf,
    common: Arc<Common>,
    /// By uid: a Pod of the same name may come again.
    pods: BTreeMap<String, Kept>,
}

impl Keeper {
    /// Looks at every Pod once. One that fails does not keep the others waiting.
    fn look(&mut self) -> Result<()> {
        let mut list = self.api.get("/api/v1/pods")?;
        let items = list.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take);
        let mut present = Vec::new();
        let mut result = Ok(());
        for object in items.unwrap_or_default() {
            let Ok(pod) = serde_json::from_value::<Pod>(object.clone()) else { continue };
            present.push(pod.metadata.uid.clone());
            if let Err(error) = self.attend(&pod, object) {
                result = Err(error);
            }
        }
        self.pods.retain(|uid, _| present.contains(uid));
        self.tell();
        result
    }

    fn attend(&mut self, pod: &Pod, object: Value) -> Result<()> {
        if pod.spec.node_name.is_empty() {
            return self.bind(pod);
        }
        if pod.spec.node_name != self.site.node {
            return Ok(());
        }
        let uid = pod.metadata.uid.clone();
        if pod.metadata.deletion_timestamp.is_some() {
            // The processes end, each with the grace of its Pod.
            self.pods.remove(&uid);
            let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": uid}});
            return self.api.delete(&pod.path(), &options).map(drop);
        }
        if pod.has_ended() {
            return Ok(());
        }
        let mut kept = match self.pods.remove(&uid) {
            Some(kept) => kept,
            None => self.take(pod)?,
        };
        let result = self.work(&mut kept, object);
        self.pods.insert(uid, kept);
        result
    }

    fn bind(&self, pod: &Pod) -> Result<()> {
        if pod.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod.metadata.name, "uid": pod.metadata.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self.site.node},
        });
        self.api.post(&format!("{}/binding", pod.path()), &binding).map(drop)
    }

    fn take(&self, pod: &Pod) -> Result<Kept> {
        // One of the same name may have been there.
        for spec in &pod.spec.containers {
            let old =
                log(self.common.scratch.path(), &pod.metadata.namespace, &pod.metadata.name, &spec.name);
            if old.exists() {
                std::fs::remove_file(&old).map_err(Error::io("remove", &old))?;
            }
        }
        // Nobody here gives an account to a Pod that names none.
        let is_somebody = !pod.spec.service_account_name.is_empty();
        let kubeconfig = is_somebody.then(|| self.kubeconfig(pod)).transpose()?;
        Ok(Kept {
            pod: pod.clone(),
            since: seconds(Timestamp::now()),
            kubeconfig,
            containers: pod.spec.containers.iter().map(|_| Process::new()).collect(),
            written: Value::Null,
        })
    }

    /// Writes a kubeconfig with a token of the Pod's ServiceAccount that ends with the Pod.
    fn kubeconfig(&self, pod: &Pod) -> Result<PathBuf> {
        let metadata = &pod.metadata;
        let path = format!(
            "/api/v1/namespaces/{}/serviceaccounts/{}/token",
            metadata.namespace, pod.spec.service_account_name
        );
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "expirationSeconds": TOKEN_SECONDS,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": metadata.name, "uid": metadata.uid},
            },
        });
        let answer = self.api.post(&path, &request)?;
        let token = answer.pointer("/status/token").and_then(Value::as_str).unwrap_or_default();
        let file = format!("{}.{}.kubeconfig", metadata.namespace, metadata.name);
        let file = self.common.scratch.path().join(file);
        kubeconfig::write(&file, &self.server, &self.ca, token, &metadata.namespace)?;
        Ok(file)
    }

    fn work(&self, kept: &mut Kept, mut object: Value) -> Result<()> {
        let Kept { pod, since, kubeconfig, containers, written } = kept;
        let place =
            Place { pod, site: &self.site, scratch: &self.common.scratch, kubeconfig: kubeconfig.as_deref() };
        for (spec, process) in pod.spec.containers.iter().zip(containers.iter_mut()) {
            process.attend(place, spec)?;
            process.is_ready = match (process.running(), spec.probed_port()) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(_), Some(port)) => {
                    let path = spec.readiness_probe.as_ref().map(|probe| probe.http_get.path.as_str());
                    process.ports.get(&port).is_some_and(|free| {
                        self.api.answers(&format!("http://{ADDRESS}:{free}{}", path.unwrap_or("/")))
                    })
                }
            };
        }
        let status = status(pod, containers, since);
        if status != *written {
            if let Some(place) = object.get_mut("status") {
                *place = status.clone();
            }
            self.api.put(&format!("{}/status", pod.path()), &object)?;
            *written = status;
        }
        Ok(())
    }

    /// Tells others which containers run.
    fn tell(&self) {
        let mut running = Vec::new();
        for Kept { pod, containers, .. } in self.pods.values() {
            for (spec, process) in pod.spec.containers.iter().zip(containers) {
                let Some(program) = process.running() else { continue };
                running.push(Running {
                    namespace: pod.metadata.namespace.clone(),
                    pod: pod.metadata.name.clone(),
                    container: spec.name.clone(),
                    pid: program.pid(),
                    log: program.log_path().to_owned(),
                    ports: process.ports.clone(),
                    restarts: process.restarts,
                    is_ready: process.is_ready,
                });
            }
        }
        let logs = running.iter().map(|one| one.log.clone()).collect();
        *lock(&self.common.growing) = logs;
        *lock(&self.common.running) = running;
    }
}
