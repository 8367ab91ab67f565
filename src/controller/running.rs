//! Which jobs run for which object, for the case that the object is deleted.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use kube::api::ObjectMeta;

use crate::api::head::BatchHead;
use crate::api::submission::{Phase, Recorded, Submission};
use crate::api::user_status::JumpCloudUserBatchStatus;

/// Jobs under way, by `namespace/name` of their objects.
#[derive(Debug, Default)]
pub struct Running {
    objects: Mutex<HashMap<String, Object>>,
}

/// What is needed to follow the jobs of an object that is gone.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) head: BatchHead,
    pub(super) jobs: Vec<Submission>,
}

impl Running {
    /// Keeps the jobs that an object has under way after a pass.
    pub fn keep(&self, metadata: &ObjectMeta, connection: &str, status: &JumpCloudUserBatchStatus) {
        let jobs: Vec<Submission> = status
            .submissions
            .iter()
            .filter_map(Recorded::known)
            .filter(|s| s.phase == Phase::Accepted)
            .cloned()
            .collect();
        let mut head = BatchHead::default();
        head.metadata.name.clone_from(&metadata.name);
        head.metadata.namespace.clone_from(&metadata.namespace);
        head.metadata.uid.clone_from(&metadata.uid);
        connection.clone_into(&mut head.spec.connection_ref.name);
        let key = key(metadata);
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.is_empty() {
            objects.remove(&key);
        } else {
            objects.insert(key, Object { head, jobs });
        }
    }

    /// Objects with jobs that are not among these.
    pub fn without(&self, names: &BTreeSet<String>) -> Vec<String> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.keys().filter(|name| !names.contains(*name)).cloned().collect()
    }

    pub(super) fn take(&self, object: &str) -> Option<Object> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).remove(object)
    }
}

fn key(metadata: &ObjectMeta) -> String {
    format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    )
}
