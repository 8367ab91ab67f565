//! The status of a Pod, as a kubelet writes it.

use serde_json::{Value, json};

use crate::supervised::Exit;

use super::container::Process;
use super::pod::Pod;

/// The address of every Pod: that of this machine.
pub(super) const ADDRESS: &str = "127.0.0.1";

/// The status of `pod` with these containers, in the order of its spec; `since` is when the node took it.
pub(super) fn status(pod: &Pod, containers: &[Process], since: &str) -> Value {
    let exits: Vec<Option<Exit>> = containers.iter().map(Process::ended).collect();
    let phase = if exits.iter().all(|exit| *exit == Some(Exit::Code(0))) {
        "Succeeded"
    } else if exits.iter().all(Option::is_some) {
        "Failed"
    } else if containers.iter().any(|process| process.running().is_some() || process.restarts > 0) {
        "Running"
    } else {
        "Pending"
    };
    let is_ready = containers.iter().all(|process| process.is_ready);
    let condition = |name: &str, is_true: bool| json!({"type": name, "status": if is_true { "True" } else { "False" }, "lastTransitionTime": since});
    let statuses: Vec<Value> =
        pod.spec.containers.iter().zip(containers).map(|(spec, process)| process.status(spec)).collect();
    json!({
        "phase": phase,
        "startTime": since,
        "hostIP": ADDRESS,
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "conditions": [
            condition("PodScheduled", true),
            condition("Initialized", true),
            condition("ContainersReady", is_ready),
            condition("Ready", is_ready),
        ],
        "containerStatuses": statuses,
    })
}
