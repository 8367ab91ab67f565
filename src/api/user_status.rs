//! The status of `JumpCloudUserBatch`.
//!
//! `inventory`, `failures` and `submissions` decide what happens next and are never truncated;
//! `users` and `jobs` are for people and decide nothing. Words are plain text here, not enums: a
//! status that a newer operator wrote must still be readable.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::submission::Recorded;

/// What the operator knows and did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JumpCloudUserBatchStatus {
    /// The generation the conditions speak of.
    #[serde(default = "never", skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled by the rules of kstatus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub conditions: Vec<Condition>,
    /// The organisation the users are in. Set before the first request, never changes.
    #[serde(default, rename = "organizationID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub organization_id: Option<String>,
    /// Every user that is ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4000))]
    pub inventory: Vec<InventoryEntry>,
    /// Users whose last send failed, or that exist and are not ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4000))]
    pub failures: Vec<Failure>,
    /// How the list stands now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Users with a result out of users declared, such as 37/100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub progress: Option<String>,
    /// Requests not yet settled: written before they are sent, so that none is ever sent twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2000))]
    pub submissions: Vec<Recorded>,
    /// The ten jobs that settled last, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub jobs: Vec<SettledJob>,
    /// The result of each user: failures and conflicts first, then pending, then successes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4000))]
    pub users: Vec<UserStatus>,
    /// True when `users` had no room for every user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_truncated: Option<bool>,
    /// Values of annotations that were acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled: Option<LastHandled>,
}

/// The generation before the first: kstatus calls a new object current without it.
#[expect(clippy::unnecessary_wraps, reason = "serde's default has the type of the field")]
pub(crate) fn never() -> Option<i64> {
    Some(-1)
}

/// A user that is ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// The username as declared.
    #[schemars(length(max = 1024))]
    pub username: String,
    /// JumpCloud's id of the user.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Hash of the row as last applied; empty while the row is applied in part only.
    #[schemars(length(max = 64))]
    pub hash: String,
    /// The declared state that was applied last: it is written again when another one is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub state: Option<String>,
    /// Hash of the row of which a job has applied all that jobs take, while fields are left that need
    /// requests of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub sent: Option<String>,
    /// Since when the list does not have the user any more: it is ours in name only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub removal_time: Option<String>,
    /// How the user came to be as declared: Updated, Unchanged or Adopted; absent for Created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub result: Option<String>,
    /// Fields of a newer operator, kept as they are.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// A user whose last send failed, or who is in conflict.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The username as declared.
    #[schemars(length(max = 1024))]
    pub username: String,
    /// Hash of the row that failed: another row starts anew.
    #[schemars(length(max = 64))]
    pub hash: String,
    /// Why, one of the reasons of a user.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Sends that failed.
    pub attempts: u32,
    /// When the user is sent again by itself; absent when that needs a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub retry_time: Option<String>,
    /// Sends whose outcome could not be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_sends: Option<u32>,
    /// When the first of these was intended: a user created since is ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub unknown_time: Option<String>,
}

/// How the list stands now: not sums over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Counts {
    /// Users declared.
    pub desired: u32,
    /// Users that this object created and had no need to update.
    pub created: u32,
    /// Users that an update brought to their row.
    pub updated: u32,
    /// Users that existed and were taken over.
    pub adopted: u32,
    /// Users that were looked at after an edit and needed nothing.
    pub unchanged: u32,
    /// Users without a final result yet.
    pub pending: u32,
    /// Users that failed for good.
    pub failed: u32,
    /// Users that exist in JumpCloud and are not ours.
    pub conflicts: u32,
    /// Users that were taken off the list and left as they are.
    pub retained: u32,
}

/// A job that has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettledJob {
    /// JumpCloud's id of the job; absent when it never became known.
    #[serde(default, rename = "jobID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub job_id: Option<String>,
    /// Create or Update.
    #[schemars(length(max = 32))]
    pub operation: String,
    /// Users sent.
    pub users: u32,
    /// Users that are as sent.
    pub succeeded: u32,
    /// Users that are not.
    pub failed: u32,
    /// When the request was intended.
    #[schemars(length(max = 64))]
    pub submission_time: String,
    /// When the results were complete.
    #[schemars(length(max = 64))]
    pub completion_time: String,
}

/// The result of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserStatus {
    /// The username as declared.
    #[schemars(length(max = 1024))]
    pub username: String,
    /// JumpCloud's id of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,
    /// Pending, Created, Updated, Unchanged, Adopted, Failed or Conflict.
    #[schemars(length(max = 32))]
    pub result: String,
    /// Why, where the result alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// What happened, in JumpCloud's words where it has any, cleaned of personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// The job that brought the result.
    #[serde(default, rename = "jobID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub job_id: Option<String>,
    /// JumpCloud's state of the user when it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub live_state: Option<String>,
}

/// Values of annotations that were acted on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastHandled {
    /// Value of the annotation requested-at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub requested_at: Option<String>,
    /// Value of the annotation retry-failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub retry_failed: Option<String>,
    /// Value of the annotation resolve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub resolve: Option<String>,
}

/// Results of a user.
pub mod result {
    use crate::api::words::words;

    words! {
        /// All of them.
        ALL {
            /// No final result yet.
            PENDING = "Pending";
            /// Exists, made by this object.
            CREATED = "Created";
            /// Ours, and brought to its row by an update.
            UPDATED = "Updated";
            /// Ours, and needed nothing after an edit.
            UNCHANGED = "Unchanged";
            /// Existed, and was taken over.
            ADOPTED = "Adopted";
            /// Failed for good.
            FAILED = "Failed";
            /// Exists and is not ours.
            CONFLICT = "Conflict";
        }
    }
}

/// Reasons of a user.
pub mod reason {
    use crate::api::words::words;

    /// Whether a user with this reason is somebody else's.
    #[must_use]
    pub fn is_conflict(reason: &str) -> bool {
        matches!(reason, ALREADY_EXISTS | MANAGED_ELSEWHERE)
    }

    words! {
        /// All of them.
        ALL {
            /// The outcome of a request was unknown; the user was found afterwards.
            ADOPTED_AFTER_UNKNOWN = "AdoptedAfterUnknown";
            /// Twice the outcome of a request was unknown and the user was not found.
            SUBMISSION_UNKNOWN = "SubmissionUnknown";
            /// Username or e-mail belong to a user that is not ours.
            ALREADY_EXISTS = "AlreadyExists";
            /// JumpCloud refused the row.
            REJECTED = "Rejected";
            /// The user does not exist and no result row could be told to be its own.
            ROW_NOT_ATTRIBUTED = "RowNotAttributed";
            /// The job reported success, the user never appeared.
            NOT_CREATED = "NotCreated";
            /// The job did not end in time.
            JOB_TIMED_OUT = "JobTimedOut";
            /// JumpCloud kept other values than were sent, twice.
            FIELD_NOT_TAKEN = "FieldNotTaken";
            /// The declared manager does not exist.
            MANAGER_NOT_FOUND = "ManagerNotFound";
            /// Another object has the user.
            MANAGED_ELSEWHERE = "ManagedElsewhere";
            /// The connection protects the user.
            USER_PROTECTED = "UserProtected";
            /// The user of the recorded id has neither the declared username nor the declared e-mail address.
            IDENTITY_CHANGED = "IdentityChanged";
        }
    }
}
