//! Which jobs run for which object, for the case that the object is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;

use crate::api::recording::{Kind, Recording, Records};
use crate::api::submission::{Phase, Recorded, Submission};

/// Jobs under way, by their objects.
#[derive(Debug, Default)]
pub struct Running {
    objects: Mutex<BTreeMap<Object, Jobs>>,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What is needed to follow the jobs of an object that is gone.
#[derive(Debug, Clone)]
pub(super) struct Jobs {
    /// The object, for events.
    pub(super) object: ObjectReference,
    /// Name of its connection.
    pub(super) connection: String,
    pub(super) jobs: Vec<Submission>,
}

impl Running {
    /// Keeps the jobs that an object has under way after a pass.
    pub fn keep<K: Recording>(&self, whole: &K) {
        let submissions = whole.status().map(Records::submissions).unwrap_or_default();
        let jobs: Vec<Submission> = submissions
            .iter()
            .filter_map(Recorded::known)
            .filter(|s| s.phase == Phase::Accepted && s.job_id.is_some())
            .cloned()
            .collect();
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let object = Object {
            kind: K::KIND,
            namespace: part(&whole.meta().namespace),
            name: part(&whole.meta().name),
        };
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.is_empty() {
            objects.remove(&object);
        } else {
            let connection = whole.connection().to_owned();
            objects.insert(object, Jobs { object: whole.object_ref(&()), connection, jobs });
        }
    }

    /// Objects of a kind with jobs that are not among these.
    pub fn without(&self, kind: Kind, present: &BTreeSet<Object>) -> Vec<Object> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = objects.keys().filter(|object| object.kind == kind);
        of_kind.filter(|object| !present.contains(*object)).cloned().collect()
    }

    pub(super) fn take(&self, object: &Object) -> Option<Jobs> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).remove(object)
    }
}
