//! What a pass does next.
//!
//! Priorities: record what happened, settle what is unknown, poll what is due, submit, wait. A pass
//! calls [`plan`] until it answers [`Step::Idle`]; every call sees what the calls before have learned.
//!
//! Guarantees: a [`Step::Send`] names only a submission whose intent this very pass has committed;
//! nothing is sent for a spec with problems, while paused, or to another organisation.

use jiff::Timestamp;

use super::desired::Desired;
use super::facts::{Facts, Read, Repair};
use super::intent::Intent;
use super::pass::Pass;
use super::policy::{Policy, before};
use crate::api::condition::Verdict;
use crate::api::user_status::{Failure, JumpCloudUserBatchStatus};
use crate::users::row::fold;

/// One object, as a pass found it.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    /// `namespace/name`.
    pub name: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Value of annotation requested-at.
    pub requested_at: Option<String>,
    /// Value of annotation retry-failed.
    pub retry_failed: Option<String>,
    /// Value of annotation resolve.
    pub resolve: Option<String>,
    /// The object is being deleted.
    pub deleting: bool,
    /// The spec, checked.
    pub desired: &'a Desired,
    /// The status.
    pub status: &'a JumpCloudUserBatchStatus,
}

/// What to do next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Read something.
    Read(Read),
    /// Write a status, by compare-and-swap.
    Commit(Box<Commit>),
    /// Send the request whose intent was committed with this nonce.
    Send(String),
    /// Set fields of one user by a request of its own, which the write before has announced.
    Repair(Repair),
    /// Nothing more now.
    Idle {
        /// When to look again, if nothing happens before.
        wake_at: Option<Timestamp>,
    },
}

/// A status to be written.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The whole new status.
    pub status: JumpCloudUserBatchStatus,
    /// The request that this write intends.
    pub intent: Option<Intent>,
    /// The repairs that this write announces.
    pub repairs: Vec<Repair>,
    /// The verdict that the conditions show.
    pub verdict: Verdict,
}

/// Whether an announced repair may still be made. Its record names a time after which it counts as over,
/// and later edits are sent: one that began late, in a process that had been stopped, would undo them.
#[must_use]
pub fn is_in_time(
    repair: &Repair,
    status: &JumpCloudUserBatchStatus,
    policy: &Policy,
    now: Timestamp,
) -> bool {
    let key = fold(&repair.username);
    let announced = status.failures.iter().find(|failure| fold(&failure.username) == key);
    let until = announced.and_then(Failure::retry_at);
    until.is_some_and(|until| now < before(until, policy.quarantine))
}

/// Decides. Pure.
#[must_use]
pub fn plan(batch: &Batch<'_>, facts: &Facts, policy: &Policy, now: Timestamp) -> Step {
    if let Some(nonce) = &facts.armed
        && !facts.deliveries.contains_key(nonce)
    {
        return Step::Send(nonce.clone());
    }
    if let Some(repair) = facts.repairs.first() {
        return Step::Repair(repair.clone());
    }
    Pass::new(batch, facts, policy, now).next()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod updates;
