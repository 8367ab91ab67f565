//! What really happened, from the simulator's own records.

use std::collections::BTreeMap;

use jumpcloud_sim::ledger::{Cause, Outcome, Request};
use jumpcloud_sim::{Entry, What};
use serde_json::Value;

use super::simulator::Simulator;

/// The simulator's records and users at one moment.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
    state: Value,
}

/// A create job.
#[derive(Debug)]
pub(super) struct Job<'a> {
    /// JumpCloud's id of it.
    pub(super) id: &'a str,
    /// Whom it was to create.
    pub(super) usernames: &'a [String],
    /// When the request was carried out.
    pub(super) sent: jiff::Timestamp,
    /// When its last row was executed, and how many rows went well and failed.
    pub(super) end: Option<(jiff::Timestamp, usize, usize)>,
}

impl Ledger {
    /// Reads everything.
    pub(super) fn read(simulator: &Simulator) -> anyhow::Result<Self> {
        Ok(Self { entries: simulator.tells("ledger")?, state: simulator.tells("state")? })
    }

    /// For tests.
    #[cfg(test)]
    pub(super) fn of(entries: Vec<Entry>, state: Value) -> Self {
        Self { entries, state }
    }

    /// Create jobs that came to be, in order, whether or not the operator heard of them.
    pub(super) fn jobs(&self) -> Vec<Job<'_>> {
        let jobs = self.entries.iter().filter_map(|entry| {
            let request = entry.request()?;
            let id = request.accepted_job()?;
            Some(Job { id, usernames: &request.usernames, sent: entry.time, end: self.end(id) })
        });
        jobs.collect()
    }

    /// Requests by method and route, in the order of their first.
    pub(super) fn requests(&self) -> Vec<(String, usize)> {
        let mut counted: Vec<(String, usize)> = Vec::new();
        for request in self.entries.iter().filter_map(Entry::request) {
            let path = request.path.split('?').next().unwrap_or_default();
            let name = match &request.route {
                jumpcloud_sim::Route::BulkResults => "GET /api/v2/bulk/users/JOB/results".to_owned(),
                jumpcloud_sim::Route::OrganizationGet => "GET /api/organizations/ID".to_owned(),
                _ => format!("{} {path}", request.method),
            };
            match counted.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => counted.push((name, 1)),
            }
        }
        counted
    }

    /// Requests that change something and make no create job.
    pub(super) fn other_writes(&self) -> usize {
        let requests = self.entries.iter().filter_map(Entry::request);
        requests.filter(|r| r.route.is_mutating() && r.route != jumpcloud_sim::Route::BulkCreate).count()
    }

    /// Requests that change something and that came after those of `before`.
    pub(super) fn writes_since(&self, before: &Self) -> Vec<&Request> {
        let last = before.entries.last().map_or(0, |entry| entry.seq);
        let new = self.entries.iter().filter(|entry| entry.seq > last).filter_map(Entry::request);
        new.filter(|request| request.route.is_mutating()).collect()
    }

    /// What happened after the last entry of `before`, in order.
    pub(super) fn since(&self, before: &Self) -> Vec<&What> {
        let last = before.entries.last().map_or(0, |entry| entry.seq);
        self.entries.iter().filter(|entry| entry.seq > last).map(|entry| &entry.what).collect()
    }

    /// How many scheduled state changes are listed now.
    pub(super) fn listed(&self) -> usize {
        self.state.get("schedules").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// How often jobs have created each user.
    pub(super) fn created(&self) -> BTreeMap<&str, usize> {
        let mut created = BTreeMap::new();
        for entry in &self.entries {
            if let What::UserCreated(change) = &entry.what
                && matches!(change.by, Cause::Job(_))
            {
                *created.entry(change.username.as_str()).or_default() += 1;
            }
        }
        created
    }

    /// The words with which a user's last row failed; none for a user whose last row went well.
    pub(super) fn failures(&self) -> BTreeMap<&str, &str> {
        let mut failures = BTreeMap::new();
        for entry in &self.entries {
            if let What::RowExecuted(row) = &entry.what
                && let Some(username) = &row.username
            {
                match &row.outcome {
                    Outcome::Failed { message } => {
                        failures.insert(username.as_str(), message.as_deref().unwrap_or_default());
                    }
                    Outcome::Finished | Outcome::Lost => {
                        failures.remove(username.as_str());
                    }
                }
            }
        }
        failures
    }

    /// Every user that exists now: username and id.
    pub(super) fn users(&self) -> BTreeMap<&str, &str> {
        let ids =
            self.everybody().map(|user| Some((user.get("username")?.as_str()?, user.get("_id")?.as_str()?)));
        ids.flatten().collect()
    }

    /// The state that a user is in now.
    pub(super) fn state_of(&self, username: &str) -> Option<&str> {
        let user = self.everybody().find(|user| user.get("username").is_some_and(|name| name == username))?;
        user.get("state")?.as_str()
    }

    fn everybody(&self) -> impl Iterator<Item = &Value> {
        let organisations = self.state.pointer("/organisations").and_then(Value::as_array);
        organisations.into_iter().flatten().filter_map(|o| o.get("users")?.as_array()).flatten()
    }

    fn end(&self, id: &str) -> Option<(jiff::Timestamp, usize, usize)> {
        self.entries.iter().find_map(|entry| match &entry.what {
            What::JobFinished { job_id, finished, failed } if job_id == id => {
                Some((entry.time, *finished, *failed))
            }
            _ => None,
        })
    }
}
