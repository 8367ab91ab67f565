//! Tools that make and check what is released, and those that tests ask, each pinned by a Go module in tests/packaging.
//!
//! # Guarantees
//! - A tool is built when a file of its module has changed, and kept outside the checkout as the control plane is.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::binaries::Cache;
use crate::error::{Error, Result};
use crate::go_build::{Source, Tool};

/// The tools, with the folder of their module.
const TOOLS: [(Tool, &str); 6] = [
    (Tool { name: "image", package: "." }, "image"),
    (Tool { name: "crane", package: "github.com/google/go-containerregistry/cmd/crane" }, "image"),
    (Tool { name: "actionlint", package: "github.com/rhysd/actionlint/cmd/actionlint" }, "workflows"),
    (Tool { name: "diff", package: "." }, "diff"),
    (Tool { name: "kstatus", package: "." }, "kstatus"),
    (Tool { name: "lua", package: "." }, "lua"),
];

/// The folder of a module below tests/packaging, in the checkout that this crate was compiled from.
#[must_use]
pub fn module(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging").join(name)
}

/// Builds a tool, unless it is there, and says where it is.
///
/// # Errors
/// When there is no such tool, and when it must be built and there is no Go or the build fails.
pub fn provide(name: &str) -> Result<PathBuf> {
    let Some((tool, folder)) = TOOLS.into_iter().find(|(tool, _)| tool.name == name) else {
        let known: Vec<&str> = TOOLS.iter().map(|(tool, _)| tool.name).collect();
        return Err(Error::NoTool { name: name.to_owned(), known: known.join(", ") });
    };
    let folder = module(folder);
    let cache = Cache::open(tool.name, &fingerprint(&folder)?)?;
    cache.provide(&[tool], &Source { folder, linker_flags: "-s -w".to_owned() })?;
    Ok(cache.path(tool))
}

/// Tells apart what a tool is built from. Another hash function costs a build, nothing else.
fn fingerprint(module: &Path) -> Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(module)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(Error::io("read", module))?;
    files.retain(|path| path.is_file());
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        fs::read(&file).map_err(Error::io("read", &file))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_tool_names_those_that_there_are() {
        let error = provide("hammer").unwrap_err().to_string();
        assert!(error.contains("hammer") && error.contains("image, crane, actionlint"), "{error}");
    }

    #[test]
    fn every_tool_has_its_module() {
        for (_, folder) in TOOLS {
            assert!(module(folder).join("go.mod").is_file(), "{folder}");
            assert!(module(folder).join("go.sum").is_file(), "{folder}");
        }
    }

    #[test]
    fn a_changed_file_is_another_tool() {
        let scratch = crate::scratch::ScratchDir::new().unwrap();
        let path = scratch.path().join("main.go");
        fs::write(&path, "package main").unwrap();
        let before = fingerprint(scratch.path()).unwrap();
        assert_eq!(fingerprint(scratch.path()).unwrap(), before);
        fs::write(&path, "package other").unwrap();
        assert_ne!(fingerprint(scratch.path()).unwrap(), before);
    }
}
