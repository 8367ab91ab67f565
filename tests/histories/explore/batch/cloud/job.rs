//! Jobs of JumpCloud, with what looks have missed of their users.

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::plan::facts::{Row as JobRow, Word};
use serde_json::{Map, Value};

use crate::clock::Ms;
use crate::explore::canon::Canon;
use crate::explore::request::Order;
use crate::explore::timing::{QUARANTINE, SERVICE};

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The nonce of its request.
    pub nonce: String,
    /// The object.
    pub uid: u32,
    /// What it does.
    pub operation: Operation,
    /// Its users.
    pub members: Vec<Member>,
    /// When it is done at the latest.
    pub due: Ms,
    /// Whether it is done.
    pub done: bool,
    /// When the last byte of its request may have been sent.
    sent_by: Ms,
    /// Whether its id was ever recorded.
    pub recorded: bool,
}

/// A user of a job.
#[derive(Debug, Clone)]
pub struct Member {
    /// Username, or id of an update.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// The one field that differs.
    pub department: String,
    /// Why it failed.
    pub failed: Option<String>,
    /// The first look that missed the user, of those that count.
    missed: Option<Ms>,
    /// Whether another one a quarantine later missed it, too.
    missed_again: bool,
}

impl Job {
    /// One that is accepted now, whose request was sent by then.
    pub fn of(order: &Order, id: String, sent_by: Ms, now: Ms) -> Self {
        let name = if order.operation == Operation::Update { "id" } else { "username" };
        let members = rows(order).into_iter().map(|row| Member {
            name: text(&row, name),
            email: text(&row, "email"),
            department: text(&row, "department"),
            failed: None,
            missed: None,
            missed_again: false,
        });
        Self {
            id,
            nonce: order.nonce().to_owned(),
            uid: order.uid,
            operation: order.operation,
            members: members.collect(),
            due: now + SERVICE,
            done: false,
            sent_by,
            recorded: false,
        }
    }

    /// A search has not found a user.
    pub fn misses(&mut self, name: &str, now: Ms) {
        let after = self.sent_by + QUARANTINE;
        for member in self.members.iter_mut().filter(|member| member.name == name) {
            match member.missed {
                Some(first) => member.missed_again |= now >= first + QUARANTINE,
                None => member.missed = (now >= after).then_some(now),
            }
        }
    }

    /// The places of users that may be sent once more: who failed, and who was missed by two looks.
    pub fn cleared(&self) -> impl Iterator<Item = usize> {
        let cleared = |member: &Member| member.failed.is_some() || (member.missed_again && !self.recorded);
        self.members.iter().enumerate().filter(move |(_, member)| cleared(member)).map(|(place, _)| place)
    }

    /// Its results.
    pub fn results(&self) -> Vec<JobRow> {
        let rows = self.members.iter().map(|member| {
            let (word, message) = match (&member.failed, self.done) {
                (_, false) => (Word::Pending, None),
                (None, true) => (Word::Finished, None),
                (Some(message), true) => (Word::Other, Some(message.clone())),
            };
            let mut row = JobRow { word, message, ..JobRow::default() };
            let names = if self.operation == Operation::Update { &mut row.ids } else { &mut row.usernames };
            names.insert(member.name.clone());
            row
        });
        rows.collect()
    }

    /// Its fingerprint.
    pub fn put_into(&self, canon: &mut Canon) {
        if canon.knows(&self.nonce) {
            canon.nonce(&self.nonce);
            canon.maybe_time((!self.done).then_some(self.due));
        }
        canon.word(u64::from(self.uid) * 4 + u64::from(self.done) * 2 + u64::from(self.recorded));
        canon.word(self.operation as u64);
        for member in &self.members {
            canon.text(&member.name);
            canon.text(&member.department);
            canon.text(member.failed.as_deref().unwrap_or_default());
            if member.failed.is_none() && !self.recorded {
                canon.time(self.sent_by);
                canon.maybe_time(member.missed);
                canon.word(u64::from(member.missed_again));
            }
        }
    }
}

/// The rows of a request.
pub fn rows(order: &Order) -> Vec<Map<String, Value>> {
    serde_json::from_slice(&order.payload).unwrap()
}

/// A field of a row.
pub fn text(row: &Map<String, Value>, name: &str) -> String {
    row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
