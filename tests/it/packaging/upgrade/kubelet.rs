//! What the Deployment controller and a kubelet do with the release's Deployment, which has nobody else here.

use std::time::Duration;

use devenv::supervised::{Exit, Signal};
use serde_json::Value;

use super::cluster::{Cluster, RELEASE};
use crate::harness::operator::Operator;
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// The operator that runs, and the template that it runs by.
pub struct Pod {
    template: Value,
    pub operator: Operator,
}

impl Pod {
    /// Starts the operator with the arguments and the ServiceAccount of the Deployment.
    pub fn start(cluster: &Cluster, name: &str) -> Self {
        let template = template(cluster);
        let spec = &template["spec"];
        let given = spec["containers"][0]["args"].as_array().expect("arguments").iter();
        // A Pod has an address of its own; processes of one machine share theirs.
        let arguments = given
            .map(|argument| argument.as_str().expect("a text").to_owned())
            .filter(|argument| !argument.starts_with("--admin-address="))
            .collect();
        let account = spec["serviceAccountName"].as_str().expect("a name");
        let kubeconfig = cluster.plane.service_account_kubeconfig(&cluster.system, account).expect("a token");
        let log = cluster.plane.scratch().path().join(format!("operator-{name}.log"));
        let operator = Operator::told(arguments, kubeconfig, &cluster.system, name, log);
        Self { template, operator }
    }

    /// As the Deployment's strategy says: the new Pod runs before the old one is asked to end.
    pub async fn replaced(self, cluster: &Cluster, name: &str) -> Self {
        assert_ne!(self.template, template(cluster), "nothing starts a new Pod");
        let new = Self::start(cluster, name);
        eventually("the new Pod runs", PATIENCE, async || new.operator.try_metrics().await.ok_or(())).await;
        self.end();
        new
    }

    /// As a kubelet ends it: SIGTERM, and SIGKILL after the grace period, which must not be needed.
    pub fn end(self) {
        let grace = self.template["spec"]["terminationGracePeriodSeconds"].as_u64().expect("seconds");
        self.operator.signal(Signal::Term);
        assert_eq!(self.operator.ended(Duration::from_secs(grace)), Some(Exit::Code(0)));
    }
}

/// The template of Pods as it is in the cluster.
fn template(cluster: &Cluster) -> Value {
    let arguments = ["get", "deployment", RELEASE, "--namespace", &cluster.system, "--output", "json"];
    let mut deployment: Value = serde_json::from_str(&cluster.kubectl(&arguments)).expect("JSON");
    deployment["spec"]["template"].take()
}
