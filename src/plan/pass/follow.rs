//! Requests under way: what comes next for each, and what has ended.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{CHECKING, Pass};
use crate::api::submission::{Recorded, Submission};
use crate::plan::draft::Draft;
use crate::plan::facts::{ConnectionFact, Read};
use crate::plan::policy::after;
use crate::plan::submission::{Context, Declared, Next};
use crate::plan::verdict::Obstacles;
use crate::plan::work::Known;
use crate::users::row::fold;

impl<'a> Pass<'a> {
    /// Follows every request under way; what has ended goes into the draft. Nothing is read of an
    /// organisation that is not the object's.
    pub(super) fn follow(&mut self, obstacles: &Obstacles) -> Option<Read> {
        let (told, open): (Vec<_>, Vec<_>) =
            self.batch.status.submissions.iter().filter_map(Recorded::known).partition(|submission| {
                // The outcome is known to this pass alone: it is recorded whatever became of the connection.
                submission.delivered(self.facts).is_some()
            });
        for submission in told {
            if let Some(next) = submission.delivered(self.facts) {
                self.take(submission, next);
            }
        }
        let open: Vec<_> = open.into_iter().filter(|s| s.phase.is_under_way()).collect();
        if open.is_empty() || self.recorded {
            return None;
        }
        match &self.facts.connection {
            None => return self.possible(Read::Connection),
            Some(ConnectionFact::Checking) => {
                self.wakes.push(after(self.now, CHECKING));
                return None;
            }
            Some(ConnectionFact::Missing | ConnectionFact::NotReady(_)) => return None,
            Some(ConnectionFact::Ready(_)) if obstacles.other_organization.is_some() => return None,
            Some(ConnectionFact::Ready(_)) => {}
        }
        // Nothing changes the draft before it is known what comes next for all of them.
        let draft = std::mem::take(&mut self.draft);
        let (nexts, read) = self.nexts(&draft, open);
        self.draft = draft;
        for (submission, next) in nexts {
            self.take(submission, next);
        }
        read
    }

    /// What comes next for requests under way, up to the first that needs a read.
    fn nexts(
        &mut self,
        draft: &Draft,
        open: Vec<&'a Submission>,
    ) -> (Vec<(&'a Submission, Next)>, Option<Read>) {
        let mut nexts = Vec::new();
        let known = Known::of(draft);
        let managers = known.managers(&self.batch.desired.rows, self.facts);
        let declared: BTreeMap<String, Declared<'_>> = self
            .batch
            .desired
            .rows
            .iter()
            .map(|row| {
                let key = row.key();
                let applied_state = known.owned(&key).and_then(|entry| entry.state.as_deref());
                (key, Declared { row, manager: managers.known(row), applied_state })
            })
            .collect();
        let evidence: BTreeMap<String, Timestamp> = self
            .batch
            .status
            .failures
            .iter()
            .filter_map(|failure| Some((fold(&failure.username), failure.unknown_since()?)))
            .collect();
        // Of each user one request at a time: one record wants it looked up by its id, another by its names, and
        // there would be no end of it. Only records that somebody wrote have users in common.
        let mut followed: BTreeSet<String> = BTreeSet::new();
        for submission in open {
            let users: BTreeSet<String> = submission.usernames().iter().map(|name| fold(name)).collect();
            if !followed.is_disjoint(&users) {
                continue;
            }
            followed.extend(users);
            let context = Context {
                facts: self.facts,
                policy: self.policy,
                job_timeout: self.batch.desired.job_timeout,
                declared: &declared,
                evidence: &evidence,
                urgent: self.urgent,
                now: self.now,
            };
            let next = submission.next(&context);
            if matches!(next, Next::Settle(_)) {
                // Whether a manager was taken shows only once it is known who that is.
                let unread = managers.unread(
                    submission
                        .usernames()
                        .iter()
                        .filter_map(|name| declared.get(&fold(name)).map(|declared| declared.row)),
                );
                if !unread.is_empty() {
                    match self.possible(Read::Managers(unread)) {
                        Some(read) => return (nexts, Some(read)),
                        None => continue,
                    }
                }
            }
            match next {
                Next::Read(read) => return (nexts, Some(read)),
                next => nexts.push((submission, next)),
            }
        }
        (nexts, None)
    }

    /// Puts into the draft what comes next for a request.
    fn take(&mut self, submission: &Submission, next: Next) {
        match next {
            // Handed back before.
            Next::Read(_) => {}
            Next::Wait(until) => self.wakes.push(until),
            Next::Split(halves) => {
                self.draft.split(&submission.nonce, *halves);
                self.recorded = true;
            }
            Next::Replace(changed) => {
                self.draft.replace(*changed);
                self.recorded = true;
            }
            Next::Settle(results) => {
                self.draft.settle(submission, &results, self.batch.desired, self.now);
                self.recorded = true;
            }
        }
    }
}
