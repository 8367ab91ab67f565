//! The object, and the versions of it that the API server keeps and a cache may still show.

use std::sync::Arc;

use jumpcloud_operator::api::recording::Records;
use jumpcloud_operator::api::submission::Submission;

use super::canon::Shape;
use super::kind::Kind;

/// A status with its shape.
pub struct Stored<K: Kind> {
    /// The status.
    pub status: K::Status,
    /// What counts of it.
    pub shape: Shape,
}

impl<K: Kind> Stored<K> {
    /// A status with its shape.
    pub fn of(status: K::Status) -> Arc<Self> {
        let shape = Shape::of(&status);
        Arc::new(Self { status, shape })
    }
}

/// The object at one resourceVersion.
pub struct Object<K: Kind> {
    /// Identity; another one after deletion and re-creation.
    pub uid: u32,
    /// Grows with each edit of the spec.
    pub generation: i64,
    /// Grows with each write of anything.
    pub version: u32,
    /// The spec.
    pub spec: Arc<K::Spec>,
    /// Another one for each spec.
    pub spec_tag: u64,
    /// The status.
    pub status: Arc<Stored<K>>,
    /// The object only waits for its finalizer.
    pub deleted: bool,
    /// The finalizer is there.
    pub finalizer: bool,
}

// Not derived: a spec need not be `Clone` for that.
impl<K: Kind> Clone for Object<K> {
    fn clone(&self) -> Self {
        Self { spec: self.spec.clone(), status: self.status.clone(), ..*self }
    }
}

impl<K: Kind> Object<K> {
    /// A new one.
    pub fn new(spec: Arc<K::Spec>, spec_tag: u64, status: K::Status) -> Self {
        Self {
            uid: 1,
            generation: 1,
            version: 0,
            spec,
            spec_tag,
            status: Stored::of(status),
            deleted: false,
            finalizer: false,
        }
    }

    /// A record of the status.
    pub fn record(&self, nonce: &str) -> Option<&Submission> {
        let records = self.status.status.submissions().iter().filter_map(|record| record.known());
        records.into_iter().find(|record| record.nonce == nonce)
    }
}

/// The API server.
#[derive(Clone)]
pub struct Api<K: Kind> {
    /// Versions that a cache may still show, the newest last.
    pub versions: Vec<Arc<Object<K>>>,
    /// Whether the object is there.
    pub there: bool,
    /// The version written last.
    pub last: u32,
}

/// How many versions a stale cache may be behind.
const STALE: usize = 4;

impl<K: Kind> Api<K> {
    /// The object as it is now.
    pub fn live(&self) -> Option<&Arc<Object<K>>> {
        self.versions.last().filter(|_| self.there)
    }

    /// Keeps a new version.
    pub fn keep(&mut self, object: Object<K>) -> Arc<Object<K>> {
        self.last += 1;
        let object = Arc::new(Object { version: self.last, ..object });
        if self.versions.len() > STALE {
            self.versions.remove(0);
        }
        self.versions.push(object.clone());
        object
    }
}
