//! The watched form of a batch: what decides whether it needs a pass, without its users.
//!
//! A watch keeps every object in memory. Rows, results and managedFields, which make up nearly all of
//! a batch, are dropped while the event is decoded; a pass fetches the whole object. What cannot be
//! read reads as absent, so that one odd object does not stop the watch for all; the pass tells.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::common::LocalReference;
use super::user_batch::JumpCloudUserBatch;

/// A `JumpCloudUserBatch` without its users.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchHead {
    /// Name, uid, generation; annotations of our own alone, no managedFields.
    #[serde(deserialize_with = "lean")]
    pub metadata: ObjectMeta,
    /// The watched part of the spec.
    #[serde(default)]
    pub spec: HeadSpec,
    /// The watched part of the status.
    #[serde(default)]
    pub status: HeadStatus,
}

/// The watched part of the spec.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadSpec {
    /// Which connection it uses.
    #[serde(default = "LocalReference::default_connection", deserialize_with = "connection")]
    pub connection_ref: LocalReference,
}

impl Default for HeadSpec {
    fn default() -> Self {
        Self { connection_ref: LocalReference::default_connection() }
    }
}

/// The watched part of the status.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadStatus {
    /// Nonce and job of each request under way.
    #[serde(default, deserialize_with = "lenient")]
    pub submissions: Vec<HeadSubmission>,
}

/// A request under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadSubmission {
    /// Identifies the request.
    #[serde(default)]
    pub nonce: String,
    /// JumpCloud's id of the job.
    #[serde(default, rename = "jobID")]
    pub job_id: Option<String>,
}

fn lenient<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

fn connection<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LocalReference, D::Error> {
    let read: Option<LocalReference> = lenient(deserializer)?;
    Ok(read.unwrap_or_else(LocalReference::default_connection))
}

fn lean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let mut meta = ObjectMeta::deserialize(deserializer)?;
    meta.managed_fields = None;
    meta.labels = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|name, _| name.starts_with(super::GROUP));
    }
    Ok(meta)
}

impl Resource for BatchHead {
    type DynamicType = ();
    type Scope = <JumpCloudUserBatch as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        JumpCloudUserBatch::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        JumpCloudUserBatch::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        JumpCloudUserBatch::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        JumpCloudUserBatch::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_results_and_foreign_annotations_are_dropped() {
        let head: BatchHead = serde_json::from_value(serde_json::json!({
            "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "JumpCloudUserBatch",
            "metadata": {"name": "sales", "managedFields": [{"manager": "kubectl"}], "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "lovelace@example.com",
                "jumpcloud-operator.dev/requested-at": "1"}},
            "spec": {"connectionRef": {"name": "eu"}, "users": [{"username": "lovelace", "email": "lovelace@example.com"}]},
            "status": {"submissions": [{"nonce": "n", "jobID": "j", "members": ["lovelace"]}], "users": [{"username": "lovelace"}]},
        }))
        .unwrap();
        let kept = serde_json::to_string(&head).unwrap();
        assert!(!kept.contains("lovelace"), "{kept}");
        assert!(kept.contains("requested-at") && head.spec.connection_ref.name == "eu");
        assert_eq!(head.status.submissions[0].job_id.as_deref(), Some("j"));
    }

    #[test]
    fn an_odd_object_can_still_be_watched() {
        let head: BatchHead = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "odd"},
            "spec": {"connectionRef": "eu", "users": 7},
            "status": {"submissions": {"nonce": 1}},
        }))
        .unwrap();
        assert_eq!(head.spec.connection_ref.name, "default");
        assert!(head.status.submissions.is_empty());
    }
}
