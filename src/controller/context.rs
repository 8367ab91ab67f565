//! What all passes share.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kube::runtime::events::Recorder;
use kube::runtime::reflector::Store;
use tokio::sync::OnceCell;

use super::claims::Claims;
use super::connections::Connections;
use super::gauges::Gauges;
use super::memory::Memory;
use super::running::Running;
use super::turns::Turns;
use crate::api::head::BatchHead;
use crate::plan::policy::Policy;
use crate::runtime::lease::Leadership;
use crate::runtime::metrics::Metrics;
use crate::runtime::shutdown::Shutdown;

/// How long the first passes wait for the watches of other namespaces.
const LISTED_WITHIN: Duration = Duration::from_secs(30);

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
    /// Which object has or wants which user.
    pub claims: Arc<Claims>,
    /// Whose turn it is to call JumpCloud.
    pub turns: Arc<Turns>,
    /// The watched forms of all batches, one store per watched namespace.
    pub batches: Vec<Store<BatchHead>>,
    /// Set once the watches have listed their objects.
    pub listed: OnceCell<()>,
}

impl Context {
    /// Waits until every watch has listed its objects: who has which user is not known before. A
    /// namespace that cannot be listed stops the others for a while only.
    pub async fn all_listed(&self) {
        let all = || async {
            let ready = join_all(self.batches.iter().map(Store::wait_until_ready));
            tokio::select! {
                () = self.shutdown.token().cancelled_owned() => {}
                late = tokio::time::timeout(LISTED_WITHIN, ready) => if late.is_err() {
                    tracing::warn!("a watched namespace cannot be listed; its batches are not known");
                },
            }
        };
        self.listed.get_or_init(all).await;
    }
}
