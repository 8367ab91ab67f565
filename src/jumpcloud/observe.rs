//! A hook that sees every HTTP request, for metrics.

/// Is told about each HTTP request once, when its answer was read or its failure was known.
pub trait Observer: Send + Sync {
    /// `route` is a template such as `GET /bulk/users/{job_id}/results`. `outcome` is `ok` or a value of
    /// [`crate::jumpcloud::error::Error::category`]; JSON of an unexpected shape still counts as `ok`. `seconds` runs from the first attempt to connect to
    /// the last byte of the answer. Must return quickly.
    fn request(&self, route: &'static str, outcome: &'static str, seconds: f64);
}

/// Ignores everything; the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn request(&self, _route: &'static str, _outcome: &'static str, _seconds: f64) {}
}
