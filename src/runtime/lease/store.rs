//! Reading and writing the record (I/O).

use std::future::Future;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use thiserror::Error;

/// Why a call did not do what it was asked.
#[derive(Debug, Error)]
pub(super) enum StoreError {
    /// The record is not what the call was decided from: read it again.
    #[error("the lease changed meanwhile")]
    Conflict,
    /// No usable answer; whether a write took effect is unknown.
    #[error("{0}")]
    Failed(String),
}

/// One record with compare-and-swap. The indirection is there so that two candidates can be tested
/// against each other in virtual time.
pub(super) trait LeaseStore: Send + Sync {
    /// Reads the record; `None` when there is none.
    fn get(&self) -> impl Future<Output = Result<Option<Lease>, StoreError>> + Send;
    /// Creates the record; a conflict when there is one.
    fn create(&self, lease: &Lease) -> impl Future<Output = Result<Lease, StoreError>> + Send;
    /// Replaces the record; a conflict unless its resourceVersion is still that of `lease`.
    fn replace(&self, lease: &Lease) -> impl Future<Output = Result<Lease, StoreError>> + Send;
}

/// The record as a Lease object on the API server.
///
/// kube's client repeats calls that were answered 429, 503 or 504 by itself; the caller's time limit
/// ends that.
pub(super) struct ApiStore {
    api: Api<Lease>,
    name: String,
}

impl ApiStore {
    pub(super) fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned() }
    }
}

impl LeaseStore for ApiStore {
    async fn get(&self) -> Result<Option<Lease>, StoreError> {
        self.api.get_opt(&self.name).await.map_err(classify)
    }

    async fn create(&self, lease: &Lease) -> Result<Lease, StoreError> {
        self.api.create(&PostParams::default(), lease).await.map_err(|error| match error {
            // The namespace is missing: nothing that reading again would cure.
            kube::Error::Api(status) if status.code == 404 => StoreError::Failed(status.message.clone()),
            other => classify(other),
        })
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, StoreError> {
        self.api.replace(&self.name, &PostParams::default(), lease).await.map_err(classify)
    }
}

fn classify(error: kube::Error) -> StoreError {
    match error {
        kube::Error::Api(status) if matches!(status.code, 404 | 409) => StoreError::Conflict,
        other => StoreError::Failed(other.to_string()),
    }
}
