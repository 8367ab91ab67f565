//! Why a proxy cannot be started.

use std::io;
use std::path::PathBuf;

/// The result of starting a proxy.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a proxy cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The upstream's kubeconfig is not what `devenv` writes.
    #[error("{} has no {missing}: name a kubeconfig in JSON with one cluster", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        missing: &'static str,
    },
    /// A certificate or key could not be made.
    #[error("failed to make the proxy's certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate is of no use to the TLS library.
    #[error("failed to set TLS up: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// The client for the upstream could not be built.
    #[error("failed to build the client for the API server: {0}")]
    Client(#[from] reqwest::Error),
    /// The operating system refused something.
    #[error("failed to {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it was refused.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: an error of the operating system while doing `action`.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
