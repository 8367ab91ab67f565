//! What kinds have in common that send requests: their status records each request before it is sent.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::core::object::{HasSpec, HasStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::schedule_status::ScheduledUserStateStatus;
use super::scheduled_user_state::ScheduledUserState;
use super::submission::Recorded;
use super::user_batch::JumpCloudUserBatch;
use super::user_status::JumpCloudUserBatchStatus;

/// The kinds that send requests. Objects of two kinds may have one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `JumpCloudUserBatch`
    UserBatch,
    /// `ScheduledUserState`
    Schedule,
}

impl Kind {
    /// The name of the kind, as manifests and metrics have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserBatch => "JumpCloudUserBatch",
            Self::Schedule => "ScheduledUserState",
        }
    }
}

/// A kind that sends requests.
pub trait Recording:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasSpec<Spec: Serialize>
    + HasStatus<Status: Records>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Which.
    const KIND: Kind;

    /// Name of the connection that the object uses, of its own namespace.
    fn connection(&self) -> &str;
}

/// A status that records requests.
pub trait Records: Debug + Clone + Default + PartialEq + Serialize + Send + Sync {
    /// Requests not yet settled.
    fn submissions(&self) -> &[Recorded];

    /// The conditions.
    fn conditions(&self) -> &[Condition];
}

impl Recording for JumpCloudUserBatch {
    const KIND: Kind = Kind::UserBatch;

    fn connection(&self) -> &str {
        &self.spec.connection_ref.name
    }
}

impl Records for JumpCloudUserBatchStatus {
    fn submissions(&self) -> &[Recorded] {
        &self.submissions
    }

    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

impl Recording for ScheduledUserState {
    const KIND: Kind = Kind::Schedule;

    fn connection(&self) -> &str {
        &self.spec.connection_ref.name
    }
}

impl Records for ScheduledUserStateStatus {
    fn submissions(&self) -> &[Recorded] {
        &self.submissions
    }

    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}
