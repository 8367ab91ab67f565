//! The append-only record of what was asked and what happened.
//!
//! A request is written at the moment it is carried out (or is not), in the order in which that
//! happens; what a job does is written when it falls due by the simulator's clock. Keys, client
//! secrets, tokens, passwords and bodies are never written: a body is known by its hash.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::route::Route;
use crate::settings::Operation;

/// One entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// When it happened, by the simulator's clock.
    pub time: Timestamp,
    /// When it was written, by the real clock.
    pub wall: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

impl Entry {
    /// The request, when the entry is one.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        match &self.what {
            What::Request(request) => Some(request.as_ref()),
            _ => None,
        }
    }
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A request was answered, or left without an answer.
    Request(Box<Request>),
    /// The client of an earlier request went away before its reply was sent.
    ClientLeft {
        /// The entry of that request.
        request: u64,
    },
    /// A row of a job was executed.
    RowExecuted(Row),
    /// Every row of a job has been executed.
    JobFinished {
        /// The job.
        job_id: String,
        /// Rows that went well.
        finished: usize,
        /// Rows that failed.
        failed: usize,
    },
    /// A user came to be.
    UserCreated(UserChange),
    /// A user was changed.
    UserUpdated(UserChange),
    /// A user was deleted.
    UserDeleted(UserChange),
    /// A scheduled state change is listed from now on.
    ScheduleAdded {
        /// The event.
        event: ScheduledEvent,
        /// Who did it.
        by: Cause,
    },
    /// A scheduled state change was taken off the list before it was executed.
    ScheduleRemoved {
        /// The event.
        event: ScheduledEvent,
        /// Who did it.
        by: Cause,
    },
    /// A scheduled state change was executed, and is off the list.
    ScheduleExecuted {
        /// The event.
        event: ScheduledEvent,
        /// What came of it.
        outcome: ScheduleOutcome,
    },
    /// A user was sent mail on activation.
    ActivationMail(Mail),
}

/// A request to the API. Control requests are not recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// When it arrived, by the real clock. Entries are ordered by when they were carried out.
    pub arrived: Timestamp,
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The route.
    pub route: Route,
    /// The organisation, when the key gave one.
    pub organisation: Option<String>,
    /// The first 12 hexadecimal digits of the SHA-256 of the key, of the token, or of the client secret
    /// that a token was asked for with; never the text itself.
    pub key: Option<String>,
    /// The `creation-source` header.
    pub creation_source: Option<String>,
    /// The `x-org-id` header.
    pub org_id: Option<String>,
    /// The `user-agent` header.
    pub user_agent: Option<String>,
    /// The `content-length` header.
    pub content_length: Option<u64>,
    /// SHA-256 of the body, hexadecimal.
    pub body_hash: String,
    /// Rows of a bulk request, users of a schedule.
    pub rows: usize,
    /// Usernames of a bulk creation, as sent.
    pub usernames: Vec<String>,
    /// User ids of a bulk update, a schedule or `eventlist/next`, or the id in the path.
    pub ids: Vec<String>,
    /// Names of the fields in each row of a bulk update, without the id; never their values.
    pub fields: Vec<Vec<String>>,
    /// The exact values that a search asked for; `filter` and `userid` of a listing of schedules.
    pub asked: Vec<String>,
    /// Usernames in the answer of a list or search.
    pub found: Vec<String>,
    /// The fault that was applied.
    pub fault: Option<String>,
    /// Whether the request was carried out: it reached the API's own rules.
    pub acted: bool,
    /// The code that the API's own rules gave; none when it was not carried out.
    pub own_status: Option<u16>,
    /// The code that was sent; none when no reply was sent.
    pub status: Option<u16>,
    /// Whether no reply was sent.
    pub reply_dropped: bool,
    /// Whether the API's own answer was sent, whole. A client that left early may have missed it
    /// all the same: see [`What::ClientLeft`].
    pub reply_intact: bool,
    /// The job that came to be, whether or not the reply arrived. Of a schedule whose users have an id
    /// each, the first.
    pub job_id: Option<String>,
}

impl Request {
    /// Whether this request made a bulk job or a schedule, whether or not the client heard of it.
    #[must_use]
    pub fn accepted_job(&self) -> Option<&str> {
        self.job_id.as_deref().filter(|_| self.acted)
    }
}

/// The execution of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The job.
    pub job_id: String,
    /// The row's own id.
    pub row_id: String,
    /// The organisation.
    pub organisation: String,
    /// What the job does.
    pub operation: Operation,
    /// The username: as sent for a creation, the live one for an update.
    pub username: Option<String>,
    /// The user that the row created or updated.
    pub user_id: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a row ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Reported as finished.
    Finished,
    /// Reported as finished, and nothing was done.
    Lost,
    /// Reported as failed.
    Failed {
        /// The `statusMsg`.
        message: Option<String>,
    },
}

/// A change of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserChange {
    /// The organisation.
    pub organisation: String,
    /// The user.
    pub user_id: String,
    /// Its username.
    pub username: String,
    /// The fields that were sent; none for a deletion.
    pub fields: Vec<String>,
    /// Who did it.
    pub by: Cause,
}

/// A scheduled state change of one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledEvent {
    /// The organisation.
    pub organisation: String,
    /// The `scheduledJobId`.
    pub job_id: String,
    /// The user.
    pub user_id: String,
    /// `ACTIVATED` or `SUSPENDED`.
    pub state: String,
    /// When it is to happen, as kept.
    pub date: Timestamp,
}

/// What came of a scheduled state change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleOutcome {
    /// The user has the state now.
    Changed,
    /// The user had the state before.
    AlreadyThere,
    /// There is no such user.
    NoUser,
    /// Nothing was done, by the settings.
    Lost,
}

/// Mail on activation. Addresses are not kept, only whose they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The organisation.
    pub organisation: String,
    /// The user.
    pub user_id: String,
    /// Which mail.
    pub mail: MailKind,
    /// Where to.
    pub to: MailTo,
    /// What activated the user.
    pub by: Cause,
}

/// Which mail a user gets on activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// For users with a password.
    Welcome,
    /// For users without one.
    Activation,
}

/// Where mail goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTo {
    /// The address that the request names.
    Override,
    /// The user's alternate address.
    Alternate,
    /// The user's own address.
    Primary,
}

/// Who changed a user or a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A bulk job.
    Job(String),
    /// A request that acts at once.
    Request,
    /// The scheduled state change with this id.
    Schedule(String),
    /// The test, through the control routes or the library.
    Control,
}

/// The record.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
}

impl Ledger {
    /// Adds an entry and gives its number.
    pub(crate) fn push(&mut self, time: Timestamp, what: What) -> u64 {
        let seq = self.entries.len() as u64 + 1;
        self.entries.push(Entry { seq, time, wall: crate::clock::wall(), what });
        seq
    }

    /// Completes a request entry within the same critical section that pushed it.
    pub(crate) fn complete(&mut self, seq: u64, complete: impl FnOnce(&mut Request)) {
        let index = usize::try_from(seq.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(Entry { what: What::Request(request), .. }) = self.entries.get_mut(index) {
            complete(request);
        }
    }

    /// The entries after `seq`.
    pub(crate) fn since(&self, seq: u64) -> &[Entry] {
        let from = usize::try_from(seq).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries.get(from..).unwrap_or_default()
    }
}
