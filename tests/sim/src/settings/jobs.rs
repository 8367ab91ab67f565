//! Settings of bulk jobs and their results.

use serde::{Deserialize, Serialize};

use super::Pattern;

/// How bulk jobs run and what their results look like.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobSettings {
    /// How long a job takes, simulated milliseconds.
    pub service_time_ms: u64,
    /// What each row adds to that.
    pub row_time_ms: u64,
    /// When within that time rows are executed.
    pub pace: Pace,
    /// When rows show up in the results.
    pub rows_appear: RowsAppear,
    /// The results are an empty list for this long after the request.
    pub empty_at_first_ms: u64,
    /// The job id is not known to the results route for this long after the request.
    pub unknown_at_first_ms: u64,
    /// How long the results of an ended job can be read; for ever when absent.
    pub retention_ms: Option<u64>,
    /// The job id is not known from this long after the request on, ended or not.
    pub unknown_after_ms: Option<u64>,
    /// The answer for an unknown job id.
    pub unknown_job: UnknownJob,
    /// The status of a row that waits. `pending` was seen.
    pub pending_word: String,
    /// The status of a row that went well. `finished` was seen.
    pub finished_word: String,
    /// The status of a row that failed. No word was ever seen.
    pub failed_word: String,
    /// The `statusMsg` of rows that went well; absent by default.
    pub finished_message: Option<String>,
    /// What `meta` holds.
    pub meta: MetaShape,
    /// Which of the user's fields `meta` has.
    pub meta_fields: Vec<String>,
    /// What `persistedFields` holds.
    pub persisted_fields: PersistedShape,
    /// Every page is read from rows in a new random order.
    pub shuffle_pages: bool,
    /// The first rows are given once more at the end: this many.
    pub repeated_rows: usize,
    /// Finished rows about users that nobody sent: this many, at the front.
    pub foreign_rows: usize,
    /// Rows of these usernames are never in the results. They are executed.
    pub hidden_rows: Vec<Pattern>,
    /// Rows of these usernames wait for ever.
    pub stuck_rows: Vec<Pattern>,
    /// Rows of these usernames are called finished, and nothing is done.
    pub lost_rows: Vec<Pattern>,
    /// Rows that fail, by rule; the first that matches counts.
    pub row_failures: Vec<RowFailure>,
    /// Fields that jobs accept and do not apply, as was seen with `state` and `alternateEmail`.
    pub ignored_fields: Vec<String>,
    /// What happens to one id named twice in a PATCH.
    pub doubles: Doubles,
    /// The message of a row whose username, e-mail or identifier is taken; `{field}` is replaced.
    pub taken_message: String,
    /// The message of an update whose user does not exist.
    pub no_user_message: String,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            service_time_ms: 200,
            row_time_ms: 0,
            pace: Pace::AtEnd,
            rows_appear: RowsAppear::AtOnce,
            empty_at_first_ms: 0,
            unknown_at_first_ms: 0,
            retention_ms: None,
            unknown_after_ms: None,
            unknown_job: UnknownJob::NotFound,
            pending_word: "pending".to_owned(),
            finished_word: "finished".to_owned(),
            failed_word: "failed".to_owned(),
            finished_message: None,
            meta: MetaShape::SystemUser,
            meta_fields: vec!["username".to_owned(), "email".to_owned()],
            persisted_fields: PersistedShape::Submitted,
            shuffle_pages: false,
            repeated_rows: 0,
            foreign_rows: 0,
            hidden_rows: Vec::new(),
            stuck_rows: Vec::new(),
            lost_rows: Vec::new(),
            row_failures: Vec::new(),
            ignored_fields: Vec::new(),
            doubles: Doubles::InOrder,
            taken_message: "a user with this {field} already exists".to_owned(),
            no_user_message: "the user was not found".to_owned(),
        }
    }
}

/// When rows are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// All at the end of the service time, in order.
    AtEnd,
    /// One after the other, spread over the service time.
    Gradual,
}

/// When rows show up in the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsAppear {
    /// With the request, as waiting.
    AtOnce,
    /// When they are executed.
    WhenExecuted,
    /// When the whole job has ended.
    AtEnd,
}

/// The answer for a job id that is unknown or past its retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownJob {
    /// 404
    NotFound,
    /// 400
    BadRequest,
    /// 200 with an empty list
    EmptyList,
}

/// What `meta` of a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetaShape {
    /// `{"SystemUser": {..}}`, as an old staff script reads it.
    SystemUser,
    /// `{"systemUser": {..}}`
    CamelCase,
    /// `{"systemuser": {..}}`
    LowerCase,
    /// `{..}`: the fields themselves.
    Flat,
    /// `{}`
    Empty,
    /// No `meta`.
    Absent,
    /// `null`
    Null,
}

/// What `persistedFields` of a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersistedShape {
    /// The row as sent, password and all: a client must treat it as secret.
    Submitted,
    /// The row as sent, without the password.
    WithoutPassword,
    /// `{}`
    Empty,
    /// No `persistedFields`.
    Absent,
}

/// What happens to one id named twice in a PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubles {
    /// Both rows are applied, in order.
    InOrder,
    /// The later row fails.
    FailLater,
    /// 400 for the whole request.
    RefuseRequest,
}

/// A bulk job's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /bulk/users`
    Create,
    /// `PATCH /bulk/users`
    Update,
}

/// Makes rows fail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowFailure {
    /// Which usernames.
    pub username: Pattern,
    /// Rows of this operation only.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// The `statusMsg`; absent when none.
    #[serde(default)]
    pub message: Option<String>,
    /// The status instead of `failed_word`; an empty word leaves the status out.
    #[serde(default)]
    pub word: Option<String>,
    /// How many rows fail by this rule before it has no effect; always when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// The row is carried out nevertheless.
    #[serde(default)]
    pub acts: bool,
}

impl RowFailure {
    /// Rows of usernames that match `username` fail with `message`, always.
    #[must_use]
    pub fn new(username: Pattern, message: &str) -> Self {
        Self {
            username,
            operation: None,
            message: Some(message.to_owned()),
            word: None,
            times: None,
            acts: false,
        }
    }

    /// Only the first `times` such rows.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }
}
