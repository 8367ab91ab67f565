//! Requests of a process on their way, and what can befall them.

use std::sync::Arc;

use jumpcloud_operator::api::schedule_status::ScheduledUserStateStatus;
use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::plan::facts::Row;
use jumpcloud_operator::plan::schedule::facts::{Call, EventsWanted, Key, Listed, Person};

use super::manifest::Change;
use super::objects::{Object, Record, Refusal};
use super::profile::Rates;
use crate::clock::{MINUTE, Ms, SECOND};
use crate::dice::Dice;

/// How long a process waits for the answer to anything but a request that must not be repeated.
pub const PATIENCE: Ms = 10 * SECOND;

/// The longest that a request is on its way after its sender has given up: shorter than the quarantine.
pub const DELAY: Ms = 4 * MINUTE;

/// A request.
#[derive(Debug, Clone)]
pub enum Request {
    /// Search of users.
    Users(Vec<Key>),
    /// Listing of events.
    Events(EventsWanted),
    /// Results of a job.
    Job(String),
    /// Merge patch of status.
    Write {
        /// Which object.
        place: usize,
        /// The resourceVersion that it is refused without; only wrong drivers leave it out.
        basis: Option<u64>,
        /// The new status.
        status: Arc<ScheduledUserStateStatus>,
    },
    /// The object, as it is now.
    Get(usize),
    /// Patch of the finalizer.
    Finalizer {
        /// Which object.
        place: usize,
        /// The resourceVersion that it is refused without.
        version: u64,
        /// Whether it shall be there.
        present: bool,
    },
    /// A request that must not be repeated.
    Post(Arc<Order>),
    /// JSON patch of what was accepted.
    Record(Record),
    /// A request that may be repeated: that one of the ledger's calls.
    Call(usize, Call),
}

/// A request that must not be repeated.
#[derive(Debug)]
pub struct Order {
    /// What it does.
    pub operation: Operation,
    /// Nonce of its submission.
    pub nonce: String,
    /// The object.
    pub uid: u32,
    /// The object as it was when the intent was written.
    pub basis: Arc<Object>,
    /// Users, by id.
    pub members: Vec<String>,
    /// Organisation of the credential.
    pub organization: String,
    /// --read-only, as the sender knew it.
    pub forbidden: bool,
    /// What is to be done with them; at the time of the order for a bulk job.
    pub change: Change,
    /// Not after this, in virtual time as the sender's clock has it.
    pub submit_by: Ms,
}

/// An answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Users looked for.
    Users(Vec<(Key, Option<Person>)>),
    /// Events, and whether these are all.
    Events(Vec<Listed>, bool),
    /// Rows of a job; `None` is a 404.
    Job(Option<Vec<Row>>),
    /// The object; `None` is a 404, or that it went with its finalizer.
    Object(Option<Arc<Object>>),
    /// The API server refused a write.
    Refused(Refusal),
    /// 2xx with events, some of the users' perhaps.
    Scheduled(Vec<Listed>),
    /// 2xx with a job id.
    Accepted(String),
    /// 2xx without anything.
    Done,
    /// Another status of JumpCloud or the API server.
    Status(u16, String),
    /// No answer in time, a reset, an unreadable answer.
    Nothing,
    /// No byte was sent.
    NotSent,
}

/// What befalls a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// No byte leaves.
    NotSent,
    /// Lost on the way there.
    LostBefore,
    /// Acted upon; the answer is lost.
    LostAfter,
    /// Arrives after the sender has given up, by so much.
    Late(Ms),
    /// Answered with this status, not acted upon.
    StatusBefore(u16),
    /// Acted upon, then answered with this status.
    StatusAfter(u16),
}

impl Fault {
    /// Draws the fault of a request.
    pub fn of(request: &Request, rates: &Rates, dice: &mut Dice) -> Self {
        let late = Self::Late(dice.between(1, DELAY - PATIENCE));
        match request {
            Request::Users(_) | Request::Events(_) | Request::Job(_) if dice.chance(rates.reads) => dice
                .pick(&[Self::NotSent, Self::LostBefore, Self::StatusBefore(503), Self::StatusBefore(429)]),
            Request::Get(_) if dice.chance(rates.reads) => {
                dice.pick(&[Self::NotSent, Self::LostBefore, Self::StatusBefore(500)])
            }
            Request::Write { .. } | Request::Finalizer { .. } if dice.chance(rates.writes) => dice.pick(&[
                Self::NotSent,
                Self::LostBefore,
                Self::LostAfter,
                late,
                Self::StatusBefore(409),
                Self::StatusAfter(409),
                Self::StatusBefore(500),
                Self::StatusAfter(500),
            ]),
            Request::Record(_) if dice.chance(rates.writes) => dice.pick(&[
                Self::NotSent,
                Self::LostBefore,
                Self::LostAfter,
                late,
                Self::StatusBefore(409),
                Self::StatusBefore(500),
                Self::StatusAfter(500),
            ]),
            Request::Call(..) if dice.chance(rates.calls) => dice.pick(&[
                Self::NotSent,
                Self::LostBefore,
                Self::LostAfter,
                late,
                Self::StatusBefore(429),
                Self::StatusBefore(409),
                Self::StatusBefore(503),
                Self::StatusAfter(500),
            ]),
            Request::Post(_) if dice.chance(rates.silence) => Self::LostBefore,
            Request::Post(_) if dice.chance(rates.posts) => dice.pick(&[
                Self::NotSent,
                Self::LostBefore,
                Self::LostAfter,
                Self::LostAfter,
                late,
                late,
                Self::StatusBefore(429),
                Self::StatusBefore(401),
                Self::StatusBefore(503),
                Self::StatusAfter(500),
                Self::StatusAfter(504),
                Self::StatusAfter(200),
            ]),
            _ => Self::None,
        }
    }
}
