//! The versions that tests/controlplane/go.mod pins; it is the one place that names them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The pinned versions, without the leading v.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) kubernetes: String,
    pub(crate) etcd: String,
}

impl Pinned {
    pub(crate) fn read() -> Result<Self> {
        let path = module_folder().join("go.mod");
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let version = |module: &'static str| {
            text.lines()
                .filter_map(|line| line.trim().trim_start_matches("require ").strip_prefix(module))
                .find_map(|rest| rest.strip_prefix(" v"))
                .and_then(|rest| rest.split_whitespace().next())
                .map(str::to_owned)
                .ok_or_else(|| Error::NotPinned { path: path.to_owned(), module })
        };
        Ok(Self { kubernetes: version("k8s.io/kubernetes")?, etcd: version("go.etcd.io/etcd/server/v3")? })
    }
}

/// The folder of the Go tool module, in the checkout that this crate was compiled from.
pub(crate) fn module_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("controlplane")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_lines_and_other_modules_are_not_versions() {
        let text = "tool (\n\tk8s.io/kubernetes/cmd/kubectl\n)\nrequire k8s.io/kubernetes v1.2.3\n\
                    require (\n\tgo.etcd.io/etcd/server/v3 v3.4.5 // indirect\n)\n";
        let pinned = Pinned::parse(text, Path::new("go.mod")).unwrap();
        assert_eq!(pinned, Pinned { kubernetes: "1.2.3".to_owned(), etcd: "3.4.5".to_owned() });
    }

    #[test]
    fn a_missing_version_is_named() {
        let error = Pinned::parse("require k8s.io/kubernetes v1.2.3", Path::new("go.mod")).unwrap_err();
        assert!(error.to_string().contains("go.etcd.io/etcd/server/v3"), "{error}");
    }

    #[test]
    fn the_checked_in_module_is_readable() {
        assert!(Pinned::read().unwrap().kubernetes.starts_with("1."));
    }
}
