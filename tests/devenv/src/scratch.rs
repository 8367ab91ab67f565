//! A folder that goes when its last user is gone.
//!
//! # Guarantees
//! The folder is removed once the [`ScratchDir`] is dropped, or its process is gone for any reason, *and* every supervised child
//! that was started in it has ended ([`crate::supervised::Program::scratch`]); so nothing is written into it again afterwards.
//!
//! A small shell process waits for that: it reads a pipe whose writing ends are held by this process and by each supervisor, and
//! the operating system reports the end of input when the last of them is gone.

use std::fs;
use std::io::PipeWriter;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// How long dropping waits for the removal of the folder. It goes on without us afterwards.
const REMOVAL: Duration = Duration::from_secs(10);

/// A folder for one control plane or test, readable by its owner only.
#[derive(Debug)]
pub struct ScratchDir {
    path: PathBuf,
    holder: Option<PipeWriter>,
    keeper: Child,
}

impl ScratchDir {
    /// A new folder in the system's folder for temporary files.
    ///
    /// # Errors
    /// When it cannot be created, or no shell can be started.
    pub fn new() -> Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("jumpcloud-operator-")
            .tempdir()
            .map_err(Error::io("create a folder in", &std::env::temp_dir()))?
            .keep();
        Self::keep(path)
    }

    /// The named folder, created unless it exists.
    ///
    /// # Errors
    /// As [`ScratchDir::new`], and [`Error::NotEmpty`] when there is something in it.
    pub fn at(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
        let path = path.canonicalize().map_err(Error::io("resolve", path))?;
        if fs::read_dir(&path).map_err(Error::io("list", &path))?.next().is_some() {
            return Err(Error::NotEmpty { path });
        }
        Self::keep(path)
    }

    /// The folder; absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another hold on the folder, to be inherited by a process.
    pub(crate) fn hold(&self) -> Result<Stdio> {
        match &self.holder {
            Some(holder) => Ok(holder.try_clone().map_err(Error::io("hold", &self.path))?.into()),
            None => Ok(Stdio::null()),
        }
    }

    fn keep(path: PathBuf) -> Result<Self> {
        let (reader, holder) = std::io::pipe().map_err(Error::io("make a pipe for", &path))?;
        let keeper = Command::new("sh")
            .args(["-c", include_str!("keep.sh"), "keep"])
            .arg(&path)
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .map_err(Error::io("run sh for", &path))?;
        Ok(Self { path, holder: Some(holder), keeper })
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        self.holder = None;
        let started = Instant::now();
        while matches!(self.keeper.try_wait(), Ok(None)) && started.elapsed() < REMOVAL {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
