//! Declares objects as `kubectl apply --server-side --force-conflicts` does, without a process for each.
//!
//! Tests do so thousands of times, and a kubectl takes a tenth of a second of a core. What kubectl itself prints, refuses
//! or waits for is asked of kubectl.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::core::GroupVersionKind;
use kube::discovery::{self, ApiCapabilities, ApiResource, Scope};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::plane::{client_of, plane};

/// How long an API server may ask for patience, as it does for a moment after a definition has come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Applies a manifest in JSON, an object or a List of them, that must be accepted.
pub fn apply(manifest: &str) {
    let manifest: Value = serde_json::from_str(manifest).expect("a manifest in JSON");
    let objects = match manifest["items"].as_array() {
        Some(items) if manifest["kind"] == "List" => items.clone(),
        _ => vec![manifest],
    };
    let clerk = clerk();
    let (done, outcome) = mpsc::channel();
    // On a runtime of its own: the caller's may have one thread only, and that waits here.
    clerk.runtime.spawn(async move {
        for object in objects {
            if let Err(error) = clerk.apply(&object).await {
                drop(done.send(Err(format!("{} {}: {error}", object["kind"], object["metadata"]["name"]))));
                return;
            }
        }
        drop(done.send(Ok(())));
    });
    if let Err(refused) = outcome.recv().expect("the clerk does not panic") {
        panic!("{refused}");
    }
}

/// Whoever may do everything.
struct Clerk {
    runtime: Runtime,
    client: kube::Client,
    kinds: Mutex<HashMap<GroupVersionKind, (ApiResource, ApiCapabilities)>>,
}

fn clerk() -> &'static Clerk {
    static CLERK: OnceLock<Clerk> = OnceLock::new();
    CLERK.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (made, client) = mpsc::channel();
        runtime.spawn(async move { drop(made.send(client_of(plane().admin_kubeconfig()).await)) });
        let client = client.recv().expect("a client");
        Clerk { runtime, client, kinds: Mutex::default() }
    })
}

impl Clerk {
    async fn apply(&self, object: &Value) -> kube::Result<()> {
        let (resource, capabilities) = self.kind(object).await?;
        let api: Api<DynamicObject> = match (&capabilities.scope, object["metadata"]["namespace"].as_str()) {
            (Scope::Namespaced, Some(namespace)) => {
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
            (Scope::Namespaced, None) => Api::default_namespaced_with(self.client.clone(), &resource),
            (Scope::Cluster, _) => Api::all_with(self.client.clone(), &resource),
        };
        let name = object["metadata"]["name"].as_str().expect("a name");
        let mut params = PatchParams::apply("kubectl").force();
        params.field_validation = Some(ValidationDirective::Strict);
        let begun = Instant::now();
        loop {
            match api.patch(name, &params, &Patch::Apply(object)).await {
                Err(kube::Error::Api(status))
                    if [429, 503].contains(&status.code) && begun.elapsed() < PATIENCE =>
                {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                outcome => return outcome.map(drop),
            }
        }
    }

    async fn kind(&self, object: &Value) -> kube::Result<(ApiResource, ApiCapabilities)> {
        let text = |key: &str| object[key].as_str().expect("apiVersion and kind").to_owned();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let wanted = GroupVersionKind::gvk(group, version, &kind);
        if let Some(known) = self.kinds.lock().expect("nobody panics here").get(&wanted) {
            return Ok(known.clone());
        }
        let found = discovery::pinned_kind(&self.client, &wanted).await?;
        self.kinds.lock().expect("nobody panics here").insert(wanted, found.clone());
        Ok(found)
    }
}
