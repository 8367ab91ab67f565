//! The loop that competes for the lease, keeps it, and gives it back (I/O around [`decide`]).

use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::config::LeaseConfig;
use super::decide::{Action, Observed, decide, holder};
use super::leadership::Standing;
use super::record;
use super::store::{LeaseStore, StoreError};
use crate::runtime::clock;

/// How long a shutdown may be held up by giving the lease back.
const RELEASE_LIMIT: Duration = Duration::from_secs(2);

/// One candidate.
pub(super) struct Campaign<S> {
    store: S,
    config: LeaseConfig,
    standing: watch::Sender<Standing>,
    seen: Option<Observed>,
    /// Whether `seen` may be written over without reading first.
    current: bool,
    /// When the renewal by which we lead was begun.
    renewed: Option<Instant>,
    failing: bool,
}

impl<S: LeaseStore> Campaign<S> {
    pub(super) fn new(store: S, config: LeaseConfig, standing: watch::Sender<Standing>) -> Self {
        Self { store, config, standing, seen: None, current: false, renewed: None, failing: false }
    }

    /// Competes until `shutdown`, then releases the lease.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let turns = async {
            loop {
                let pause = self.turn().await;
                sleep(pause).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = turns => {}
        }
        self.release().await;
    }

    /// Does what is due and says how long to pause.
    async fn turn(&mut self) -> Duration {
        if self.renewed.is_some() && self.time_to_deadline().is_zero() {
            self.step_down("the lease could not be renewed in time");
        }
        match self.attempt().await {
            Ok(pause) => {
                self.failing = false;
                pause
            }
            Err(error) => {
                self.current = false;
                self.complain(&error);
                self.config.poll().min(self.time_to_deadline())
            }
        }
    }

    async fn attempt(&mut self) -> Result<Duration, StoreError> {
        let action = if self.renewed.is_some() && self.current { Action::Renew } else { self.look().await? };
        let write = match (action, &self.seen) {
            (Action::Wait { until }, _) => {
                self.step_down("another replica holds the lease");
                let left = until.saturating_duration_since(clock::monotonic());
                return Ok(left.min(clock::jittered(self.config.poll())));
            }
            (Action::Take | Action::Renew, Some(seen)) => {
                record::claimed(&seen.lease, &self.config, clock::now())
            }
            (Action::Create, _) | (_, None) => record::created(&self.config, clock::now()),
        };
        let begun = clock::monotonic();
        let written = if write.metadata.resource_version.is_some() {
            self.limited(self.store.replace(&write)).await?
        } else {
            self.limited(self.store.create(&write)).await?
        };
        self.lead(written, begun);
        Ok(clock::jittered(self.config.retry_period))
    }

    async fn look(&mut self) -> Result<Action, StoreError> {
        let read = self.limited(self.store.get()).await?;
        let now = clock::monotonic();
        self.seen = read.map(|lease| Observed::note(self.seen.take(), lease, now));
        self.current = true;
        Ok(decide(self.seen.as_ref(), &self.config.identity, self.config.duration, now))
    }

    fn lead(&mut self, lease: Lease, begun: Instant) {
        if self.renewed.is_none() {
            info!(lease = %self.config.name, identity = %self.config.identity, "this replica leads");
        }
        self.seen = Some(Observed { lease, since: begun });
        self.current = true;
        self.renewed = Some(begun);
        self.standing.send_replace(Standing::Holder { renewed: begun });
    }

    fn step_down(&mut self, reason: &'static str) {
        if self.renewed.take().is_some() {
            warn!(lease = %self.config.name, identity = %self.config.identity, reason, "this replica leads no longer");
        }
        self.current = false;
        self.standing.send_if_modified(|standing| {
            let changed = *standing != Standing::Candidate;
            *standing = Standing::Candidate;
            changed
        });
    }

    async fn release(mut self) {
        self.renewed = None;
        self.standing.send_replace(Standing::Candidate);
        // A write that shutdown interrupted may have taken effect, so the record is asked who holds it.
        let released = async {
            loop {
                let Some(lease) = self.store.get().await? else { return Ok(false) };
                let held_by = lease.spec.as_ref().and_then(holder);
                if held_by != Some(self.config.identity.as_str()) {
                    return Ok(false);
                }
                match self.store.replace(&record::released(&lease, clock::now())).await {
                    Ok(_) => return Ok(true),
                    Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error),
                }
            }
        };
        match timeout(RELEASE_LIMIT, released).await {
            Ok(Ok(true)) => info!(lease = %self.config.name, "lease released"),
            Ok(Ok(false)) => debug!(lease = %self.config.name, "no lease to release"),
            Ok(Err(error)) => warn!(%error, "lease not released; the next replica waits until it expires"),
            Err(_) => warn!("lease not released in time; the next replica waits until it expires"),
        }
    }

    /// Runs a call under the time limit: of a call, and of what is left to lead.
    async fn limited<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let limit = self.config.call_timeout().min(self.time_to_deadline());
        timeout(limit, call)
            .await
            .unwrap_or_else(|_| Err(StoreError::Failed(format!("no answer within {limit:?}"))))
    }

    /// How long until we must step down; unlimited for a candidate.
    fn time_to_deadline(&self) -> Duration {
        self.renewed.map_or(Duration::MAX, |renewed| {
            (renewed + self.config.renew_deadline).saturating_duration_since(clock::monotonic())
        })
    }

    /// Logs the first failure of a series loudly; the rest would only repeat it.
    fn complain(&mut self, error: &StoreError) {
        match error {
            StoreError::Conflict => debug!(lease = %self.config.name, %error, "reading the lease again"),
            StoreError::Failed(_) if std::mem::replace(&mut self.failing, true) => {
                debug!(lease = %self.config.name, %error, "still no access to the lease");
            }
            StoreError::Failed(_) => warn!(
                namespace = %self.config.namespace, lease = %self.config.name, %error,
                "cannot read or write the lease; check that the API server is reachable and that the \
                 service account may get, create and update it"
            ),
        }
    }
}
