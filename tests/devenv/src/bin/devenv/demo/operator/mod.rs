//! The operator, whoever keeps it running.

mod pod;
mod process;

use std::fmt::Debug;
use std::path::PathBuf;

use devenv::control_plane::ControlPlane;

use super::narrator::Narrator;

pub(super) use pod::{NAMESPACE, Pods};
pub(super) use process::Process;

/// What the demo wants of the operator. Dropping it ends the operator.
pub(super) trait Operator: Debug {
    /// Its process.
    fn pid(&self) -> anyhow::Result<u32>;

    /// The port of /livez, /readyz and /metrics.
    fn admin(&self) -> anyhow::Result<u16>;

    /// Where it logs.
    fn log(&self) -> PathBuf;

    /// The end of its log.
    fn log_tail(&self) -> String;

    /// Fails when it does not run, or was started again.
    fn check_running(&self) -> anyhow::Result<()>;

    /// Sees to it that it runs again when it has ended, and says so.
    fn keep_running(&mut self, narrator: &Narrator, control_plane: &ControlPlane) -> anyhow::Result<()>;
}
