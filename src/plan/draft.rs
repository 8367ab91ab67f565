//! Changes to a status: results recorded, requests intended.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::applied::{Applied, How};
use super::claims::Claim;
use super::desired::Desired;
use super::messages;
use super::policy::after;
use super::retry::backoff;
use super::submission::{Fate, Settled};
use crate::api::condition::whole_seconds;
use crate::api::submission::{Operation, Recorded, Submission};
use crate::api::user_status::{
    Failure, InventoryEntry, JumpCloudUserBatchStatus, LastHandled, SettledJob, reason, result,
};
use crate::users::clean;
use crate::users::row::{DesiredRow, fold};

/// Most settled jobs that are kept.
const JOBS: usize = 10;

/// A status about to be, with what people will read about single users.
#[derive(Debug, Clone)]
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

    /// Dissolves a request into the results of its users.
    pub fn settle(&mut self, request: &Submission, results: &[Settled], desired: &Desired, now: Timestamp) {
        self.status.submissions.retain(|record| record.nonce() != Some(&request.nonce));
        let shared = shared_messages(results, desired);
        let mut succeeded = 0;
        for settled in results {
            let row = desired.rows.iter().find(|row| row.key() == fold(&settled.username));
            succeeded += u32::from(settled.fate.is_success());
            self.record(request, settled, row, &shared, desired, now);
        }
        if results.iter().all(|settled| settled.fate == Fate::Released) {
            return;
        }
        let users = u32::try_from(results.len()).unwrap_or(u32::MAX);
        self.status.jobs.insert(
            0,
            SettledJob {
                job_id: request.job_id.clone(),
                operation: match request.operation {
                    Operation::Create => "Create".to_owned(),
                    Operation::Update => "Update".to_owned(),
                },
                users,
                succeeded,
                failed: users - succeeded,
                submission_time: whole_seconds(request.intent_time).to_string(),
                completion_time: whole_seconds(now).to_string(),
            },
        );
        self.status.jobs.truncate(JOBS);
    }

    fn record(
        &mut self,
        request: &Submission,
        settled: &Settled,
        row: Option<&DesiredRow>,
        shared: &BTreeMap<&str, String>,
        desired: &Desired,
        now: Timestamp,
    ) {
        let key = fold(&settled.username);
        // Values that were sent are known only while the row is declared as it was sent.
        let sent = row.filter(|row| row.hash == settled.hash);
        let job_id = request.job_id.clone();
        match &settled.fate {
            // What is gone is looked for by name, as a new user is, when its row is looked at next.
            Fate::Released | Fate::Vanished => {}
            Fate::Created { id, live_state, after_unknown, applied } => {
                let before = Entry::of(&settled.username, id);
                self.apply(before, settled, applied, now);
                let news = self.news.entry(key).or_default();
                if *after_unknown {
                    news.reason.get_or_insert(reason::ADOPTED_AFTER_UNKNOWN);
                }
                news.job_id = job_id;
                news.live_state.clone_from(live_state);
            }
            Fate::Updated { id, live_state, applied } => {
                let entry = self.entry(&key, &settled.username, id);
                self.apply(
                    Entry { result: Some(result::UPDATED.to_owned()), ..entry },
                    settled,
                    applied,
                    now,
                );
                let news = self.news.entry(key).or_default();
                news.job_id = job_id;
                news.live_state.clone_from(live_state);
            }
            Fate::Conflict => {
                self.conflict(&settled.username, &settled.hash, job_id);
                // It may belong to a user of a request that is still open: a look tells once that has ended.
                if !self.status.submissions.is_empty() {
                    self.failure(&settled.username, &settled.hash).retry_time = Some(now.to_string());
                }
            }
            Fate::Elsewhere { message, may_be_ours } => {
                let (username, hash) = (&settled.username, &settled.hash);
                self.refuse(username, hash, reason::MANAGED_ELSEWHERE, message.clone());
                if *may_be_ours {
                    let intended = request.intent_time.to_string();
                    self.failure(username, hash).unknown_time.get_or_insert(intended);
                }
                self.news.entry(key).or_default().job_id = job_id;
            }
            Fate::Failed { reason, message, may_pass, may_appear } => {
                let failure = self.failure(&settled.username, &settled.hash);
                failure.reason = (*reason).to_owned();
                failure.attempts += 1;
                failure.retry_time = (*may_pass && failure.attempts <= desired.retry_limit)
                    .then(|| after(now, backoff(failure.attempts)).to_string());
                if *may_appear {
                    failure.unknown_time.get_or_insert_with(|| request.intent_time.to_string());
                }
                let message = shared
                    .get(message.as_str())
                    .cloned()
                    .unwrap_or_else(|| clean::message(message, sent.map(|row| &row.fields)));
                self.news.insert(
                    key,
                    News { reason: Some(reason), message: Some(message), job_id, live_state: None },
                );
            }
            Fate::Lost | Fate::Unanswered => {
                let failure = self.failure(&settled.username, &settled.hash);
                let sends = failure.unknown_sends.unwrap_or(0) + 1;
                failure.reason = reason::SUBMISSION_UNKNOWN.to_owned();
                failure.unknown_sends = Some(sends);
                if request.operation == Operation::Create {
                    failure.unknown_time.get_or_insert_with(|| request.intent_time.to_string());
                }
                failure.retry_time = (sends < 2).then(|| now.to_string());
                let message = messages::unknown(request.operation, sends < 2);
                self.news.insert(
                    key,
                    News {
                        reason: Some(reason::SUBMISSION_UNKNOWN),
                        message: Some(message.to_owned()),
                        ..News::default()
                    },
                );
            }
        }
    }

    /// Takes down what a request did to a user that is ours.
    fn apply(&mut self, entry: Entry, settled: &Settled, applied: &Applied, now: Timestamp) {
        let (username, hash) = (&settled.username, &settled.hash);
        let entry = Entry { state: applied.state.clone(), ..entry };
        match &applied.how {
            How::Whole => self.own(Entry { hash: hash.clone(), ..entry }),
            How::Part => self.own(entry),
            How::AllButSingle => self.own(Entry { sent: Some(hash.clone()), ..entry }),
            How::NotTaken(fields) => {
                self.put(entry);
                self.not_taken(username, hash, fields, now);
            }
        }
    }

    /// JumpCloud kept other values than were sent: sent once more, then it is a person's turn.
    pub fn not_taken(&mut self, username: &str, hash: &str, fields: &[String], now: Timestamp) {
        let failure = self.failure(username, hash);
        if failure.reason != reason::FIELD_NOT_TAKEN {
            failure.attempts = 0;
        }
        failure.reason = reason::FIELD_NOT_TAKEN.to_owned();
        failure.attempts = (failure.attempts + 1).min(TAKEN_WITHIN);
        let last = failure.attempts >= TAKEN_WITHIN;
        // Looked at again before it is sent again: a search may show an update late.
        failure.retry_time = (!last).then(|| after(now, backoff(failure.attempts)).to_string());
        let message = if last { messages::not_taken(fields) } else { messages::not_taken_yet(fields) };
        let news = self.news.entry(fold(username)).or_default();
        news.reason = Some(reason::FIELD_NOT_TAKEN);
        news.message = Some(message);
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
        let failure = self.failure(&row.username, &row.hash);
        if failure.reason != reason::FIELD_NOT_TAKEN {
            failure.attempts = 0;
        }
        failure.reason = reason::FIELD_NOT_TAKEN.to_owned();
        failure.attempts = (failure.attempts + 1).min(TAKEN_WITHIN);
        failure.retry_time = Some(until.to_string());
    }

    /// A repair did not come to pass: it does not count.
    pub fn repair_again(&mut self, row: &DesiredRow, at: Timestamp) {
        let failure = self.failure(&row.username, &row.hash);
        failure.attempts = failure.attempts.saturating_sub(1);
        failure.retry_time = Some(at.to_string());
    }

    /// Users that the list has not any more are ours in name only; those that another object has taken
    /// over are not ours at all; a row that is back takes its user back.
    ///
    /// `taken_over` is the claim of another object that has a user of ours and wants it.
    pub fn let_go<'c>(
        &mut self,
        desired: &Desired,
        taken_over: impl Fn(&str) -> Option<&'c Claim>,
        now: Timestamp,
    ) {
        let rows: BTreeSet<String> = desired.rows.iter().map(DesiredRow::key).collect();
        let in_flight = self.in_flight();
        self.status.inventory.retain(|entry| {
            let key = fold(&entry.username);
            in_flight.contains(&key)
                || taken_over(&entry.id).is_none_or(|claim| match entry.removal_time {
                    // Let go before: whoever has it by now has it, even if the row is back.
                    Some(_) => false,
                    None => rows.contains(&key) || !claim.hands_over,
                })
        });
        for entry in &mut self.status.inventory {
            if rows.contains(&fold(&entry.username)) {
                entry.removal_time = None;
            } else {
                entry.removal_time.get_or_insert_with(|| whole_seconds(now).to_string());
            }
        }
    }

    /// Forgets the oldest of the users that the list has not any more, while the records have no room.
    pub fn make_room(&mut self, most: usize) {
        let size = |status: &JumpCloudUserBatchStatus| {
            serde_json::to_vec(&(&status.inventory, &status.failures, &status.submissions))
                .map_or(0, |bytes| bytes.len())
        };
        let mut oldest: Vec<(String, String)> = self
            .status
            .inventory
            .iter()
            .filter_map(|entry| Some((entry.removal_time.clone()?, entry.username.clone())))
            .collect();
        if oldest.is_empty() {
            return;
        }
        let mut excess = size(&self.status).saturating_sub(most);
        oldest.sort();
        for (_, username) in oldest {
            if excess == 0 {
                return;
            }
            let at = self.status.inventory.iter().position(|entry| entry.username == username);
            if let Some(at) = at {
                let gone = self.status.inventory.remove(at);
                excess = excess.saturating_sub(serde_json::to_vec(&gone).map_or(0, |bytes| bytes.len()));
            }
        }
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

    /// Forgets failures of rows that are gone or changed; keeps what may prove a user ours.
    pub fn forget_obsolete(&mut self, desired: &Desired, now: Timestamp) {
        let rows: BTreeMap<String, &str> =
            desired.rows.iter().map(|row| (row.key(), row.hash.as_str())).collect();
        for failure in &mut self.status.failures {
            if failure.repair_may_come(now).is_some() {
                continue;
            }
            if rows.get(&fold(&failure.username)).is_none_or(|hash| *hash != failure.hash) {
                failure.attempts = 0;
                failure.retry_time = None;
                failure.unknown_sends = None;
            }
        }
        self.status.failures.retain(|failure| {
            rows.get(&fold(&failure.username)).is_some_and(|hash| *hash == failure.hash)
                || failure.unknown_time.is_some()
                || failure.repair_may_come(now).is_some()
        });
    }

    /// Acts on annotation resolve: `abandon` gives requests of unknown outcome up.
    pub fn abandon(&mut self) {
        for failure in &mut self.status.failures {
            failure.unknown_time = None;
            failure.unknown_sends = None;
        }
        self.status.failures.retain(|failure| failure.reason != reason::SUBMISSION_UNKNOWN);
    }

    /// Notes that annotation resolve was acted on, or has gone.
    pub fn resolved(&mut self, value: Option<&str>) {
        let before = self.status.last_handled.as_ref().and_then(|handled| handled.resolve.as_deref());
        if before != value {
            self.handled().resolve = value.map(str::to_owned);
        }
    }

    /// Acts on annotation retry-failed: everything that failed starts anew.
    pub fn retry_failed(&mut self, value: &str, now: Timestamp) {
        for failure in &mut self.status.failures {
            failure.attempts = 0;
            failure.unknown_sends = None;
            failure.hash = String::new();
            if failure.repair_may_come(now).is_none() {
                failure.retry_time = None;
            }
        }
        self.status
            .failures
            .retain(|failure| failure.unknown_time.is_some() || failure.repair_may_come(now).is_some());
        self.handled().retry_failed = Some(value.to_owned());
    }

    /// Notes that annotation requested-at was acted on.
    pub fn requested(&mut self, value: &str) {
        self.handled().requested_at = Some(value.to_owned());
    }

    fn handled(&mut self) -> &mut LastHandled {
        self.status.last_handled.get_or_insert_default()
    }

    /// Usernames, folded, that requests under way have.
    #[must_use]
    pub fn in_flight(&self) -> BTreeSet<String> {
        self.status
            .submissions
            .iter()
            .filter_map(Recorded::known)
            .flat_map(|s| s.usernames().iter().map(|m| fold(m)))
            .collect()
    }
}

/// What several users are told alike, such as why a whole request was rejected, may be about any of
/// them: it is cleaned of the values of all.
fn shared_messages<'a>(results: &'a [Settled], desired: &Desired) -> BTreeMap<&'a str, String> {
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for settled in results {
        if let Fate::Failed { message, .. } = &settled.fate {
            *told.entry(message).or_default() += 1;
        }
    }
    told.retain(|_, users| *users > 1);
    if told.is_empty() {
        return BTreeMap::new();
    }
    let members: BTreeSet<String> = results.iter().map(|settled| fold(&settled.username)).collect();
    let rows: Vec<_> =
        desired.rows.iter().filter(|row| members.contains(&row.key())).map(|row| &row.fields).collect();
    told.into_keys().map(|text| (text, clean::message(text, rows.iter().copied()))).collect()
}
