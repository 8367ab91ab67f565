//! What one pass has learned. Lives for the pass only; nothing decided before it is in status counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::claims::Claims;
use crate::users::row::{ManagerRef, fold};

/// Answers of this pass, and notes of this process.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The connection, once it was asked for.
    pub connection: Option<ConnectionFact>,
    /// Whether a job may be started, once it was asked for.
    pub slot: Option<Slot>,
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
    /// Managers looked up, with the id of whom was found.
    pub managers: BTreeMap<ManagerRef, Option<String>>,
    /// Repairs that this pass has committed to and not yet made.
    pub repairs: Vec<Repair>,
    /// What came of repairs in this pass, by folded username.
    pub repaired: BTreeMap<String, Repaired>,
    /// What other objects say about users of this one.
    pub claims: Claims,
    /// Globs of usernames that the connection protects from updates.
    pub protected: Vec<String>,
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
    /// A slot for one job, which the credential's other users share.
    Slot,
    /// Users, as many as one search holds.
    Users(Vec<UserKey>),
    /// Managers that are not of this object, as many as one search holds.
    Managers(Vec<ManagerRef>),
    /// Results of a job.
    Job {
        /// JumpCloud's id.
        job_id: String,
        /// Rows sent: reading stops when as many were seen.
        rows: usize,
    },
}

/// Conditions per search: each matches one user at most, so one page of 100 holds every answer.
pub const LOOK_UP: usize = 100;

/// A user to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserKey {
    /// The username as declared.
    pub username: String,
    /// What it is looked up by.
    pub by: By,
}

/// What a user is looked up by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// JumpCloud's id: a user that is ours.
    Id(String),
    /// Whatever a new user must not share with another one.
    Names {
        /// The e-mail address, where it is known.
        email: Option<String>,
        /// The employee number, where a user may be another one renamed.
        employee_identifier: Option<String>,
    },
}

impl UserKey {
    /// How many conditions of a search it takes. A username in mixed case is searched in lower case, too, which
    /// is not counted: a list of such names may cost the client a second request.
    #[must_use]
    pub fn conditions(&self) -> usize {
        match &self.by {
            By::Id(_) => 1,
            By::Names { email, employee_identifier } => {
                1 + usize::from(email.is_some()) + usize::from(employee_identifier.is_some())
            }
        }
    }

    /// As many of these keys as one search holds.
    pub fn of_one_search(keys: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut room = LOOK_UP;
        keys.into_iter()
            .take_while(|key| {
                let fits = key.conditions() <= room;
                room = room.saturating_sub(key.conditions());
                fits
            })
            .collect()
    }
}

/// One V1 request that sets fields of one user, harmless when repeated.
#[derive(Clone, PartialEq, Eq)]
pub struct Repair {
    /// The username as declared.
    pub username: String,
    /// JumpCloud's id.
    pub id: String,
    /// Fields and values in JumpCloud's spelling.
    pub set: Map<String, Value>,
}

impl std::fmt::Debug for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repair").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What came of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repaired {
    /// JumpCloud said yes.
    Done,
    /// JumpCloud refused the values.
    Refused {
        /// JumpCloud's message, not yet cleaned.
        message: String,
    },
    /// It did not come to pass.
    NotNow,
    /// Nobody knows: it may still come to pass.
    Unknown,
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
}

/// Whether this pass may start a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// It may start one: the slot is its own until it has.
    Free,
    /// Others come first. The object is woken when its turn has come, and looks again at this time anyway.
    Taken {
        /// When.
        until: Timestamp,
    },
}

/// What a look-up said about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When the answer came.
    pub at: Timestamp,
    /// Order among the answers of this pass.
    pub order: u64,
    /// Whether the user was looked up by its id alone.
    pub by_id: bool,
    /// Every user with what it was looked up by.
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
    /// Every field of the answer, in JumpCloud's spelling.
    pub fields: Map<String, Value>,
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
            let found = live.iter().filter(|user| key.matches(user)).cloned().collect();
            let by_id = matches!(key.by, By::Id(_));
            self.users.insert(username, Look { at, order, by_id, found });
        }
    }

    /// Takes in the results of a job.
    pub fn polled(&mut self, job_id: &str, rows: Option<Vec<Row>>, members: usize, at: Timestamp) {
        let order = self.next();
        let answer = JobAnswer { at, order, rows };
        self.notes.polled(job_id, &answer, members);
        self.jobs.insert(job_id.to_owned(), answer);
    }

    /// Takes in that a status was written, with or without an intent of that nonce. Looks from before
    /// are used up: a user whose request was settled in that write is sent again only after a look that
    /// is newer.
    pub fn committed(&mut self, armed: Option<String>, repairs: Vec<Repair>, fresh_nonce: String) {
        self.users.clear();
        self.repaired.clear();
        if armed.is_some() {
            // Each job takes a slot of its own.
            self.slot = None;
        }
        self.armed = armed;
        self.repairs = repairs;
        self.fresh_nonce = fresh_nonce;
    }

    fn next(&mut self) -> u64 {
        self.answers += 1;
        self.answers
    }
}

impl Notes {
    /// Takes down that a job of so many members was polled.
    pub(super) fn polled(&mut self, job_id: &str, answer: &JobAnswer, members: usize) {
        let quiet = answer.is_quiet(members);
        let since = self.polls.get(job_id).and_then(|p| p.quiet_since).unwrap_or(answer.at);
        let polled = Polled { at: answer.at, quiet_since: quiet.then_some(since) };
        self.polls.insert(job_id.to_owned(), polled);
    }
}

impl UserKey {
    fn matches(&self, user: &Live) -> bool {
        match &self.by {
            By::Id(id) => user.id == *id,
            By::Names { email, employee_identifier } => {
                let field = |name: &str| user.fields.get(name).and_then(Value::as_str);
                fold(&user.username) == fold(&self.username)
                    || email.as_ref().is_some_and(|email| user.email.to_lowercase() == email.to_lowercase())
                    || employee_identifier.as_deref().is_some_and(|number| {
                        field("employeeIdentifier").is_some_and(|n| fold(n) == fold(number))
                    })
            }
        }
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
