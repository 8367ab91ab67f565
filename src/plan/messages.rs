//! Texts that people read in conditions and per user. Constant in wording, without anything that
//! changes by itself, so that repeating a decision writes nothing.

use super::amount::{part_of, verb};
use super::claims::Holder;
use crate::api::submission::Operation;

/// A username or e-mail address that belongs to somebody else.
#[must_use]
pub fn user_exists(username: &str) -> String {
    format!(
        "user {username} exists in JumpCloud and is not managed by this object; take the row off, or delete \
         the user in JumpCloud and set annotation jumpcloud-operator.dev/retry-failed"
    )
}

/// One user that is somebody else's, for a condition.
#[must_use]
pub fn conflict(username: &str, reason: &str) -> String {
    if reason == crate::api::user_status::reason::MANAGED_ELSEWHERE {
        format!(
            "user {username} is managed by another object; see status.users, take the row off one of the two"
        )
    } else {
        user_exists(username)
    }
}

/// Another object has the user, or goes first.
#[must_use]
pub fn managed_elsewhere(username: &str, holder: &Holder) -> String {
    let holder = match holder {
        Holder::Neighbour(name) => name.clone(),
        Holder::Stranger => "an object in another namespace".to_owned(),
    };
    format!("user {username} is managed by {holder}; take the row off one of the two")
}

/// A new row has the e-mail address or the employee number of a user that is ours under another name.
#[must_use]
pub fn renamed(username: &str, before: &str) -> String {
    format!(
        "user {username} has the e-mail or employeeIdentifier of {before}, which is managed by this object; \
         usernames cannot change: restore the row of {before}, or give {username} its own"
    )
}

/// A user that is ours has another id by now.
#[must_use]
pub fn replaced(username: &str) -> String {
    format!(
        "user {username} was deleted in JumpCloud and somebody else has made it again; take the row off, or \
         delete the user in JumpCloud and set annotation jumpcloud-operator.dev/retry-failed"
    )
}

/// Users that exist and are not this object's, and how many others failed.
#[must_use]
pub fn conflicts(existing: usize, total: usize, failed: usize) -> String {
    format!(
        "{} {} in JumpCloud and {} not managed by this object, {failed} failed; see status.users",
        part_of(existing, total, "user"),
        verb(existing, "exists", "exist"),
        verb(existing, "is", "are"),
    )
}

/// The user of the recorded id is another one than the row declares.
#[must_use]
pub fn identity_changed(username: &str) -> String {
    format!(
        "the user recorded for {username} has neither this username nor the declared e-mail address in JumpCloud, \
         and is left alone; restore one of them there, or take the row off, and set annotation \
         jumpcloud-operator.dev/retry-failed"
    )
}

/// The declared manager is nobody.
#[must_use]
pub fn manager_not_found(declared: &str) -> String {
    format!(
        "the manager, declared by {declared}, is neither in this list nor in JumpCloud; correct the row, or create \
         the manager and set annotation jumpcloud-operator.dev/retry-failed"
    )
}

/// The connection protects the user.
#[must_use]
pub fn protected(username: &str) -> String {
    format!(
        "user {username} is protected by the connection's protectedUsers and is not updated; restore the row, \
         or take the user off protectedUsers"
    )
}

/// JumpCloud kept other values.
#[must_use]
pub fn not_taken(fields: &[String]) -> String {
    format!(
        "JumpCloud did not take {} although the request succeeded; correct the value, leave the field out, or set \
         annotation jumpcloud-operator.dev/retry-failed",
        fields.join(", ")
    )
}

/// JumpCloud kept other values, and they are sent once more.
#[must_use]
pub fn not_taken_yet(fields: &[String]) -> String {
    format!("JumpCloud did not take {}; sent once more", fields.join(", "))
}

/// An update job that did not end in time.
#[must_use]
pub fn update_timed_out(job: &str) -> String {
    format!("job {job} did not end within jobTimeout and the user does not have the declared values")
}

/// The process may not write.
pub const READ_ONLY: &str = "the operator runs with --read-only; changes are waiting";

/// The object would outgrow etcd.
#[must_use]
pub fn too_large(kib: usize, limit: usize) -> String {
    format!("the object would exceed its size limit ({kib} of {limit} KiB); split it over several objects")
}

/// The connection answers for another organisation.
#[must_use]
pub fn org_mismatch(connection: &str, ours: &str) -> String {
    format!(
        "the connection uses organisation {connection}, this object's users are in {ours}; restore the \
         credential, or make a new object for the other organisation"
    )
}

/// The connection does not exist.
#[must_use]
pub fn connection_missing(name: &str) -> String {
    format!("JumpCloudConnection {name} does not exist in this namespace; create it")
}

/// A record of a newer operator.
#[must_use]
pub fn newer_version(version: u64) -> String {
    format!("written by a newer operator (record version {version}); upgrade to go on")
}

/// Results that are gone.
#[must_use]
pub fn results_gone(job: &str) -> String {
    format!("results of job {job} are gone; looked up")
}

/// A job that reported success for a user that never appeared.
#[must_use]
pub fn not_created(job: &str) -> String {
    format!("job {job} ended and the user did not appear in JumpCloud")
}

/// Rows that never came.
#[must_use]
pub fn never_reported(job: &str, missing: usize, members: usize, exist: usize) -> String {
    format!("job {job}: {missing} of {members} rows never reported; looked up: {exist} exist")
}

/// A job that did not end in time.
#[must_use]
pub fn job_timed_out(job: &str) -> String {
    format!("job {job} did not end within jobTimeout and the user does not exist")
}

/// A failed row that could belong to several users.
#[must_use]
pub fn not_attributed(job: &str, messages: &str) -> String {
    format!("job {job} failed rows without naming their users: {messages}")
}

/// The outcome of one request with a user, or of two, could not be found out.
#[must_use]
pub fn unknown(operation: Operation, sent_again: bool) -> &'static str {
    match (operation, sent_again) {
        (Operation::Create, true) => UNKNOWN_ONCE,
        (Operation::Create, false) => SUBMISSION_UNKNOWN,
        (Operation::Update | Operation::Schedule, true) => {
            "a request with this user got no answer and the values are not there; sent again"
        }
        (Operation::Update | Operation::Schedule, false) => {
            "two requests with this user got no answer and the values are not there; check JumpCloud, then set \
             annotation jumpcloud-operator.dev/retry-failed"
        }
    }
}

/// The outcome of two requests could not be found out.
pub const SUBMISSION_UNKNOWN: &str = "two requests with this user got no answer and the user did not appear; check \
    JumpCloud, then set annotation jumpcloud-operator.dev/retry-failed";

/// The outcome of one request could not be found out; it is sent once more.
pub const UNKNOWN_ONCE: &str =
    "a request with this user got no answer and the user did not appear; sent again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_to_do() {
        for (text, advice) in [
            (user_exists("ada"), "take the row off"),
            (renamed("ada", "eva"), "restore the row"),
            (conflicts(1, 3, 2), "1 of 3 users exists in JumpCloud and is not managed"),
            (conflicts(2, 3, 1), "2 of 3 users exist in JumpCloud and are not managed"),
            (managed_elsewhere("ada", &Holder::Stranger), "take the row off"),
            (replaced("ada"), "take the row off"),
            (identity_changed("ada"), "retry-failed"),
            (manager_not_found("username"), "correct the row"),
            (protected("ada"), "protectedUsers"),
            (not_taken(&["state".to_owned()]), "leave the field out"),
            (too_large(901, 900), "split it"),
            (org_mismatch("a", "b"), "make a new object"),
            (connection_missing("default"), "create it"),
            (newer_version(2), "upgrade"),
            (SUBMISSION_UNKNOWN.to_owned(), "retry-failed"),
            (unknown(Operation::Update, false).to_owned(), "retry-failed"),
        ] {
            assert!(text.contains(advice), "{text}");
            assert!(!text.contains("  "), "{text}");
        }
    }
}
