//! The users of a batch, for a schedule that takes them from it.

use std::collections::BTreeSet;

use crate::api::submission::Recorded;
use crate::api::user_batch::{JumpCloudUserBatchSpec, JumpCloudUserBatchStatus};
use crate::plan::desired::desired;
use crate::users::row::fold;

/// The users of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// Users that have a result, with JumpCloud's id if they exist.
    pub users: Vec<Member>,
    /// How many have none yet.
    pub awaiting: usize,
    /// The organisation that they are in, once it is known.
    pub organization: Option<String>,
}

/// A user of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The username as declared.
    pub username: String,
    /// JumpCloud's id; `None` for a user that failed and does not exist, or is not the batch's.
    pub id: Option<String>,
}

/// The users that a batch declares, by its inventory. Users that it has let go are none of them.
#[must_use]
pub fn members(spec: &JumpCloudUserBatchSpec, status: &JumpCloudUserBatchStatus) -> Members {
    let under_way: BTreeSet<String> = status
        .submissions
        .iter()
        .filter_map(Recorded::known)
        .flat_map(|record| record.usernames().iter().map(|name| fold(name)))
        .collect();
    let mut members = Members { organization: status.organization_id.clone(), ..Members::default() };
    for row in desired(spec, 0).rows {
        let key = row.key();
        let entry = status
            .inventory
            .iter()
            .find(|entry| entry.removal_time.is_none() && fold(&entry.username) == key);
        let failed = status.failures.iter().any(|failure| {
            fold(&failure.username) == key && failure.hash == row.hash && failure.retry_time.is_none()
        });
        match entry {
            // An update under way changes nothing about who it is.
            Some(entry) => {
                members.users.push(Member { username: row.username, id: Some(entry.id.clone()) });
            }
            None if failed && !under_way.contains(&key) => {
                members.users.push(Member { username: row.username, id: None });
            }
            None => members.awaiting += 1,
        }
    }
    members
}
