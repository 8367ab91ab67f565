//! Changes to a status: results recorded, requests intended.

mod leaving;
mod requests;
mod settle;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::messages;
use crate::api::submission::{Recorded, Submission};
use crate::api::user_status::{Failure, InventoryEntry, JumpCloudUserBatchStatus, reason, result};
use crate::users::row::{DesiredRow, fold};

/// A status about to be, with what people will read about single users.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The status.
    pub status: JumpCloudUserBatchStatus,
    /// News about users, by folded username.
    pub news: BTreeMap<String, News>,
}

/// Sends within which JumpCloud has to take a value.
const TAKEN_WITHIN: u32 = 2;

/// An entry of the inventory about to be.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// The username as declared.
    pub username: String,
    /// JumpCloud's id.
    pub id: String,
    /// Hash of the row as applied; empty while it is applied in part.
    pub hash: String,
    /// The declared state that is applied.
    pub state: Option<String>,
    /// Hash of the row of which jobs have applied all that they take, while something is left.
    pub sent: Option<String>,
    /// One of the words of [`result`]; none means created.
    pub result: Option<String>,
}

impl Entry {
    /// A user of whose row nothing is applied yet.
    #[must_use]
    pub fn of(username: &str, id: &str) -> Self {
        Self { username: username.to_owned(), id: id.to_owned(), ..Self::default() }
    }

    /// A user that has everything of its row.
    #[must_use]
    pub fn whole(row: &DesiredRow, id: &str) -> Self {
        Self { hash: row.hash.clone(), state: row.declared_state(), ..Self::of(&row.username, id) }
    }
}

/// What a user's line in `status.users` will say besides the result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Why.
    pub reason: Option<&'static str>,
    /// What happened.
    pub message: Option<String>,
    /// The job that brought it.
    pub job_id: Option<String>,
    /// JumpCloud's state.
    pub live_state: Option<String>,
}

impl Draft {
    /// A draft that changes nothing yet.
    #[must_use]
    pub fn of(status: &JumpCloudUserBatchStatus) -> Self {
        Self { status: status.clone(), news: BTreeMap::new() }
    }

    /// Adds the record of a request about to be sent. The first one settles the object's organisation.
    pub fn intend(&mut self, request: &Submission) {
        self.status.organization_id.get_or_insert_with(|| request.organization_id.clone());
        self.status.submissions.push(Recorded::Known(Box::new(request.clone())));
    }

    /// Puts two halves in the place of a record.
    pub fn split(&mut self, nonce: &str, halves: [Submission; 2]) {
        let records = &mut self.status.submissions;
        let at = records.iter().position(|record| record.nonce() == Some(nonce)).unwrap_or(records.len());
        records.retain(|record| record.nonce() != Some(nonce));
        let halves = halves.into_iter().map(|half| Recorded::Known(Box::new(half)));
        records.splice(at..at, halves);
    }

    /// Takes a record out whose users need no request of their own any more.
    pub fn dissolve(&mut self, nonce: &str) {
        self.status.submissions.retain(|record| record.nonce() != Some(nonce));
    }

    /// Replaces a record by a changed one of the same nonce.
    pub fn replace(&mut self, changed: Submission) {
        for record in &mut self.status.submissions {
            if record.nonce() == Some(&changed.nonce) {
                *record = Recorded::Known(Box::new(changed));
                return;
            }
        }
    }

    /// Takes down that a user that is ours is about to be changed: from now on it may have something of
    /// the row, whatever is declared later. Only a look tells what.
    pub fn begin_change(&mut self, username: &str, sets_state: bool) {
        let key = fold(username);
        if let Some(entry) = self.status.inventory.iter_mut().find(|entry| fold(&entry.username) == key) {
            if !entry.hash.is_empty() {
                entry.hash = String::new();
                entry.result = Some(result::UPDATED.to_owned());
            }
            if sets_state {
                entry.state = None;
            }
        }
    }

    /// Takes a user into the inventory; whatever failed about it is over.
    pub fn own(&mut self, entry: Entry) {
        let key = fold(&entry.username);
        self.status.failures.retain(|failure| fold(&failure.username) != key);
        self.put(entry);
    }

    fn put(&mut self, entry: Entry) {
        let key = fold(&entry.username);
        let at = self.status.inventory.iter().position(|known| fold(&known.username) == key);
        let new = InventoryEntry {
            username: entry.username,
            id: entry.id,
            hash: entry.hash,
            state: entry.state,
            sent: entry.sent,
            removal_time: None,
            result: entry.result,
            other: BTreeMap::new(),
        };
        match at.and_then(|at| self.status.inventory.get_mut(at)) {
            Some(known) => *known = InventoryEntry { other: std::mem::take(&mut known.other), ..new },
            None => self.status.inventory.push(new),
        }
    }

    /// The entry of a user as it is, for a change; of a user that is not ours yet, an empty one.
    #[must_use]
    pub fn entry(&self, key: &str, username: &str, id: &str) -> Entry {
        let known = self.status.inventory.iter().find(|known| fold(&known.username) == key);
        Entry {
            hash: known.map(|known| known.hash.clone()).unwrap_or_default(),
            state: known.and_then(|known| known.state.clone()),
            result: known.and_then(|known| known.result.clone()),
            ..Entry::of(username, id)
        }
    }

    /// Records what keeps a user from being sent until a person acts, or the world changes.
    pub fn refuse(&mut self, username: &str, hash: &str, why: &'static str, message: String) {
        let failure = self.failure(username, hash);
        why.clone_into(&mut failure.reason);
        failure.retry_time = None;
        let news = News { reason: Some(why), message: Some(message), ..News::default() };
        self.news.insert(fold(username), news);
    }

    /// Records that a user exists and is not ours.
    pub fn conflict(&mut self, username: &str, hash: &str, job_id: Option<String>) {
        self.refuse(username, hash, reason::ALREADY_EXISTS, messages::user_exists(username));
        self.news.entry(fold(username)).or_default().job_id = job_id;
    }

    /// Takes down that a user is about to be repaired by a request of its own, before it is sent. Until
    /// `until` its outcome is open.
    pub fn repairing(&mut self, row: &DesiredRow, sets_state: bool, until: Timestamp) {
        self.begin_change(&row.username, sets_state);
        self.tried_to_set(&row.username, &row.hash).retry_time = Some(until.to_string());
    }

    /// Counts one more try to have values taken. Earlier failures of another kind do not count.
    fn tried_to_set(&mut self, username: &str, hash: &str) -> &mut Failure {
        let failure = self.failure(username, hash);
        if failure.reason != reason::FIELD_NOT_TAKEN {
            failure.attempts = 0;
        }
        failure.reason = reason::FIELD_NOT_TAKEN.to_owned();
        failure.attempts = (failure.attempts + 1).min(TAKEN_WITHIN);
        failure
    }

    /// A repair did not come to pass: it does not count.
    pub fn repair_again(&mut self, row: &DesiredRow, at: Timestamp) {
        let failure = self.failure(&row.username, &row.hash);
        failure.attempts = failure.attempts.saturating_sub(1);
        failure.retry_time = Some(at.to_string());
    }

    /// The failure entry of a user; attempts of another row content do not count.
    fn failure(&mut self, username: &str, hash: &str) -> &mut Failure {
        let key = fold(username);
        let old = self.status.failures.iter().position(|failure| fold(&failure.username) == key);
        let mut entry = old.map(|i| self.status.failures.remove(i)).unwrap_or_default();
        if entry.hash != hash {
            entry = Failure { unknown_time: entry.unknown_time, ..Failure::default() };
        }
        username.clone_into(&mut entry.username);
        hash.clone_into(&mut entry.hash);
        let at = old.unwrap_or(self.status.failures.len());
        self.status.failures.insert(at, entry);
        // The entry was put there in the line before.
        #[expect(clippy::indexing_slicing, reason = "just inserted at this index")]
        &mut self.status.failures[at]
    }

    /// Usernames, folded, that requests have: those under way, and parts of refused ones.
    #[must_use]
    pub fn in_flight(&self) -> BTreeSet<String> {
        self.sent(|_| true)
    }

    /// Usernames, folded, that requests under way have.
    #[must_use]
    pub fn under_way(&self) -> BTreeSet<String> {
        self.sent(|record| record.phase.is_under_way())
    }

    fn sent(&self, counts: impl Fn(&Submission) -> bool) -> BTreeSet<String> {
        let records = self.status.submissions.iter().filter_map(Recorded::known);
        let names = records.filter(|record| counts(record)).flat_map(Submission::usernames);
        names.map(|name| fold(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::{at, declared};

    #[test]
    fn values_are_tried_twice_whatever_failed_before() {
        let row = declared(&["ada"]).rows.remove(0);
        let mut draft = Draft::of(&JumpCloudUserBatchStatus::default());
        let other = draft.failure("ada", &row.hash);
        reason::REJECTED.clone_into(&mut other.reason);
        other.attempts = 3;
        let fields = ["department".to_owned()];
        draft.not_taken("ada", &row.hash, &fields, at(0));
        let first = draft.status.failures[0].clone();
        assert_eq!((first.attempts, first.retry_time), (1, Some(at(10).to_string())));
        draft.not_taken("ada", &row.hash, &fields, at(20));
        let last = draft.status.failures[0].clone();
        assert_eq!((last.attempts, last.retry_time), (2, None), "a person's turn");
        assert!(draft.news["ada"].message.as_deref().is_some_and(|text| text.contains("department")));

        // A repair counts as a try, but for one that did not come to pass.
        let mut draft = Draft::of(&JumpCloudUserBatchStatus::default());
        draft.repairing(&row, false, at(30));
        assert_eq!(draft.status.failures[0].attempts, 1);
        draft.repair_again(&row, at(40));
        assert_eq!(draft.status.failures[0].attempts, 0);
    }
}
