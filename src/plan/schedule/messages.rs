//! Texts that people read about schedules. Constant in wording, without anything that changes by itself, so
//! that repeating a decision writes nothing; no e-mail address in any of them.

use super::change::Change;
use crate::api::scheduled_user_state::MissedPolicy;
use crate::plan::amount::{count, part_of, verb};
use crate::plan::claims::Holder;

/// A user that was not scheduled before startTime.
#[must_use]
pub fn missed(change: Change, policy: MissedPolicy) -> String {
    let what = format!("startTime {} had passed and the user is not {}", change.time, change.state.as_str());
    match policy {
        MissedPolicy::Fail => format!("{what}; set a later startTime, or missedPolicy: ApplyNow"),
        MissedPolicy::ApplyNow => format!("{what}; startingDeadline is over: set a later startTime"),
        MissedPolicy::Skip => format!("{what}; skipped, as missedPolicy says"),
    }
}

/// A user that is not in the state when the grace period has ended.
#[must_use]
pub fn not_reached(live: Option<&str>) -> String {
    // JumpCloud's word may be anything.
    let known = ["STAGED", "ACTIVATED", "SUSPENDED"]
        .into_iter()
        .find(|word| live.is_some_and(|live| live.eq_ignore_ascii_case(word)));
    format!(
        "the user is {} in JumpCloud after the change was due; look at it there, then set annotation \
         jumpcloud-operator.dev/requested-at to have it looked at again",
        known.unwrap_or("in another state")
    )
}

/// The connection protects the user.
#[must_use]
pub fn protected() -> String {
    "the connection's protectedUsers protect the user; take it off this list or off the connection's"
        .to_owned()
}

/// The user that the batch has recorded is another one than it declares.
#[must_use]
pub fn identity_changed() -> String {
    "the user that the batch has recorded has another username in JumpCloud and is left alone; name the user in \
     spec.users, or restore the username, then set annotation jumpcloud-operator.dev/retry-failed"
        .to_owned()
}

/// Another object schedules the same change.
#[must_use]
pub fn scheduled_elsewhere(holder: &Holder) -> String {
    let holder = match holder {
        Holder::Neighbour(name) => name.clone(),
        Holder::Stranger => "an object in another namespace".to_owned(),
    };
    format!("the same change is scheduled by {holder}; take the user off one of the two")
}

/// Another object goes first with the same change, and has not scheduled it yet.
#[must_use]
pub fn awaited_elsewhere(users: usize) -> String {
    format!(
        "{} {} for another object that is older and has the same change to schedule; see status.users, take {} off \
         one of the two",
        count(users, "user"),
        verb(users, "waits", "wait"),
        verb(users, "the user", "them"),
    )
}

/// An event was removed by somebody else.
#[must_use]
pub fn removed_elsewhere() -> String {
    "the event was removed in JumpCloud, scheduled again".to_owned()
}

/// The other state is scheduled for the same instant.
#[must_use]
pub fn contradicted() -> String {
    "the other state is scheduled for the same time by an event that is not this object's; which of the two \
     JumpCloud makes is not known: remove one of them"
        .to_owned()
}

/// Two requests without an answer, and no event.
pub const SUBMISSION_UNKNOWN: &str = "two requests for this change got no answer and no event appeared; check \
    JumpCloud, then set annotation jumpcloud-operator.dev/retry-failed";

/// One request without an answer, and no event.
pub const UNKNOWN_ONCE: &str = "a request for this change got no answer and no event appeared; sent again";

/// Users that could not be scheduled, of whom `missing` do not exist.
#[must_use]
pub fn failed(failed: usize, total: usize, missing: &[String]) -> String {
    let missing = match missing {
        [] => String::new(),
        some => format!(" (not in JumpCloud: {})", named(some)),
    };
    let users = part_of(failed, total, "user");
    format!("{users} could not be scheduled{missing}; see status.users, correct the list")
}

/// Users that were not scheduled before startTime.
#[must_use]
pub fn not_scheduled(
    time: &str,
    (missed, total): (usize, usize),
    policy: MissedPolicy,
    executed: usize,
) -> String {
    format!(
        "startTime {time} had passed, {} {} not scheduled (missedPolicy {policy:?}); already in the state: \
         {executed}; set a later startTime",
        part_of(missed, total, "user"),
        verb(missed, "was", "were"),
    )
}

/// Users that are not in the state when the grace period has ended.
#[must_use]
pub fn not_in_state(missing: usize, total: usize) -> String {
    format!(
        "{} {} not in the state after startTime and the grace period; see status.users and JumpCloud",
        part_of(missing, total, "user"),
        verb(missing, "is", "are"),
    )
}

/// All users are in the state.
#[must_use]
pub fn executed(users: usize, state: &str) -> String {
    format!("{} {} {state}", count(users, "user"), verb(users, "is", "are"))
}

/// All users were seen in the state.
#[must_use]
pub fn seen(users: usize, state: &str) -> String {
    format!("{} {} seen {state}", count(users, "user"), verb(users, "was", "were"))
}

/// The first ten, and how many more.
#[must_use]
pub fn named(users: &[String]) -> String {
    const SHOWN: usize = 10;
    let first = users.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match users.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// A guard holds users back.
#[must_use]
pub fn guard_tripped(limit: usize, users: usize) -> String {
    format!(
        "guards.maxUsers is {limit}, the object names {}; raise it, or take users off the list",
        count(users, "user")
    )
}

/// The batch does not exist.
#[must_use]
pub fn batch_missing(name: &str) -> String {
    format!("JumpCloudUserBatch {name} does not exist; create it, or correct usersFromBatch")
}

/// The batch has users without a result.
#[must_use]
pub fn batch_awaited(name: &str, awaiting: usize) -> String {
    format!(
        "{} of JumpCloudUserBatch {name} {} no result yet; {} change is scheduled afterwards",
        count(awaiting, "user"),
        verb(awaiting, "has", "have"),
        verb(awaiting, "its", "their"),
    )
}

/// The batch is of another organisation.
#[must_use]
pub fn batch_elsewhere(name: &str) -> String {
    format!(
        "the users of JumpCloudUserBatch {name} are in another organisation; use the connection that it uses"
    )
}

/// Events of a deleted object wait to be cancelled.
#[must_use]
pub fn deleting(events: usize, why: &str) -> String {
    let (changes, wait) = (count(events, "scheduled change"), verb(events, "waits", "wait"));
    format!("{changes} {wait} to be cancelled before the object goes: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scheduled_user_state::ScheduledState;

    #[test]
    fn messages_say_what_to_do() {
        let change =
            Change { state: ScheduledState::Suspended, time: "2027-01-04T08:00:00Z".parse().unwrap() };
        for (text, advice) in [
            (missed(change, MissedPolicy::Fail), "set a later startTime"),
            (missed(change, MissedPolicy::ApplyNow), "startingDeadline"),
            (not_reached(Some("ACTIVATED")), "is ACTIVATED"),
            (not_reached(Some("<b>")), "another state"),
            (protected(), "protectedUsers"),
            (scheduled_elsewhere(&Holder::Stranger), "take the user off"),
            (contradicted(), "remove one"),
            (awaited_elsewhere(2), "take them off"),
            (SUBMISSION_UNKNOWN.to_owned(), "retry-failed"),
            (guard_tripped(50, 60), "raise it"),
            (failed(2, 3, &["ada".to_owned()]), "not in JumpCloud: ada); see"),
            (failed(1, 3, &[]), "correct the list"),
            (batch_missing("sales"), "create it"),
            (batch_awaited("sales", 2), "2 users"),
            (batch_awaited("sales", 1), "1 user of"),
            (batch_elsewhere("sales"), "use the connection"),
            (deleting(1, "the connection is paused"), "1 scheduled change waits"),
            (deleting(2, "the connection is paused"), "2 scheduled changes wait"),
            (awaited_elsewhere(1), "1 user waits"),
            (awaited_elsewhere(2), "take them off"),
            (failed(1, 1, &[]), "1 of 1 user could not"),
            (
                not_scheduled("T", (1, 2), MissedPolicy::Fail, 0),
                "1 of 2 users was not scheduled (missedPolicy Fail)",
            ),
            (not_scheduled("T", (2, 2), MissedPolicy::Fail, 0), "2 of 2 users were not scheduled"),
            (not_in_state(1, 1), "1 of 1 user is not in the state"),
            (not_in_state(2, 3), "2 of 3 users are not in the state"),
            (executed(1, "Suspended"), "1 user is Suspended"),
            (executed(2, "Suspended"), "2 users are Suspended"),
            (seen(1, "Activated"), "1 user was seen Activated"),
            (seen(2, "Activated"), "2 users were seen Activated"),
            (guard_tripped(0, 1), "names 1 user;"),
        ] {
            assert!(text.contains(advice), "{text}");
            assert!(!text.contains("  "), "{text}");
        }
    }
}
