//! How a question of a pass ends: a write, a call, a change of the finalizer, or waiting.

use super::cancel::is_undone;
use super::change::Change;
use super::pass::{Pass, Work};
use super::step::{Commit, Finalizer, Step};
use super::verdict::{self, Standings};
use crate::api::condition::{self, Verdict};
use crate::api::schedule_status::{ScheduledUserStateStatus, result};
use crate::api::scheduled_user_state::DeletionPolicy;
use crate::api::submission::{Operation, Recorded};
use crate::plan::intent::Intent;

impl Pass<'_> {
    /// Writes what changed, makes a call, or waits.
    pub(super) fn conclude(mut self, work: Work) -> Step {
        if !work.unseen && work.read.is_none() && self.urgent {
            let value = self.schedule.requested_at.clone();
            self.status.last_handled.get_or_insert_default().requested_at = value;
        }
        let verdict = verdict::verdict(&Standings::of(&self, &work));
        self.show(&verdict);
        self.status.observed_generation = Some(self.schedule.generation);
        let Work { intent, call, .. } = work;
        if self.told {
            return self.commit(None, verdict);
        }
        let undoes = intent.as_ref().is_some_and(|intent| intent.submission.operation == Operation::Schedule);
        if (undoes || self.must_be_undone(&self.status))
            && self.schedule.desired.deletion != DeletionPolicy::Retain
            && !self.schedule.has_finalizer
        {
            return Step::Finalizer(Finalizer::Add);
        }
        if intent.is_some() {
            return self.commit(intent, verdict);
        }
        if let Some(call) = call {
            return Step::Call(call);
        }
        if self.status != *self.schedule.status {
            return self.commit(None, verdict);
        }
        let pending = self.status.users.iter().any(|user| user.result == result::PENDING);
        // Until it is seen what became of an event, another leader's clock may be before the instant: it would put
        // the finalizer back.
        let open = self.status.events.iter().any(|entry| is_undone(entry, self.schedule.desired.deletion));
        let done = self.schedule.desired.deletion == DeletionPolicy::Retain
            || !(pending || open || self.must_be_undone(&self.status));
        if self.schedule.has_finalizer && done {
            return Step::Finalizer(Finalizer::Remove);
        }
        Step::Idle { wake_at: self.wakes.into_iter().filter(|wake| *wake > self.now).min() }
    }

    /// Conditions and their generation alone: whatever else is there belongs to a newer operator.
    pub(super) fn newer(mut self) -> Step {
        self.status = self.schedule.status.clone();
        self.status.observed_generation = Some(self.schedule.generation);
        let verdict = verdict::verdict(&Standings::of(&self, &Work::default()));
        let old = &self.schedule.status.conditions;
        self.status.conditions = condition::conditions(old, &verdict, self.schedule.generation, self.now);
        if self.status != *self.schedule.status {
            return self.commit(None, verdict);
        }
        Step::Idle { wake_at: None }
    }

    /// Whether deleting the object would have to undo something in JumpCloud.
    pub(super) fn must_be_undone(&self, status: &ScheduledUserStateStatus) -> bool {
        let policy = self.schedule.desired.deletion;
        let event = status.events.iter().any(|entry| {
            is_undone(entry, policy) && Change::of(entry, status).is_some_and(|change| change.time > self.now)
        });
        let request = status.submissions.iter().filter_map(Recorded::known).any(|record| {
            record.operation == Operation::Schedule
                && record.phase.is_under_way()
                && Change::asked(record).is_some_and(|change| change.time > self.now)
        });
        event || request
    }

    /// Fills in what is shown: counts and conditions.
    pub(super) fn show(&mut self, verdict: &Verdict) {
        self.status.counts = Some(verdict::counts(&self.status));
        let mut extra = Vec::new();
        if let Some(message) = verdict::executed(&self.status) {
            extra.push(("Executed", "Executed", message));
        }
        if let Some((reason, message)) = verdict::conflicting(&self.status) {
            extra.push(("Conflicting", reason, message));
        }
        self.status.conditions = condition::conditions_with(
            &self.schedule.status.conditions,
            verdict,
            &extra,
            &["Executed", "Conflicting"],
            self.schedule.generation,
            self.now,
        );
    }

    pub(super) fn commit(self, intent: Option<Intent>, verdict: Verdict) -> Step {
        Step::Commit(Box::new(Commit { status: self.status, intent, verdict }))
    }
}
