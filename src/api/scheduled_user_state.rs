//! `ScheduledUserState`: users that shall be activated or suspended at a certain time.
//!
//! What the API server refuses is said here, in rules that never fail to evaluate: an error would be told at
//! the root of the object and not at the field. Doubles, and what needs the zone database beyond its names, are
//! left to [`crate::plan::schedule::desired`], which tells the rest again in the same words.

use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{LocalReference, Period};
pub use super::schedule_status::ScheduledUserStateStatus;
use crate::plan::start_time::StartTimeError;
use crate::users::schema::EXACTLY_ONE;

/// What is said of a schedule that names nobody.
pub const NOBODY: &str =
    "users or usersFromBatch is needed; name at least one user or a batch, or delete the object";

/// What is said of mail about a suspension.
pub const NO_ACTIVATION: &str = "activationEmails goes with state Activated alone; take it off";

/// What is said of an address to which nothing is sent.
pub const NOT_SENT: &str = "overrideAddress needs send: true; set it, or take overrideAddress off";

/// What is said of one address for the mail of several users.
pub const ONE_USER: &str =
    "overrideAddress is for one user; name exactly one in users and no batch, or take overrideAddress off";

/// `YYYY-MM-DDThh:mm:ss`, a fraction, an offset.
const FORM: &str =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?$";

/// Days that months have.
const DAY: &str = "^([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))\
    |(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)T";

/// Times of day and offsets that clocks show.
const CLOCK: &str =
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?$";

/// An offset at the end.
const OFFSET: &str = "(Z|[+-][0-9]{2}:[0-9]{2})$";

const START: &str = "self.spec.startTime";

/// A rule about startTime.
fn start(rule: String, why: &StartTimeError) -> Rule {
    Rule::new(rule).message(&*why.to_string()).field_path(".spec.startTime")
}

/// A rule about a startTime of the right form: of another one only that is said.
fn formed(rule: &str, why: &StartTimeError) -> Rule {
    start(format!("!{START}.matches('{FORM}') || {rule}"), why)
}

/// The rule that a duration is one, of a useful length.
fn bounded(field: &str) -> String {
    format!(
        "duration(self.spec.{field}) >= duration('1s') && duration(self.spec.{field}) <= duration('8760h')"
    )
}

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
        .field_path(".spec.connectionRef"),
    validation = Rule::new("!has(self.spec.users) || size(self.spec.users) <= 500")
        .message("users takes at most 500 users; split the list over several objects")
        .field_path(".spec.users"),
    validation = Rule::new("(has(self.spec.users) && size(self.spec.users) > 0) || has(self.spec.usersFromBatch)")
        .message(NOBODY)
        .field_path(".spec.users"),
    validation = start(format!("{START}.matches('{FORM}')"), &StartTimeError::Malformed),
    validation = formed(&format!("({START}.matches('{DAY}') && {START}.matches('{CLOCK}'))"), &StartTimeError::Impossible),
    validation = formed(&format!("!{START}.matches('[.][0-9]*[1-9]')"), &StartTimeError::Fraction),
    validation = formed(&format!("({START} >= '1970' && {START} < '9999-12-31')"), &StartTimeError::OutOfRange),
    validation = formed(&format!("!has(self.spec.timeZone) || !{START}.matches('{OFFSET}')"), &StartTimeError::OffsetAndZone),
    validation = formed(&format!("has(self.spec.timeZone) || {START}.matches('{OFFSET}')"), &StartTimeError::NoZone),
    validation = Rule::new("!has(self.spec.activationEmails) || self.spec.state == 'Activated'")
        .message(NO_ACTIVATION)
        .field_path(".spec.activationEmails"),
    validation = Rule::new("!has(self.spec.activationEmails) || !has(self.spec.activationEmails.overrideAddress) \
        || self.spec.activationEmails.send")
        .message(NOT_SENT)
        .field_path(".spec.activationEmails.overrideAddress"),
    validation = Rule::new("!has(self.spec.activationEmails) || !has(self.spec.activationEmails.overrideAddress) \
        || (has(self.spec.users) && size(self.spec.users) == 1 && !has(self.spec.usersFromBatch))")
        .message(ONE_USER)
        .field_path(".spec.activationEmails.overrideAddress"),
    validation = Rule::new(bounded("startingDeadline"))
        .message("startingDeadline is between 1s and 8760h")
        .field_path(".spec.startingDeadline"),
    validation = Rule::new(bounded("verification.gracePeriod"))
        .message("gracePeriod is between 1s and 8760h")
        .field_path(".spec.verification.gracePeriod")
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
    /// The users, at most 500, each named in exactly one way and only once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2000))]
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
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"))]
    #[x_kube(validation = Rule::new("self != 'Local' && timestamp('2000-06-01T00:00:00Z').getFullYear(self) == 2000")
        .message(&*StartTimeError::UnknownZone.to_string()))]
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
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.id), has(self.username), has(self.email)].filter(x, x).size() == 1")
    .message(EXACTLY_ONE))]
pub struct UserReference {
    /// The username, without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[!-~]+$"))]
    pub username: Option<String>,
    /// The e-mail address, without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"))]
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
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"))]
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
