//! Leader election on a real API server, under the operator's own permissions.
//!
//! `client` must be that of the operator's ServiceAccount, with `deploy/rbac` applied; `admin` may do
//! everything. Each function uses the one Lease that the Role names, so they run one after another.

use std::time::{Duration, Instant};

use jumpcloud_operator::runtime::lease::{self, Leadership, LeaseConfig, LeaseError};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::harness::plane::{client_of, plane, run};
use crate::harness::weather::clean_only;

const NAMESPACE: &str = "jumpcloud-operator-system";
const NAME: &str = "jumpcloud-operator";
const DURATION: Duration = Duration::from_secs(5);

struct Candidate {
    leadership: Leadership,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), LeaseError>>,
}

impl Candidate {
    fn start(client: &Client, identity: &str) -> Self {
        let config = LeaseConfig {
            namespace: NAMESPACE.into(),
            name: NAME.into(),
            identity: identity.into(),
            duration: DURATION,
            renew_deadline: Duration::from_secs(4),
            retry_period: Duration::from_secs(2),
        };
        let shutdown = CancellationToken::new();
        let (leadership, work) = lease::run(client.clone(), config, shutdown.clone());
        Self { leadership, shutdown, task: tokio::spawn(work) }
    }

    async fn acquires_within(&self, limit: Duration) {
        timeout(limit, self.leadership.acquired()).await.expect("leads in time");
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(Duration::from_secs(5), self.task)
            .await
            .expect("ends")
            .expect("no panic")
            .expect("ends well");
    }
}

async fn spec(admin: &Client) -> LeaseSpec {
    let api: Api<Lease> = Api::namespaced(admin.clone(), NAMESPACE);
    api.get(NAME).await.expect("the lease is there").spec.expect("has a spec")
}

/// A released lease is taken within two seconds, a killed holder's after its duration and two seconds.
pub(crate) async fn hands_over(client: &Client, admin: &Client) {
    let first = Candidate::start(client, "first");
    first.acquires_within(DURATION + Duration::from_secs(2)).await;
    let before = spec(admin).await;
    assert_eq!(before.holder_identity.as_deref(), Some("first"));
    assert_eq!(before.lease_duration_seconds, Some(5));

    let second = Candidate::start(client, "second");
    assert!(timeout(Duration::from_secs(7), second.leadership.acquired()).await.is_err(), "two lead");
    assert!(first.leadership.is_leader());

    first.stop().await;
    second.acquires_within(Duration::from_secs(2)).await;
    let after = spec(admin).await;
    assert_eq!(after.holder_identity.as_deref(), Some("second"));
    let count = |spec: &LeaseSpec| spec.lease_transitions.unwrap_or_default();
    assert_eq!(count(&after), count(&before) + 1);

    let third = Candidate::start(client, "third");
    assert!(timeout(Duration::from_secs(3), third.leadership.acquired()).await.is_err(), "two lead");
    let killed = Instant::now();
    let promised = second.leadership.remaining().expect("leads");
    second.task.abort();
    third.acquires_within(DURATION + Duration::from_secs(2)).await;
    assert!(killed.elapsed() >= promised, "taken while it was promised to the killed one");
    third.stop().await;
    let released = spec(admin).await;
    assert_eq!(released.holder_identity.filter(|holder| !holder.is_empty()), None);
}

/// Neither a foreign edit of the record nor its deletion costs the leadership, and the edit stays.
pub(crate) async fn survives_edits(client: &Client, admin: &Client) {
    let only = Candidate::start(client, "only");
    only.acquires_within(DURATION + Duration::from_secs(2)).await;
    let api: Api<Lease> = Api::namespaced(admin.clone(), NAMESPACE);
    let label = json!({"metadata": {"labels": {"edited": "yes"}}});
    api.patch(NAME, &PatchParams::default(), &Patch::Merge(label)).await.expect("labelled");
    let lost = timeout(Duration::from_secs(7), only.leadership.lost()).await;
    assert!(lost.is_err(), "an edit cost the leadership");
    let labels = api.get(NAME).await.expect("there").metadata.labels.unwrap_or_default();
    assert_eq!(labels.get("edited").map(String::as_str), Some("yes"));

    api.delete(NAME, &DeleteParams::default()).await.expect("deleted");
    let lost = timeout(Duration::from_secs(7), only.leadership.lost()).await;
    assert!(lost.is_err(), "the deletion cost the leadership");
    assert_eq!(spec(admin).await.holder_identity.as_deref(), Some("only"));
    only.stop().await;
}

/// One test for both: they use the one Lease that the Role names.
#[tokio::test(flavor = "multi_thread")]
async fn the_lease_is_handed_over_and_survives_edits() {
    if clean_only("measures time, and has no weather") {
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/rbac");
    run(plane().kubectl().args(["apply", "-k", path]));
    let own = plane().service_account_kubeconfig(NAMESPACE, "jumpcloud-operator").unwrap();
    let (client, admin) = (client_of(&own).await, client_of(plane().admin_kubeconfig()).await);
    hands_over(&client, &admin).await;
    survives_edits(&client, &admin).await;
}
