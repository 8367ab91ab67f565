//! The status of `ScheduledUserState`.
//!
//! `events`, `users` and `submissions` decide what happens next and are never truncated. Words are plain text
//! here, not enums: a status that a newer operator wrote must still be readable. No list holds an e-mail
//! address.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::submission::Recorded;
use super::user_status::{LastHandled, never};

/// What the operator knows and did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledUserStateStatus {
    /// The generation the conditions speak of.
    #[serde(default = "never", skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled by the rules of kstatus; Executed and Conflicting while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub conditions: Vec<Condition>,
    /// The organisation the users are in. Set before the first request, never changes.
    #[serde(default, rename = "organizationID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub organization_id: Option<String>,
    /// startTime in UTC: the date of all events that are not superseded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub scheduled_time: Option<String>,
    /// The state that all events lead to that are not superseded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub scheduled_state: Option<String>,
    /// How the users stand now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<ScheduleCounts>,
    /// Scheduled state changes in JumpCloud that this object has made or taken over, until they are
    /// verified or cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10_000))]
    pub events: Vec<EventEntry>,
    /// Every user with its result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000))]
    pub users: Vec<ScheduledUser>,
    /// Requests not yet settled: written before they are sent, so that none is ever sent twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2000))]
    pub submissions: Vec<Recorded>,
    /// Values of annotations that were acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled: Option<LastHandled>,
}

/// A scheduled state change of one user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventEntry {
    /// JumpCloud's id of the user.
    #[schemars(length(max = 64))]
    pub id: String,
    /// JumpCloud's id of the scheduled job, which several users may share.
    #[serde(rename = "scheduledJobID")]
    #[schemars(length(max = 128))]
    pub scheduled_job_id: String,
    /// Created or Adopted.
    #[schemars(length(max = 32))]
    pub origin: String,
    /// The date that JumpCloud keeps, where it is not exactly the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub time: Option<String>,
    /// Replaced, and still to be cancelled: what it would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Superseded>,
    /// It cannot be cancelled: events of others have the same scheduledJobID and would go with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Fields of a newer operator, kept as they are.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// What a replaced event would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Superseded {
    /// The state that it leads to.
    #[schemars(length(max = 32))]
    pub state: String,
    /// When, in UTC.
    #[schemars(length(max = 64))]
    pub time: String,
}

/// How the users stand now: not sums over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ScheduleCounts {
    /// Users declared.
    pub users: u32,
    /// Users whose change JumpCloud has accepted and not made yet.
    pub scheduled: u32,
    /// Users that were seen in the state.
    pub executed: u32,
    /// Users that failed, were missed or did not reach the state.
    pub failed: u32,
    /// Users that do not exist.
    pub not_found: u32,
}

/// The result of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledUser {
    /// Its index in spec.users; absent for a user of the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The username, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub username: Option<String>,
    /// JumpCloud's id, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,
    /// Fingerprint of the declared e-mail address with the object's uid: tells which row this is without
    /// keeping the address. For comparing, not for hiding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reference: Option<String>,
    /// Pending, Scheduled, Executed, NotFound, Missed, NotReached, Failed, Conflict or Held.
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
    /// Requests for this change whose outcome could not be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_sends: Option<u32>,
    /// When the user is tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub retry_time: Option<String>,
}

/// Where an event comes from.
pub mod origin {
    use crate::api::words::words;

    words! {
        /// All of them.
        ALL {
            /// This object has made it.
            CREATED = "Created";
            /// It was there already, and equal.
            ADOPTED = "Adopted";
        }
    }
}

/// Conditions of a schedule beside those that say where it stands. Each is there only while it is True.
pub mod condition_type {
    use crate::api::words::words;

    words! {
        /// All of them.
        ALL {
            /// Every user was seen in the state after startTime. Stays until the spec changes.
            EXECUTED = "Executed";
            /// Something in JumpCloud or in another object stands against this schedule: a change to the other
            /// state at the same instant, the same change of an older object, a scheduled job that is shared with
            /// changes of others, or a change that was taken over and is left where it is. Ready does not follow
            /// from it.
            CONFLICTING = "Conflicting";
        }
    }

    /// Their names.
    pub const NAMES: [&str; 2] = [EXECUTED, CONFLICTING];
}

/// Results of a schedule's user.
pub mod result {
    use crate::api::words::words;

    words! {
        /// All of them.
        ALL {
            /// Not scheduled yet.
            PENDING = "Pending";
            /// JumpCloud will change the state at startTime.
            SCHEDULED = "Scheduled";
            /// Seen in the state after startTime.
            EXECUTED = "Executed";
            /// There is no such user.
            NOT_FOUND = "NotFound";
            /// Not scheduled before startTime, and not in the state.
            MISSED = "Missed";
            /// Scheduled, and not in the state when the grace period ended.
            NOT_REACHED = "NotReached";
            /// JumpCloud refused the change, or its outcome could not be found out.
            FAILED = "Failed";
            /// Another object schedules the same change.
            CONFLICT = "Conflict";
            /// A guard, a pause or the connection's protection holds the change back.
            HELD = "Held";
        }
    }
}

/// Reasons of a schedule's user.
pub mod reason {
    use crate::api::words::words;

    words! {
        /// All of them.
        ALL {
            /// JumpCloud refused the change.
            REJECTED = "Rejected";
            /// Twice the outcome of a request was unknown and no event was found.
            SUBMISSION_UNKNOWN = "SubmissionUnknown";
            /// Another object schedules the same change.
            MANAGED_ELSEWHERE = "ManagedElsewhere";
            /// The connection protects the user.
            USER_PROTECTED = "UserProtected";
            /// The object is paused.
            PAUSED = "Paused";
            /// The plan is larger than a guard allows.
            GUARD_TRIPPED = "GuardTripped";
            /// The event was removed in JumpCloud; it is scheduled again.
            REMOVED_ELSEWHERE = "RemovedElsewhere";
            /// An event that is not this object's leads to the other state at the same instant.
            CONTRADICTED = "Contradicted";
            /// JumpCloud took a change at once and did not make it; it is made by a request for this user alone.
            STATE_NOT_TAKEN = "StateNotTaken";
            /// The user that the batch has recorded has another username in JumpCloud.
            IDENTITY_CHANGED = "IdentityChanged";
        }
    }
}
