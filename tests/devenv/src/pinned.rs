//! The versions that the go.mod files of tests/controlplane and tests/packaging pin; they are the one place that names them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::go_build::Source;

/// The pinned versions, without the leading v.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) kubernetes: String,
    pub(crate) etcd: String,
}

impl Pinned {
    pub(crate) fn read() -> Result<Self> {
        let folder = module_folder();
        Ok(Self {
            kubernetes: version_of(&folder, "k8s.io/kubernetes")?,
            etcd: version_of(&folder, "go.etcd.io/etcd/server/v3")?,
        })
    }

    /// What is built from.
    pub(crate) fn source(&self) -> Source {
        Source { folder: module_folder(), linker_flags: linker_flags(self) }
    }
}

/// The version of `module` that the go.mod in `folder` requires, without the leading v.
pub(crate) fn version_of(folder: &Path, module: &'static str) -> Result<String> {
    let path = folder.join("go.mod");
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    required(&text, module).ok_or(Error::NotPinned { path, module })
}

fn required(text: &str, module: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.trim().trim_start_matches("require ").strip_prefix(module))
        .find_map(|rest| rest.strip_prefix(" v"))
        .and_then(|rest| rest.split_whitespace().next())
        .map(str::to_owned)
}

/// The folder of the control plane's Go tool module, in the checkout that this crate was compiled from.
fn module_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("controlplane")
}

/// Without the versions the servers call themselves `v0.0.0-master+$Format:%H$`, which clients cannot parse. `-s -w` leaves
/// debugging information out, which saves a third of the space.
fn linker_flags(pinned: &Pinned) -> String {
    let version = &pinned.kubernetes;
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or_default());
    let component = "k8s.io/component-base/version";
    format!(
        "-s -w -X {component}.gitVersion=v{version} -X {component}.gitMajor={major} -X {component}.gitMinor={minor} \
         -X {component}.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion=v{version}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_lines_and_other_modules_are_not_versions() {
        let text = "tool (\n\tk8s.io/kubernetes/cmd/kubectl\n)\nrequire k8s.io/kubernetes v1.2.3\n\
                    require (\n\tgo.etcd.io/etcd/server/v3 v3.4.5 // indirect\n)\n";
        assert_eq!(required(text, "k8s.io/kubernetes").as_deref(), Some("1.2.3"));
        assert_eq!(required(text, "go.etcd.io/etcd/server/v3").as_deref(), Some("3.4.5"));
        assert_eq!(required(text, "k8s.io/api"), None);
    }

    #[test]
    fn a_missing_version_is_named() {
        let error = version_of(&module_folder(), "example.com/absent").unwrap_err();
        assert!(error.to_string().contains("example.com/absent"), "{error}");
    }

    #[test]
    fn versions_are_linked_in() {
        let pinned = Pinned { kubernetes: "1.37.2".to_owned(), etcd: "3.7.0".to_owned() };
        let flags = linker_flags(&pinned);
        assert!(flags.contains("gitVersion=v1.37.2 ") && flags.contains("gitMinor=37 "), "{flags}");
    }

    #[test]
    fn the_checked_in_module_is_readable() {
        assert!(Pinned::read().unwrap().kubernetes.starts_with("1."));
    }
}
