//! Tools of packaging, each pinned by a Go module of its own in tests/packaging.
//!
//! # Guarantees
//! - What [`provide`] returns is built from the files as they are now: Go is asked each time, and its own cache makes that cheap.
//! - Two processes that ask for the same tool do not hinder each other: the executable is put in place whole, by one rename.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::kept;
use crate::error::{Error, Result};
use crate::go_build::{Tool, compile, go_is_present};
use crate::scratch::ScratchDir;

/// The tools, with the folder of their module.
const TOOLS: [(Tool, &str); 2] = [
    (Tool { name: "image", package: "." }, "image"),
    (Tool { name: "actionlint", package: "github.com/rhysd/actionlint/cmd/actionlint" }, "workflows"),
];

/// The folder of a module below tests/packaging, in the checkout that this crate was compiled from.
#[must_use]
pub fn module(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging").join(name)
}

/// Builds a tool when it or its module has changed, and says where it is.
///
/// # Errors
/// When there is no such tool, when there is no Go, and when the build fails.
pub fn provide(name: &str) -> Result<PathBuf> {
    let Some((tool, folder)) = TOOLS.into_iter().find(|(tool, _)| tool.name == name) else {
        let known: Vec<&str> = TOOLS.iter().map(|(tool, _)| tool.name).collect();
        return Err(Error::NoTool { name: name.to_owned(), known: known.join(", ") });
    };
    if !go_is_present() {
        return Err(Error::GoMissing { missing: name.to_owned() });
    }
    let kept = kept()?.join("packaging").join(folder);
    fs::create_dir_all(&kept).map_err(Error::io("create", &kept))?;
    let scratch = ScratchDir::new()?;
    compile(tool, "-s -w", &module(folder), scratch.path())?;
    let built = scratch.path().join(tool.name);
    let place = kept.join(tool.name);
    // The scratch folder may be on another file system, where a rename cannot reach.
    let beside =
        tempfile::NamedTempFile::new_in(&kept).map_err(Error::io("write into", &kept))?.into_temp_path();
    fs::copy(&built, &beside).map_err(Error::io("copy to", &beside))?;
    fs::rename(&beside, &place).map_err(Error::io("put in place", &place))?;
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_tool_names_those_that_there_are() {
        let error = provide("hammer").unwrap_err().to_string();
        assert!(error.contains("hammer") && error.contains("image, actionlint"), "{error}");
    }

    #[test]
    fn every_tool_has_its_module() {
        for (_, folder) in TOOLS {
            assert!(module(folder).join("go.mod").is_file(), "{folder}");
            assert!(module(folder).join("go.sum").is_file(), "{folder}");
        }
    }
}
