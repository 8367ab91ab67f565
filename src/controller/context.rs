//! What all passes share.

use std::time::Duration;

use kube::runtime::events::Recorder;
use kube::runtime::reflector::Store;

use super::connections::Connections;
use super::gauges::Gauges;
use super::memory::Memory;
use super::running::Running;
use crate::api::head::BatchHead;
use crate::plan::policy::Policy;
use crate::runtime::lease::Leadership;
use crate::runtime::metrics::Metrics;
use crate::runtime::shutdown::Shutdown;

/// Shared by the passes of a process.
pub struct Context {
    /// The API server.
    pub client: kube::Client,
    /// Settings that decisions depend on.
    pub policy: Policy,
    /// Whether this replica leads, and for how long nobody else can.
    pub leadership: Leadership,
    /// Connections and their credentials.
    pub connections: Connections,
    /// Advice from pass to pass.
    pub memory: Memory,
    /// For people.
    pub recorder: Recorder,
    /// For Prometheus.
    pub metrics: Metrics,
    /// Numbers of users and jobs over all objects.
    pub gauges: Gauges,
    /// Jobs under way, for the case that their object is deleted.
    pub running: Running,
    /// Keeps submissions alive to their record.
    pub shutdown: Shutdown,
    /// How often a Secret is read while its connection is not Ready.
    pub secret_poll_interval: Duration,
    /// The watched forms of all batches, one store per watched namespace.
    pub batches: Vec<Store<BatchHead>>,
}

impl Context {
    /// Requests under way of all objects but one whose connection shares a credential.
    #[must_use]
    pub fn jobs_elsewhere(&self, but: &str, shares: &dyn Fn(&str, &str) -> bool) -> u32 {
        let jobs: usize = self
            .batches
            .iter()
            .flat_map(Store::state)
            .filter(|head| head.metadata.uid.as_deref() != Some(but))
            .filter(|head| !head.status.submissions.is_empty())
            .filter(|head| {
                shares(head.metadata.namespace.as_deref().unwrap_or_default(), &head.spec.connection_ref.name)
            })
            .map(|head| head.status.submissions.len())
            .sum();
        u32::try_from(jobs).unwrap_or(u32::MAX)
    }
}
