//! The controller of a kind that sends requests: when a pass runs, and what happens when it fails.
//!
//! It is put together by hand because kube's `Controller` shows nobody the events of its watch, which
//! indices must see before the store does, and takes no requests for single objects.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, applier, trigger_self, trigger_with};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store, reflector};
use kube::runtime::watcher::{self, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::connection::Watched;
use super::context::Context;
use super::error::Error;
use super::intake::{Intake, Listener};
use super::running::Object;
use super::scheduled_events::News;
use super::wakes::Woken;
use super::watching::watched;
use super::{orphan, unreadable};
use crate::api::recording::Recording;
use crate::runtime::clock;
use crate::runtime::guard::guard;

/// The watched form of a kind.
pub trait Head:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
    /// Name of the connection that the object uses, of its own namespace.
    fn connection(&self) -> &str;
}

/// A kind, as its controller needs it.
pub trait Attended: Recording {
    /// Its watched form.
    type Head: Head;

    /// One pass. Returns when the object wants to be looked at again, if nothing happens before.
    fn drive(
        context: &Arc<Context>,
        namespace: &str,
        name: &str,
    ) -> impl Future<Output = Result<Option<Duration>, Error>> + Send;
}

/// The objects of one watch: the store, what fills it, and a way to ask for passes.
pub struct Watch<H: Head> {
    writer: Writer<H>,
    store: Store<H>,
    objects: Api<H>,
    selected: watcher::Config,
    wakes: UnboundedReceiver<Woken>,
}

impl<H: Head> Watch<H> {
    /// Nothing is watched before [`run`].
    #[must_use]
    pub fn new(objects: Api<H>, selected: watcher::Config, wakes: UnboundedReceiver<Woken>) -> Self {
        let (store, writer) = reflector::store();
        Self { writer, store, objects, selected, wakes }
    }

    /// The watched forms.
    #[must_use]
    pub fn store(&self) -> Store<H> {
        self.store.clone()
    }
}

/// Runs the controller until shutdown. Objects are looked at when they change, when their connection
/// changes, when they asked to be, and when somebody else wakes them.
pub async fn run<K: Attended>(
    watch: Watch<K::Head>,
    listener: impl Listener<K::Head>,
    connections: Api<Watched>,
    concurrency: u16,
    context: Arc<Context>,
) {
    let token = context.shutdown.token();
    let Watch { writer, store, objects, selected, mut wakes } = watch;
    let mut intake = Intake::new(listener);
    // Each watch has a pause of its own: one that fails does not slow the others, or the wakes.
    let events = watcher(objects, selected).default_backoff().map_ok(move |event| intake.take_in(event));
    let own = trigger_self(reflector(writer, events).applied_objects(), ());
    let heads = store.clone();
    let mut news = News::default();
    let changed = watcher(connections, watched())
        .default_backoff()
        .try_filter(move |event| std::future::ready(news.is_news(event)))
        .touched_objects();
    let dependent = trigger_with(changed, move |connection| dependents(&heads, &connection));
    let woken = stream::poll_fn(move |task| wakes.poll_recv(task))
        .map(|Woken { namespace, name }| Ok(ObjectRef::new(&name).within(&namespace).into()));
    let triggers = stream::select_all([own.boxed(), dependent.boxed(), woken.boxed()]);
    applier(
        |head, context| Box::pin(reconcile::<K>(head, context)),
        on_error::<K>,
        Arc::clone(&context),
        store,
        triggers.take_until(async move { token.cancelled().await }),
        Config::default().concurrency(concurrency),
    )
    .for_each(|result| {
        if let Err(kube::runtime::controller::Error::ObjectNotFound(reference)) = &result {
            let namespace = reference.namespace.clone().unwrap_or_default();
            let object = Object { kind: K::KIND, namespace, name: reference.name.clone() };
            orphan::follow(&context, &object);
        }
        std::future::ready(())
    })
    .await;
}

fn dependents<H: Head>(objects: &Store<H>, connection: &Watched) -> Vec<ObjectRef<H>> {
    let (name, namespace) = (connection.meta().name.as_deref(), connection.meta().namespace.as_deref());
    objects
        .state()
        .iter()
        .filter(|head| head.meta().namespace.as_deref() == namespace && Some(head.connection()) == name)
        .map(|head| ObjectRef::from_obj(&**head))
        .collect()
}

/// A pass on a task of its own, which ends with the controller.
async fn reconcile<K: Attended>(head: Arc<K::Head>, context: Arc<Context>) -> Result<Action, Error> {
    let task = tokio::spawn(pass::<K>(head, context).in_current_span());
    AbortOnDropHandle::new(task).await.unwrap_or(Err(Error::Panicked))
}

async fn pass<K: Attended>(head: Arc<K::Head>, context: Arc<Context>) -> Result<Action, Error> {
    context.all_listed().await;
    let kind = K::KIND.name();
    let (namespace, name) = (head.namespace().unwrap_or_default(), head.name_any());
    let span = tracing::info_span!("pass", kind, object = %format!("{namespace}/{name}"));
    let started = clock::monotonic();
    let result = guard(K::drive(&context, &namespace, &name).instrument(span.clone()))
        .await
        .unwrap_or(Err(Error::Panicked));
    let outcome = result.as_ref().map_or_else(Error::category, |_| "ok");
    context.metrics.reconciled(kind, outcome, started.elapsed());
    match result {
        Ok(Some(wake)) => Ok(Action::requeue(wake)),
        Ok(None) => Ok(Action::await_change()),
        Err(error) => {
            span.in_scope(|| tracing::warn!(%error, "pass failed"));
            if let Error::Unreadable(why) = &error {
                unreadable::tell::<K>(&context, &namespace, &name, why).instrument(span).await?;
            }
            Err(error)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube-runtime's")]
fn on_error<K: Attended>(head: Arc<K::Head>, error: &Error, context: Arc<Context>) -> Action {
    let uid = head.meta().uid.as_deref().unwrap_or_default();
    match error {
        // Only an edit helps; the long wait covers a repair of the definition.
        Error::Unreadable(_) => Action::requeue(Duration::from_secs(600)),
        Error::Kube(_) | Error::KubeTimeout(_) | Error::Pruned | Error::Restless | Error::Panicked => {
            Action::requeue(context.memory.pass_failed(uid))
        }
    }
}
