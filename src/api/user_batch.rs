//! `JumpCloudUserBatch`: a list of users that should exist.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{LocalReference, Period};
pub use super::user_status::JumpCloudUserBatchStatus;
use crate::users::row::{UserRow, UserTemplate};

/// A list of users that should exist in JumpCloud with the declared fields. Only declared fields are
/// owned: what is not written is left alone.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "jumpcloud-operator.dev",
    version = "v1alpha1",
    kind = "JumpCloudUserBatch",
    plural = "jumpclouduserbatches",
    namespaced,
    status = "JumpCloudUserBatchStatus",
    shortname = "jcub",
    category = "jumpcloud",
    printcolumn(json_path = ".status.conditions[?(@.type=='Ready')].status", name = "Ready", type_ = "string"),
    printcolumn(json_path = ".status.conditions[?(@.type=='Ready')].reason", name = "Status", type_ = "string"),
    printcolumn(json_path = ".status.progress", name = "Progress", type_ = "string"),
    printcolumn(json_path = ".status.counts.failed", name = "Failed", type_ = "integer"),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date"),
    validation = Rule::new("!has(self.spec.users) || size(self.spec.users) <= 500")
        .message("users takes at most 500 users; split the list over several objects")
        .field_path(".spec.users"),
    validation = Rule::new("self.spec.connectionRef == oldSelf.spec.connectionRef")
        .message("connectionRef cannot change; make a new object for another connection")
        .field_path(".spec.connectionRef"),
    validation = Rule::new("duration(self.spec.jobTimeout) >= duration('1s') && duration(self.spec.jobTimeout) <= duration('8760h')")
        .message("jobTimeout is between 1s and 8760h")
        .field_path(".spec.jobTimeout")
)]
#[serde(rename_all = "camelCase")]
pub struct JumpCloudUserBatchSpec {
    /// The connection to use, of the same namespace. Cannot change.
    #[serde(default = "LocalReference::default_connection")]
    pub connection_ref: LocalReference,
    /// Nothing is written to JumpCloud while true; running jobs are followed to their end.
    #[serde(default)]
    pub paused: bool,
    /// Fields shared by all users; a user's own field wins, attributes are merged name by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<UserTemplate>,
    /// The users, at most 500. Username and e-mail are unique without regard to case.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub users: Vec<UserRow>,
    /// Users of one job, 1 to 800; never above the connection's maxBatchSize.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 1, max = 800))]
    pub batch_size: u32,
    /// Whether JumpCloud is asked not to mail the administrator the results of every job.
    #[serde(default = "yes")]
    pub suppress_results_email: bool,
    /// What JumpCloud is told about where the users come from. It decides the organisation's default
    /// state for users that declare none: csvImport for Bulk, applicationImport for all others.
    #[serde(default)]
    pub creation_source: CreationSource,
    /// What to do with a username or e-mail that exists in JumpCloud already.
    #[serde(default)]
    pub existing_users: ExistingUsers,
    /// How often a failed user is sent again.
    #[serde(default)]
    pub retry: Retry,
    /// How long a job may take before its users are looked up and the missing ones sent again.
    #[serde(default = "default_job_timeout")]
    pub job_timeout: Period,
}

/// Values of JumpCloud's creation-source header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CreationSource {
    /// jumpcloud:bulk
    #[default]
    Bulk,
    /// jumpcloud:gapps
    GApps,
    /// jumpcloud:o365
    O365,
    /// jumpcloud:workday
    Workday,
    /// jumpcloud:scim
    SCIM,
    /// jumpcloud:custom_integration
    CustomIntegration,
}

impl CreationSource {
    /// The header's value.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::Bulk => "jumpcloud:bulk",
            Self::GApps => "jumpcloud:gapps",
            Self::O365 => "jumpcloud:o365",
            Self::Workday => "jumpcloud:workday",
            Self::SCIM => "jumpcloud:scim",
            Self::CustomIntegration => "jumpcloud:custom_integration",
        }
    }
}

/// What to do with users that exist and are not ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExistingUsers {
    /// They are conflicts and are never touched.
    #[default]
    Fail,
}

/// How often a failed user is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Retry {
    /// Sends after the first, per user and row content, for failures that may pass: 10 s after the
    /// job has settled, then 20 s, 40 s and so on, at most 10 min. Requests of unknown outcome count apart.
    #[schemars(range(min = 0, max = 20))]
    pub limit: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { limit: 3 }
    }
}

fn default_batch_size() -> u32 {
    100
}

fn default_job_timeout() -> Period {
    Period("1h".to_owned())
}

fn yes() -> bool {
    true
}
