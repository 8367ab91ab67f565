//! The controller of connections: checks credentials, says what it found.
//!
//! A connection is checked when it is new to this process, when it or its Secret has changed, when a
//! pass has doubts, and slowly while it is bad. A good one that nobody doubts costs nothing.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::api::{Api, Patch};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use tracing::Instrument;

use super::connections::Due;
use super::context::Context;
use super::credentials::{self, Versions};
use super::error::{Error, KUBE_TIMEOUT, within};
use super::events;
use super::object::{is_conflict, status_patch, written_by_us};
use crate::api::condition::{self, Standing, Verdict};
use crate::api::connection::{
    JumpCloudConnection, JumpCloudConnectionStatus, NewUserState, OrganizationStatus,
};
use crate::jumpcloud::client::JumpCloud;
use crate::plan::connection::{self, Finding, assess};
use crate::runtime::clock;
use crate::runtime::guard::guard;
use crate::users::clean;

/// The kind in metrics and logs.
const KIND: &str = "JumpCloudConnection";

/// A refused credential is tried again this many Secret polls later, though nothing has changed.
const RECHECK: u32 = 10;

/// How long the newer object is waited for after a conflict.
const CONFLICT_PAUSE: Duration = Duration::from_secs(1);

/// A connection as watched: one that cannot be decoded does not stop the watch.
pub type Watched = DeserializeGuard<JumpCloudConnection>;

/// Runs the controller until shutdown. Every item of `doubts` makes it look at all connections.
pub async fn run(
    controller: Controller<Watched>,
    doubts: impl Stream<Item = ()> + Send + 'static,
    context: Arc<Context>,
) {
    let token = context.shutdown.token();
    controller
        .reconcile_all_on(doubts)
        .graceful_shutdown_on(async move { token.cancelled().await })
        .run(reconcile, on_error, Arc::clone(&context))
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn reconcile(watched: Arc<Watched>, context: Arc<Context>) -> Result<Action, Error> {
    let reference = ObjectRef::from_obj(&*watched);
    let span = tracing::info_span!("pass", kind = KIND, object = %format!("{}/{}", reference.namespace.as_deref().unwrap_or_default(), reference.name));
    let started = clock::monotonic();
    let pass = async {
        match &watched.0 {
            Ok(connection) => check(connection, &context).await,
            Err(invalid) => Err(Error::Unreadable(clean::message(&invalid.error, None))),
        }
    };
    let result = guard(pass.instrument(span.clone())).await.unwrap_or(Err(Error::Panicked));
    let outcome = result.as_ref().map_or_else(Error::category, |_| "ok");
    context.metrics.reconciled(KIND, outcome, started.elapsed());
    match &result {
        Ok(_) => context.memory.pass_ended(watched.meta().uid.as_deref().unwrap_or_default()),
        Err(error) => span.in_scope(|| tracing::warn!(%error, "pass failed")),
    }
    context.connections.measure(&context.metrics);
    result
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube-runtime's")]
fn on_error(watched: Arc<Watched>, error: &Error, context: Arc<Context>) -> Action {
    match error {
        Error::Unreadable(_) => Action::await_change(),
        Error::Kube(_) | Error::KubeTimeout(_) | Error::Pruned | Error::Restless | Error::Panicked => {
            Action::requeue(context.memory.pass_failed(watched.meta().uid.as_deref().unwrap_or_default()))
        }
    }
}

async fn check(connection: &JumpCloudConnection, context: &Context) -> Result<Action, Error> {
    let recheck = context.secret_poll_interval.saturating_mul(RECHECK);
    let namespace = connection.namespace().unwrap_or_default();
    context.connections.seen(connection);
    let due = context.connections.due(connection, recheck);
    if due == Due::Nothing {
        return Ok(Action::await_change());
    }
    let Some(connection) = as_it_is(connection, context).await? else { return Ok(Action::await_change()) };
    let connection = &*connection;
    let mut asked = None;
    let mut versions = Versions::default();
    let mut version = None;
    let finding = match context.connections.outbound().endpoint(&connection.spec) {
        Err(why) => Finding::Invalid(why),
        Ok(endpoint) => {
            let reading = credentials::read(&context.client, &namespace, &connection.spec).await?;
            if due == Due::CheckIfChanged(reading.versions.clone()) {
                return Ok(unchanged(connection, context));
            }
            versions = reading.versions;
            version = reading.credential.is_ok().then(|| versions.text());
            let client = reading.credential.and_then(|credential| {
                let client = context.connections.client(connection, endpoint, credential);
                client.map_err(Finding::CredentialUnusable)
            });
            match client {
                Err(finding) => finding,
                Ok(client) => {
                    asked = Some(client.0.clone());
                    let finding = ask(&client.0, connection.spec.organization_id.is_some()).await;
                    let assessed = assess(&connection.spec, &finding, &[], clock::now());
                    if let Some(organization) = assessed.organization {
                        let versions = versions.clone();
                        context.connections.usable(connection, client, organization.id, versions);
                    }
                    finding
                }
            }
        }
    };
    let old = connection.status.clone().unwrap_or_default();
    let assessed = assess(&connection.spec, &finding, &old.conditions, clock::now());
    if assessed.organization.is_none() {
        context.connections.unusable(connection, &finding, assessed.verdict.message.clone(), versions);
    }
    let generation = connection.metadata.generation.unwrap_or_default();
    let mut new = JumpCloudConnectionStatus {
        observed_generation: Some(generation),
        conditions: condition::conditions(&old.conditions, &assessed.verdict, generation, clock::now()),
        credential_version: version.or_else(|| old.credential_version.clone()),
        ..old.clone()
    };
    if let (Some(organization), Some(client)) = (assessed.organization, asked) {
        new.organization = Some(organization);
        new.new_user_state = new_user_state(&client, &old, &new).await;
    }
    if !write(connection, &old, &new, &assessed.verdict, context).await? {
        return Ok(Action::requeue(CONFLICT_PAUSE));
    }
    if assessed.verdict.standing != Standing::Done {
        return Ok(again(context));
    }
    // A new object knows nothing of schedules that are older.
    context.connections.changes().note(format!("{namespace}/{}", connection.name_any()));
    Ok(Action::await_change())
}

/// The connection: as watched, or read anew when the watch has not told yet of what this process has written. A check
/// that compares what it found with an older status would leave the newer one there, and nobody would be woken.
/// `None` when it is gone.
async fn as_it_is<'a>(
    watched: &'a JumpCloudConnection,
    context: &Context,
) -> Result<Option<Cow<'a, JumpCloudConnection>>, Error> {
    let (namespace, name) = (watched.namespace().unwrap_or_default(), watched.name_any());
    let told = watched.status.as_ref().map(own).unwrap_or_default();
    if context.connections.said(&namespace, &name).is_none_or(|said| said == told) {
        return Ok(Some(Cow::Borrowed(watched)));
    }
    let api: Api<JumpCloudConnection> = Api::namespaced(context.client.clone(), &namespace);
    Ok(within(KUBE_TIMEOUT, api.get_opt(&name)).await??.map(Cow::Owned))
}

/// What checks write of a status.
fn own(status: &JumpCloudConnectionStatus) -> JumpCloudConnectionStatus {
    JumpCloudConnectionStatus { scheduled_events: None, ..status.clone() }
}

fn again(context: &Context) -> Action {
    Action::requeue(pause(context.secret_poll_interval))
}

/// How long to wait for a look that is over within `interval`: a pass may begin a little late on a busy machine, and
/// reading takes time, too.
fn pause(interval: Duration) -> Duration {
    clock::jittered(interval.mul_f64(0.95)).max(Duration::from_millis(100))
}

/// What a connection waits for whose Secrets are those of its last check.
fn unchanged(connection: &JumpCloudConnection, context: &Context) -> Action {
    let (namespace, name) = (connection.namespace().unwrap_or_default(), connection.name_any());
    context.connections.read_now(&namespace, &name);
    // One that can be used has nothing to wait for.
    if context.connections.organization(&namespace, &name).is_some() {
        return Action::await_change();
    }
    again(context)
}

/// The errors say status and kind without JumpCloud's words: those may repeat what was sent.
/// `named` says that the spec names an organisation, which goes out with every request.
async fn ask(client: &JumpCloud, named: bool) -> Finding {
    match client.organizations().await {
        Ok(found) => Finding::Organizations(
            found
                .into_iter()
                .map(|o| OrganizationStatus { id: o.id, name: o.name.map(|name| clean::cut(&name, 256)) })
                .collect(),
        ),
        Err(error) if error.is_credentials() || error.is_redirect() => {
            Finding::CredentialRefused(error.to_string())
        }
        // JumpCloud answers so when x-org-id is malformed, or names an organisation out of reach.
        Err(error) if named && matches!(error.status(), Some(400 | 404)) => {
            Finding::Organizations(Vec::new())
        }
        Err(error) => Finding::Unreachable(error.to_string()),
    }
}

/// The state of new users in the organisation of `new`. Asked for only while it is not known for this
/// generation and credential, so that a check after a restart stays one request. A connection works
/// without it: nothing rests on it, and a credential may have no right to read it.
async fn new_user_state(
    client: &JumpCloud,
    old: &JumpCloudConnectionStatus,
    new: &JumpCloudConnectionStatus,
) -> Option<NewUserState> {
    let same = old.observed_generation == new.observed_generation
        && old.credential_version == new.credential_version
        && old.organization == new.organization;
    if same && old.new_user_state.is_some() {
        return old.new_user_state.clone();
    }
    match client.organization(&new.organization.as_ref()?.id).await {
        Ok(found) => {
            let states = found.new_user_states?;
            connection::new_user_state(states.csv_import.as_deref(), states.application_import.as_deref())
        }
        Err(error) => {
            tracing::info!(%error, "the state of new users is not known");
            None
        }
    }
}

/// Writes the status, when it says anything new. False after a conflict. What could not be written is remembered:
/// the next pass would otherwise find nothing left to do.
async fn write(
    connection: &JumpCloudConnection,
    old: &JumpCloudConnectionStatus,
    new: &JumpCloudConnectionStatus,
    verdict: &Verdict,
    context: &Context,
) -> Result<bool, Error> {
    if new == old {
        return Ok(true);
    }
    let (namespace, name) = (connection.namespace().unwrap_or_default(), connection.name_any());
    let uid = connection.uid().unwrap_or_default();
    let patch = status_patch(&uid, &connection.resource_version().unwrap_or_default(), old, new);
    let api: Api<JumpCloudConnection> = Api::namespaced(context.client.clone(), &namespace);
    context.connections.says(&namespace, &name, own(new));
    let written =
        within(KUBE_TIMEOUT, api.patch_status(&name, &written_by_us(), &Patch::Merge(&patch))).await;
    if !matches!(written, Ok(Ok(_))) {
        context.connections.untold(&namespace, &name);
    }
    match written? {
        Ok(_) => {}
        // The watch brings the newer object, and with it another pass; or it has brought it before.
        Err(error) if is_conflict(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    events::transition(&context.recorder, connection, &old.conditions, verdict).await;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_over_within_its_interval() {
        let interval = Duration::from_secs(60);
        for _ in 0..1000 {
            let pause = pause(interval);
            assert!((Duration::from_secs(50)..=Duration::from_secs(57)).contains(&pause), "{pause:?}");
        }
    }
}
