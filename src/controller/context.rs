//! What all passes share.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{join_all, join3};
use kube::runtime::events::Recorder;
use kube::runtime::reflector::Store;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::claims::Claims;
use super::connections::Connections;
use super::gauges::Gauges;
use super::memory::Memory;
use super::running::Running;
use super::schedule_claims::ScheduleClaims;
use super::turns::Turns;
use crate::api::head::BatchHead;
use crate::api::schedule_head::ScheduleHead;
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
    /// Which schedule claims which change, and takes its users from which batch.
    pub schedule_claims: Arc<ScheduleClaims>,
    /// Whose turn it is to call JumpCloud.
    pub turns: Arc<Turns>,
    /// The watched forms of all batches, one store per watched namespace.
    pub batches: Vec<Store<BatchHead>>,
    /// The watched forms of all schedules, likewise.
    pub schedules: Vec<Store<ScheduleHead>>,
    /// Set once the watches have listed their objects.
    pub listed: OnceCell<()>,
}

impl Context {
    /// Waits until every watch has listed its objects: before, nobody knows who has which user, and a
    /// connection that is only not listed yet would seem to be missing, with nothing to come that looks
    /// again. A namespace that cannot be listed stops the others for a while only.
    pub async fn all_listed(&self) {
        let all = || async {
            let token = self.shutdown.token();
            let listed = listed((&self.batches, &self.schedules), &self.connections, &token).await;
            if !listed && !token.is_cancelled() {
                tracing::warn!("a watched namespace cannot be listed; its objects are not known");
            }
        };
        self.listed.get_or_init(all).await;
    }
}

/// Whether everything was listed in time.
async fn listed(
    (batches, schedules): (&[Store<BatchHead>], &[Store<ScheduleHead>]),
    connections: &Connections,
    cancelled: &CancellationToken,
) -> bool {
    let ready = async {
        let batches = join_all(batches.iter().map(Store::wait_until_ready));
        let schedules = join_all(schedules.iter().map(Store::wait_until_ready));
        join3(batches, schedules, connections.stores_are_ready(cancelled)).await
    };
    tokio::select! {
        () = cancelled.cancelled() => false,
        late = tokio::time::timeout(LISTED_WITHIN, ready) => late.is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;
    use tokio::sync::mpsc;

    use super::*;
    use crate::api::connection::JumpCloudConnection;
    use crate::controller::credentials::Outbound;
    use crate::jumpcloud::observe::NoObserver;

    /// Paused time: what waits for nothing else waits until the end.
    #[tokio::test(start_paused = true)]
    async fn passes_wait_for_connections_as_well() {
        let (batches, mut heads) = reflector::store::<BatchHead>();
        let (schedules, mut schedule_heads) = reflector::store::<ScheduleHead>();
        let (stored, mut writer) = reflector::store::<DeserializeGuard<JumpCloudConnection>>();
        let config = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
        let outbound = Outbound {
            allowed_origins: Vec::new(),
            extra_roots: Vec::new(),
            proxy: None,
            observer: Arc::new(NoObserver),
        };
        let client = kube::Client::try_from(config).unwrap();
        let connections = Connections::new(client, outbound, vec![stored], mpsc::channel(1).0);
        let token = CancellationToken::new();
        heads.apply_watcher_event(&Event::InitDone);
        let stores = (std::slice::from_ref(&batches), std::slice::from_ref(&schedules));
        assert!(!listed(stores, &connections, &token).await);
        writer.apply_watcher_event(&Event::InitDone);
        assert!(!listed(stores, &connections, &token).await, "schedules are not listed");
        schedule_heads.apply_watcher_event(&Event::InitDone);
        assert!(listed(stores, &connections, &token).await);
    }
}
