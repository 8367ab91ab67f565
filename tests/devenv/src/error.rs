//! What can go wrong, each with what a person can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the environment could not be provided.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Binaries must be built, and there is no Go.
    #[error(
        "go was not found on PATH, and it is needed once to build {missing}: install Go (https://go.dev/dl/)"
    )]
    GoMissing {
        /// The binaries that are neither cached nor provided.
        missing: String,
    },
    /// There is no such tool of packaging.
    #[error("there is no tool {name}; take one of {known}")]
    NoTool {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// `go build` failed.
    #[error("failed to build {binary} with go; the end of its output:\n{tail}")]
    Build {
        /// Which binary.
        binary: &'static str,
        /// The last lines that `go build` wrote.
        tail: String,
    },
    /// A program that answers questions did not answer one.
    #[error("{name} gave no answer: {why}; run it by hand with `go run .` in tests/packaging/{name}")]
    NoAnswer {
        /// The program.
        name: &'static str,
        /// What is wrong with what it said.
        why: String,
    },
    /// A folder of ready-made binaries is incomplete.
    #[error("KUBEBUILDER_ASSETS is set, but {} is not a file: unset it, or run setup-envtest again", path.display())]
    Assets {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The pinned versions could not be read.
    #[error("{} has no version of {module}: restore it from Git; the README.md beside it says how versions are changed", path.display())]
    NotPinned {
        /// The go.mod that was read.
        path: PathBuf,
        /// The module that was looked for.
        module: &'static str,
    },
    /// There is no place to cache binaries.
    #[error(
        "none of JUMPCLOUD_OPERATOR_CACHE, XDG_CACHE_HOME and HOME is set: set the first to a folder for binaries"
    )]
    NoCacheFolder,
    /// A folder for data was named that somebody else uses.
    #[error("{} is not empty: name a new folder, because its content is deleted at the end", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A child ended while it was needed.
    #[error("{name} ended by itself ({exit}); the end of its log:\n{tail}")]
    Ended {
        /// The child's name.
        name: String,
        /// How it ended.
        exit: String,
        /// The last lines of its log.
        tail: String,
    },
    /// Something took too long.
    #[error("gave up on {what} after {} s\n{detail}", waited.as_secs())]
    Deadline {
        /// What was waited for.
        what: String,
        /// For how long.
        waited: Duration,
        /// What was seen last, or the end of a log.
        detail: String,
    },
    /// A kubectl command failed.
    #[error("failed to run kubectl {arguments}: {stderr}")]
    Kubectl {
        /// The arguments that describe what was asked, without credentials.
        arguments: String,
        /// What kubectl wrote.
        stderr: String,
    },
    /// The node was refused something by the API server.
    #[error("failed to {method} {path}: {why}")]
    Refused {
        /// The method of the request.
        method: String,
        /// Its path.
        path: String,
        /// The answer, or why there was none.
        why: String,
    },
    /// A certificate or key could not be made.
    #[error("failed to make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A line of the audit log is not what kube-apiserver writes.
    #[error("failed to read a line of the audit log: {0}")]
    AuditLine(#[source] serde_json::Error),
    /// The operating system refused something.
    #[error("failed to {action}: {source}")]
    Io {
        /// What was tried, with the path or program.
        action: String,
        /// Why it was refused.
        source: io::Error,
    },
}

/// As [`fmt::Display`]: a test's `unwrap` prints this, and the end of a log is readable only with its line breaks.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Error {
    /// Whether a part could not listen because another process took its port in the meantime; a new start with new ports helps.
    #[must_use]
    pub fn is_port_taken(&self) -> bool {
        matches!(self, Self::Ended { tail, .. } if tail.contains("address already in use"))
    }

    /// For `map_err`: an error of the operating system while doing `action` to `path`.
    pub(crate) fn io(action: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let action = format!("{action} {}", path.display());
        move |source| Self::Io { action, source }
    }
}
