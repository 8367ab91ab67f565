//! Watches of single Secrets, for those who ask for it: a key that is rotated is then used at once, and not when its
//! connection is looked at next.
//!
//! Guarantees: one Secret is listed and watched by its name, so that a Role restricted by `resourceNames` is enough, and
//! of its metadata alone. What it holds is read by `get`, as without a watch ([`super::credentials`]). Without permission
//! for it, or while the API server does not answer, everything goes on as without a watch.

use std::fmt;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tracing::Instrument;

use super::context::Context;
use super::credentials::version;
use super::error::is_status;
use super::watching::watched;
use crate::api::common::is_object_name;
use crate::runtime::telemetry::RETOLD;
use crate::users::clean;

/// A Secret that is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchedSecret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What a text has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a Secret with its namespace; write NAMESPACE/NAME, such as people/jumpcloud")]
pub struct NotASecret;

impl FromStr for WatchedSecret {
    type Err = NotASecret;

    fn from_str(text: &str) -> Result<Self, NotASecret> {
        let (namespace, name) = text.split_once('/').ok_or(NotASecret)?;
        if !is_object_name(namespace) || namespace.contains('.') || !is_object_name(name) {
            return Err(NotASecret);
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for WatchedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

type Metadata = PartialObjectMeta<Secret>;

/// Watches a Secret until shutdown, and has its connections look at it when it changes.
pub async fn run(secret: WatchedSecret, context: Arc<Context>) {
    let token = context.shutdown.token();
    let api: Api<Metadata> = Api::namespaced(context.client.clone(), &secret.namespace);
    let selected = watched().fields(&format!("metadata.name={}", secret.name));
    let mut events = pin!(watcher(api, selected).default_backoff());
    let mut course = Course::default();
    loop {
        let span = tracing::warn_span!(RETOLD, %secret);
        let event = tokio::select! {
            () = token.cancelled() => return,
            event = events.next().instrument(span) => event,
        };
        let Some(event) = event else { return };
        match course.take_in(event, &secret) {
            News::None => {}
            News::Version(version) => context.connections.notice(&secret.namespace, &secret.name, version),
            News::Refused => context.connections.overlook(&secret.namespace, &secret.name),
        }
    }
}

/// What an event comes to.
#[derive(Debug, PartialEq, Eq)]
enum News {
    None,
    /// The Secret has this version, or is not there.
    Version(Option<String>),
    /// Until somebody grants the permission nobody will tell.
    Refused,
}

/// What one watch has told.
#[derive(Debug, Default)]
struct Course {
    /// The Secret, as the list that is being read has it.
    listed: Option<String>,
    /// It was refused when it was tried last.
    is_refused: bool,
}

impl Course {
    fn take_in(&mut self, event: watcher::Result<Event<Metadata>>, secret: &WatchedSecret) -> News {
        match event {
            Ok(Event::Init) => {
                self.listed = None;
                News::None
            }
            Ok(Event::InitApply(found)) => {
                self.listed = Some(version(&found.metadata));
                News::None
            }
            Ok(Event::InitDone) => {
                self.allowed(secret);
                News::Version(self.listed.take())
            }
            Ok(Event::Apply(found)) => {
                self.allowed(secret);
                News::Version(Some(version(&found.metadata)))
            }
            Ok(Event::Delete(_)) => News::Version(None),
            Err(error) if is_refusal(&error) => {
                self.refused(secret);
                News::Refused
            }
            // The watch goes on where it ended, or lists anew: nothing is missed.
            Err(error) => {
                let error = clean::message(&error.to_string(), None);
                tracing::debug!(%secret, error, "the watch of a Secret was interrupted");
                News::None
            }
        }
    }

    fn allowed(&mut self, secret: &WatchedSecret) {
        if std::mem::take(&mut self.is_refused) {
            tracing::info!(%secret, "the Secret is watched");
        }
    }

    /// Told once, and not each time that it is tried again.
    fn refused(&mut self, secret: &WatchedSecret) {
        if !std::mem::replace(&mut self.is_refused, true) {
            let WatchedSecret { namespace, name } = secret;
            tracing::warn!(
                %secret,
                "the operator may not watch the Secret; allow its ServiceAccount to list and watch Secrets named {name} \
                 in namespace {namespace} (value secrets.watch of the chart), or take --watch-secret={secret} off; until \
                 then it is read as every other"
            );
        }
    }
}

fn is_refusal(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => is_status(error, 403),
        WatchError(status) => status.code == 403,
        NoResourceVersion => false,
    }
}

#[cfg(test)]
mod tests;
