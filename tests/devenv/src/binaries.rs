//! The executables of the control plane: found, or built once and kept outside the checkout.
//!
//! # Guarantees
//! - `KUBEBUILDER_ASSETS` (the convention of other operators' tests) is honoured first. Such folders have no
//!   kube-controller-manager: it is built when Go is there, else [`ControllerManagerBinary::Absent`] says why not.
//! - Two processes do not build at the same time (a file lock), and an interrupted build leaves no half-written executable.
//! - The versions are those of tests/controlplane/go.mod, and the cache folder is named by them.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::go_build::{REPORT_EVERY, Source, Tool, build, go_is_present};
use crate::pinned::Pinned;
use crate::progress::say;

const ETCD: Tool = Tool { name: "etcd", package: "go.etcd.io/etcd/server/v3" };
const KUBECTL: Tool = Tool { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl" };
const API_SERVER: Tool = Tool { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" };
const CONTROLLER_MANAGER: Tool =
    Tool { name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager" };

/// How long another process may build before we stop waiting for it.
const LOCK_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Where the executables are.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// etcd.
    pub etcd: PathBuf,
    /// kube-apiserver.
    pub kube_apiserver: PathBuf,
    /// kubectl.
    pub kubectl: PathBuf,
    /// kube-controller-manager, which ready-made folders lack.
    pub controller_manager: ControllerManagerBinary,
}

/// Where kube-controller-manager is.
#[derive(Clone, Debug)]
pub enum ControllerManagerBinary {
    /// Here.
    Found(PathBuf),
    /// Nowhere, for the reason given.
    Absent(String),
}

impl Binaries {
    /// Finds the executables, and builds those that are missing; progress is written to standard error.
    ///
    /// Blocks for about five minutes on the very first call on a machine, else for milliseconds.
    ///
    /// # Errors
    /// When something must be built and there is no Go or the build fails, and when `KUBEBUILDER_ASSETS` is incomplete.
    pub fn locate_or_build() -> Result<Self> {
        let pinned = Pinned::read()?;
        let cache = Cache::open("controlplane", &format!("{}-{}", pinned.kubernetes, pinned.etcd))?;
        match env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()) {
            None => {
                cache.provide(&[ETCD, KUBECTL, API_SERVER, CONTROLLER_MANAGER], &pinned.source())?;
                Ok(Self {
                    etcd: cache.path(ETCD),
                    kube_apiserver: cache.path(API_SERVER),
                    kubectl: cache.path(KUBECTL),
                    controller_manager: ControllerManagerBinary::Found(cache.path(CONTROLLER_MANAGER)),
                })
            }
            Some(assets) => {
                let assets = PathBuf::from(assets);
                Ok(Self {
                    etcd: ready_made(&assets, ETCD)?,
                    kube_apiserver: ready_made(&assets, API_SERVER)?,
                    kubectl: ready_made(&assets, KUBECTL)?,
                    controller_manager: controller_manager_beside(&assets, &cache, &pinned)?,
                })
            }
        }
    }
}

fn ready_made(assets: &Path, tool: Tool) -> Result<PathBuf> {
    let path = assets.join(tool.name);
    if path.is_file() { Ok(path) } else { Err(Error::Assets { path }) }
}

fn controller_manager_beside(
    assets: &Path,
    cache: &Cache,
    pinned: &Pinned,
) -> Result<ControllerManagerBinary> {
    if let Ok(path) = ready_made(assets, CONTROLLER_MANAGER) {
        return Ok(ControllerManagerBinary::Found(path));
    }
    match cache.provide(&[CONTROLLER_MANAGER], &pinned.source()) {
        Ok(()) => Ok(ControllerManagerBinary::Found(cache.path(CONTROLLER_MANAGER))),
        Err(error @ Error::GoMissing { .. }) => Ok(ControllerManagerBinary::Absent(format!(
            "KUBEBUILDER_ASSETS has no kube-controller-manager, and it cannot be built: {error}"
        ))),
        Err(error) => Err(error),
    }
}

/// The folder of built executables of one set of versions.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// That of `versions` of the tools called `what`.
    pub(crate) fn open(what: &str, versions: &str) -> Result<Self> {
        let root = cache_root(|name| env::var_os(name).filter(|value| !value.is_empty()))?;
        let name = format!("{versions}-{}-{}", env::consts::OS, env::consts::ARCH);
        Ok(Self { folder: root.join(what).join(name) })
    }

    /// Where `tool` is, once it was provided.
    pub(crate) fn path(&self, tool: Tool) -> PathBuf {
        self.folder.join(tool.name)
    }

    /// Builds those of `tools` that are not there.
    ///
    /// Each executable is renamed into place by itself, so that an interrupted first build goes on where it stopped.
    pub(crate) fn provide(&self, tools: &[Tool], source: &Source) -> Result<()> {
        if self.missing(tools).is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(Error::io("create", &self.folder))?;
        let _lock = self.lock()?;
        // Another process may have built them while we waited for the lock.
        let missing = self.missing(tools);
        if !missing.is_empty() && !go_is_present() {
            let names: Vec<&str> = missing.iter().map(|tool| tool.name).collect();
            return Err(Error::GoMissing { missing: names.join(", ") });
        }
        missing.into_iter().try_for_each(|tool| build(tool, source, &self.folder))
    }

    fn missing(&self, tools: &[Tool]) -> Vec<Tool> {
        tools.iter().copied().filter(|tool| !self.path(*tool).is_file()).collect()
    }

    /// Held until the returned file is dropped or this process is gone.
    fn lock(&self) -> Result<File> {
        let path = self.folder.join(".lock");
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        let started = Instant::now();
        let mut reports = 0;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
                Err(TryLockError::WouldBlock) if started.elapsed() > LOCK_LIMIT => {
                    return Err(Error::Deadline {
                        what: "another process that builds the same tools".to_owned(),
                        waited: LOCK_LIMIT,
                        detail: format!("it holds {}", path.display()),
                    });
                }
                Err(TryLockError::WouldBlock) => {
                    if started.elapsed() >= REPORT_EVERY * reports {
                        say("waiting for another process that builds the same tools");
                        reports += 1;
                    }
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        }
    }
}

fn cache_root(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    variable("JUMPCLOUD_OPERATOR_CACHE")
        .map(PathBuf::from)
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| Path::new(&cache).join("jumpcloud-operator")))
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache/jumpcloud-operator")))
        .ok_or(Error::NoCacheFolder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(set: &[(&str, &str)]) -> Option<PathBuf> {
        cache_root(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())).ok()
    }

    #[test]
    fn the_cache_is_where_the_person_wants_it() {
        let (ours, xdg, home) =
            (("JUMPCLOUD_OPERATOR_CACHE", "/ours"), ("XDG_CACHE_HOME", "/xdg"), ("HOME", "/home/ada"));
        assert_eq!(root(&[ours, xdg, home]), Some("/ours".into()));
        assert_eq!(root(&[xdg, home]), Some("/xdg/jumpcloud-operator".into()));
        assert_eq!(root(&[home]), Some("/home/ada/.cache/jumpcloud-operator".into()));
        assert_eq!(root(&[]), None);
    }
}
