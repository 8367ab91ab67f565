//! Helm, built once and kept outside the checkout as the control plane is.
//!
//! # Guarantees
//! - The version is that of tests/packaging/go.mod, and the cache folder is named by it.
//! - A command knows nothing of the person's own Helm: repositories, plugins and settings are looked for in an empty folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::Cache;
use crate::error::Result;
use crate::go_build::{Source, Tool};
use crate::pinned::version_of;
use crate::scratch::ScratchDir;

const HELM: Tool = Tool { name: "helm", package: "helm.sh/helm/v4/cmd/helm" };

/// Helm's executable, and the empty folder that it takes for the person's home.
#[derive(Debug)]
pub struct Helm {
    path: PathBuf,
    home: ScratchDir,
}

impl Helm {
    /// Finds the executable, and builds it when it is missing; progress is written to standard error.
    ///
    /// # Errors
    /// When it must be built and there is no Go, or the build fails.
    pub fn locate_or_build() -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging");
        let version = version_of(&folder, "helm.sh/helm/v4")?;
        let linker_flags = format!("-s -w -X helm.sh/helm/v4/internal/version.version=v{version}");
        let cache = Cache::open("packaging", &format!("helm-{version}"))?;
        cache.provide(&[HELM], &Source { folder, linker_flags })?;
        Ok(Self { path: cache.path(HELM), home: ScratchDir::new()? })
    }

    /// Where the executable is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A helm command that reaches no cluster; add arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("HELM_") {
                command.env_remove(variable);
            }
        }
        for (variable, folder) in [
            ("HELM_CACHE_HOME", "cache"),
            ("HELM_CONFIG_HOME", "config"),
            ("HELM_DATA_HOME", "data"),
            // No such file: the person's own cluster is out of reach.
            ("KUBECONFIG", "no-kubeconfig"),
        ] {
            command.env(variable, self.home.path().join(folder));
        }
        command
    }

    /// A helm command for the cluster of a kubeconfig; add arguments.
    #[must_use]
    pub fn command_as(&self, kubeconfig: &Path) -> Command {
        let mut command = self.command();
        command.env("KUBECONFIG", kubeconfig);
        command
    }
}
