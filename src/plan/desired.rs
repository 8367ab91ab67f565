//! The spec, checked: what the user wants, or everything that is wrong with it.

use std::time::Duration;

use crate::api::user_batch::{CreationSource, JumpCloudUserBatchSpec};
use crate::users::check::{self, Problem};
use crate::users::merge;
use crate::users::row::DesiredRow;

use super::messages;

/// Most bytes of spec and metadata without managedFields: etcd refuses the later status write otherwise.
pub const MAX_OBJECT: usize = 900 * 1024;

/// Most bytes of inventory, failures and submissions together.
pub const MAX_RECORDS: usize = 384 * 1024;

/// A batch's spec, ready to be planned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The users, template merged in.
    pub rows: Vec<DesiredRow>,
    /// Everything wrong with the spec. Nothing is sent while there is any.
    pub problems: Vec<Problem>,
    /// Users per job.
    pub batch_size: u32,
    /// Whether JumpCloud is asked not to mail results.
    pub suppress_email: bool,
    /// Where the users come from.
    pub creation_source: CreationSource,
    /// Sends after the first.
    pub retry_limit: u32,
    /// How long a job may take.
    pub job_timeout: Duration,
    /// Nothing is written.
    pub paused: bool,
    /// Name of the connection.
    pub connection: String,
}

/// Checks a spec. `object_bytes` is the size of spec and metadata as JSON, managedFields left out.
#[must_use]
pub fn desired(spec: &JumpCloudUserBatchSpec, object_bytes: usize) -> Desired {
    let template = spec.template.clone().unwrap_or_default();
    let rows = merge::rows(&template, &spec.users);
    let mut problems = check::problems(&template, &spec.users, &rows);
    let job_timeout = spec.job_timeout.get().unwrap_or_else(|error| {
        problems.push(Problem::of("jobTimeout", error.to_string()));
        Duration::from_secs(3600)
    });
    if object_bytes > MAX_OBJECT {
        problems
            .push(Problem::of("users", messages::too_large(object_bytes.div_ceil(1024), MAX_OBJECT / 1024)));
    }
    let records = records_bytes(&rows);
    if records > MAX_RECORDS {
        problems.push(Problem::of(
            "users",
            format!(
                "the records of these usernames would need {} KiB of status, at most {}; split the list over several objects",
                records.div_ceil(1024),
                MAX_RECORDS / 1024
            ),
        ));
    }
    Desired {
        rows,
        problems,
        batch_size: spec.batch_size.clamp(1, 800),
        suppress_email: spec.suppress_results_email,
        creation_source: spec.creation_source,
        retry_limit: spec.retry.limit,
        job_timeout,
        paused: spec.paused,
        connection: spec.connection_ref.name.clone(),
    }
}

/// The most that records of these users can take. Of a user that is being created: a failure, and in a
/// submission a member that is missing and incomplete, too. Of one that is being updated: an entry of the
/// inventory, a failure, and a member with its id.
fn records_bytes(rows: &[DesiredRow]) -> usize {
    /// A failure with all its fields.
    const FAILURE: usize = 260;
    /// An entry of the inventory: id, hash, state, result.
    const ENTRY: usize = 160;
    /// Row hash, identity and punctuation in a submission.
    const MEMBER: usize = 56;
    /// JumpCloud's id in a submission.
    const ID: usize = 28;
    /// Everything of a submission but its members; at worst one of a single member per user.
    const SUBMISSION: usize = 16 * 1024;
    let created = |name: usize| 4 * name + FAILURE + MEMBER;
    let updated = |name: usize| 3 * name + FAILURE + ENTRY + MEMBER + ID;
    let most = |row: &DesiredRow| created(row.username.len()).max(updated(row.username.len()));
    rows.iter().map(most).sum::<usize>() + SUBMISSION
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: serde_json::Value) -> JumpCloudUserBatchSpec {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn sizes_that_etcd_would_refuse_later_are_refused_now() {
        let small = spec(serde_json::json!({"users": [{"username": "a", "email": "a@b.c"}]}));
        assert!(desired(&small, MAX_OBJECT).problems.is_empty());
        let found = desired(&small, MAX_OBJECT + 1).problems;
        assert!(found[0].to_string().contains("901 of 900 KiB"), "{found:?}");
        let users: Vec<_> = (0..500)
            .map(|i| serde_json::json!({"username": format!("{i}{}", "x".repeat(900)), "email": format!("{i}@b.c")}))
            .collect();
        let found = desired(&spec(serde_json::json!({"users": users})), 1000).problems;
        assert!(found[0].message.contains("split the list"), "{found:?}");
    }

    #[test]
    fn a_bad_duration_is_a_problem() {
        let found = desired(&spec(serde_json::json!({"users": [], "jobTimeout": "soon"})), 10).problems;
        assert_eq!(found[0].to_string(), "jobTimeout: is not a duration such as 90s or 1h30m");
    }
}
