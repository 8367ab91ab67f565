//! Bulk jobs and their rows.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{World, milliseconds};
use crate::clock::{after, iso};
use crate::settings::{JobSettings, MetaShape, Operation, Pace, PersistedShape, RowsAppear};
use crate::users::{Fields, text};

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) organisation: String,
    pub(crate) operation: Operation,
    pub(crate) creation_source: String,
    pub(crate) accepted: Timestamp,
    /// When the last row was executed.
    pub(crate) ended: Option<Timestamp>,
    pub(crate) rows: Vec<JobRow>,
}

/// A row.
#[derive(Debug)]
pub(crate) struct JobRow {
    pub(crate) id: String,
    pub(crate) input: Fields,
    /// The username: as sent, or that of the user that is updated.
    pub(crate) username: Option<String>,
    /// Found wrong when the request was read; the row fails with this.
    pub(crate) fault: Option<String>,
    pub(crate) updated: Timestamp,
    pub(crate) user_id: Option<String>,
    pub(crate) state: RowState,
}

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowState {
    Waiting,
    Finished,
    Failed { word: Option<String>, message: Option<String> },
}

/// A row as accepted.
#[derive(Debug)]
pub(crate) struct NewRow {
    pub(crate) input: Fields,
    pub(crate) fault: Option<String>,
}

impl World {
    /// Accepts a job and gives its id.
    pub(crate) fn accept_job(
        &mut self,
        organisation: &str,
        operation: Operation,
        creation_source: &str,
        rows: Vec<NewRow>,
        now: Timestamp,
    ) -> String {
        let id = self.new_id();
        let count = rows.len() as u64;
        let total = self.settings.jobs.service_time_ms + self.settings.jobs.row_time_ms * count;
        let mut kept = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            let username = match operation {
                Operation::Create => text(&row.input, "username"),
                Operation::Update => text(&row.input, "id")
                    .and_then(|id| self.organisations.get(organisation)?.users.get(id))
                    .and_then(|user| text(&user.fields, "username")),
            };
            let username = username.map(str::to_owned);
            let is_stuck = matches_any(&self.settings.jobs.stuck_rows, username.as_deref());
            let wait = match self.settings.jobs.pace {
                Pace::AtEnd => total,
                Pace::Gradual => total * (index as u64 + 1) / count.max(1),
            };
            if !is_stuck {
                self.counter += 1;
                self.due.insert((after(now, milliseconds(wait)), self.counter, id.clone(), index));
            }
            let row_id = self.new_id();
            kept.push(JobRow {
                id: row_id,
                input: row.input,
                username,
                fault: row.fault,
                updated: now,
                user_id: None,
                state: RowState::Waiting,
            });
        }
        let job = Job {
            id: id.clone(),
            organisation: organisation.to_owned(),
            operation,
            creation_source: creation_source.to_owned(),
            accepted: now,
            ended: None,
            rows: kept,
        };
        self.jobs.insert(id.clone(), job);
        id
    }
}

impl Job {
    /// Whether the results route knows the job at `now`.
    pub(crate) fn is_known(&self, settings: &JobSettings, now: Timestamp) -> bool {
        let has_passed = |from: Option<Timestamp>, wait: Option<u64>| {
            from.zip(wait).is_some_and(|(from, wait)| after(from, milliseconds(wait)) <= now)
        };
        let forgotten = has_passed(self.ended, settings.retention_ms)
            || has_passed(Some(self.accepted), settings.unknown_after_ms);
        after(self.accepted, milliseconds(settings.unknown_at_first_ms)) <= now && !forgotten
    }

    /// All rows as the results show them at `now`.
    pub(crate) fn results(&self, settings: &JobSettings, now: Timestamp) -> Vec<Value> {
        if after(self.accepted, milliseconds(settings.empty_at_first_ms)) > now {
            return Vec::new();
        }
        let is_shown = |row: &&JobRow| {
            !matches_any(&settings.hidden_rows, row.username.as_deref())
                && match settings.rows_appear {
                    RowsAppear::AtOnce => true,
                    RowsAppear::WhenExecuted => row.state != RowState::Waiting,
                    RowsAppear::AtEnd => self.ended.is_some(),
                }
        };
        let shown: Vec<_> = self.rows.iter().filter(is_shown).map(|row| self.result(row, settings)).collect();
        let foreign = (0..settings.foreign_rows).map(|index| self.foreign(index, settings));
        let repeated = shown.iter().take(settings.repeated_rows).cloned();
        foreign.chain(shown.iter().cloned()).chain(repeated).collect()
    }

    fn result(&self, row: &JobRow, settings: &JobSettings) -> Value {
        let (word, message) = match &row.state {
            RowState::Waiting => (Some(&settings.pending_word), None),
            RowState::Finished => (Some(&settings.finished_word), settings.finished_message.as_ref()),
            RowState::Failed { word, message } => {
                (Some(word.as_ref().unwrap_or(&settings.failed_word)), message.as_ref())
            }
        };
        let mut result = json!({
            "id": row.id, "createdAt": iso(self.accepted), "updatedAt": iso(row.updated),
        });
        if let Some(fields) = result.as_object_mut() {
            let mut put = |name: &str, value: Option<Value>| {
                value.and_then(|value| fields.insert(name.to_owned(), value))
            };
            put("status", word.filter(|word| !word.is_empty()).map(|word| json!(word)));
            put("statusMsg", message.map(|message| json!(message)));
            put("meta", meta(row, settings));
            put("persistedFields", persisted(row, settings.persisted_fields));
        }
        result
    }

    fn foreign(&self, index: usize, settings: &JobSettings) -> Value {
        let row = JobRow {
            id: format!("{:024x}", index + 1),
            input: Fields::from_iter([
                ("username".to_owned(), json!(format!("stranger-{index}"))),
                ("email".to_owned(), json!(format!("stranger-{index}@elsewhere.test"))),
            ]),
            username: None,
            fault: None,
            updated: self.accepted,
            user_id: None,
            state: RowState::Finished,
        };
        self.result(&row, settings)
    }

    /// The job for `/_sim/state`, without the submitted values.
    pub(crate) fn view(&self) -> Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let (state, message) = match &row.state {
                    RowState::Waiting => ("waiting", None),
                    RowState::Finished => ("finished", None),
                    RowState::Failed { message, .. } => ("failed", message.as_deref()),
                };
                json!({"id": row.id, "username": row.username, "userId": row.user_id, "state": state, "message": message})
            })
            .collect();
        json!({
            "id": self.id, "organisation": self.organisation, "operation": self.operation,
            "creationSource": self.creation_source, "accepted": iso(self.accepted),
            "ended": self.ended.map(iso), "rows": rows,
        })
    }
}

pub(crate) fn matches_any(patterns: &[crate::settings::Pattern], username: Option<&str>) -> bool {
    username.is_some_and(|username| patterns.iter().any(|pattern| pattern.matches(username)))
}

fn meta(row: &JobRow, settings: &JobSettings) -> Option<Value> {
    let mut user: Fields =
        row.input.iter().filter(|(name, _)| settings.meta_fields.contains(name)).map(pair).collect();
    if let Some(id) = &row.user_id {
        for name in
            ["id", "_id"].into_iter().filter(|name| settings.meta_fields.iter().any(|field| field == name))
        {
            user.insert(name.to_owned(), json!(id));
        }
    }
    if let Some(username) = &row.username
        && settings.meta_fields.iter().any(|field| field == "username")
    {
        user.insert("username".to_owned(), json!(username));
    }
    match settings.meta {
        MetaShape::SystemUser => Some(json!({"SystemUser": user})),
        MetaShape::CamelCase => Some(json!({"systemUser": user})),
        MetaShape::LowerCase => Some(json!({"systemuser": user})),
        MetaShape::Flat => Some(Value::Object(user)),
        MetaShape::Empty => Some(json!({})),
        MetaShape::Null => Some(Value::Null),
        MetaShape::Absent => None,
    }
}

fn persisted(row: &JobRow, shape: PersistedShape) -> Option<Value> {
    match shape {
        PersistedShape::Submitted => Some(Value::Object(row.input.clone())),
        PersistedShape::WithoutPassword => {
            Some(Value::Object(row.input.iter().filter(|(name, _)| *name != "password").map(pair).collect()))
        }
        PersistedShape::Empty => Some(json!({})),
        PersistedShape::Absent => None,
    }
}

fn pair((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}
