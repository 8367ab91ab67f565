//! Objects that claim users, and objects that ask: who is older, and who shares users with whom.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::plan::claims::Holder;

/// An object that asks.
#[derive(Debug, Clone, Copy)]
pub(in crate::controller) struct Asking<'a> {
    pub(in crate::controller) namespace: &'a str,
    pub(in crate::controller) name: &'a str,
    pub(in crate::controller) connection: &'a str,
    pub(in crate::controller) created: Timestamp,
    pub(in crate::controller) organization: Option<&'a str>,
}

/// An object that claims users, as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) struct Claimant {
    pub(in crate::controller) namespace: Arc<str>,
    pub(in crate::controller) name: Arc<str>,
    pub(in crate::controller) connection: Arc<str>,
    pub(in crate::controller) created: Timestamp,
    pub(in crate::controller) organization: Option<Arc<str>>,
}

impl Asking<'_> {
    /// Whether the other object's users are of the same organisation; then, whether users are handed over
    /// between the two. `None` also while nobody knows: who may be of another organisation is no rival.
    pub(in crate::controller) fn shares(
        &self,
        other: &Claimant,
        organization_of: impl Fn(&str, &str) -> Option<String>,
    ) -> Option<bool> {
        if (&*other.namespace, &*other.name) == (self.namespace, self.name) {
            return None;
        }
        let same_connection = (&*other.namespace, &*other.connection) == (self.namespace, self.connection);
        let theirs = other
            .organization
            .as_deref()
            .map(str::to_owned)
            .or_else(|| organization_of(&other.namespace, &other.connection));
        match (self.organization, theirs) {
            (Some(ours), Some(theirs)) => (ours == theirs).then_some(same_connection),
            _ => same_connection.then_some(true),
        }
    }

    pub(in crate::controller) fn is_younger_than(&self, other: &Claimant) -> bool {
        (other.created, &*other.namespace, &*other.name) < (self.created, self.namespace, self.name)
    }

    /// Whose it is, as far as the asking object may know.
    pub(in crate::controller) fn holder(&self, other: &Claimant) -> Holder {
        if *other.namespace == *self.namespace { Holder::Neighbour(other.key()) } else { Holder::Stranger }
    }
}

impl Claimant {
    pub(in crate::controller) fn of(
        metadata: &ObjectMeta,
        connection: &str,
        organization: Option<&str>,
    ) -> Option<Self> {
        Some(Self {
            namespace: metadata.namespace.as_deref()?.into(),
            name: metadata.name.as_deref()?.into(),
            connection: connection.into(),
            created: metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0),
            organization: organization.map(Into::into),
        })
    }

    /// `namespace/name`.
    pub(in crate::controller) fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }
}

pub(in crate::controller) fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}
