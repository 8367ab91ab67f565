//! Results recorded: a request dissolves into what became of each of its users.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Draft, Entry, News, TAKEN_WITHIN};
use crate::api::condition::whole_seconds;
use crate::api::submission::{Operation, Submission};
use crate::api::user_status::{SettledJob, reason, result};
use crate::plan::applied::{Applied, How};
use crate::plan::desired::Desired;
use crate::plan::messages;
use crate::plan::policy::after;
use crate::plan::retry::backoff;
use crate::plan::submission::{Fate, Settled};
use crate::users::clean;
use crate::users::row::{DesiredRow, fold};

/// Most settled jobs that are kept.
const JOBS: usize = 10;

impl Draft {
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
                    Operation::Update | Operation::Schedule => "Update".to_owned(),
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
        let failure = self.tried_to_set(username, hash);
        let last = failure.attempts >= TAKEN_WITHIN;
        // Looked at again before it is sent again: a search may show an update late.
        failure.retry_time = (!last).then(|| after(now, backoff(failure.attempts)).to_string());
        let message = if last { messages::not_taken(fields) } else { messages::not_taken_yet(fields) };
        let news = self.news.entry(fold(username)).or_default();
        news.reason = Some(reason::FIELD_NOT_TAKEN);
        news.message = Some(message);
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
