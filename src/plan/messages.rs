//! Texts that people read in conditions and per user. Constant in wording, without anything that
//! changes by itself, so that repeating a decision writes nothing.

/// A username or e-mail address that belongs to somebody else.
#[must_use]
pub fn user_exists(username: &str) -> String {
    format!(
        "user {username} exists in JumpCloud and is not managed by this object; take the row off, or delete \
         the user in JumpCloud and set annotation jumpcloud-operator.dev/retry-failed"
    )
}

/// A row of a user that is ours was changed or taken off.
pub const ROW_CHANGED: &str = "the user is in JumpCloud already and the row (or the template) has changed; \
    this release creates users and cannot update them; restore the row";

/// A user that is ours is not in the list any more.
#[must_use]
pub fn row_removed(username: &str) -> String {
    format!(
        "'{username}' is in JumpCloud already and its row was taken off; this release cannot let users go; restore the row"
    )
}

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
            (ROW_CHANGED.to_owned(), "restore the row"),
            (row_removed("ada"), "restore the row"),
            (too_large(901, 900), "split it"),
            (org_mismatch("a", "b"), "make a new object"),
            (connection_missing("default"), "create it"),
            (newer_version(2), "upgrade"),
            (SUBMISSION_UNKNOWN.to_owned(), "retry-failed"),
        ] {
            assert!(text.contains(advice), "{text}");
            assert!(!text.contains("  "), "{text}");
        }
    }
}
