//! `ScheduledUserState`: users that shall be activated or suspended at a certain time.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{LocalReference, Period};
pub use super::schedule_status::ScheduledUserStateStatus;

/// Users that shall be activated or suspended at a certain time: scheduled in JumpCloud, cancelled when the
/// object goes before that time, and looked at when it has come.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "jumpcloud-operator.dev",
    version = "v1alpha1",
    kind = "ScheduledUserState",
    plural = "scheduleduserstates",
    namespaced,
    status = "ScheduledUserStateStatus",
    shortname = "jcsus",
    category = "jumpcloud",
    printcolumn(json_path = ".status.conditions[?(@.type=='Ready')].status", name = "Ready", type_ = "string"),
    printcolumn(json_path = ".status.conditions[?(@.type=='Ready')].reason", name = "Status", type_ = "string"),
    printcolumn(json_path = ".spec.state", name = "State", type_ = "string"),
    printcolumn(json_path = ".status.scheduledTime", name = "Time", type_ = "string"),
    printcolumn(json_path = ".status.counts.users", name = "Users", type_ = "integer"),
    printcolumn(json_path = ".status.counts.executed", name = "Executed", type_ = "integer"),
    printcolumn(json_path = ".status.counts.failed", name = "Failed", type_ = "integer"),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date"),
    validation = Rule::new("self.spec.connectionRef == oldSelf.spec.connectionRef")
        .message("connectionRef cannot change; make a new object for another connection")
        .field_path(".spec.connectionRef")
)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledUserStateSpec {
    /// The connection to use, of the same namespace. Cannot change.
    #[serde(default = "LocalReference::default_connection")]
    pub connection_ref: LocalReference,
    /// While true its scheduled changes are cancelled, as a suspended CronJob does not fire; they are
    /// scheduled again afterwards, under missedPolicy when startTime has passed meanwhile.
    #[serde(default)]
    pub paused: bool,
    /// The users, at most 500.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub users: Vec<UserReference>,
    /// And, or instead: every user of this JumpCloudUserBatch of the same namespace. It is waited for
    /// until each of its users has a result; who joins it before startTime is scheduled, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_from_batch: Option<LocalReference>,
    /// The state that the users shall have: Activated or Suspended.
    pub state: ScheduledState,
    /// When: with an offset or Z (2027-01-04T09:00:00+01:00), or a local time together with timeZone.
    /// Whole seconds, from 1970 to 30 December 9999.
    #[schemars(length(min = 19, max = 40))]
    pub start_time: String,
    /// IANA name of the zone of a startTime without offset, such as Europe/Berlin. A time that clocks skip
    /// is moved by what they skip; of one that comes twice it is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
    /// What JumpCloud is told about mail to users that it activates. Nothing is told when omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_emails: Option<ActivationEmails>,
    /// What happens to users that could not be scheduled before startTime and are not in the state.
    #[serde(default)]
    pub missed_policy: MissedPolicy,
    /// ApplyNow acts only so long after startTime, so that an old manifest on a new cluster suspends
    /// nobody.
    #[serde(default = "one_hour")]
    pub starting_deadline: Period,
    /// What happens to scheduled changes when the object is deleted before startTime.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// What stops a plan that is larger than intended.
    #[serde(default)]
    pub guards: ScheduleGuards,
    /// How the outcome is looked at.
    #[serde(default)]
    pub verification: Verification,
}

/// A user, named in exactly one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserReference {
    /// The username, without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub username: Option<String>,
    /// The e-mail address, without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 1024))]
    pub email: Option<String>,
    /// JumpCloud's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9]+$"))]
    pub id: Option<String>,
}

/// A state that users can be scheduled into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ScheduledState {
    /// Users get access.
    Activated,
    /// Users lose access.
    Suspended,
}

impl ScheduledState {
    /// The word in manifests and status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "Activated",
            Self::Suspended => "Suspended",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Activated, Self::Suspended].into_iter().find(|state| state.as_str() == word)
    }

    /// JumpCloud's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Activated => "ACTIVATED",
            Self::Suspended => "SUSPENDED",
        }
    }
}

/// Mail to users that JumpCloud activates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivationEmails {
    /// Whether JumpCloud sends mail.
    pub send: bool,
    /// Where to, instead of the user's own address. Only for an object of one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 1024))]
    pub override_address: Option<String>,
}

/// What happens to users that could not be scheduled before startTime and are not in the state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MissedPolicy {
    /// They are Missed and the object needs a person.
    #[default]
    Fail,
    /// They are brought to the state at once, if startTime was not longer ago than startingDeadline.
    ApplyNow,
    /// They are Missed and nothing is wrong.
    Skip,
}

/// What happens to scheduled changes when the object is deleted before startTime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Those that the object has made are cancelled.
    #[default]
    Cancel,
    /// Those that it found and took over as well. Pauses, edits and users taken off do the same.
    CancelAll,
    /// They stay.
    Retain,
}

/// What stops a plan that is larger than intended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ScheduleGuards {
    /// The most users that are suspended; nobody is scheduled while there are more. No limit for
    /// activations.
    #[schemars(range(min = 0, max = 10_000))]
    pub max_users: u32,
}

impl Default for ScheduleGuards {
    fn default() -> Self {
        Self { max_users: 50 }
    }
}

/// How the outcome is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Verification {
    /// How long after startTime a user may take to reach the state. Looked at three times until then.
    pub grace_period: Period,
}

impl Default for Verification {
    fn default() -> Self {
        Self { grace_period: Period("30m".to_owned()) }
    }
}

fn one_hour() -> Period {
    Period("1h".to_owned())
}
