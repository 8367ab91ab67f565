//! kube-apiserver's audit log as a ledger of requests, to count them in tests.
//!
//! # Guarantees
//! - Every read is settled: a line may be written after the client has its reply, so each read first makes a request of its own and
//!   waits until that is in the log.
//! - A request is counted once: a watch when it is answered, everything else when it is complete.
//! - Requests that this crate makes (readiness, tokens, the settling ones) are left out; those of kube-controller-manager are
//!   there, under the user `system:kube-controller-manager`, and those of the API server itself under `system:apiserver`.
//!
//! # Caveats
//! A request that is still running when the read starts is not counted; have the reply before you read.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::control_plane::OURS;
use crate::error::{Error, Result};

mod entry;

pub use entry::Entry;

/// How long the settling request may take to appear.
const LIMIT: Duration = Duration::from_secs(10);

/// A position in the log. The default is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// The log of one control plane. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    path: PathBuf,
    kubectl: Arc<dyn Fn() -> Command + Send + Sync>,
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf, kubectl: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        Self { path, kubectl: Arc::new(kubectl) }
    }

    /// The position after everything that was answered until now.
    ///
    /// # Errors
    /// [`Error::Deadline`] when the log does not settle within 10 s.
    pub fn mark(&self) -> Result<Mark> {
        Ok(self.settle(Mark(self.length()?))?.1)
    }

    /// The requests that were answered since the mark, oldest first.
    ///
    /// # Errors
    /// As [`AuditLog::mark`].
    pub fn since(&self, mark: Mark) -> Result<Vec<Entry>> {
        let (text, _) = self.settle(mark)?;
        let mut entries = Vec::new();
        for line in text.lines() {
            let entry = Entry::parse(line)?;
            if entry.user != OURS {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// How many requests since the mark satisfy the predicate.
    ///
    /// # Errors
    /// As [`AuditLog::mark`].
    pub fn count_since(&self, mark: Mark, predicate: impl Fn(&Entry) -> bool) -> Result<usize> {
        Ok(self.since(mark)?.iter().filter(|entry| predicate(entry)).count())
    }

    /// The log from `mark` up to the line of a request made now, and the position after that line.
    fn settle(&self, mark: Mark) -> Result<(String, Mark)> {
        let sentinel = format!("/version?settled={:016x}", rand::random::<u64>());
        let output = (self.kubectl)()
            .args(["get", "--request-timeout=5s", "--raw", &sentinel])
            .output()
            .map_err(Error::io("run kubectl for", &self.path))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Kubectl { arguments: format!("get --raw {sentinel}"), stderr });
        }
        let started = Instant::now();
        loop {
            let text = self.read(mark)?;
            let end = text.split_inclusive('\n').scan(0, |end, line| {
                *end += line.len();
                Some((*end, line))
            });
            let settled =
                end.filter(|(_, line)| line.ends_with('\n')).find(|(_, line)| line.contains(&sentinel));
            if let Some((end, _)) = settled {
                let text = text.get(..end).unwrap_or_default().to_owned();
                return Ok((text, Mark(mark.0 + end as u64)));
            }
            if started.elapsed() > LIMIT {
                return Err(Error::Deadline {
                    what: format!("the audit log {}", self.path.display()),
                    waited: LIMIT,
                    detail: "a request that was answered is not in it".to_owned(),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn length(&self) -> Result<u64> {
        Ok(self.path.metadata().map_err(Error::io("look at", &self.path))?.len())
    }

    fn read(&self, mark: Mark) -> Result<String> {
        let mut bytes = Vec::new();
        let mut file = File::open(&self.path).map_err(Error::io("open", &self.path))?;
        file.seek(SeekFrom::Start(mark.0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(Error::io("read", &self.path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("path", &self.path).finish_non_exhaustive()
    }
}
