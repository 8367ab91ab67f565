//! Conditions by the rules of kstatus: `Ready` always, `Reconciling` and `Stalled` only while true.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Most bytes of a condition's message: half of what the conventions allow, in characters of any size.
pub const MAX_MESSAGE: usize = 16 * 1024 / 4;

/// What an object's status comes down to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which row of the conditions table.
    pub standing: Standing,
    /// Reason of all conditions.
    pub reason: Reason,
    /// What happened and what to do.
    pub message: String,
}

/// The rows of the conditions table of the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing left to do: Ready is True.
    Done,
    /// Something is under way: Ready is Unknown, Reconciling is True.
    Working,
    /// Waits for what may come without an edit: Ready is False, Reconciling is True.
    Waiting,
    /// Needs a person: Ready is False, Stalled is True.
    Stalled,
}

/// Reasons of conditions. The order of those that need a person is the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Everything is as declared.
    Succeeded,
    /// Jobs are under way.
    Progressing,
    /// A failed step is tried again by itself.
    Retrying,
    /// JumpCloud asks for fewer requests.
    RateLimited,
    /// The connection is missing or not Ready.
    ConnectionNotReady,
    /// A switch says stop.
    Paused,
    /// The manifest cannot be acted on.
    InvalidSpec,
    /// A Secret or a key of it is missing.
    SourceNotFound,
    /// A user exists in JumpCloud and is not ours.
    UserConflict,
    /// Some users failed for good.
    PartiallyFailed,
    /// All users failed for good.
    Failed,
    /// JumpCloud refuses the key.
    CredentialsRejected,
    /// Another organisation is behind the connection.
    OrgMismatch,
    /// Twice the outcome of a request could not be found out.
    SubmissionUnknown,
    /// A newer operator wrote the status.
    NewerVersion,
}

impl Reason {
    /// The word in conditions, events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Progressing => "Progressing",
            Self::Retrying => "Retrying",
            Self::RateLimited => "RateLimited",
            Self::ConnectionNotReady => "ConnectionNotReady",
            Self::Paused => "Paused",
            Self::InvalidSpec => "InvalidSpec",
            Self::SourceNotFound => "SourceNotFound",
            Self::UserConflict => "UserConflict",
            Self::PartiallyFailed => "PartiallyFailed",
            Self::Failed => "Failed",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::OrgMismatch => "OrgMismatch",
            Self::SubmissionUnknown => "SubmissionUnknown",
            Self::NewerVersion => "NewerVersion",
        }
    }
}

impl Verdict {
    /// A verdict.
    #[must_use]
    pub fn new(standing: Standing, reason: Reason, message: impl Into<String>) -> Self {
        Self { standing, reason, message: message.into() }
    }
}

const OURS: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

/// The conditions that say `verdict`: foreign types stay as they are, transition times stay where a
/// status did not change. Equal input gives an equal list, so that nothing is written for nothing.
#[must_use]
pub fn conditions(old: &[Condition], verdict: &Verdict, generation: i64, now: Timestamp) -> Vec<Condition> {
    let (ready, second) = match verdict.standing {
        Standing::Done => ("True", None),
        Standing::Working => ("Unknown", Some("Reconciling")),
        Standing::Waiting => ("False", Some("Reconciling")),
        Standing::Stalled => ("False", Some("Stalled")),
    };
    let condition = |kind: &str, status: &str| {
        let message = crate::users::clean::cut(&verdict.message, MAX_MESSAGE);
        let since = old
            .iter()
            .find(|c| c.type_ == kind && c.status == status)
            .map_or_else(|| Time(whole_seconds(now)), |c| c.last_transition_time.clone());
        Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: verdict.reason.as_str().to_owned(),
            message,
            last_transition_time: since,
            observed_generation: Some(generation),
        }
    };
    let mut list = vec![condition("Ready", ready)];
    list.extend(second.map(|kind| condition(kind, "True")));
    list.extend(old.iter().filter(|c| !OURS.contains(&c.type_.as_str())).cloned());
    list
}

/// The condition of that type.
#[must_use]
pub fn find<'a>(list: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    list.iter().find(|c| c.type_ == kind)
}

/// The API server keeps points in time without fractions of a second.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn transition_times_move_only_when_a_status_changes() {
        let working = Verdict::new(Standing::Working, Reason::Progressing, "creating users");
        let first = conditions(&[], &working, 1, at(10));
        assert_eq!(first.iter().map(|c| c.type_.as_str()).collect::<Vec<_>>(), ["Ready", "Reconciling"]);
        assert_eq!(conditions(&first, &working, 1, at(20)), first);
        let waiting = Verdict::new(Standing::Waiting, Reason::Retrying, "again later");
        let second = conditions(&first, &waiting, 1, at(30));
        assert_eq!(find(&second, "Ready").unwrap().last_transition_time, Time(at(30)));
        assert_eq!(find(&second, "Reconciling").unwrap().last_transition_time, Time(at(10)));
    }

    #[test]
    fn foreign_conditions_survive() {
        let mut foreign = conditions(&[], &Verdict::new(Standing::Done, Reason::Succeeded, ""), 1, at(1));
        foreign[0].type_ = "Audited".to_owned();
        let list = conditions(&foreign, &Verdict::new(Standing::Stalled, Reason::Failed, "x"), 2, at(2));
        assert_eq!(
            list.iter().map(|c| c.type_.as_str()).collect::<Vec<_>>(),
            ["Ready", "Stalled", "Audited"]
        );
    }
}
