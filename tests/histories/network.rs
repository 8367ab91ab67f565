//! Requests of a process on their way, and what can befall them.

use std::sync::Arc;

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus;
use jumpcloud_operator::plan::facts::{Live, Repair, Row, UserKey};
use jumpcloud_operator::users::row::ManagerRef;

use crate::api_server::{Basis, JobRecord, Object, Refusal};
use crate::clock::{Ms, SECOND};
use crate::dice::Dice;
use crate::profile::Rates;

/// How long a process waits for the answer to anything but a bulk request.
pub const PATIENCE: Ms = 3 * SECOND;

/// The longest that a request is on its way: with [`PATIENCE`] still shorter than the quarantine.
pub const DELAY: Ms = 20 * SECOND;

/// A request.
#[derive(Debug, Clone)]
pub enum Request {
    /// Search of users.
    Users(Vec<UserKey>),
    /// Search of managers.
    Managers(Vec<ManagerRef>),
    /// Results of a job.
    Job(String),
    /// Merge patch of status.
    Write {
        /// Condition of the write.
        basis: Basis,
        /// The new status.
        status: Arc<JumpCloudUserBatchStatus>,
    },
    /// The object, as it is now.
    Get,
    /// A bulk request: it creates or updates.
    Post(Arc<Order>),
    /// A request that sets fields of one user.
    Put(Arc<Fix>),
    /// JSON patch of a job id.
    Record(JobRecord),
}

/// A bulk request.
#[derive(Debug)]
pub struct Order {
    /// What it does.
    pub operation: Operation,
    /// Nonce of its submission.
    pub nonce: String,
    /// The object.
    pub uid: u32,
    /// The body.
    pub payload: Vec<u8>,
    /// What the record has of the body: usernames of a create, ids of an update.
    pub members: Vec<String>,
    /// Usernames of the members.
    pub usernames: Vec<String>,
    /// Organisation of the credential.
    pub organization: String,
    /// What the sender knew.
    pub sender: Sender,
    /// Not after this, in virtual time as the sender's clock has it.
    pub submit_by: Ms,
    /// Not after this by the sender's monotonic clock.
    pub armed_until: Ms,
}

/// A request that sets fields of one user.
#[derive(Debug)]
pub struct Fix {
    /// The object.
    pub uid: u32,
    /// The version of the object that announced it.
    pub version: u64,
    /// The user and the values.
    pub repair: Repair,
    /// Organisation of the credential.
    pub organization: String,
    /// What the sender knew.
    pub sender: Sender,
}

/// What the sender of a request that changes something knew.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// Globs of protected users.
    pub protected: Vec<String>,
    /// The connection was paused, or the process may not write.
    pub forbidden: bool,
}

/// An answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Users found.
    Users(Vec<Live>),
    /// Ids of managers found.
    Managers(Vec<Option<String>>),
    /// Rows of a job; `None` is a 404.
    Job(Option<Vec<Row>>),
    /// The object; `None` is a 404.
    Object(Option<Arc<Object>>),
    /// The API server refused a write.
    Refused(Refusal),
    /// 2xx with a job id.
    Accepted(String),
    /// 2xx without one.
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
        match request {
            Request::Users(_) | Request::Managers(_) | Request::Job(_) if dice.chance(rates.reads) => dice
                .pick(&[Self::NotSent, Self::LostBefore, Self::StatusBefore(503), Self::StatusBefore(429)]),
            Request::Get if dice.chance(rates.reads) => {
                dice.pick(&[Self::NotSent, Self::LostBefore, Self::StatusBefore(500)])
            }
            Request::Write { .. } if dice.chance(rates.writes) => dice.pick(&[
                Self::NotSent,
                Self::LostBefore,
                Self::LostAfter,
                Self::Late(dice.clone().between(1, DELAY - PATIENCE)),
                Self::StatusBefore(409),
                Self::StatusAfter(409),
                Self::StatusBefore(500),
                Self::StatusAfter(500),
            ]),
            Request::Record(_) if dice.chance(rates.writes) => dice.pick(&[
                Self::NotSent,
                Self::LostBefore,
                Self::LostAfter,
                Self::Late(dice.clone().between(1, DELAY - PATIENCE)),
                Self::StatusBefore(409),
                Self::StatusBefore(500),
                Self::StatusAfter(500),
            ]),
            Request::Put(_) if dice.chance(rates.posts) => dice.pick(&[
                Self::NotSent,
                Self::LostBefore,
                Self::LostAfter,
                Self::LostAfter,
                Self::Late(dice.clone().between(1, DELAY - PATIENCE)),
                Self::Late(dice.clone().between(1, DELAY - PATIENCE)),
                Self::Late(dice.clone().between(1, DELAY - PATIENCE)),
                Self::StatusBefore(429),
                Self::StatusBefore(503),
                Self::StatusAfter(500),
            ]),
            Request::Post(_) if dice.chance(rates.posts) => dice.pick(&[
                Self::NotSent,
                Self::LostBefore,
                Self::LostAfter,
                Self::LostAfter,
                Self::Late(dice.clone().between(1, DELAY - 5 * SECOND)),
                Self::StatusBefore(429),
                Self::StatusBefore(401),
                Self::StatusBefore(404),
                Self::StatusBefore(503),
                Self::StatusAfter(500),
                Self::StatusAfter(504),
                Self::StatusAfter(200),
            ]),
            _ => Self::None,
        }
    }
}
