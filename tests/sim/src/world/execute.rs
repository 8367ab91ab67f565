//! What happens when a row of a job falls due.

use jiff::Timestamp;

use super::World;
use super::job::{RowState, matches_any};
use crate::ledger::{Cause, Outcome, Row, What};
use crate::settings::{Operation, RowFailure, UsernameChange};
use crate::users::{Fields, text};

/// What a row came to.
struct Result {
    state: RowState,
    outcome: Outcome,
    user_id: Option<String>,
}

impl Result {
    fn failed(message: impl Into<String>) -> Self {
        let message = Some(message.into());
        let state = RowState::Failed { word: None, message: message.clone() };
        Self { state, outcome: Outcome::Failed { message }, user_id: None }
    }

    fn finished(user_id: Option<String>) -> Self {
        Self { state: RowState::Finished, outcome: Outcome::Finished, user_id }
    }
}

impl World {
    /// Executes a row of a job at its time.
    pub(super) fn execute(&mut self, job_id: &str, index: usize, at: Timestamp) {
        let Some(job) = self.jobs.get(job_id) else { return };
        let Some(row) = job.rows.get(index) else { return };
        let (organisation, operation) = (job.organisation.clone(), job.operation);
        let (input, username, fault) = (row.input.clone(), row.username.clone(), row.fault.clone());
        let source = job.creation_source.clone();
        let is_lost = matches_any(&self.settings.jobs.lost_rows, username.as_deref());

        let rule = self.failure_rule(username.as_deref(), operation);
        let mut result = match (&rule, fault) {
            (Some(rule), _) if !rule.acts => Result::failed(""),
            (_, Some(fault)) => Result::failed(fault),
            _ if is_lost => Result { outcome: Outcome::Lost, ..Result::finished(None) },
            _ => match operation {
                Operation::Create => self.create(job_id, &organisation, &input, &source, at),
                Operation::Update => self.update(job_id, &organisation, &input, at),
            },
        };
        if let Some(rule) = rule {
            let message = rule.message;
            result.state = RowState::Failed { word: rule.word, message: message.clone() };
            result.outcome = Outcome::Failed { message };
        }
        self.record(job_id, index, at, result);
    }

    fn record(&mut self, job_id: &str, index: usize, at: Timestamp, result: Result) {
        let Some(job) = self.jobs.get_mut(job_id) else { return };
        let Some(row) = job.rows.get_mut(index) else { return };
        row.state = result.state;
        row.user_id.clone_from(&result.user_id);
        row.updated = at;
        let executed = Row {
            job_id: job_id.to_owned(),
            row_id: row.id.clone(),
            organisation: job.organisation.clone(),
            operation: job.operation,
            username: row.username.clone(),
            user_id: result.user_id,
            outcome: result.outcome,
        };
        self.ledger.push(at, What::RowExecuted(executed));
        if job.rows.iter().all(|row| row.state != RowState::Waiting) {
            job.ended = Some(at);
            let finished = job.rows.iter().filter(|row| row.state == RowState::Finished).count();
            let failed = job.rows.len() - finished;
            self.ledger.push(at, What::JobFinished { job_id: job_id.to_owned(), finished, failed });
        }
    }

    /// The failure rule that applies, counted.
    fn failure_rule(&mut self, username: Option<&str>, operation: Operation) -> Option<RowFailure> {
        let username = username?;
        for rule in &self.settings.jobs.row_failures {
            if !rule.username.matches(username) || rule.operation.is_some_and(|only| only != operation) {
                continue;
            }
            let name = serde_json::to_string(rule).unwrap_or_default();
            let applied = self.row_failures.entry(name).or_default();
            if rule.times.is_none_or(|times| *applied < times) {
                *applied += 1;
                return Some(rule.clone());
            }
        }
        None
    }

    fn create(
        &mut self,
        job_id: &str,
        organisation: &str,
        input: &Fields,
        source: &str,
        at: Timestamp,
    ) -> Result {
        if let Some(conflict) = self.conflict(organisation, input, None) {
            return Result::failed(conflict);
        }
        let Some(defaults) = self.organisations.get(organisation).map(|home| home.new_user_state.clone())
        else {
            return Result::failed("the organization was not found");
        };
        let state =
            if source == "jumpcloud:bulk" { defaults.csv_import } else { defaults.application_import };
        let applied = self.without_ignored(input);
        let by = Cause::Job(job_id.to_owned());
        Result::finished(self.insert_user(organisation, &applied, source, &state, at, by))
    }

    fn update(&mut self, job_id: &str, organisation: &str, input: &Fields, at: Timestamp) -> Result {
        let id = text(input, "id").unwrap_or_default();
        let user = self.organisations.get(organisation).and_then(|home| home.users.get(id));
        let Some(user) = user else {
            return Result::failed(self.settings.jobs.no_user_message.clone());
        };
        let mut applied = self.without_ignored(input);
        if text(&applied, "username").is_some_and(|username| username != user.username()) {
            match self.settings.users.username_change {
                UsernameChange::Refuse => return Result::failed("username is not allowed to change"),
                UsernameChange::Ignore => drop(applied.remove("username")),
                UsernameChange::Allow => {}
            }
        }
        if let Some(conflict) = self.conflict(organisation, &applied, Some(id)) {
            return Result::failed(conflict);
        }
        let by = Cause::Job(job_id.to_owned());
        match self.change_user(organisation, id, &applied, at, by) {
            Some(()) => Result::finished(Some(id.to_owned())),
            None => Result::failed(self.settings.jobs.no_user_message.clone()),
        }
    }

    fn without_ignored(&self, input: &Fields) -> Fields {
        let ignored = &self.settings.jobs.ignored_fields;
        input
            .iter()
            .filter(|(name, _)| !ignored.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}
