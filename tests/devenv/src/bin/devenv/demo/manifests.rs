//! The installation of `make demo`: `kubectl apply -k`, and a process.

use std::path::Path;

use devenv::control_plane::ControlPlane;

use super::narrator::Narrator;
use super::operator::Process;
use super::simulator::Simulator;
use super::stage::{repository, spoken};

/// Applies the kinds and permissions, and starts the operator with these permissions.
pub(super) fn install(
    narrator: &Narrator,
    control_plane: &ControlPlane,
    simulator: &Simulator,
    binary: &Path,
) -> anyhow::Result<Process> {
    narrator
        .step("kubectl apply -k deploy/crd, then -k deploy/rbac: the kinds, and what the operator may do");
    for folder in ["deploy/crd", "deploy/rbac"] {
        let folder = repository()?.join(folder);
        narrator.quote(&spoken(control_plane.kubectl().args(["apply", "-k"]).arg(folder))?);
    }
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    spoken(control_plane.kubectl().args(established))?;

    narrator
        .step("starting the operator as ServiceAccount jumpcloud-operator, with these rights and no more");
    Process::start(binary.to_owned(), control_plane, simulator.url())
}
