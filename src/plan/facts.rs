//! What one pass has learned. Lives for the pass only; nothing decided before it is in status counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::users::row::fold;

/// Answers of this pass, and notes of this process.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The connection, once it was asked for.
    pub connection: Option<ConnectionFact>,
    /// Users looked up, by folded username.
    pub users: BTreeMap<String, Look>,
    /// Results read, by job id.
    pub jobs: BTreeMap<String, JobAnswer>,
    /// Reads that failed in this pass are not tried again in it.
    pub failed: BTreeMap<Read, FailedRead>,
    /// The submission whose intent this pass has committed and not yet sent.
    pub armed: Option<String>,
    /// Outcomes of requests sent in this pass, by nonce.
    pub deliveries: BTreeMap<String, Outcome>,
    /// A nonce that no submission has yet.
    pub fresh_nonce: String,
    /// Advisory memory of this process.
    pub notes: Notes,
    answers: u64,
}

/// Something to be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// The connection: is it Ready, with the credential as it is now.
    Connection,
    /// Users by username and e-mail, at most [`LOOK_UP`].
    Users(Vec<UserKey>),
    /// Results of a job.
    Job {
        /// JumpCloud's id.
        job_id: String,
        /// Rows sent: reading stops when as many were seen.
        rows: usize,
    },
}

/// Users per search: each may match twice, so one page of 100 holds every answer.
pub const LOOK_UP: usize = 50;

/// A user to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserKey {
    /// The username as declared.
    pub username: String,
    /// The e-mail address, where it is known.
    pub email: Option<String>,
}

/// A read that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRead {
    /// Not before this time again.
    pub retry_at: Timestamp,
    /// What went wrong, fit for a condition.
    pub message: String,
}

/// The connection as this pass found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionFact {
    /// There is none of that name.
    Missing,
    /// This process has not checked it yet; a moment later it is one of the others.
    Checking,
    /// It cannot be used now; the message says why.
    NotReady(String),
    /// It can be used.
    Ready(Connection),
}

/// A connection that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The organisation behind the credential.
    pub organization: String,
    /// Nothing may be written through it.
    pub paused: bool,
    /// Most users of one job.
    pub max_batch_size: u32,
    /// Most jobs under way.
    pub max_concurrent_jobs: u32,
    /// Jobs of other objects under way with the same credential.
    pub jobs_elsewhere: u32,
}

/// What a look-up said about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When the answer came.
    pub at: Timestamp,
    /// Order among the answers of this pass.
    pub order: u64,
    /// Every user with this username or this e-mail address.
    pub found: Vec<Live>,
}

/// A user as JumpCloud has it, as far as decisions need it.
#[derive(Clone, PartialEq, Eq)]
pub struct Live {
    /// JumpCloud's id.
    pub id: String,
    /// Username.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// State, in JumpCloud's word.
    pub state: Option<String>,
    /// When the user was created.
    pub created: Option<Timestamp>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("id", &self.id).field("username", &self.username).finish_non_exhaustive()
    }
}

/// Results of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAnswer {
    /// When the answer came.
    pub at: Timestamp,
    /// Order among the answers of this pass.
    pub order: u64,
    /// The rows; `None` when JumpCloud does not know the job (any more).
    pub rows: Option<Vec<Row>>,
}

/// One row of a job's results.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// What the status word comes down to.
    pub word: Word,
    /// JumpCloud's message.
    pub message: Option<String>,
    /// Usernames that the row names.
    pub usernames: BTreeSet<String>,
    /// E-mail addresses that the row names.
    pub emails: BTreeSet<String>,
    /// User ids that the row names.
    pub ids: BTreeSet<String>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("word", &self.word)
            .field("usernames", &self.usernames)
            .finish_non_exhaustive()
    }
}

/// Status words of a row. JumpCloud declares none; two have been seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Word {
    /// `pending`
    Pending,
    /// `finished`
    Finished,
    /// Any other word, or none.
    #[default]
    Other,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A job runs; its id is in status.
    Accepted,
    /// JumpCloud did nothing. The members may be sent again when the cause is gone.
    Refused {
        /// What was in the way; not yet cleaned of personal data.
        message: String,
    },
    /// JumpCloud refused the payload.
    Rejected {
        /// HTTP status.
        status: u16,
        /// JumpCloud's message.
        message: String,
    },
    /// Sent, and no readable answer.
    Unknown,
}

/// What this process remembers between passes. Advice only: after a restart it is empty, and nothing
/// that must not happen twice rests on it.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// How long ago, on the monotonic clock, this process first saw each submission under way, and the
    /// last look at its users: by [`sights`](crate::api::submission::Recorded::sights).
    pub first_seen: BTreeMap<String, Duration>,
    /// Jobs polled by this process.
    pub polls: BTreeMap<String, Polled>,
    /// After a refused request or failing reads: nothing is sent before this time.
    pub hold_until: Option<Timestamp>,
    /// Why, fit for a condition; shown once it has lasted.
    pub trouble: Option<String>,
    /// Tokens are out until then.
    pub throttled_until: Option<Timestamp>,
}

/// Polls of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polled {
    /// When it was last polled.
    pub at: Timestamp,
    /// Since when polls have shown no row in progress, though some were odd or missing.
    pub quiet_since: Option<Timestamp>,
}

impl Facts {
    /// Nothing is known yet but what the process remembers.
    #[must_use]
    pub fn begin(notes: Notes, fresh_nonce: String) -> Self {
        Self { notes, fresh_nonce, ..Self::default() }
    }

    /// Takes in the answer to a search for `keys`: a look for each of them.
    pub fn looked_up(&mut self, keys: &[UserKey], live: &[Live], at: Timestamp) {
        let order = self.next();
        for key in keys {
            let username = fold(&key.username);
            let email = key.email.as_ref().map(|e| e.to_lowercase());
            let found = live
                .iter()
                .filter(|user| {
                    fold(&user.username) == username
                        || email.as_ref().is_some_and(|email| user.email.to_lowercase() == *email)
                })
                .cloned()
                .collect();
            self.users.insert(username, Look { at, order, found });
        }
    }

    /// Takes in the results of a job.
    pub fn polled(&mut self, job_id: &str, rows: Option<Vec<Row>>, members: usize, at: Timestamp) {
        let order = self.next();
        let answer = JobAnswer { at, order, rows };
        let quiet = answer.is_quiet(members);
        let since = self.notes.polls.get(job_id).and_then(|p| p.quiet_since).unwrap_or(at);
        self.notes.polls.insert(job_id.to_owned(), Polled { at, quiet_since: quiet.then_some(since) });
        self.jobs.insert(job_id.to_owned(), answer);
    }

    /// Takes in that a status was written, with or without an intent of that nonce. Looks from before
    /// are used up: a user whose request was settled in that write is sent again only after a look that
    /// is newer.
    pub fn committed(&mut self, armed: Option<String>, fresh_nonce: String) {
        self.users.clear();
        self.armed = armed;
        self.fresh_nonce = fresh_nonce;
    }

    fn next(&mut self) -> u64 {
        self.answers += 1;
        self.answers
    }
}

impl JobAnswer {
    /// Some rows are there, none of them in progress, yet not all are settled.
    fn is_quiet(&self, members: usize) -> bool {
        self.rows.as_ref().is_some_and(|rows| {
            !rows.is_empty()
                && rows.iter().all(|row| row.word != Word::Pending)
                && (rows.len() < members || rows.iter().any(Row::is_odd))
        })
    }
}

impl Row {
    /// A word never seen, without a message: neither success nor failure.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        self.word == Word::Other && self.message.as_deref().unwrap_or_default().is_empty()
    }
}
