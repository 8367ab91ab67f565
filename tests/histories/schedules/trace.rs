//! Histories as people read them: a line for each event, when a seed is replayed.

use super::network::{Reply, Request};
use super::world::World;

impl World {
    /// Prints a line of the history, when it is being replayed.
    pub fn trace(&self, line: impl FnOnce() -> String) {
        if self.traced {
            println!("{:>11.3}s  {}", self.now as f64 / 1000.0, line());
        }
    }

    /// Prints an object's status.
    pub fn trace_status(&self, place: usize) {
        if !self.traced {
            return;
        }
        let Some(live) = self.api.live(place) else {
            return self.trace(|| format!("    {place} is gone"));
        };
        let status = &live.status;
        let requests: Vec<_> = status
            .submissions
            .iter()
            .filter_map(|record| record.known())
            .map(|s| {
                format!(
                    "{} {:?} {:?} [{}] missing {:?}",
                    s.nonce,
                    s.operation,
                    s.phase,
                    s.members.join(" "),
                    s.missing
                )
            })
            .collect();
        let users: Vec<_> = status
            .users
            .iter()
            .map(|user| {
                let who = user.id.as_deref().or(user.username.as_deref()).unwrap_or("?");
                let reason = user.reason.as_deref().unwrap_or_default();
                format!(
                    "{who} {} {reason} {}",
                    user.result,
                    user.unknown_sends.map_or(String::new(), |n| format!("x{n}"))
                )
            })
            .collect();
        let events: Vec<_> = status
            .events
            .iter()
            .map(|event| {
                let old = event
                    .superseded
                    .as_ref()
                    .map_or(String::new(), |old| format!(" old {} {}", old.state, old.time));
                format!("{}:{} {}{old}", event.id, event.scheduled_job_id, event.origin)
            })
            .collect();
        let conditions: Vec<_> =
            status.conditions.iter().map(|c| format!("{}={} {}", c.type_, c.status, c.reason)).collect();
        self.trace(|| {
            format!(
                "    {place} at {} of {:?}: {conditions:?} for {:?} {:?}; finalizer {} deleted {:?}; users {users:?}; events {events:?}; under way {requests:?}",
                live.version, status.observed_generation, status.scheduled_state, status.scheduled_time, live.finalizer, live.deleted
            )
        });
    }
}

/// A request in a few words.
pub fn describe(request: &Request) -> String {
    match request {
        Request::Users(keys) => format!("search {keys:?}"),
        Request::Events(wanted) => format!("list {wanted:?}"),
        Request::Job(id) => format!("results of {id}"),
        Request::Write { place, basis, .. } => format!("status write {place} on {basis:?}"),
        Request::Get(place) => format!("read of {place}"),
        Request::Finalizer { place, version, present } => {
            format!("finalizer {present} of {place} on {version}")
        }
        Request::Post(order) => {
            format!("{:?} {} {:?} [{}]", order.operation, order.nonce, order.change, order.members.join(" "))
        }
        Request::Record(record) => format!("record at {} of {:?}", record.nonce, record.events),
        Request::Call(_, call) => format!("{call:?}"),
    }
}

/// An answer in a few words.
pub fn brief(reply: &Reply) -> String {
    let rows = |rows: &[jumpcloud_operator::plan::schedule::facts::Listed]| {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| format!("{}:{} {:?} {:?}", row.user_id, row.job_id, row.state, row.time))
            .collect();
        rows.join(", ")
    };
    match reply {
        Reply::Users(found) => {
            let found: Vec<_> = found
                .iter()
                .map(|(_, found)| {
                    found
                        .as_ref()
                        .map_or_else(|| "-".to_owned(), |user| format!("{} {:?}", user.id, user.state))
                })
                .collect();
            format!("users {}", found.join(", "))
        }
        Reply::Events(found, whole) => format!("events [{}] whole {whole}", rows(found)),
        Reply::Scheduled(found) => format!("accepted [{}]", rows(found)),
        Reply::Object(Some(object)) => format!("object at {}", object.version),
        other => format!("{other:?}"),
    }
}
