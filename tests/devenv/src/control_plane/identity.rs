//! Who may do everything in the control plane, and under which names.
//!
//! Three identities, so that the audit log tells apart what a test did, what the garbage collector did, and what this crate did to
//! look after the control plane.

use std::path::Path;

use crate::certificates::write_private;
use crate::error::Result;

/// The user that the audit reader leaves out: this crate's own probes.
pub(crate) const OURS: &str = "devenv";

/// The tokens of one control plane; all in the group `system:masters`.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// The user `admin`: tests and people.
    pub(crate) admin: String,
    /// The user `devenv`.
    pub(crate) ours: String,
    /// The user `system:kube-controller-manager`.
    pub(crate) controller_manager: String,
}

impl Tokens {
    pub(crate) fn random() -> Self {
        let token = || format!("{:032x}", rand::random::<u128>());
        Self { admin: token(), ours: token(), controller_manager: token() }
    }

    /// Writes kube-apiserver's `--token-auth-file`.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let users = [
            (&self.admin, "admin"),
            (&self.ours, OURS),
            (&self.controller_manager, "system:kube-controller-manager"),
        ];
        let lines: String =
            users.iter().map(|(token, user)| format!("{token},{user},{user},\"system:masters\"\n")).collect();
        write_private(path, &lines)
    }
}
