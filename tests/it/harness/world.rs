//! A namespace with a simulator, a connection and, when wanted, an operator.

use std::sync::Arc;
use std::time::Duration;

use devenv::audit::{Entry as AuditEntry, Mark as AuditMark};
use fault_proxy::{FaultRule, Proxy};
use jumpcloud_operator::api::user_batch::{JumpCloudUserBatch, JumpCloudUserBatchStatus};
use jumpcloud_operator::api::user_status::UserStatus;
use jumpcloud_sim::{DEFAULT_KEY, Settings, Sim};
use kube::api::Api;
use serde_json::Value;

use super::declare::apply;
use super::grants::{self, ACCOUNT};
use super::invariants::{History, Rule, Site};
use super::manifests;
use super::operator::Operator;
use super::plane::{client_of, kubectl, plane};
use super::wait::eventually;
use super::weather;

/// How long things may take that should be quick; generous, because test machines are slow and shared.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// One test's place.
pub struct World {
    /// The namespace.
    pub namespace: String,
    /// The simulator.
    pub sim: Arc<Sim>,
    /// Whoever may do everything.
    pub client: kube::Client,
    /// Where what must hold of every run is checked.
    site: Arc<Site>,
}

impl World {
    /// A namespace called `name` with the operator's permissions, a Secret and a connection `default`.
    pub async fn new(name: &str, settings: Settings) -> Self {
        let world = Self::bare(name, settings).await;
        apply(&manifests::secret(name, DEFAULT_KEY).to_string());
        apply(&manifests::connection(name, "default", world.sim.url()).to_string());
        world
    }

    /// The same without Secret and connection.
    pub async fn bare(name: &str, settings: Settings) -> Self {
        let sim = Arc::new(Sim::start(settings).await.expect("the simulator starts"));
        let site = Site::begin(name, Arc::clone(&sim));
        let created = kubectl(&["create", "namespace", name], "");
        assert!(created.success, "{}", created.text);
        grants::grant(name);
        let client = client_of(plane().admin_kubeconfig()).await;
        weather::over(&sim, name);
        Self { namespace: name.to_owned(), sim, client, site }
    }

    /// A namespace called `name` beside this one: the same simulator and key, a Secret and a connection
    /// `default` of its own.
    pub fn beside(&self, name: &str) -> Self {
        self.site.add(name);
        let created = kubectl(&["create", "namespace", name], "");
        assert!(created.success, "{}", created.text);
        grants::extend(&self.namespace, name);
        apply(&manifests::secret(name, DEFAULT_KEY).to_string());
        apply(&manifests::connection(name, "default", self.sim.url()).to_string());
        let (sim, site) = (Arc::clone(&self.sim), Arc::clone(&self.site));
        Self { namespace: name.to_owned(), sim, client: self.client.clone(), site }
    }

    /// Every version that any object of this world, and of those beside it, ever had.
    pub fn history(&self) -> History {
        self.site.history()
    }

    /// What is wrong by now with what must hold of every run, as text.
    pub fn violations(&self) -> Vec<String> {
        self.site.violations()
    }

    /// Fails when something is wrong by now. Once more that is done when the first of the worlds that share a simulator
    /// goes.
    pub fn hold(&self) {
        self.site.hold();
    }

    /// Says that connections of this world lead to that simulator instead of its own, by its address.
    pub fn leads_to(&self, sim: &Arc<Sim>) {
        self.site.add_sim(Arc::clone(sim));
    }

    /// Excuses this test from one rule, which it breaks on purpose.
    pub fn may_break(&self, rule: Rule, why: &'static str) {
        self.site.may_break(rule, why);
    }

    /// Starts an operator for this namespace and others; it runs with this one's account.
    pub fn operator_with(&self, others: &[&Self], flags: &[(&str, &str)]) -> Operator {
        let watched = others.iter().map(|other| ("--watch-namespace", other.namespace.as_str()));
        self.replica("a", &watched.chain(flags.iter().copied()).collect::<Vec<_>>())
    }

    /// Starts an operator for this namespace.
    pub fn operator(&self, flags: &[(&str, &str)]) -> Operator {
        self.replica("a", flags)
    }

    /// Starts one of several operators for this namespace.
    pub fn replica(&self, replica: &str, flags: &[(&str, &str)]) -> Operator {
        Operator::start(&self.namespace, replica, self.sim.url(), flags)
    }

    /// Puts a proxy in front of the API server that makes requests of this namespace's operator go wrong.
    pub fn proxy(&self, rules: Vec<FaultRule>) -> Proxy {
        let account = plane().service_account_kubeconfig(&self.namespace, ACCOUNT);
        let proxy = Proxy::start(&account.expect("a token"), rules).expect("the proxy starts");
        weather::over_proxy(&proxy, &self.namespace);
        proxy
    }

    /// Starts an operator for this namespace that reaches the API server by way of that proxy.
    pub fn operator_behind(&self, proxy: &Proxy, flags: &[(&str, &str)]) -> Operator {
        self.replica_behind(proxy, "a", flags)
    }

    /// Starts one of several such operators; each may have a proxy of its own.
    pub fn replica_behind(&self, proxy: &Proxy, replica: &str, flags: &[(&str, &str)]) -> Operator {
        let kubeconfig = proxy.kubeconfig().to_owned();
        Operator::start_as(kubeconfig, &self.namespace, replica, self.sim.url(), flags)
    }

    /// Applies a batch.
    pub fn apply_batch(&self, name: &str, spec: &Value) {
        apply(&manifests::batch(&self.namespace, name, spec).to_string());
    }

    /// The batches of this namespace.
    pub fn batches(&self) -> Api<JumpCloudUserBatch> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The status of a batch.
    pub async fn status(&self, name: &str) -> JumpCloudUserBatchStatus {
        self.batches().get(name).await.expect("the batch is there").status.unwrap_or_default()
    }

    /// Waits until Ready has this reason for the current generation; returns the status.
    pub async fn reason(&self, name: &str, reason: &str) -> JumpCloudUserBatchStatus {
        self.reason_within(name, reason, PATIENCE).await
    }

    /// The same with a limit.
    pub async fn reason_within(&self, name: &str, reason: &str, limit: Duration) -> JumpCloudUserBatchStatus {
        eventually(&format!("reason {reason} of {name}"), limit, async || self.has_reason(name, reason).await)
            .await
    }

    /// The status when Ready is `Succeeded` for the current generation, else what it says.
    pub async fn succeeded(&self, name: &str) -> Result<JumpCloudUserBatchStatus, String> {
        self.has_reason(name, "Succeeded").await
    }

    async fn has_reason(&self, name: &str, reason: &str) -> Result<JumpCloudUserBatchStatus, String> {
        let batch = self.batches().get(name).await.map_err(|e| e.to_string())?;
        let status = batch.status.unwrap_or_default();
        let current = status.observed_generation == batch.metadata.generation;
        let ready = status.conditions.iter().find(|c| c.type_ == "Ready");
        if current && reason != "SubmissionUnknown" && self.rescue(name, &status) {
            return Err("users stand at SubmissionUnknown".to_owned());
        }
        match ready {
            Some(ready) if current && ready.reason == reason => Ok(status),
            Some(ready) => Err(format!("{} {} {}", ready.status, ready.reason, ready.message)),
            None => Err("no condition".to_owned()),
        }
    }

    /// Under weather: is the person that users at `SubmissionUnknown` wait for, and says whether there are any.
    pub fn rescue(&self, name: &str, status: &JumpCloudUserBatchStatus) -> bool {
        let waits = |user: &UserStatus| {
            user.result == "Failed" && user.reason.as_deref() == Some("SubmissionUnknown")
        };
        let any = weather::is_on() && status.users.iter().any(waits);
        if any {
            let handled = status.last_handled.as_ref();
            weather::rescue(weather::Kind::Batch, &self.namespace, name, handled);
        }
        any
    }

    /// Waits until the connection is Ready with this reason for the current generation; returns the message.
    pub async fn connection_reason(&self, name: &str, reason: &str) -> String {
        let api: Api<jumpcloud_operator::api::connection::JumpCloudConnection> =
            Api::namespaced(self.client.clone(), &self.namespace);
        eventually(&format!("reason {reason} of connection {name}"), PATIENCE, async || {
            let connection = api.get(name).await.map_err(|e| e.to_string())?;
            let status = connection.status.unwrap_or_default();
            let current = status.observed_generation == connection.metadata.generation;
            match status.conditions.iter().find(|c| c.type_ == "Ready") {
                Some(ready) if current && ready.reason == reason => Ok(ready.message.clone()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// kubectl in this namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let printed = kubectl(&[&["--namespace", &self.namespace], arguments].concat(), "");
        assert!(printed.success, "{arguments:?}: {}", printed.text);
        printed.text
    }

    /// What the operator of this namespace asked of the API server since `mark`.
    pub fn requests(&self, mark: AuditMark) -> Vec<AuditEntry> {
        let user = format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace);
        let entries = plane().audit().since(mark).expect("the audit log");
        entries.into_iter().filter(|entry| entry.user == user).collect()
    }

    /// Writes among them, but for the lease.
    pub fn writes(&self, mark: AuditMark) -> Vec<AuditEntry> {
        let reading = ["get", "list", "watch"];
        self.requests(mark)
            .into_iter()
            .filter(|entry| !reading.contains(&entry.verb.as_str()) && entry.resource != "leases")
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _room = Room(self.namespace.clone());
        self.site.end();
    }
}

/// Removes a namespace when it goes, also when an invariant was broken.
struct Room(String);

impl Drop for Room {
    fn drop(&mut self) {
        // Others need the room; nobody waits for it.
        let namespace = ["delete", "namespace", &self.0, "--wait=false"];
        kubectl(&namespace, "");
        grants::revoke(&self.0);
    }
}
