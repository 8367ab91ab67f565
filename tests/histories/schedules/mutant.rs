//! Wrong drivers and wrong planners, one rule each: every one must be caught by the invariants.

use std::time::Duration;

use jiff::Timestamp;
use jumpcloud_operator::api::schedule_status::{ScheduledUserStateStatus, result};
use jumpcloud_operator::api::scheduled_user_state::DeletionPolicy;
use jumpcloud_operator::plan::policy::{Policy, after};
use jumpcloud_operator::plan::schedule::desired::Desired;
use jumpcloud_operator::plan::schedule::facts::Listed;

use super::ledger::Ledger;
use super::objects::Object;
use super::process::Pass;
use crate::clock::span;

/// What a wrong one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Sends without having written the intent.
    SkipSwap,
    /// Writes the status whatever is there.
    OverwriteStatus,
    /// Uses one nonce for all requests.
    SameNonce,
    /// Sends again when no answer came.
    SendAgainOnUnknown,
    /// Takes silence for a refusal.
    TimeoutIsRefusal,
    /// Takes a refused request for one that is at fault.
    RefusalIsRejection,
    /// Does not wait before it looks for the events of a request of unknown outcome.
    NoQuarantine,
    /// Sees no event that is there.
    Blind,
    /// Sees only events that it has recorded.
    SeesOwn,
    /// Takes pages that have moved for all there is, and misses a job.
    BelievesMoved,
    /// Cancels replaced events before there are new ones.
    CancelFirst,
    /// Believes that the finalizer is there.
    NoFinalizer,
    /// Believes that the object is to be retained.
    AlwaysRetain,
    /// Cancels all events whatever the policy says.
    AlwaysCancel,
    /// Cancels events that it has taken over.
    CancelAdopted,
    /// Forgets how often the outcome was unknown.
    ForgetUnknown,
    /// Takes it to be a week later.
    Early,
    /// Applies whatever the policy and the deadline say.
    AlwaysApply,
    /// Writes something in each pass.
    Restless,
    /// Forgets when it looked, and looks all the time.
    LookOften,
    /// Says that everyone is executed.
    Optimist,
    /// Says that everyone has failed.
    Pessimist,
    /// Does not know of other objects.
    ForgetClaims,
}

impl Mutant {
    /// The object as this one takes it to be.
    pub fn sees(self, pass: &mut Pass, _ledger: &Ledger) -> Option<(Object, Desired)> {
        let mut object = (*pass.object).clone();
        let mut desired = object.spec.desired.clone();
        match self {
            Self::NoFinalizer => object.finalizer |= object.deleted.is_none(),
            Self::Early => desired.deadline = Duration::from_secs(365 * 24 * 3600),
            Self::AlwaysRetain => desired.deletion = DeletionPolicy::Retain,
            Self::AlwaysCancel => desired.deletion = DeletionPolicy::CancelAll,
            Self::AlwaysApply => {
                desired.missed = jumpcloud_operator::api::scheduled_user_state::MissedPolicy::ApplyNow;
                desired.deadline = Duration::from_secs(365 * 24 * 3600);
            }
            Self::CancelAdopted => {
                let mut status = (*object.status).clone();
                for event in &mut status.events {
                    "Created".clone_into(&mut event.origin);
                }
                object.status = std::sync::Arc::new(status);
            }
            Self::NoQuarantine => {
                let seen = pass.facts.notes.common.first_seen.values_mut();
                seen.for_each(|seen| *seen = span(3_600_000));
            }
            _ => return None,
        }
        Some((object, desired))
    }

    /// Its settings.
    pub fn policy(self, policy: Policy) -> Policy {
        match self {
            Self::NoQuarantine => Policy { quarantine: span(0), ..policy },
            _ => policy,
        }
    }

    /// Its clock.
    pub fn clock(self, clock: Timestamp) -> Timestamp {
        match self {
            Self::Early => after(clock, Duration::from_secs(7 * 24 * 3600)),
            _ => clock,
        }
    }

    /// Events as it takes them to be.
    pub fn lists(self, status: &ScheduledUserStateStatus, rows: &mut Vec<Listed>, whole: &mut bool) {
        let known = |row: &Listed| {
            status.events.iter().any(|event| event.id == row.user_id && event.scheduled_job_id == row.job_id)
        };
        match self {
            Self::Blind => rows.clear(),
            Self::SeesOwn => rows.retain(known),
            Self::BelievesMoved if !*whole => {
                *whole = true;
                let passed_over = rows.first().map(|row| row.job_id.clone());
                rows.retain(|row| Some(&row.job_id) != passed_over.as_ref());
            }
            _ => {}
        }
    }

    /// A status as it writes it.
    pub fn writes(self, status: &mut ScheduledUserStateStatus) {
        for user in &mut status.users {
            match self {
                Self::ForgetUnknown => user.unknown_sends = None,
                Self::Optimist => result::EXECUTED.clone_into(&mut user.result),
                Self::Pessimist => result::FAILED.clone_into(&mut user.result),
                _ => {}
            }
        }
    }
}
