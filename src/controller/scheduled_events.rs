//! `status.scheduledEvents` of connections: how many scheduled changes are to come, and when the next is.
//!
//! The sums come from the index of schedules ([`super::schedule_claims`]); JumpCloud is not asked. They are as of
//! the last change of a schedule: that time passes alone writes nothing.
//!
//! Guarantees: a connection is written only when its sums differ from its status, at most every
//! [`PERIOD`]; a change within that time is written at its end. The write touches no other key of the status,
//! and therefore needs no version: the connection's own controller never writes this one. It waits until
//! nothing is due for the connection, because every write of a bad one causes another check of it; the check
//! that finds it good notes it.
//!
//! Assumption: the watch of connections is less than [`PERIOD`] late.

mod news;
mod pace;

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, Patch};
use kube::core::ObjectMeta;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use self::news::News;
use self::pace::Pace;
pub use self::pace::{Changes, PERIOD};
use super::connections::{Connections, Due};
use super::context::Context;
use super::error::{Error, KUBE_TIMEOUT, is_status, within};
use super::object::written_by_us;
use super::schedule_claims::ScheduleClaims;
use crate::api::connection::{JumpCloudConnection, ScheduledEvents};
use crate::runtime::clock;

/// What came of a look at one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// It says so already, or it is gone or bad and will be noted once it is good.
    Same,
    /// It says so now.
    Now,
    /// The API server did not take it: tried again later.
    Failed,
}

/// Keeps the status of connections up to date until shutdown. Every connection is looked at once, after its
/// first check: schedules may have gone while no operator ran.
pub async fn run(context: Arc<Context>) {
    // Sums of half a list would be wrong.
    context.all_listed().await;
    let write = |connection: String| {
        let context = Arc::clone(&context);
        async move {
            match bring_up_to_date(&context, &context.schedule_claims, &connection).await {
                Ok(written) => written,
                Err(error) => {
                    tracing::warn!(%error, connection, "scheduled events of a connection are not written");
                    Written::Failed
                }
            }
        }
    };
    keep(context.connections.changes(), write, context.shutdown.token()).await;
}

/// Lets `write` look at connections, in good time.
async fn keep<F>(changes: &Changes, write: impl Fn(String) -> F, cancelled: CancellationToken)
where
    F: Future<Output = Written>,
{
    let mut pace = Pace::default();
    loop {
        let next = pace.next();
        let due = async {
            match next {
                Some(next) => tokio::time::sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancelled.cancelled() => return,
            noted = changes.take() => {
                let now = clock::monotonic();
                noted.into_iter().for_each(|connection| pace.note(connection, now));
            }
            () = due => {}
        }
        for connection in pace.take(clock::monotonic()) {
            let written = write(connection.clone()).await;
            let now = clock::monotonic();
            match written {
                Written::Same => {}
                Written::Now => pace.written(&connection, now),
                Written::Failed => {
                    pace.written(&connection, now);
                    pace.note(connection, now);
                }
            }
        }
    }
}

async fn bring_up_to_date(
    context: &Context,
    schedules: &ScheduleClaims,
    connection: &str,
) -> Result<Written, Error> {
    let Some((namespace, name)) = connection.split_once('/') else { return Ok(Written::Same) };
    let Some(stored) = context.connections.stored(namespace, name) else { return Ok(Written::Same) };
    if !is_at_rest(&stored, &context.connections) {
        return Ok(Written::Same);
    }
    let events = schedules.scheduled_events(namespace, name, clock::now());
    let old = stored.status.as_ref().and_then(|status| status.scheduled_events.as_ref());
    let Some(patch) = patch(&stored.metadata, old, events.as_ref()) else { return Ok(Written::Same) };
    let api: Api<JumpCloudConnection> = Api::namespaced(context.client.clone(), namespace);
    match within(KUBE_TIMEOUT, api.patch_status(name, &written_by_us(), &Patch::Merge(&patch))).await? {
        Ok(_) => Ok(Written::Now),
        // Gone, or another one of that name.
        Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(Written::Same),
        Err(error) => Err(error.into()),
    }
}

/// Whether the connection is good, says so, and nobody doubts it: then a write of its status causes nothing.
fn is_at_rest(connection: &JumpCloudConnection, connections: &Connections) -> bool {
    let says_so = connection.status.as_ref().is_some_and(|status| {
        status.observed_generation == connection.metadata.generation
            && status.conditions.iter().any(|said| said.type_ == "Ready" && said.status == "True")
    });
    says_so && connections.due(connection, Duration::ZERO) == Due::Nothing
}

/// The merge patch of a connection's status; `None` when it says so already.
fn patch(
    metadata: &ObjectMeta,
    old: Option<&ScheduledEvents>,
    new: Option<&ScheduledEvents>,
) -> Option<Value> {
    (old != new).then(|| json!({"metadata": {"uid": metadata.uid}, "status": {"scheduledEvents": new}}))
}

#[cfg(test)]
mod tests;
