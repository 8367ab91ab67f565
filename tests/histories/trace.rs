//! Histories as people read them: a line for each event, when a seed is replayed.

use jumpcloud_operator::plan::facts::By;

use crate::network::{Reply, Request};
use crate::world::World;

impl World {
    /// Prints a line of the history, when it is being replayed.
    pub fn trace(&self, line: impl FnOnce() -> String) {
        if self.traced {
            println!("{:>10.3}s  {}", self.now as f64 / 1000.0, line());
        }
    }

    /// Prints the object's status.
    pub fn trace_status(&self) {
        if !self.traced {
            return;
        }
        let Some(live) = self.api.live() else { return };
        let status = &live.status;
        let requests: Vec<_> = status
            .submissions
            .iter()
            .filter_map(|record| record.known())
            .map(|s| {
                let job = s.job_id.as_deref().unwrap_or("-");
                format!("{} {:?} {:?} {job} [{}]", s.nonce, s.operation, s.phase, s.usernames().join(" "))
            })
            .collect();
        let failures: Vec<_> = status
            .failures
            .iter()
            .map(|f| {
                let again = if f.retry_time.is_some() { " again" } else { "" };
                format!("{} {} x{}{again}", f.username, f.reason, f.attempts)
            })
            .collect();
        let ours: Vec<_> = status
            .inventory
            .iter()
            .map(|entry| {
                let gone = if entry.removal_time.is_some() { " off" } else { "" };
                let state = entry.state.as_deref().unwrap_or("-");
                let hash = entry.hash.get(..4).unwrap_or("part");
                format!("{}={} {hash} {state}{gone}", entry.username, entry.id)
            })
            .collect();
        let ready = status.conditions.first().map_or("-", |c| c.reason.as_str());
        self.trace(|| {
            format!(
                "    status {} of generation {:?}: {ready}; under way {requests:?}; ours {ours:?}; failures {failures:?}",
                live.version, status.observed_generation
            )
        });
    }
}

/// A request in a few words.
pub fn describe(request: &Request) -> String {
    match request {
        Request::Users(keys) => {
            let names: Vec<_> = keys
                .iter()
                .map(|key| match &key.by {
                    By::Id(id) => id.as_str(),
                    By::Names { .. } => key.username.as_str(),
                })
                .collect();
            format!("search {}", names.join(" "))
        }
        Request::Managers(wanted) => format!("search of {} managers", wanted.len()),
        Request::Job(id) => format!("results of {id}"),
        Request::Write { basis, status } => {
            let nonces: Vec<_> = status.submissions.iter().filter_map(|record| record.nonce()).collect();
            format!("status write on {basis:?} with {nonces:?}")
        }
        Request::Get => "read of the object".to_owned(),
        Request::Post(order) => {
            let body = String::from_utf8_lossy(&order.payload);
            format!("{:?} {} [{}] {body}", order.operation, order.nonce, order.usernames.join(" "))
        }
        Request::Put(fix) => {
            format!("PUT {} {}", fix.repair.id, serde_json::to_string(&fix.repair.set).unwrap())
        }
        Request::Record(record) => format!("record of {} at {}", record.job_id, record.nonce),
    }
}

/// An answer in a few words.
pub fn brief(reply: &Reply) -> String {
    match reply {
        Reply::Users(found) => {
            let names: Vec<_> = found
                .iter()
                .map(|user| {
                    let fields = serde_json::to_string(&user.fields).unwrap();
                    format!("{}={} {fields}", user.username, user.id)
                })
                .collect();
            format!("users [{}]", names.join(" "))
        }
        Reply::Managers(found) => format!("managers {found:?}"),
        Reply::Job(None) => "404 for the job".to_owned(),
        Reply::Job(Some(rows)) => {
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    let who: Vec<_> =
                        row.usernames.iter().chain(&row.emails).chain(&row.ids).map(String::as_str).collect();
                    format!("{:?} {} {}", row.word, who.join(","), row.message.as_deref().unwrap_or_default())
                })
                .collect();
            format!("rows {rows:?}")
        }
        Reply::Object(object) => format!("object {:?}", object.as_ref().map(|object| object.version)),
        Reply::Refused(refusal) => format!("{refusal:?}"),
        Reply::Done => "done".to_owned(),
        Reply::Accepted(id) => format!("accepted as {id}"),
        Reply::Status(status, _) => format!("status {status}"),
        Reply::Nothing => "no answer".to_owned(),
        Reply::NotSent => "nothing sent".to_owned(),
    }
}
