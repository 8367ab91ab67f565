//! Requests under way: what comes next for each.
//!
//! Guarantees: nothing here sends anything. A request to schedule whose outcome is unknown is settled by listing
//! events, never by sending it again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::change::Change;
use super::draft;
use super::facts::{Claims, EventsLook, EventsWanted, Key, Listed, Read};
use super::pass::Pass;
use crate::api::schedule_status::{origin, reason, result};
use crate::api::submission::{Operation, Phase, Recorded, Submission};
use crate::plan::facts::{JobAnswer, Outcome, Word};
use crate::plan::job::poll_due;
use crate::plan::policy::after;

/// How long the job of a change at once may take before its users are looked at.
const JOB_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// How long rows that say nothing, or are missing, are waited for.
const QUIET: std::time::Duration = std::time::Duration::from_secs(60);

impl Pass<'_> {
    /// Follows every request under way; what has ended goes into the draft.
    pub(super) fn follow(&mut self) -> Option<Read> {
        let records: Vec<Submission> =
            self.schedule.status.submissions.iter().filter_map(Recorded::known).cloned().collect();
        // What only this pass knows is recorded first.
        for record in &records {
            self.delivered(record);
        }
        for record in records.iter().filter(|record| !self.facts.deliveries.contains_key(&record.nonce)) {
            self.durable(record);
        }
        for record in &records {
            let told = matches!(
                self.facts.deliveries.get(&record.nonce),
                Some(Outcome::Refused { .. } | Outcome::Rejected { .. } | Outcome::Unknown)
            );
            // What a deleted object has made at once is nothing to undo.
            let matters = !self.schedule.deleting || record.operation == Operation::Schedule;
            let open = record.phase.is_under_way() && !told && !is_answered(record) && matters;
            if open && let Some(read) = self.unknown_or_running(record) {
                return Some(read);
            }
        }
        None
    }

    /// What this pass learned by sending it.
    fn delivered(&mut self, record: &Submission) {
        let Some(outcome) = self.facts.deliveries.get(&record.nonce) else { return };
        match outcome {
            Outcome::Accepted => {
                // Recorded with its events: it is settled like any other.
                self.durable(record);
                return;
            }
            Outcome::Refused { .. } => draft::dissolve(&mut self.status, &record.nonce),
            Outcome::Rejected { .. } if record.members.len() > 1 => {
                let (half, all) = (record.members.len().div_ceil(2), record.members.len());
                let halves = vec![record.part(0, half, 'a'), record.part(half, all, 'b')];
                draft::replace(&mut self.status, &record.nonce, halves);
            }
            Outcome::Rejected { message, .. } => {
                for id in &record.members {
                    draft::refused(&mut self.status, id, message);
                }
                draft::dissolve(&mut self.status, &record.nonce);
            }
            Outcome::Unknown => {
                if record.phase != Phase::Intended {
                    return;
                }
                let unknown = Submission { phase: Phase::Unknown, ..record.clone() };
                draft::replace(&mut self.status, &record.nonce, vec![unknown]);
            }
        }
        self.told = true;
    }

    /// An accepted request to schedule has everything in its record.
    fn durable(&mut self, record: &Submission) {
        if !is_answered(record) {
            return;
        }
        match Change::asked(record) {
            Some(change) => draft::accepted(&mut self.status, record, change),
            None => draft::dissolve(&mut self.status, &record.nonce),
        }
    }

    fn unknown_or_running(&mut self, record: &Submission) -> Option<Read> {
        let Some(change) = Change::asked(record) else {
            // Of a batch: it says nothing about this object.
            draft::dissolve(&mut self.status, &record.nonce);
            return None;
        };
        match (record.operation, record.phase, &record.job_id, record.accept_time) {
            (Operation::Schedule, ..) => self.unknown(record, change),
            (_, Phase::Accepted, Some(job_id), Some(accepted)) => {
                self.running(record, change, job_id, accepted)
            }
            _ => self.unknown_update(record, change),
        }
    }

    /// Whether events of this request may exist.
    fn unknown(&mut self, record: &Submission, change: Change) -> Option<Read> {
        let notes = &self.facts.notes.common;
        if change.time <= self.now {
            // No listing shows what was made by now: the users' states tell.
            let until = record.expiry(notes, self.policy, self.now);
            if self.now < until {
                self.wakes.push(until);
                return None;
            }
            self.settle(record, change, &BTreeMap::new());
            return None;
        }
        let due = record.look_due(notes, self.policy, self.now);
        if self.now < due {
            self.wakes.push(due);
            return None;
        }
        let members: BTreeSet<&String> = record.members.iter().collect();
        let facts = self.facts;
        let look = facts
            .events
            .get(&change.time)
            .filter(|look| look.at >= due && members.iter().all(|id| look.knows(id)));
        let Some(look) = look else {
            let wanted = EventsWanted {
                time: change.time,
                state: change.state,
                users: record.members.clone(),
                whole: false,
            };
            return self.ask(Read::Events(wanted));
        };
        let mut found: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        for row in look.rows.iter().filter(|row| members.contains(&row.user_id) && change.may_be(row)) {
            let ours = |job: &str| {
                self.status.events.iter().any(|e| e.id == row.user_id && e.scheduled_job_id == job)
            };
            let before = record.existing.contains(&row.job_id);
            if !ours(&row.job_id) && !facts.claims.has_recorded(row) && !before {
                found.entry(row.user_id.clone()).or_default().push(row.clone());
            }
        }
        for rows in found.values_mut() {
            likely_first(rows, look, &members, &facts.claims);
        }
        let absent: Vec<String> =
            record.members.iter().filter(|id| !found.contains_key(*id)).cloned().collect();
        // A second look is for those who would be sent again; nobody is, for an object that goes.
        let agreed = self.schedule.deleting || (record.look_time.is_some() && record.missing == absent);
        if !absent.is_empty() && !agreed {
            let looked = Submission {
                phase: Phase::Unknown,
                look_time: Some(self.now),
                missing: absent,
                ..record.clone()
            };
            draft::replace(&mut self.status, &record.nonce, vec![looked]);
            self.told = true;
            return None;
        }
        self.settle(record, change, &found);
        None
    }

    /// The events found are this object's; who has none is lost.
    fn settle(&mut self, record: &Submission, change: Change, found: &BTreeMap<String, Vec<Listed>>) {
        let current = Change::scheduled(&self.status) == Some(change);
        for id in &record.members {
            let Some(rows) = found.get(id) else {
                if current {
                    draft::lost(&mut self.status, id, self.now);
                }
                continue;
            };
            // Each request that got no answer may have made one; the look before the intent had found none.
            let sends = self.status.users.iter().find(|user| user.id.as_ref() == Some(id));
            let most = sends.and_then(|user| user.unknown_sends).unwrap_or_default() + 1;
            for (index, row) in rows.iter().take(usize::try_from(most).unwrap_or(usize::MAX)).enumerate() {
                draft::own(&mut self.status, change, row, origin::CREATED, index > 0);
            }
        }
        draft::dissolve(&mut self.status, &record.nonce);
        self.told = true;
    }

    /// A change at once whose request got no answer: it sets values, so looking early does no harm.
    fn unknown_update(&mut self, record: &Submission, change: Change) -> Option<Read> {
        let notes = &self.facts.notes.common;
        let early = record.expiry(notes, self.policy, self.now);
        let late = record.look_due(notes, self.policy, self.now);
        let due = if record.look_time.is_none() { early } else { late };
        if self.now < due {
            self.wakes.push(due);
            return None;
        }
        let keys = self.unseen(record, |at, _| at >= due);
        if !keys.is_empty() {
            return self.ask(Read::Users(keys));
        }
        if record.members.iter().all(|id| self.is_made(id, change)) || self.now >= late {
            for id in record.members.clone() {
                if !self.is_made(&id, change) && Change::scheduled(&self.status) == Some(change) {
                    draft::lost(&mut self.status, &id, self.now);
                }
            }
            draft::dissolve(&mut self.status, &record.nonce);
        } else {
            let looked = Submission { phase: Phase::Unknown, look_time: Some(self.now), ..record.clone() };
            draft::replace(&mut self.status, &record.nonce, vec![looked]);
        }
        self.told = true;
        None
    }

    /// The job of a change at once.
    fn running(
        &mut self,
        record: &Submission,
        change: Change,
        job_id: &str,
        accepted: Timestamp,
    ) -> Option<Read> {
        let facts = self.facts;
        let deadline = after(accepted, JOB_TIMEOUT);
        let polled = facts.notes.common.polls.get(job_id);
        let due = poll_due(accepted, polled.map(|polled| polled.at), self.policy).min(deadline);
        let Some(answer) = facts.jobs.get(job_id) else {
            if self.now < due && !self.urgent {
                self.wakes.push(due);
                return None;
            }
            let read = Read::Job { job_id: job_id.to_owned(), rows: record.members.len() };
            return self.ask(read);
        };
        let quiet =
            polled.and_then(|polled| polled.quiet_since).is_some_and(|since| self.now >= after(since, QUIET));
        if !(is_complete(answer, record.members.len()) || quiet || self.now >= deadline) {
            self.wake_soon(due);
            return None;
        }
        let keys = self.unseen(record, |_, order| order > answer.order);
        if !keys.is_empty() {
            return self.ask(Read::Users(keys));
        }
        for id in record.members.clone() {
            if self.is_made(&id, change) || Change::scheduled(&self.status) != Some(change) {
                continue;
            }
            let name = self.status.users.iter().find(|user| user.id.as_ref() == Some(&id));
            let name = name.and_then(|user| user.username.clone()).unwrap_or_default();
            match failure(answer, &id, &name) {
                Some(message) => draft::refused(&mut self.status, &id, &message),
                None => {
                    for user in draft::lines_of(&mut self.status, &id) {
                        result::PENDING.clone_into(&mut user.result);
                        user.reason = Some(reason::STATE_NOT_TAKEN.to_owned());
                    }
                }
            }
        }
        draft::dissolve(&mut self.status, &record.nonce);
        self.told = true;
        None
    }

    /// Members that still need a look at their state that `counts`, as many as one search holds.
    fn unseen(&self, record: &Submission, counts: impl Fn(Timestamp, u64) -> bool) -> Vec<Key> {
        let keys = record.members.iter().map(|id| Key::Id(id.clone()));
        let unseen =
            keys.filter(|key| !self.facts.users.get(key).is_some_and(|look| counts(look.at, look.order)));
        unseen.take(crate::plan::facts::LOOK_UP).collect()
    }

    fn is_made(&self, id: &str, change: Change) -> bool {
        let look = self.facts.users.get(&Key::Id(id.to_owned()));
        let person = look.and_then(|look| look.found.as_ref());
        person.is_some_and(|person| change.is_made(person.state.as_deref()))
    }
}

/// Whether the record of a request to schedule has the events that came of it.
fn is_answered(record: &Submission) -> bool {
    record.operation == Operation::Schedule && record.phase == Phase::Accepted
}

fn is_complete(answer: &JobAnswer, members: usize) -> bool {
    answer.rows.as_ref().is_none_or(|rows| {
        rows.len() >= members && rows.iter().all(|row| row.word != Word::Pending && !row.is_odd())
    })
}

/// What a job said of a user that it failed to change.
fn failure(answer: &JobAnswer, id: &str, username: &str) -> Option<String> {
    let rows = answer.rows.as_ref()?;
    let of = |row: &&crate::plan::facts::Row| {
        row.ids.contains(id)
            || row
                .usernames
                .iter()
                .any(|name| crate::users::row::fold(name) == crate::users::row::fold(username))
    };
    let row = rows.iter().filter(|row| row.word == Word::Other).find(of)?;
    row.message.clone().filter(|message| !message.is_empty())
}

/// Sorts events that a request without an answer may have made: those first whose job has no other users, then those
/// whose job has the most of its users. Of equal ones the older of two objects that settle requests for the same
/// change at the same moment takes the first, and the younger one the last.
fn likely_first(rows: &mut [Listed], look: &EventsLook, members: &BTreeSet<&String>, claims: &Claims) {
    rows.sort();
    if rows.iter().any(|row| claims.is_of_older(row)) {
        rows.reverse();
    }
    rows.sort_by_cached_key(|row| {
        let of_job = look.rows.iter().filter(|other| other.job_id == row.job_id);
        let (ours, others): (Vec<_>, Vec<_>) = of_job.partition(|other| members.contains(&other.user_id));
        (others.len(), Reverse(ours.len()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_events_that_nobody_can_tell_apart_two_objects_take_different_ones() {
        let row = |job: &str, user: &str| Listed {
            job_id: job.to_owned(),
            user_id: user.to_owned(),
            state: None,
            time: None,
        };
        let look = |rows: Vec<Listed>| EventsLook {
            at: Timestamp::MIN,
            order: 1,
            whole: true,
            thorough: true,
            covered: BTreeSet::new(),
            rows,
        };
        let first = |rows: &[Listed], look: &EventsLook, members: &[&str], older: bool| {
            let sending = rows.iter().map(|row| ((row.job_id.clone(), row.user_id.clone()), older)).collect();
            let members: Vec<String> = members.iter().map(|id| (*id).to_owned()).collect();
            let mut rows = rows.to_vec();
            likely_first(
                &mut rows,
                look,
                &members.iter().collect(),
                &Claims { sending, ..Claims::default() },
            );
            rows.remove(0).job_id
        };
        let alike = [row("j1", "ada"), row("j2", "ada")];
        let both = look(alike.to_vec());
        assert_eq!(first(&alike, &both, &["ada"], false), "j1", "the older object");
        assert_eq!(first(&alike, &both, &["ada"], true), "j2", "the younger one");
        // One of two requests had another user, too.
        let told = look([&alike[..], &[row("j2", "bob")]].concat());
        assert_eq!(first(&alike, &told, &["ada", "bob"], false), "j2");
        assert_eq!(first(&alike, &told, &["ada"], true), "j1");
    }
}
