//! Which events of a connection concern those that use it.
//!
//! Dependents are woken when their connection changes. That its scheduled events have changed is nothing to
//! them, and would wake thousands of them every [`super::PERIOD`].

use std::collections::HashMap;

use kube::Resource;
use kube::core::ObjectMeta;
use kube::runtime::watcher::Event;

use crate::api::connection::JumpCloudConnectionStatus;
use crate::api::fingerprint;
use crate::controller::connection::Watched;

/// The connections of one watch, as they were last told of. To be asked about each event of the watch,
/// before the objects are taken out of it.
#[derive(Debug, Default)]
pub struct News {
    seen: HashMap<String, u64>,
}

impl News {
    /// Whether an event says more than `status.scheduledEvents`.
    #[must_use]
    pub fn is_news(&mut self, event: &Event<Watched>) -> bool {
        match event {
            Event::Init | Event::InitDone => true,
            Event::Delete(connection) => {
                self.seen.remove(&key(connection.meta()));
                true
            }
            Event::Apply(connection) | Event::InitApply(connection) => {
                let key = key(connection.meta());
                match digest(connection) {
                    Some(digest) => self.seen.insert(key, digest) != Some(digest),
                    None => {
                        self.seen.remove(&key);
                        true
                    }
                }
            }
        }
    }
}

fn key(metadata: &ObjectMeta) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}", part(&metadata.namespace), part(&metadata.name))
}

/// Of everything that is watched, but the events to come and what every write changes.
fn digest(connection: &Watched) -> Option<u64> {
    let connection = connection.0.as_ref().ok()?;
    let metadata = ObjectMeta { resource_version: None, managed_fields: None, ..connection.metadata.clone() };
    let status = connection.status.as_ref();
    let status = status.map(|s| JumpCloudConnectionStatus { scheduled_events: None, ..s.clone() });
    let text = serde_json::to_string(&(metadata, &connection.spec, status)).ok()?;
    Some(fingerprint::of(&text))
}
