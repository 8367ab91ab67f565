//! Conditions by the rules of kstatus: `Ready` always, `Reconciling` and `Stalled` only while true.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Most bytes of a condition's message: half of what the conventions allow.
pub const MAX_MESSAGE: usize = 16 * 1024;

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

/// Makes [`Reason`] from one list, so that the word, its meaning and the standings it goes with cannot differ.
macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident: $($standing:ident),+;)+) => {
        /// Reasons of conditions. The order of those that need a person is the order in which they are shown.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word in conditions, events and metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it says, for the reference.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($meaning),+).trim_ascii(),)+
                }
            }

            /// The rows of the conditions table that it can stand in.
            #[must_use]
            pub fn standings(self) -> &'static [Standing] {
                match self {
                    $(Self::$name => &[$(Standing::$standing),+],)+
                }
            }
        }
    };
}

reasons! {
    /// Everything is as declared.
    Succeeded: Done;
    /// JumpCloud will change the state of every user at startTime, or has done so.
    Scheduled: Done;
    /// Every user was seen in the state after startTime.
    Executed: Done;
    /// Jobs are under way, or a request without an answer waits for its look-up.
    Progressing: Working;
    /// A failed step is tried again by itself.
    Retrying: Waiting;
    /// JumpCloud, or the connection's own limit, allows no request for more than a minute.
    RateLimited: Waiting;
    /// The connection is missing or not Ready.
    ConnectionNotReady: Waiting;
    /// Some users of the batch have no result yet, or the batch is missing.
    AwaitingUsers: Waiting;
    /// A switch says stop, and there is something to do.
    Paused: Waiting;
    /// The object is being deleted, and what it has scheduled is being cancelled.
    Deleting: Waiting;
    /// The manifest cannot be acted on.
    InvalidSpec: Stalled;
    /// A Secret or a key of it is missing.
    SourceNotFound: Waiting, Stalled;
    /// The plan is larger than a guard allows.
    GuardTripped: Stalled;
    /// A user exists in JumpCloud and is not ours.
    UserConflict: Stalled;
    /// Some users failed for good.
    PartiallyFailed: Stalled;
    /// All users failed for good.
    Failed: Stalled;
    /// JumpCloud refuses the key.
    CredentialsRejected: Stalled;
    /// Another organisation is behind the connection.
    OrgMismatch: Stalled;
    /// Twice the outcome of a request could not be found out.
    SubmissionUnknown: Stalled;
    /// startTime passed before some users were scheduled, and they are not in the state.
    Missed: Stalled;
    /// Some users were scheduled and had not reached the state when the grace period ended.
    NotReached: Stalled;
    /// A newer operator wrote the status.
    NewerVersion: Stalled;
}

impl Verdict {
    /// A verdict. The reason is one that goes with the standing: the reference says so to people.
    #[must_use]
    pub fn new(standing: Standing, reason: Reason, message: impl Into<String>) -> Self {
        debug_assert!(reason.standings().contains(&standing), "{reason:?} does not go with {standing:?}");
        Self { standing, reason, message: message.into() }
    }
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Working, Self::Waiting, Self::Stalled];

    /// The status of Ready, and the condition that is True besides.
    #[must_use]
    pub fn shown(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Done => ("True", None),
            Self::Working => ("Unknown", Some("Reconciling")),
            Self::Waiting => ("False", Some("Reconciling")),
            Self::Stalled => ("False", Some("Stalled")),
        }
    }
}

/// Types that say where an object stands: every kind has them.
const VERDICT: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

/// The conditions that say `verdict`: foreign types stay as they are, transition times stay where a
/// status did not change. Equal input gives an equal list, so that nothing is written for nothing.
#[must_use]
pub fn conditions(old: &[Condition], verdict: &Verdict, generation: i64, now: Timestamp) -> Vec<Condition> {
    conditions_with(old, verdict, &[], &[], generation, now)
}

/// The same, and beside them the types of `extra` (type, reason and message), which are True. Of `ours`,
/// the types that this kind has only while they are true, those that `extra` does not name are taken off.
#[must_use]
pub fn conditions_with(
    old: &[Condition],
    verdict: &Verdict,
    extra: &[(&'static str, &'static str, String)],
    ours: &[&str],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let (ready, second) = verdict.standing.shown();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        let since = old
            .iter()
            .find(|c| c.type_ == kind && c.status == status)
            .map_or_else(|| Time(whole_seconds(now)), |c| c.last_transition_time.clone());
        Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: bounded(message),
            last_transition_time: since,
            observed_generation: Some(generation),
        }
    };
    let standing = [Some(("Ready", ready)), second.map(|kind| (kind, "True"))].into_iter().flatten();
    let mut list: Vec<Condition> = standing
        .map(|(kind, status)| condition(kind, status, verdict.reason.as_str(), &verdict.message))
        .collect();
    list.extend(extra.iter().map(|(kind, reason, message)| condition(kind, "True", reason, message)));
    let made = |kind: &str| {
        VERDICT.contains(&kind) || ours.contains(&kind) || extra.iter().any(|(name, ..)| *name == kind)
    };
    list.extend(old.iter().filter(|c| !made(&c.type_)).cloned());
    list
}

/// At most [`MAX_MESSAGE`] bytes; what was cut shows as an ellipsis.
fn bounded(message: &str) -> String {
    if message.len() <= MAX_MESSAGE {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(MAX_MESSAGE - '…'.len_utf8());
    message.get(..end).unwrap_or_default().to_owned() + "…"
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
    fn a_message_has_its_bytes_and_no_more() {
        for text in ["x".repeat(MAX_MESSAGE), "ü".repeat(MAX_MESSAGE / 2)] {
            assert_eq!(bounded(&text), text);
            let cut = bounded(&(text.clone() + "x"));
            let kept = cut.strip_suffix('…').unwrap();
            assert!(cut.len() <= MAX_MESSAGE && cut.len() > MAX_MESSAGE - 8 && text.starts_with(kept));
        }
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

    #[test]
    fn extra_conditions_are_there_only_while_they_are_true() {
        const EXTRA: [&str; 2] = ["Executed", "Conflicting"];
        let done = Verdict::new(Standing::Done, Reason::Scheduled, "3 users");
        let mut foreign = conditions(&[], &done, 1, at(1));
        foreign[0].type_ = "Audited".to_owned();
        let types = |list: &[Condition]| list.iter().map(|c| c.type_.clone()).collect::<Vec<_>>();
        let conflicting = |message: &str| [("Conflicting", "OtherState", message.to_owned())];
        let first = conditions_with(&foreign, &done, &conflicting("one"), &EXTRA, 1, at(10));
        assert_eq!(types(&first), ["Ready", "Conflicting", "Audited"]);
        let shown = find(&first, "Conflicting").unwrap();
        assert_eq!((shown.status.as_str(), shown.reason.as_str()), ("True", "OtherState"));
        assert_eq!(conditions_with(&first, &done, &conflicting("one"), &EXTRA, 1, at(20)), first);
        let second = conditions_with(&first, &done, &conflicting("two"), &EXTRA, 2, at(30));
        let shown = find(&second, "Conflicting").unwrap();
        assert_eq!((shown.message.as_str(), shown.observed_generation), ("two", Some(2)));
        assert_eq!(shown.last_transition_time, Time(at(10)));
        let executed = [("Executed", "Executed", String::new())];
        let third = conditions_with(&second, &done, &executed, &EXTRA, 2, at(40));
        assert_eq!(types(&third), ["Ready", "Executed", "Audited"]);
        // Another kind's types are as good as foreign ones.
        assert_eq!(types(&conditions(&third, &done, 2, at(50))), ["Ready", "Executed", "Audited"]);
    }
}
