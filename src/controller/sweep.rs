//! Objects that are gone leave memory.
//!
//! A controller hears of deletions only when an object was to be looked at again anyway, so the watched
//! stores are compared with what is remembered, every ten seconds. That costs a look at memory and no
//! request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::api::ObjectMeta;
use kube::runtime::reflector::Store;

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
    // Before the stores are filled everything would seem to be gone.
    for store in &context.batches {
        tokio::select! {
            () = token.cancelled() => return,
            ready = store.wait_until_ready() => if ready.is_err() { return },
        }
    }
    if !context.connections.stores_are_ready(&token).await {
        return;
    }
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep_until(clock::monotonic() + PERIOD) => sweep(&context),
        }
    }
}

fn sweep(context: &Arc<Context>) {
    let heads: Vec<_> = context.batches.iter().flat_map(Store::state).collect();
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let object = |kind, metadata: &ObjectMeta| Object {
        kind,
        namespace: part(&metadata.namespace),
        name: part(&metadata.name),
    };
    let present = heads.iter().map(|head| object(Kind::UserBatch, &head.metadata)).collect();
    for gone in context.running.without(&present) {
        orphan::follow(context, &gone);
    }
    let uids: BTreeSet<String> = heads.iter().filter_map(|head| head.metadata.uid.clone()).collect();
    context.memory.keep_only(&uids);
    context.gauges.keep_only(&context.metrics, &uids);
    context.connections.keep_stored();
    context.connections.measure(&context.metrics);
}
