//! Changes to a status: results recorded, requests intended.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::desired::Desired;
use super::messages;
use super::policy::after;
use super::retry::backoff;
use super::submission::{Fate, Settled};
use crate::api::condition::whole_seconds;
use crate::api::submission::{Operation, Recorded, Submission};
use crate::api::user_status::{
    Failure, InventoryEntry, JumpCloudUserBatchStatus, LastHandled, SettledJob, reason,
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

    /// Replaces a record by a changed one of the same nonce.
    pub fn replace(&mut self, changed: Submission) {
        for record in &mut self.status.submissions {
            if record.nonce() == Some(&changed.nonce) {
                *record = Recorded::Known(Box::new(changed));
                return;
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
            succeeded += u32::from(matches!(settled.fate, Fate::Created { .. }));
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
            Fate::Released => {}
            Fate::Created { id, live_state, after_unknown } => {
                self.own(&settled.username, id, &settled.hash, sent);
                let reason = after_unknown.then_some(reason::ADOPTED_AFTER_UNKNOWN);
                self.news.insert(key, News { reason, message: None, job_id, live_state: live_state.clone() });
            }
            Fate::Conflict => self.conflict(&settled.username, &settled.hash, job_id),
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
            Fate::Lost => {
                let failure = self.failure(&settled.username, &settled.hash);
                let sends = failure.unknown_sends.unwrap_or(0) + 1;
                failure.reason = reason::SUBMISSION_UNKNOWN.to_owned();
                failure.unknown_sends = Some(sends);
                failure.unknown_time.get_or_insert_with(|| request.intent_time.to_string());
                failure.retry_time = (sends < 2).then(|| now.to_string());
                let message = if sends < 2 { messages::UNKNOWN_ONCE } else { messages::SUBMISSION_UNKNOWN };
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

    /// Takes a user into the inventory.
    pub fn own(&mut self, username: &str, id: &str, hash: &str, row: Option<&DesiredRow>) {
        let key = fold(username);
        self.status.failures.retain(|failure| fold(&failure.username) != key);
        self.status.inventory.retain(|entry| fold(&entry.username) != key);
        self.status.inventory.push(InventoryEntry {
            username: username.to_owned(),
            id: id.to_owned(),
            hash: hash.to_owned(),
            state: row.and_then(|row| row.fields.get("state")).and_then(|s| s.as_str()).map(str::to_owned),
            other: BTreeMap::new(),
        });
    }

    /// Records that a user exists and is not ours.
    pub fn conflict(&mut self, username: &str, hash: &str, job_id: Option<String>) {
        let failure = self.failure(username, hash);
        failure.reason = reason::ALREADY_EXISTS.to_owned();
        failure.retry_time = None;
        self.news.insert(
            fold(username),
            News {
                reason: Some(reason::ALREADY_EXISTS),
                message: Some(messages::user_exists(username)),
                job_id,
                live_state: None,
            },
        );
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
    pub fn forget_obsolete(&mut self, desired: &Desired) {
        let rows: BTreeMap<String, &str> =
            desired.rows.iter().map(|row| (row.key(), row.hash.as_str())).collect();
        for failure in &mut self.status.failures {
            if rows.get(&fold(&failure.username)).is_none_or(|hash| *hash != failure.hash) {
                failure.attempts = 0;
                failure.retry_time = None;
                failure.unknown_sends = None;
            }
        }
        self.status.failures.retain(|failure| {
            rows.get(&fold(&failure.username)).is_some_and(|hash| *hash == failure.hash)
                || failure.unknown_time.is_some()
        });
    }

    /// Acts on annotation retry-failed: everything that failed starts anew.
    pub fn retry_failed(&mut self, value: &str) {
        for failure in &mut self.status.failures {
            failure.attempts = 0;
            failure.unknown_sends = None;
            failure.hash = String::new();
            failure.retry_time = None;
        }
        self.status.failures.retain(|failure| failure.unknown_time.is_some());
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
            .flat_map(|s| s.members.iter().map(|m| fold(m)))
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
