//! A schedule that is being deleted: what it has made is cancelled, then the finalizer goes.
//!
//! Guarantees: no new request is intended; only events of the record are cancelled; the finalizer goes at the
//! latest when the clean-up has been given up, and then it is said how many events may be left.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cancel::{self, is_undone};
use super::change::Change;
use super::messages;
use super::pass::{CHECKING, Pass, Work};
use super::step::{Finalizer, Step};
use crate::api::condition::{Reason, Standing, Verdict};
use crate::api::scheduled_user_state::DeletionPolicy;
use crate::api::submission::{Operation, Recorded};
use crate::plan::facts::ConnectionFact;
use crate::plan::messages as shared;
use crate::plan::policy::{Writes, after};

/// How soon it is tried again when nothing tells that it would work.
const AGAIN: Duration = Duration::from_secs(5);

impl Pass<'_> {
    /// Cancels what has to be cancelled.
    pub(super) fn leave(mut self) -> Step {
        if !self.schedule.has_finalizer {
            return Step::Idle { wake_at: None };
        }
        if self.schedule.desired.deletion == DeletionPolicy::Retain {
            return Step::Finalizer(Finalizer::Remove);
        }
        cancel::mark_unwanted(&mut self.status, &BTreeSet::new());
        cancel::drop_anothers(&mut self.status, &self.facts.claims);
        let mut work = Work::default();
        if !self.told {
            self.cancel(false, &mut work);
        }
        let left = self.left();
        if left == 0 {
            return Step::Finalizer(Finalizer::Remove);
        }
        let limit = self.policy.cleanup_timeout;
        let waited = self.facts.notes.deleting_for;
        // Who may not write has not tried: nothing is given up.
        let read_only = self.policy.writes == Writes::Forbidden;
        if waited >= limit && !read_only {
            return Step::Finalizer(Finalizer::Abandon { events: left });
        }
        self.wakes.push(after(self.now, limit.saturating_sub(waited)));
        if !self.told {
            if let Some(read) = work.read {
                return Step::Read(read);
            }
            if let Some(call) = work.call {
                return Step::Call(call);
            }
        }
        self.wait(left)
    }

    /// Says why it takes so long, and waits.
    fn wait(mut self, left: usize) -> Step {
        let why = self.in_the_way();
        let verdict = Verdict::new(Standing::Waiting, Reason::Deleting, messages::deleting(left, &why));
        self.show(&verdict);
        self.status.observed_generation = Some(self.schedule.generation);
        // The record of requests is kept as it is; what was marked is found again by the next pass.
        if self.status != *self.schedule.status {
            return self.commit(None, verdict);
        }
        self.wakes.push(after(self.now, AGAIN));
        Step::Idle { wake_at: self.wakes.into_iter().filter(|wake| *wake > self.now).min() }
    }

    fn in_the_way(&mut self) -> String {
        if self.policy.writes == Writes::Forbidden {
            return shared::READ_ONLY.to_owned();
        }
        match &self.facts.connection {
            Some(ConnectionFact::Missing) => {
                return shared::connection_missing(&self.schedule.desired.connection);
            }
            Some(ConnectionFact::NotReady(why)) => return why.clone(),
            Some(ConnectionFact::Checking) => {
                self.wakes.push(after(self.now, CHECKING));
                return "the connection is being checked".to_owned();
            }
            Some(ConnectionFact::Ready(connection)) => {
                if connection.paused {
                    return format!("JumpCloudConnection {} is paused", self.schedule.desired.connection);
                }
                if let Some(ours) = self.status.organization_id.as_ref().filter(|_| !self.is_ours()) {
                    return shared::org_mismatch(&connection.organization, ours);
                }
            }
            None => {}
        }
        if self.status.events.iter().any(|entry| entry.shared) {
            return "events of others have the same scheduledJobID and would go with them; remove them in \
                    JumpCloud, or wait until the operator gives up"
                .to_owned();
        }
        if self.facts.notes.common.trouble.is_some() {
            return self.facts.notes.common.trouble.clone().unwrap_or_default();
        }
        "the outcome of a request is unknown, or JumpCloud could not be asked; tried again".to_owned()
    }

    /// Events that are still to be cancelled, and users of requests that may have made one.
    fn left(&self) -> usize {
        let policy = self.schedule.desired.deletion;
        let due = |change: Option<Change>| change.is_some_and(|change| change.time > self.now);
        let events = self
            .status
            .events
            .iter()
            .filter(|entry| is_undone(entry, policy) && due(Change::of(entry, &self.status)))
            .count();
        let requests = self.status.submissions.iter().map(|record| match record {
            Recorded::Known(record) => {
                let open = record.operation == Operation::Schedule
                    && record.phase.is_under_way()
                    && due(Change::asked(record));
                if open { record.members.len() } else { 0 }
            }
            // Of a newer operator: nobody can tell.
            Recorded::Foreign(_) => 1,
        });
        events + requests.sum::<usize>()
    }
}
