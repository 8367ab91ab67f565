//! What a pass over a schedule does next.
//!
//! Priorities: record what happened, settle what is unknown, schedule, cancel what is replaced, look, wait.
//! A pass calls [`plan`] until it answers [`Step::Idle`].
//!
//! Guarantees: a [`Step::Send`] names only a submission whose intent this very pass has committed; nothing
//! that would have to be undone is sent before the finalizer is there; a [`Call::Cancel`] names only an id of
//! which a listing of this pass has shown that all its events are this object's and may go.

use jiff::Timestamp;

use super::desired::Desired;
use super::facts::{Call, Facts, Read};
use super::pass::Pass;
use crate::api::condition::Verdict;
use crate::api::schedule_status::ScheduledUserStateStatus;
use crate::plan::intent::Intent;
use crate::plan::policy::Policy;

/// One object, as a pass found it.
#[derive(Debug, Clone)]
pub struct Schedule<'a> {
    /// `namespace/name`.
    pub name: String,
    /// Identity of the object; its daily look is at a time of day that follows from it.
    pub uid: String,
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
    /// The object has [`crate::api::FINALIZER`].
    pub has_finalizer: bool,
    /// The spec, checked.
    pub desired: &'a Desired,
    /// The status.
    pub status: &'a ScheduledUserStateStatus,
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
    /// Make one request that may be repeated.
    Call(Call),
    /// Put the finalizer there, or take it away.
    Finalizer(Finalizer),
    /// Nothing more now.
    Idle {
        /// When to look again, if nothing happens before.
        wake_at: Option<Timestamp>,
    },
}

/// A change of the object's finalizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finalizer {
    /// It must be there before anything is sent that would have to be undone.
    Add,
    /// There is nothing to undo.
    Remove,
    /// Cleaning up was given up: so many events may be left in JumpCloud.
    Abandon {
        /// How many.
        events: usize,
    },
}

/// A status to be written.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The whole new status.
    pub status: ScheduledUserStateStatus,
    /// The request that this write intends.
    pub intent: Option<Intent>,
    /// The verdict that the conditions show.
    pub verdict: Verdict,
}

/// Decides. Pure.
#[must_use]
pub fn plan(schedule: &Schedule<'_>, facts: &Facts, policy: &Policy, now: Timestamp) -> Step {
    if let Some(nonce) = &facts.armed
        && !facts.deliveries.contains_key(nonce)
    {
        return Step::Send(nonce.clone());
    }
    Pass::new(schedule, facts, policy, now).next()
}

#[cfg(test)]
mod tests;
