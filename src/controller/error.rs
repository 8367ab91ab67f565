//! What can go wrong in a pass. None of it ends the process; the object is looked at again later.

use std::time::Duration;

/// Why a pass ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not do what was asked.
    #[error("kubernetes API: {0}")]
    Kube(String),
    /// The API server did not answer in time.
    #[error("kubernetes API: no answer within {0:?}")]
    KubeTimeout(Duration),
    /// The stored object cannot be read. The text is cleaned.
    #[error("object cannot be read: {0}")]
    Unreadable(String),
    /// The API server drops parts of a status: the installed definitions are older than the operator.
    #[error("the API server drops fields of status; apply the current custom resource definitions")]
    Pruned,
    /// A pass took so many steps that it must be going round in circles: a defect.
    #[error("pass did not come to rest; this is a defect of the operator")]
    Restless,
    /// A pass panicked: a defect. The panic hook has logged where.
    #[error("pass panicked; this is a defect of the operator")]
    Panicked,
}

impl Error {
    /// A word for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Kube(_) => "kube",
            Self::KubeTimeout(_) => "kube_timeout",
            Self::Unreadable(_) => "unreadable",
            Self::Pruned => "pruned",
            Self::Restless => "restless",
            Self::Panicked => "panic",
        }
    }
}

/// How long one call of the API server may take, the client's own repetitions included.
pub const KUBE_TIMEOUT: Duration = Duration::from_secs(15);

/// Waits for a call of the API server, but not for ever: the client repeats 429, 503 and 504 by itself.
///
/// # Errors
/// The call's own, or [`Error::KubeTimeout`].
pub async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Result<T, kube::Error>, Error> {
    tokio::time::timeout(limit, call).await.map_err(|_| Error::KubeTimeout(limit))
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        // The server's messages may repeat values of the object.
        Self::Kube(crate::users::clean::message(&error.to_string(), None))
    }
}

/// Whether the API server answered with this status.
#[must_use]
pub fn is_status(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}
