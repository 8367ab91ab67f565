//! Fetching and patching an object that records its requests.
//!
//! Status is written by merge patch with resourceVersion and only the keys that changed: conditions
//! and fields that this operator does not know survive.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, Patch, PatchParams};
use kube::core::object::HasStatus;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::error::{Error, KUBE_TIMEOUT, is_status, within};
use crate::api::recording::Recording;
use crate::users::clean;

/// The name under which this operator writes.
pub const FIELD_MANAGER: &str = "jumpcloud-operator";

/// An object as it was read, with the size that counts towards its limit.
#[derive(Debug, Clone)]
pub struct Fetched<K> {
    /// All of it.
    pub whole: K,
    /// Bytes of spec and metadata as JSON, managedFields left out.
    pub bytes: usize,
}

/// Reads the whole object; `None` when there is none.
///
/// # Errors
/// When the API server cannot be asked, or the object cannot be read.
pub async fn fetch<K: Recording>(api: &Api<K>, name: &str) -> Result<Option<Fetched<K>>, Error> {
    match within(KUBE_TIMEOUT, api.get_opt(name)).await? {
        Ok(found) => Ok(found.map(Fetched::of)),
        Err(kube::Error::SerdeError(error)) => {
            Err(Error::Unreadable(clean::message(&error.to_string(), None)))
        }
        Err(error) => Err(error.into()),
    }
}

impl<K: Recording> Fetched<K> {
    /// Measures an object.
    #[must_use]
    pub fn of(whole: K) -> Self {
        let metadata = ObjectMeta { managed_fields: None, ..whole.meta().clone() };
        let bytes = size(&metadata) + size(whole.spec());
        Self { whole, bytes }
    }

    /// The metadata.
    #[must_use]
    pub fn metadata(&self) -> &ObjectMeta {
        self.whole.meta()
    }

    /// The status; a new object has an empty one.
    #[must_use]
    pub fn status(&self) -> <K as HasStatus>::Status {
        self.whole.status().cloned().unwrap_or_default()
    }

    /// The uid.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.metadata().uid.as_deref().unwrap_or_default()
    }

    /// The generation.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.metadata().generation.unwrap_or_default()
    }

    /// The resourceVersion.
    #[must_use]
    pub fn version(&self) -> &str {
        self.metadata().resource_version.as_deref().unwrap_or_default()
    }
}

fn size(part: &impl Serialize) -> usize {
    serde_json::to_vec(part).map_or(usize::MAX / 4, |bytes| bytes.len())
}

/// The merge patch that turns one status into another, on exactly that version of the object.
#[must_use]
pub fn status_patch<S: Serialize>(uid: &str, version: &str, old: &S, new: &S) -> Value {
    json!({
        "metadata": {"uid": uid, "resourceVersion": version},
        "status": Value::Object(changed(&keys(old), &keys(new))),
    })
}

fn keys<S: Serialize>(status: &S) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Keys that are new or different, and null for those that are gone.
fn changed(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut patch: Map<String, Value> = new
        .iter()
        .filter(|(key, value)| old.get(*key) != Some(value))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}

/// Every write names this operator as its field manager.
#[must_use]
pub fn written_by_us() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// Writes a status patch.
///
/// # Errors
/// The API server's answer; a time-out of the caller's deadline is the caller's business.
pub async fn patch_status<K: Recording>(api: &Api<K>, name: &str, patch: &Value) -> Result<K, kube::Error> {
    api.patch_status(name, &written_by_us(), &Patch::Merge(patch)).await
}

/// Whether a write was refused because the object has changed since.
#[must_use]
pub fn is_conflict(error: &kube::Error) -> bool {
    is_status(error, 409)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::user_status::JumpCloudUserBatchStatus;

    #[test]
    fn only_what_changed_is_written_and_what_is_gone_is_removed() {
        let old = JumpCloudUserBatchStatus {
            observed_generation: Some(1),
            progress: Some("1/2".to_owned()),
            users_truncated: Some(false),
            ..JumpCloudUserBatchStatus::default()
        };
        let new = JumpCloudUserBatchStatus {
            observed_generation: Some(1),
            progress: Some("2/2".to_owned()),
            ..JumpCloudUserBatchStatus::default()
        };
        assert_eq!(
            status_patch("u", "7", &old, &new),
            json!({
                "metadata": {"uid": "u", "resourceVersion": "7"},
                "status": {"progress": "2/2", "usersTruncated": null},
            })
        );
    }
}
