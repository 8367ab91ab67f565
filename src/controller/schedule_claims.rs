//! Which schedule claims a change of a user, and which event is whose: the index that
//! [`crate::plan::schedule::facts::Claims`] is filled from.
//!
//! It is fed with every watch event before the watched store is, and by passes with every status that they
//! have committed, and keeps fingerprints only. It also knows which schedules take users from a batch or
//! use a connection, so that nobody looks through all of them.
//!
//! Guarantees: an object is woken when the claims of another one change that it was told about, and when
//! another one begins or ceases to claim a change that it claims, or comes to have an event of it. News that
//! change no claim wake nobody. Nothing is polled. What a pass has committed is not undone by a watch event of
//! an older version.
//!
//! Assumptions: watches may be late, and two replicas see different things. Claims are advice: two objects
//! that schedule the same change at the same moment both get an event, and the younger cancels its own.
//! Versions of one object grow; a control plane that was restored from a backup needs a restart.

mod index;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use self::index::{Index, News, Object};
use super::claims::claimant::{Asking, Claimant, key};
use super::connections::Connections;
use super::scheduled_events::Changes;
use super::turns::Version;
use crate::api::connection::ScheduledEvents;
use crate::api::fingerprint;
use crate::api::head::BatchHead;
use crate::api::schedule_head::ScheduleHead;
use crate::api::scheduled_user_state::{ScheduledState, ScheduledUserState};
use crate::plan::schedule::facts::{Claims as Planned, Listed, Rival};

/// The claims of all watched schedules.
pub struct ScheduleClaims {
    index: Mutex<Index>,
    wake: Box<Wake>,
    changes: Arc<Changes>,
}

/// Lets a pass over the schedule of a namespace and name begin soon.
type Wake = dyn Fn(&str, &str) + Send + Sync;

impl ScheduleClaims {
    /// No object is known yet. `wake` lets a pass over the schedule of that namespace and name begin soon;
    /// `changes`, those of [`Connections::changes`], hear of connections whose events have changed.
    #[must_use]
    pub fn new(wake: impl Fn(&str, &str) + Send + Sync + 'static, changes: Arc<Changes>) -> Self {
        Self { index: Mutex::default(), wake: Box::new(wake), changes }
    }

    /// What other objects say about this change of users of this object, by JumpCloud's ids, and about
    /// events that JumpCloud lists. The object is woken when one of these claims changes, until it asks
    /// again; so it asks about all its users and all that was listed at once.
    pub fn about_object<'i>(
        &self,
        object: &ScheduledUserState,
        change: (ScheduledState, Timestamp),
        users: impl IntoIterator<Item = &'i str>,
        listed: &[Listed],
        connections: &Connections,
    ) -> Planned {
        let metadata = &object.metadata;
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let connection = &object.spec.connection_ref.name;
        let settled = object.status.as_ref().and_then(|status| status.organization_id.clone());
        let organization = settled.or_else(|| connections.organization(namespace, connection));
        let asking = Asking {
            namespace,
            name: metadata.name.as_deref().unwrap_or_default(),
            connection,
            created: metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0),
            organization: organization.as_deref(),
        };
        self.about(asking, change, users, listed, |namespace, name| connections.organization(namespace, name))
    }

    /// `organization_of` says where a connection leads, when that is known.
    fn about<'i>(
        &self,
        asking: Asking<'_>,
        (state, time): (ScheduledState, Timestamp),
        users: impl IntoIterator<Item = &'i str>,
        listed: &[Listed],
        organization_of: impl Fn(&str, &str) -> Option<String>,
    ) -> Planned {
        let mut index = self.lock();
        let shares = |other: &Claimant| asking.shares(other, &organization_of).is_some();
        let mut told_of = Vec::new();
        let mut claims = Planned::default();
        for id in users {
            let others = index.claiming(fingerprint::of_change(id, state, time));
            let oldest = others
                .filter(|(other, _)| shares(other))
                .min_by_key(|(other, _)| (other.created, &other.namespace, &other.name));
            if let Some((other, holds)) = oldest {
                told_of.push(other.key());
                let rival =
                    Rival { holder: asking.holder(other), older: asking.is_younger_than(other), holds };
                claims.rivals.insert(id.to_owned(), rival);
            }
        }
        for row in listed {
            let event = (row.job_id.clone(), row.user_id.clone());
            let mut recording = index.recording(fingerprint::of_event(&row.job_id, &row.user_id));
            if let Some(other) = recording.find(|other| shares(other)) {
                told_of.push(other.key());
                claims.recorded.insert(event);
                continue;
            }
            let minute = row.state.zip(row.time);
            let minute = minute.map(|(state, time)| fingerprint::of_minute(&row.user_id, state, time));
            let mut sending = minute.into_iter().flat_map(|minute| index.sending(minute));
            if let Some(other) = sending.find(|other| shares(other)) {
                told_of.push(other.key());
                claims.sending.insert(event, asking.is_younger_than(other));
            }
        }
        index.waiting.waits(&key(asking.namespace, asking.name), told_of);
        claims
    }

    /// Takes in an object as a watch tells it, with the users of its head, which go.
    pub fn observe(&self, head: &mut ScheduleHead) {
        if let Some(object) = Object::take(head) {
            self.tell(|index| index.put(object));
        }
    }

    /// Takes in an object as a pass has just written it, until the watch tells the same.
    pub fn observe_status(&self, object: &ScheduledUserState) {
        let Some(mut head) = ScheduleHead::of(object) else { return };
        if let Some(object) = Object::take(&mut head) {
            self.tell(|index| index.put_written(object));
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.tell(|index| index.remove(&key(namespace, name)));
    }

    /// Wakes the schedules that take users from a batch, when it is not as it was when they were woken last.
    pub fn batch_changed(&self, head: &BatchHead) {
        let metadata = &head.metadata;
        let (Some(namespace), Some(name)) = (&metadata.namespace, &metadata.name) else { return };
        let version = Version::of(metadata.resource_version.as_deref());
        self.tell(|index| index.batch_changed(&key(namespace, name), Some(version)));
    }

    /// Wakes the schedules that take users from a batch that is gone.
    pub fn batch_gone(&self, namespace: &str, name: &str) {
        self.tell(|index| index.batch_changed(&key(namespace, name), None));
    }

    /// Namespace and name of each schedule that uses a connection.
    #[must_use]
    pub fn of_connection(&self, namespace: &str, name: &str) -> Vec<(String, String)> {
        let index = self.lock();
        let users = index.of_connection(&key(namespace, name));
        users
            .map(|object| (object.claimant.namespace.to_string(), object.claimant.name.to_string()))
            .collect()
    }

    /// The events of a connection that are still to come, from its schedules; `None` without any.
    #[must_use]
    pub fn scheduled_events(&self, namespace: &str, name: &str, now: Timestamp) -> Option<ScheduledEvents> {
        let index = self.lock();
        let mut sum = (0_u32, Timestamp::MAX);
        for users in index.of_connection(&key(namespace, name)).map(|object| &object.users) {
            if let Some(time) = users.time.filter(|time| *time > now && users.events > 0) {
                sum = (sum.0.saturating_add(users.events), sum.1.min(time));
            }
        }
        (sum.0 > 0).then(|| ScheduledEvents { count: sum.0, next_time: Some(sum.1.to_string()) })
    }

    fn tell(&self, change: impl FnOnce(&mut Index) -> News) {
        let News { concerned, connections } = change(&mut self.lock());
        for connection in connections {
            self.changes.note(connection);
        }
        self.wake_all(&concerned);
    }

    fn wake_all(&self, keys: &BTreeSet<String>) {
        for (namespace, name) in keys.iter().filter_map(|key| key.split_once('/')) {
            (self.wake)(namespace, name);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
