//! The Pod of the chart, as a kubelet would start it: its arguments, what is mounted, and how the cluster is found.

use std::time::Duration;

use devenv::supervised::{Exit, Signal, Supervised};
use serde_json::Value;

use crate::cluster::{Cluster, RELEASE, eventually};
use crate::root::Root;

/// How long the operator may take to start, or to end, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a ServiceAccount is mounted.
const ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";

/// A running container that ends with this.
pub(crate) struct Pod {
    process: Supervised,
    admin: u64,
    // Goes after the process that runs in it.
    _root: Root,
}

impl Pod {
    /// Starts the operator's container of the Deployment that the cluster has.
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let root = Root::unpack();
        let deployment = cluster.read(RELEASE, &["deployment", RELEASE]);
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        for mount in items(&container["volumeMounts"]) {
            let volume =
                items(&pod["volumes"]).iter().find(|volume| volume["name"] == mount["name"]).unwrap();
            let map = cluster.read(RELEASE, &["configmap", volume["configMap"]["name"].as_str().unwrap()]);
            for item in items(&volume["configMap"]["items"]) {
                let content = map["data"][item["key"].as_str().unwrap()].as_str().unwrap();
                let path = format!("{}/{}", text(&mount["mountPath"]), text(&item["path"]));
                root.write(path.trim_start_matches('/'), content);
            }
        }
        root.write(&format!("{ACCOUNT}/token"), &cluster.token());
        root.write(&format!("{ACCOUNT}/ca.crt"), cluster.authority());
        root.write(&format!("{ACCOUNT}/namespace"), RELEASE);
        let (host, port) = cluster.address();
        let environment = [("KUBERNETES_SERVICE_HOST", host), ("KUBERNETES_SERVICE_PORT", port)];
        let arguments: Vec<&str> = items(&container["args"]).iter().map(text).collect();
        let process = root.start(&arguments, &environment);
        let admin = container["ports"][0]["containerPort"].as_u64().unwrap();
        Self { process, admin, _root: root }
    }

    /// Waits until a probe has passed.
    pub(crate) async fn passes(&self, probe: &str) {
        let url = format!("http://127.0.0.1:{}{probe}", self.admin);
        eventually(probe, PATIENCE, async || {
            self.process.check_running().unwrap();
            let answer = reqwest::get(&url).await.map_err(|error| error.to_string())?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
        })
        .await;
    }

    /// A line of the kernel's account of the process, such as `VmRSS`.
    pub(crate) fn kernel_says(&self, what: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        line.unwrap().trim().to_owned()
    }

    /// The options of the file system that the process sees as its root.
    pub(crate) fn root_options(&self) -> String {
        let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", self.process.pid())).unwrap();
        let root = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        root.filter(|words| words.get(4) == Some(&"/")).map(|words| words[5].to_owned()).next_back().unwrap()
    }

    /// Asks it to end, as a kubelet does, and says how it did.
    pub(crate) fn end(self) -> (Option<Exit>, String) {
        self.process.signal(Signal::Term).unwrap();
        let exit = self.process.wait_exit(PATIENCE).unwrap();
        (exit, self.process.log_tail())
    }
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
