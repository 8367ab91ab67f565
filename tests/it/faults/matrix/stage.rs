//! One operator for many cells.
//!
//! Limits, pauses and doubts belong to the credential of an origin, and each cell has a simulator and a connection
//! of its own: cells share the process and nothing that one of them could have slowed for another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;

use jumpcloud_sim::{DEFAULT_KEY, Settings, Sim};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::watcher;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use super::cell::reason;

use crate::harness::declare::apply;
use crate::harness::invariants::Rule;
use crate::harness::manifests;
use crate::harness::operator::{Operator, QUICK, but};
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

/// A namespace with an operator that may speak to all of some simulators.
pub struct Stage {
    /// The namespace.
    pub world: World,
    /// The operator.
    pub operator: Operator,
    /// Reasons of Ready that each connection has ever had.
    reasons: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
    _watch: AbortOnDropHandle<()>,
}

impl Stage {
    /// Begins; `quick` are the flags.
    pub async fn begin(name: &str, sims: &[Arc<Sim>], quick: &[(&str, &str)]) -> Self {
        let world = World::bare(name, Settings::default()).await;
        sims.iter().for_each(|sim| world.leads_to(sim));
        // The bound knows nothing of searches that do not show who is there, which some of the cells have.
        world.may_break(Rule::Frugal, "users that no search shows are searched for again");
        if name.ends_with("userget") {
            let why = "a user whom no search shows, and whom JumpCloud says that it does not know, is sent once more";
            world.may_break(Rule::Once, why);
        }
        apply(&manifests::secret(name, DEFAULT_KEY).to_string());
        let allowed = sims.iter().map(|sim| ("--allowed-api-url", sim.url()));
        let flags: Vec<_> = quick.iter().copied().chain(allowed).collect();
        let reasons = Arc::new(Mutex::new(BTreeMap::<String, BTreeSet<String>>::new()));
        let (seen, connections) = (Arc::clone(&reasons), objects(&world, "JumpCloudConnection"));
        let watch = tokio::spawn(async move {
            let mut events = watcher(connections, watcher::Config::default()).boxed();
            while let Some(event) = events.next().await {
                if let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event {
                    let object = serde_json::to_value(object).expect("JSON");
                    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.entry(name).or_default().extend(reason(&object).map(str::to_owned));
                }
            }
        });
        let operator = world.operator(&flags);
        eventually("the operator to lead", PATIENCE, async || {
            let log = operator.log();
            if log.contains("leading") { Ok(()) } else { Err(log) }
        })
        .await;
        Self { world, operator, reasons, _watch: AbortOnDropHandle::new(watch) }
    }

    /// Whether a connection was ever found unusable.
    pub fn was_not_ready(&self, name: &str) -> bool {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.get(name).is_some_and(|reasons| reasons.iter().any(|reason| reason != "Succeeded"))
    }
}

/// The flags of the matrix: times that a slow machine keeps, and room for all cells at once.
pub fn flags() -> Vec<(&'static str, &'static str)> {
    let longer = [
        ("--submit-timeout", "10s"),
        ("--unknown-quarantine", "15s"),
        // The lease is none of its subjects.
        ("--leader-elect", "false"),
        ("--lease-duration", "60s"),
        ("--lease-renew-deadline", "50s"),
        ("--concurrency", "64"),
    ];
    longer.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value))
}

/// The objects of that kind, as JSON.
pub fn objects(world: &World, kind: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("jumpcloud-operator.dev", "v1alpha1", kind);
    Api::namespaced_with(world.client.clone(), &world.namespace, &ApiResource::from_gvk(&kind))
}

/// Applies an object as `kubectl apply` does, without a process for each.
pub async fn apply_object(world: &World, object: &Value) {
    let kind = object["kind"].as_str().expect("a kind");
    let name = object["metadata"]["name"].as_str().expect("a name");
    let params = PatchParams::apply("matrix").force();
    // The test's own way to the API server is none of its subjects: a busy one may drop a connection.
    eventually("the object to be accepted", PATIENCE, async || {
        objects(world, kind).patch(name, &params, &Patch::Apply(object)).await
    })
    .await;
}

/// A connection to that simulator, with its key or with a service account.
pub fn connection(namespace: &str, name: &str, url: &str, account: bool) -> Value {
    let mut object = manifests::connection(namespace, name, url);
    if account {
        object["spec"]["auth"] = json!({"serviceAccount": {
            "clientIDSecretKeyRef": {"name": "account", "key": "client-id"},
            "clientSecretSecretKeyRef": {"name": "account", "key": "client-secret"},
        }});
    }
    object
}
