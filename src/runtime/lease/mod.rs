//! Leader election by a `coordination.k8s.io/v1` Lease.
//!
//! The lease spares replicas from working against each other. It is not a fence: two processes can
//! both believe for a moment that they lead. Safety rests on the compare-and-swap that stands before
//! every effect (ARCHITECTURE.md, the protocol).
//!
//! ## Guarantees
//! - Every write is a replace that carries the resourceVersion it was decided from.
//! - Expiry is counted on this process's monotonic clock, from the last change of the record that it
//!   saw itself. The times inside the record are for people; a wrong wall clock does no harm.
//! - Every call ends before the next renewal is due, so a silent API server cannot delay stepping down.
//! - [`Leadership`] checks the clock itself: it says "not leading" at the renew deadline, whatever the
//!   task behind it is doing.
//! - On shutdown the record's holder is emptied, so that the next replica need not wait for expiry.
//!
//! ## Assumptions
//! - Identities are unique per process (a pod name with a random suffix, not the pod name alone).
//! - Other candidates honour `leaseDurationSeconds` of the record, as this module does.
//! - The monotonic clock advances while the process is stopped. On Linux it does under SIGSTOP, and
//!   does not while the whole machine sleeps.
//!
//! ## Why not a crate
//! The rule is that of client-go's `leaderelection`. kube-lease-manager 0.13 cannot say how long the
//! lease outlasts a send deadline ([`Leadership::remaining`]), judges expiry by the wall clock, and
//! takes an expired lease over by an unguarded apply. kube-leader-election writes without a
//! resourceVersion at all.

mod campaign;
mod config;
mod decide;
mod leadership;
mod record;
mod store;
#[cfg(test)]
mod tests;

use std::future::Future;

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use campaign::Campaign;
use leadership::Standing;
use store::ApiStore;

pub use config::{LeaseConfig, LeaseConfigError};
pub use leadership::Leadership;

/// Why a campaign could not be run.
///
/// An unreachable API server is none of these: the campaign logs it and goes on trying.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// The configuration contradicts itself.
    #[error("leader election cannot start: {0}")]
    Config(#[from] LeaseConfigError),
}

/// Starts to compete for the lease: returns the handle to ask, and the future that does the work.
///
/// The future ends with `Ok` when `shutdown` is cancelled and the lease is released (or two seconds
/// passed), and with an error at once when `config` is invalid. A candidate that loses the lease
/// competes again; whether the process exits then is for the caller to decide. If the future is
/// dropped, leadership ends at the renew deadline.
pub fn run(
    client: kube::Client,
    config: LeaseConfig,
    shutdown: CancellationToken,
) -> (Leadership, impl Future<Output = Result<(), LeaseError>>) {
    let (sender, receiver) = watch::channel(Standing::Candidate);
    let leadership = Leadership::new(receiver, config.duration, config.renew_deadline);
    let work = async move {
        config.validate()?;
        let store = ApiStore::new(client, &config.namespace, &config.name);
        Campaign::new(store, config, sender).run(shutdown).await;
        Ok(())
    };
    (leadership, work)
}
