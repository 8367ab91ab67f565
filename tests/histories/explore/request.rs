//! Requests that operators send, with their fingerprints, and those that arrive after their senders have given
//! them up.

use std::sync::Arc;

use jumpcloud_operator::api::submission::{Operation, Submission};

use super::canon::Canon;
use super::kind::{Kind, Receipt};
use super::object::{Object, Stored};
use crate::clock::Ms;

/// A request that must not be repeated.
#[derive(Debug, Clone)]
pub struct Order {
    /// What it does.
    pub operation: Operation,
    /// Its record.
    pub record: Arc<Submission>,
    /// The object.
    pub uid: u32,
    /// The hash that the record should have.
    pub hash: String,
    /// The body, where it is one of rows.
    pub payload: Arc<[u8]>,
}

impl Order {
    /// The nonce.
    pub fn nonce(&self) -> &str {
        &self.record.nonce
    }

    /// Its fingerprint.
    pub fn put_into(&self, canon: &mut Canon) {
        canon.nonce(self.nonce());
        canon.text(&self.hash);
        canon.word(u64::from(self.uid));
        canon.stamp(Some(self.record.submit_by));
    }
}

/// A request to note what was accepted.
#[derive(Debug, Clone)]
pub struct Note {
    /// Tested: the object's uid.
    pub uid: u32,
    /// The item of `status.submissions`.
    pub index: usize,
    /// Tested: the item's nonce.
    pub nonce: String,
    /// What was accepted.
    pub receipt: Receipt,
    /// When, on the clock of whom it was told.
    pub accepted: jiff::Timestamp,
    /// A resourceVersion that it is refused without; only a wrong operator has one.
    pub version: Option<u32>,
}

impl Note {
    /// Its fingerprint.
    pub fn put_into(&self, live: Option<u32>, canon: &mut Canon) {
        canon.word(u64::from(self.uid));
        canon.count(self.index);
        canon.nonce(&self.nonce);
        canon.stamp(Some(self.accepted));
        canon.text(self.receipt.job_id.as_deref().unwrap_or_default());
        for event in &self.receipt.events {
            canon.text(&event.id);
            canon.text(&event.scheduled_job_id);
        }
        canon.word(self.version.map_or(2, |version| u64::from(live == Some(version))));
    }
}

/// A request on its way.
#[derive(Clone)]
pub enum Request<K: Kind> {
    /// Merge patch of status, refused unless that is the resourceVersion.
    Write(Option<u32>, Arc<Stored<K>>),
    /// A request that must not be repeated.
    Post(Arc<Order>),
    /// JSON patch of what was accepted.
    Record(Arc<Note>),
    /// A request that may be repeated, with the object that it was planned from.
    Call(K::Call, Arc<Object<K>>),
    /// Patch of the finalizer.
    Finalizer(u32, bool),
}

impl<K: Kind> Request<K> {
    /// Its fingerprint.
    pub fn put_into(&self, live: Option<&Arc<Object<K>>>, canon: &mut Canon) {
        let on_live = |version: u32| u64::from(live.is_some_and(|live| live.version == version));
        match self {
            Self::Write(version, status) => {
                canon.word(11);
                canon.word(version.map_or(2, on_live));
                canon.shape(&status.shape);
            }
            Self::Post(order) => {
                canon.word(12);
                order.put_into(canon);
            }
            Self::Record(note) => {
                canon.word(13);
                note.put_into(live.map(|live| live.version), canon);
            }
            Self::Call(call, basis) => {
                canon.word(14);
                K::call_into(call, canon);
                canon.other_object(basis, live);
            }
            Self::Finalizer(version, add) => {
                canon.word(15);
                canon.word(on_live(*version) * 2 + u64::from(*add));
            }
        }
    }
}

/// A request that its sender has given up and that arrives all the same.
#[derive(Clone)]
pub struct Late<K: Kind> {
    /// The request.
    pub request: Request<K>,
    /// It arrives until then.
    pub until: Ms,
}
