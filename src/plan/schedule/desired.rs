//! The spec of a schedule, checked: what is wanted, or everything that is wrong with it.

use std::time::Duration;

use jiff::Timestamp;

use super::facts::Key;
use crate::api::scheduled_user_state::{
    DeletionPolicy, MissedPolicy, ScheduledState, ScheduledUserStateSpec, UserReference,
};
use crate::plan::start_time;
use crate::users::check::Problem;

/// Mail about an activation.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Mail {
    /// Nothing is said about it.
    #[default]
    Unsaid,
    /// None.
    None,
    /// To the user.
    User,
    /// To this address.
    Address(String),
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unsaid => "Unsaid",
            Self::None => "None",
            Self::User => "User",
            Self::Address(_) => "Address(..)",
        })
    }
}

/// A schedule's spec, ready to be planned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The users of `spec.users`, in their order; `None` for one that is named in no way or in several.
    pub rows: Vec<Option<Key>>,
    /// The batch whose users are scheduled as well.
    pub batch: Option<String>,
    /// The state.
    pub state: ScheduledState,
    /// The instant; `None` when it could not be told, which is among the problems.
    pub start: Option<Timestamp>,
    /// What JumpCloud is told about mail.
    pub mail: Mail,
    /// What happens to users that were missed.
    pub missed: MissedPolicy,
    /// How long after the instant ApplyNow still acts.
    pub deadline: Duration,
    /// What is undone when the object goes.
    pub deletion: DeletionPolicy,
    /// The most users that may be suspended; `None` without a limit.
    pub max_users: Option<usize>,
    /// How long after the instant a user may take to reach the state.
    pub grace: Duration,
    /// Events are cancelled while true.
    pub paused: bool,
    /// Name of the connection.
    pub connection: String,
    /// Everything wrong with the spec. Nothing is done while there is any, but for a deletion.
    pub problems: Vec<Problem>,
}

/// Checks a spec.
#[must_use]
pub fn desired(spec: &ScheduledUserStateSpec) -> Desired {
    let mut problems = Vec::new();
    let start = match start_time::resolve(&spec.start_time, spec.time_zone.as_deref()) {
        Ok(start) => Some(start.instant),
        Err(error) => {
            problems.push(Problem::of("startTime", error.to_string()));
            None
        }
    };
    let mut period = |place: &str, period: &crate::api::common::Period, instead: u64| {
        period.get().unwrap_or_else(|error| {
            problems.push(Problem::of(place, error.to_string()));
            Duration::from_secs(instead)
        })
    };
    let deadline = period("startingDeadline", &spec.starting_deadline, 3600);
    let grace = period("verification.gracePeriod", &spec.verification.grace_period, 1800);
    let mail = match &spec.activation_emails {
        None => Mail::Unsaid,
        Some(mail) if !mail.send => Mail::None,
        Some(mail) => mail.override_address.clone().map_or(Mail::User, Mail::Address),
    };
    Desired {
        rows: spec.users.iter().map(key).collect(),
        batch: spec.users_from_batch.as_ref().map(|batch| batch.name.clone()),
        state: spec.state,
        start,
        mail,
        missed: spec.missed_policy,
        deadline,
        deletion: spec.deletion_policy,
        max_users: (spec.state == ScheduledState::Suspended)
            .then(|| usize::try_from(spec.guards.max_users).unwrap_or(usize::MAX)),
        grace,
        paused: spec.paused,
        connection: spec.connection_ref.name.clone(),
        problems,
    }
}

fn key(reference: &UserReference) -> Option<Key> {
    match (&reference.id, &reference.username, &reference.email) {
        (Some(id), None, None) => Some(Key::Id(id.clone())),
        (None, Some(username), None) => Some(Key::Username(username.clone())),
        (None, None, Some(email)) => Some(Key::Email(email.clone())),
        _ => None,
    }
}
