//! Objects that are gone leave memory.
//!
//! A controller hears of deletions only when an object was to be looked at again anyway, so the watched
//! stores are compared with what is remembered, every ten seconds. That costs a look at memory and no
//! request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kube::runtime::reflector::Store;

use super::attend::Head;
use super::context::Context;
use super::orphan;
use super::running::Object;
use crate::api::recording::Kind;
use crate::runtime::clock;

/// How often.
const PERIOD: Duration = Duration::from_secs(10);

/// Sweeps until shutdown.
pub async fn run(context: Arc<Context>) {
    let token = context.shutdown.token();
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep_until(clock::monotonic() + PERIOD) => sweep(&context),
        }
    }
}

fn sweep(context: &Arc<Context>) {
    // Before the stores are filled everything would seem to be gone.
    let batches = context.batches.iter().all(is_filled);
    if batches {
        follow_orphans(context, Kind::UserBatch, &context.batches);
    }
    let schedules = context.schedules.iter().all(is_filled);
    if schedules {
        follow_orphans(context, Kind::Schedule, &context.schedules);
    }
    if batches && schedules {
        let uids: BTreeSet<String> =
            uids(&context.batches).into_iter().chain(uids(&context.schedules)).collect();
        context.memory.keep_only(&uids);
        context.gauges.keep_only(&context.metrics, &uids);
    }
    if context.connections.stores_are_filled() {
        context.connections.keep_stored();
    }
    context.connections.measure(&context.metrics);
}

/// Whether a watch has listed its objects.
fn is_filled<H: Head>(store: &Store<H>) -> bool {
    store.wait_until_ready().now_or_never().is_some_and(|ready| ready.is_ok())
}

/// Jobs of objects that are gone.
fn follow_orphans<H: Head>(context: &Arc<Context>, kind: Kind, stores: &[Store<H>]) {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let heads = stores.iter().flat_map(Store::state);
    let present = heads
        .map(|head| Object { kind, namespace: part(&head.meta().namespace), name: part(&head.meta().name) })
        .collect();
    for gone in context.running.without(kind, &present) {
        orphan::follow(context, &gone);
    }
}

fn uids<H: Head>(stores: &[Store<H>]) -> Vec<String> {
    stores.iter().flat_map(Store::state).filter_map(|head| head.meta().uid.clone()).collect()
}
