//! The watched form of a schedule: what decides whether it needs a pass, without its users.
//!
//! As with batches ([`super::head`]) users, results, events and managedFields are dropped while the
//! event is decoded. What cannot be read reads as absent.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Serialize};

use super::common::LocalReference;
use super::head::{HeadSubmission, connection, lean, lenient, null_is_absent};
use super::scheduled_user_state::ScheduledUserState;

/// A `ScheduledUserState` without its users.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ScheduleHead {
    /// Name, uid, generation, finalizers; annotations of our own alone, no managedFields.
    #[serde(deserialize_with = "lean")]
    pub metadata: ObjectMeta,
    /// The watched part of the spec.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub spec: ScheduleHeadSpec,
    /// The watched part of the status.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub status: ScheduleHeadStatus,
}

/// The watched part of the spec.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleHeadSpec {
    /// Which connection it uses.
    #[serde(default = "LocalReference::default_connection", deserialize_with = "connection")]
    pub connection_ref: LocalReference,
    /// The batch whose users it takes.
    #[serde(default, deserialize_with = "lenient")]
    pub users_from_batch: Option<LocalReference>,
}

impl Default for ScheduleHeadSpec {
    fn default() -> Self {
        Self { connection_ref: LocalReference::default_connection(), users_from_batch: None }
    }
}

/// The watched part of the status.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleHeadStatus {
    /// The organisation its users are in.
    #[serde(default, rename = "organizationID", deserialize_with = "lenient")]
    pub organization_id: Option<String>,
    /// Nonce and job of each request under way.
    #[serde(default, deserialize_with = "lenient")]
    pub submissions: Vec<HeadSubmission>,
}

impl Resource for ScheduleHead {
    type DynamicType = ();
    type Scope = <ScheduledUserState as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        ScheduledUserState::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        ScheduledUserState::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        ScheduledUserState::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        ScheduledUserState::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
