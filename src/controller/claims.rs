//! Which object has, wants or sends a user: the index that [`crate::plan::claims`] is filled from.
//!
//! It is fed with every watch event before the watched store is, and keeps fingerprints only, about 30
//! bytes a user. An event costs work for the users of its object, not for all.
//!
//! Guarantees: whoever lost a claim is woken by every later event of the object that it lost to, and an
//! object that has a user in its inventory is woken when another one has it, too. Nothing is polled.
//!
//! Assumptions: watches may be late, and two replicas see different things. Claims are advice; JumpCloud
//! takes a username once, and no status says that a user is ours without evidence.

pub(super) mod claimant;
mod index;
pub(super) mod table;
pub(super) mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use self::claimant::{Asking, Claimant, key};
use self::index::Index;
use super::connections::Connections;
use super::object::Fetched;
use super::wakes::Wakes;
use crate::api::fingerprint;
use crate::api::head::BatchHead;
use crate::api::recording::Kind;
use crate::api::user_batch::JumpCloudUserBatch;
use crate::plan::claims::{Claim, Claims as Planned, Hold};
use crate::users::row::DesiredRow;

/// The claims of all watched objects.
pub struct Claims {
    index: Mutex<Index>,
    wakes: Arc<Wakes>,
}

impl Claims {
    /// No object is known yet. `wakes` reaches those that a change concerns.
    #[must_use]
    pub fn new(wakes: Arc<Wakes>) -> Self {
        Self { index: Mutex::default(), wakes }
    }

    /// What other objects say about users of this object: of its rows, its inventory, and of those that
    /// were `found`, by id.
    pub fn about_object(
        &self,
        object: &Fetched<JumpCloudUserBatch>,
        rows: &[DesiredRow],
        found: &[&str],
        connections: &Connections,
    ) -> Planned {
        let metadata = object.metadata();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let connection = &object.whole.spec.connection_ref.name;
        let status = object.status();
        let organization =
            status.organization_id.clone().or_else(|| connections.organization(namespace, connection));
        let asking = Asking {
            namespace,
            name: metadata.name.as_deref().unwrap_or_default(),
            connection,
            created: metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0),
            organization: organization.as_deref(),
        };
        let ids = status.inventory.iter().map(|entry| entry.id.as_str()).chain(found.iter().copied());
        self.about(asking, rows, ids, |namespace, name| connections.organization(namespace, name))
    }

    /// What other objects say about users of this one: of its `rows`, and of users with these `ids`.
    /// `organization_of` says where a connection leads, when that is known.
    ///
    /// The object is woken when one of the claims found changes.
    fn about<'i>(
        &self,
        asking: Asking<'_>,
        rows: &[DesiredRow],
        ids: impl Iterator<Item = &'i str>,
        organization_of: impl Fn(&str, &str) -> Option<String>,
    ) -> Planned {
        let mut index = self.lock();
        let mut lost_to = Vec::new();
        let mut owners = BTreeMap::new();
        for id in ids {
            let others = index.holding(fingerprint::of_id(id));
            let claims = others.filter_map(|(other, held)| {
                let hands_over = asking.shares(other, &organization_of)?;
                let hold = if held.wanted { Hold::Wanted } else { Hold::LetGo };
                // A user that another namespace has let go is no claim at all.
                (hold == Hold::Wanted || hands_over).then(|| {
                    let state = held.state.map(|state| state.word().to_owned());
                    (asking.claim(other, hold, hands_over, state, false), other)
                })
            });
            if let Some((claim, other)) = claims.max_by_key(|(claim, _)| claim.hold == Hold::Wanted) {
                if claim.hold == Hold::Wanted {
                    lost_to.push(other.key());
                }
                owners.insert(id.to_owned(), claim);
            }
        }
        let mut rivals = BTreeMap::new();
        for row in rows {
            let others =
                index.naming(fingerprint::of_username(&row.username), fingerprint::of_email(&row.email));
            let claims = others.filter_map(|(other, named)| {
                let hands_over = asking.shares(other, &organization_of)?;
                let first = named.held || named.under_way || asking.is_younger_than(other);
                first.then(|| {
                    let claim = asking.claim(other, Hold::Wanted, hands_over, None, named.under_way);
                    ((named.held, claim.older && named.under_way, named.under_way), claim, other)
                })
            });
            if let Some((_, claim, other)) = claims.max_by_key(|(rank, ..)| *rank) {
                lost_to.push(other.key());
                rivals.insert(row.key(), claim);
            }
        }
        index.waiting.waits(&key(asking.namespace, asking.name), lost_to);
        Planned { owners, rivals }
    }

    /// Takes in an object, with the users of its head, which go.
    pub fn observe(&self, head: &mut BatchHead) {
        let users = std::mem::take(&mut head.users);
        let Some(claimant) = Claimant::of(
            &head.metadata,
            &head.spec.connection_ref.name,
            head.status.organization_id.as_deref(),
        ) else {
            return;
        };
        let concerned = self.lock().put(claimant, &users);
        concerned.iter().for_each(|key| self.wake(key));
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        let concerned = self.lock().remove(&key(namespace, name));
        concerned.iter().for_each(|key| self.wake(key));
    }

    fn wake(&self, key: &str) {
        if let Some((namespace, name)) = key.split_once('/') {
            self.wakes.wake(Kind::UserBatch, namespace, name);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking<'_> {
    fn claim(
        &self,
        other: &Claimant,
        hold: Hold,
        hands_over: bool,
        state: Option<String>,
        under_way: bool,
    ) -> Claim {
        Claim {
            holder: self.holder(other),
            hold,
            hands_over,
            state,
            older: self.is_younger_than(other),
            under_way,
        }
    }
}

#[cfg(test)]
mod tests;
