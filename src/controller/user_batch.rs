//! The controller of batches: when a pass runs, and what happens when it fails.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ApiResource, DynamicObject, Patch};
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, applier, trigger_self, trigger_with};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store, reflector};
use kube::runtime::utils::StreamBackoff;
use kube::runtime::watcher::{self, DefaultBackoff, watcher};
use kube::{Resource, ResourceExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::connection::Watched;
use super::context::Context;
use super::drive::drive;
use super::error::{Error, KUBE_TIMEOUT, within};
use super::intake::Intake;
use super::object::written_by_us;
use super::running::Object;
use super::wakes::Woken;
use super::{events, orphan};
use crate::api::condition::{self, Reason, Standing, Verdict};
use crate::api::head::BatchHead;
use crate::api::recording::Kind;
use crate::api::user_batch::JumpCloudUserBatch;
use crate::runtime::clock;
use crate::runtime::guard::guard;

/// Name of the kind in logs and metrics.
const KIND: &str = Kind::UserBatch.name();

/// The batches of one watch: the store, what fills it, and a way to ask for passes.
pub struct Watch {
    writer: Writer<BatchHead>,
    store: Store<BatchHead>,
    batches: Api<BatchHead>,
    selected: watcher::Config,
    wakes: UnboundedReceiver<Woken>,
}

impl Watch {
    /// Nothing is watched before [`run`].
    #[must_use]
    pub fn new(batches: Api<BatchHead>, selected: watcher::Config, wakes: UnboundedReceiver<Woken>) -> Self {
        let (store, writer) = reflector::store();
        Self { writer, store, batches, selected, wakes }
    }

    /// The watched forms.
    #[must_use]
    pub fn store(&self) -> Store<BatchHead> {
        self.store.clone()
    }
}

/// Runs the controller until shutdown. Batches are looked at when they change, when their connection
/// changes, when they asked to be, and when a claim or a turn concerns them.
///
/// It is put together by hand because kube's `Controller` shows nobody the events of its watch, which
/// the index of claims must see before the store does.
pub async fn run(watch: Watch, connections: Api<Watched>, concurrency: u16, context: Arc<Context>) {
    let token = context.shutdown.token();
    let Watch { writer, store, batches, selected, mut wakes } = watch;
    let mut intake = Intake::new(Arc::clone(&context.claims), Arc::clone(&context.turns));
    let events = watcher(batches, selected).map_ok(move |event| intake.take_in(event));
    let own = trigger_self(reflector(writer, events).applied_objects(), ());
    let heads = store.clone();
    let changed = watcher(connections, watcher::Config::default()).touched_objects();
    let dependent = trigger_with(changed, move |connection| dependents(&heads, &connection));
    let woken = stream::poll_fn(move |task| wakes.poll_recv(task))
        .map(|Woken { namespace, name }| Ok(ObjectRef::new(&name).within(&namespace).into()));
    let triggers = stream::select_all([own.boxed(), dependent.boxed(), woken.boxed()]);
    applier(
        |head, context| Box::pin(reconcile(head, context)),
        on_error,
        Arc::clone(&context),
        store,
        StreamBackoff::new(triggers, DefaultBackoff::default())
            .take_until(async move { token.cancelled().await }),
        Config::default().concurrency(concurrency),
    )
    .for_each(|result| {
        if let Err(kube::runtime::controller::Error::ObjectNotFound(reference)) = &result {
            let namespace = reference.namespace.clone().unwrap_or_default();
            let object = Object { kind: Kind::UserBatch, namespace, name: reference.name.clone() };
            orphan::follow(&context, &object);
        }
        std::future::ready(())
    })
    .await;
}

fn dependents(batches: &Store<BatchHead>, connection: &Watched) -> Vec<ObjectRef<BatchHead>> {
    let (name, namespace) = (connection.meta().name.as_deref(), connection.meta().namespace.as_deref());
    batches
        .state()
        .iter()
        .filter(|head| {
            head.metadata.namespace.as_deref() == namespace
                && Some(head.spec.connection_ref.name.as_str()) == name
        })
        .map(|head| ObjectRef::from_obj(&**head))
        .collect()
}

/// A pass on a task of its own, which ends with the controller.
async fn reconcile(head: Arc<BatchHead>, context: Arc<Context>) -> Result<Action, Error> {
    let task = tokio::spawn(pass(head, context).in_current_span());
    AbortOnDropHandle::new(task).await.unwrap_or(Err(Error::Panicked))
}

async fn pass(head: Arc<BatchHead>, context: Arc<Context>) -> Result<Action, Error> {
    context.all_listed().await;
    let (namespace, name) = (head.namespace().unwrap_or_default(), head.name_any());
    let span = tracing::info_span!("pass", kind = KIND, object = %format!("{namespace}/{name}"));
    let started = clock::monotonic();
    let result = guard(drive(&context, &namespace, &name).instrument(span.clone()))
        .await
        .unwrap_or(Err(Error::Panicked));
    let outcome = result.as_ref().map_or_else(Error::category, |_| "ok");
    context.metrics.reconciled(KIND, outcome, started.elapsed());
    match result {
        Ok(Some(wake)) => Ok(Action::requeue(wake)),
        Ok(None) => Ok(Action::await_change()),
        Err(error) => {
            span.in_scope(|| tracing::warn!(%error, "pass failed"));
            if let Error::Unreadable(why) = &error {
                tell_unreadable(&context, &namespace, &name, why).instrument(span).await?;
            }
            Err(error)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube-runtime's")]
fn on_error(head: Arc<BatchHead>, error: &Error, context: Arc<Context>) -> Action {
    let uid = head.metadata.uid.as_deref().unwrap_or_default();
    match error {
        // Only an edit helps; the long wait covers a repair of the definition.
        Error::Unreadable(_) => Action::requeue(Duration::from_secs(600)),
        Error::Kube(_) | Error::KubeTimeout(_) | Error::Pruned | Error::Restless | Error::Panicked => {
            Action::requeue(context.memory.pass_failed(uid))
        }
    }
}

/// Says in the conditions that the object cannot be read. The rest of it is left as it is.
async fn tell_unreadable(context: &Context, namespace: &str, name: &str, why: &str) -> Result<(), Error> {
    let resource = ApiResource::erase::<JumpCloudUserBatch>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, &resource);
    let Some(object) = within(KUBE_TIMEOUT, api.get_opt(name)).await?? else { return Ok(()) };
    let old: Vec<Condition> = object
        .data
        .pointer("/status/conditions")
        .and_then(|list| serde_json::from_value(list.clone()).ok())
        .unwrap_or_default();
    let generation = object.metadata.generation.unwrap_or_default();
    let verdict = Verdict::new(
        Standing::Stalled,
        Reason::InvalidSpec,
        format!(
            "the stored object cannot be read ({why}); correct it, or apply the current custom resource definitions"
        ),
    );
    let new = condition::conditions(&old, &verdict, generation, clock::now());
    if new == old {
        return Ok(());
    }
    let patch = serde_json::json!({
        "metadata": {"resourceVersion": object.metadata.resource_version},
        "status": {"observedGeneration": generation, "conditions": new},
    });
    within(KUBE_TIMEOUT, api.patch_status(name, &written_by_us(), &Patch::Merge(&patch))).await??;
    let head = BatchHead { metadata: object.metadata, ..BatchHead::default() };
    events::transition(&context.recorder, &head, &old, &verdict).await;
    Ok(())
}
