//! A model of JumpCloud: users with their fields, asynchronous bulk jobs, a search that lags behind.
//!
//! It knows what really happened; the invariants compare statuses with it. Existing usernames and
//! e-mail addresses are refused row by row, as JumpCloud does; a malformed row refuses its whole request.

mod fields;
mod job;
mod users;

use std::collections::BTreeSet;

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::plan::facts::{By, Live, Row, UserKey, Word};
use jumpcloud_operator::users::row::ManagerRef;
use serde_json::{Map, Value};

pub use self::fields::{kept, spelling};
pub use self::job::{Course, Job, JobRow};
pub use self::users::{Author, User};
use crate::clock::{MINUTE, Ms, SECOND, stamp};
use crate::dice::Dice;
use crate::manifest::Flaw;
use crate::network::Order;

/// The longest that a search lags behind: shorter than the quarantine of these histories.
pub const LAG: Ms = 10 * SECOND;

/// The longest that an update takes. With the longest way of a request it is shorter than the quarantine,
/// after which other values may be sent.
const UPDATING: Ms = 8 * SECOND;

/// How odd JumpCloud is while a request is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oddity {
    /// Of a thousand rows or jobs, so many are odd in each of the ways there are.
    pub per_mille: u64,
    /// Longest time that a job takes.
    pub service: Ms,
    /// Longest lag of a search.
    pub lag: Ms,
}

/// JumpCloud.
#[derive(Debug, Default)]
pub struct JumpCloud {
    /// All users that ever were.
    pub users: Vec<User>,
    /// All accepted jobs.
    pub jobs: Vec<Job>,
    /// How far its clock is ahead.
    pub skew: Ms,
    /// A field, in its spelling, that nothing sets but creation.
    pub stubborn: Option<&'static str>,
    ids: u64,
}

impl JumpCloud {
    /// Takes `POST` or `PATCH /bulk/users`: the job's id, or the text of a 400.
    pub fn take(
        &mut self,
        order: &Order,
        oddity: Oddity,
        dice: &mut Dice,
        now: Ms,
    ) -> Result<String, String> {
        let sent: Vec<Map<String, Value>> = serde_json::from_slice(&order.payload).unwrap();
        let text = |row: &Map<String, Value>, name: &str| {
            row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        if let Some(bad) = sent.iter().find(|row| Flaw::of_row(row) == Flaw::Poison) {
            return Err(format!("department of {} {} is malformed", text(bad, "email"), text(bad, "id")));
        }
        let most = if order.operation == Operation::Update { UPDATING } else { oddity.service };
        let takes = dice.between(0, most);
        let stuck = dice.chance(oddity.per_mille / 2);
        let rows = sent
            .iter()
            .map(|row| {
                let user = self.users.iter().find(|user| row.get("id").is_some_and(|id| *id == user.id));
                let who = match user {
                    Some(user) => (user.username.clone(), user.email.clone()),
                    None => (text(row, "username"), text(row, "email").to_lowercase()),
                };
                JobRow::of(row, who, (takes, stuck), oddity, dice, now)
            })
            .collect();
        let forgotten = dice.chance(oddity.per_mille).then(|| {
            let from = now + dice.between(0, 20 * SECOND);
            (from, from + dice.pick(&[2 * SECOND, 30 * SECOND, 24 * 60 * MINUTE]))
        });
        let id = format!("job{}", self.jobs.len() + 1);
        self.jobs.push(Job {
            id: id.clone(),
            operation: order.operation,
            nonce: order.nonce.clone(),
            uid: order.uid,
            accepted: now,
            rows,
            forgotten,
            stray: dice.chance(oddity.per_mille / 2),
            ignores: dice.chance(oddity.per_mille).then(|| dice.pick(&["state", "alternateEmail"])),
        });
        Ok(id)
    }

    /// Works on everything that is due, in the order of time.
    pub fn advance(&mut self, oddity: Oddity, dice: &mut Dice, now: Ms) {
        loop {
            let due = self
                .jobs
                .iter()
                .enumerate()
                .flat_map(|(j, job)| job.rows.iter().enumerate().map(move |(r, row)| (row, j, r)))
                .filter(|(row, ..)| !row.done)
                .filter_map(|(row, j, r)| Some((row.runs.filter(|at| *at <= now)?, j, r)))
                .min();
            let Some((at, job, row)) = due else { return };
            self.work(at, (job, row), oddity, dice);
        }
    }

    fn work(&mut self, at: Ms, (job, row): (usize, usize), oddity: Oddity, dice: &mut Dice) {
        let ignored = [self.jobs[job].ignores, self.stubborn];
        let it = &self.jobs[job].rows[row];
        let mut set = it.set.clone();
        set.retain(|name, _| !ignored.contains(&Some(name.as_str())) || name == "email");
        let course = it.course;
        let against = match &it.id {
            Some(id) => self.against_update(id, it.flaw, &set, at),
            None => self.against_creation(it, at),
        };
        let (does, failed) = match (against, course) {
            (Some(message), _) => (false, Some(message)),
            (None, Course::Normal) => (true, None),
            (None, Course::Hiccup) => (false, Some("internal error, try again".to_owned())),
            (None, Course::HiccupAfterDoing) => (true, Some("timed out internally".to_owned())),
            (None, Course::Silent) => (false, None),
        };
        let id = it.id.clone();
        let mut made = None;
        match id {
            Some(id) if does => {
                if let Some(user) = self.users.iter_mut().find(|user| user.id == id) {
                    user.change(&set, Author::Job(job), at);
                }
            }
            None if does => {
                let visible = at + dice.between(0, oddity.lag);
                made = Some(self.add(&set, Some(job), at, visible));
            }
            _ => {}
        }
        let row = &mut self.jobs[job].rows[row];
        row.done = true;
        row.made = made;
        row.failed = failed;
    }

    fn against_creation(&self, row: &JobRow, at: Ms) -> Option<String> {
        let JobRow { username, email, flaw, .. } = row;
        let taken = self.users.iter().any(|user| {
            user.deleted.is_none_or(|gone| gone > at)
                && (user.username.eq_ignore_ascii_case(username) || user.email == *email)
        });
        match flaw {
            Flaw::Invalid => Some(format!("email {email} is invalid")),
            _ if taken => Some(format!("User {username} <{email}> already EXISTS")),
            Flaw::None | Flaw::Poison => None,
        }
    }

    fn against_update(&self, id: &str, flaw: Flaw, set: &Map<String, Value>, at: Ms) -> Option<String> {
        if !self.users.iter().any(|user| user.id == id && user.is_there(at)) {
            return Some(format!("user {id} was not found"));
        }
        if flaw == Flaw::Invalid {
            return Some("department is invalid".to_owned());
        }
        let email = set.get("email").and_then(Value::as_str).map(str::to_lowercase)?;
        self.has_email(&email, id, at).then(|| format!("email {email} is not unique"))
    }

    /// Takes `PUT /systemusers/ID`: nothing, or status and text of a refusal.
    pub fn put(
        &mut self,
        id: &str,
        set: &Map<String, Value>,
        repair: usize,
        now: Ms,
    ) -> Result<(), (u16, String)> {
        let flaw = Flaw::of_row(set);
        if flaw == Flaw::Poison {
            return Err((400, "department is malformed".to_owned()));
        }
        match self.against_update(id, flaw, set, now) {
            Some(message) if message.contains("not found") => return Err((404, message)),
            Some(message) => return Err((400, message)),
            None => {}
        }
        let mut set = set.clone();
        set.retain(|name, _| self.stubborn != Some(name.as_str()));
        if let Some(user) = self.users.iter_mut().find(|user| user.id == id) {
            user.change(&set, Author::Repair(repair), now);
        }
        Ok(())
    }

    /// The users that a search finds.
    pub fn search(&self, keys: &[UserKey], now: Ms) -> Vec<Live> {
        self.visible(now)
            .filter(|user| {
                keys.iter().any(|key| match &key.by {
                    By::Id(id) => *id == user.id,
                    By::Names { email, .. } => {
                        key.username.eq_ignore_ascii_case(&user.username)
                            || email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(&user.email))
                    }
                })
            })
            .map(|user| Live {
                id: user.id.clone(),
                username: user.username.clone(),
                email: user.email.clone(),
                state: user.fields.get("state").and_then(Value::as_str).map(str::to_owned),
                created: Some(stamp(user.created + self.skew)),
                fields: user.fields.clone(),
            })
            .collect()
    }

    /// The id of a manager that a search finds.
    pub fn manager(&self, wanted: &ManagerRef, now: Ms) -> Option<String> {
        let is = |user: &&User| match wanted {
            ManagerRef::Id(id) => *id == user.id,
            ManagerRef::Username(username) => username.eq_ignore_ascii_case(&user.username),
            ManagerRef::Email(email) => email.eq_ignore_ascii_case(&user.email),
        };
        self.visible(now).find(is).map(|user| user.id.clone())
    }

    fn visible(&self, now: Ms) -> impl Iterator<Item = &User> {
        self.users
            .iter()
            .filter(move |user| user.visible <= now && user.deleted.is_none_or(|gone| gone > now))
    }

    /// The results of a job; `None` is a 404.
    pub fn results(&self, job_id: &str, now: Ms) -> Option<Vec<Row>> {
        let job = self.jobs.iter().find(|job| job.id == job_id)?;
        if job.forgotten.is_some_and(|(from, to)| (from..to).contains(&now)) {
            return None;
        }
        let mut rows: Vec<Row> = job
            .rows
            .iter()
            .filter(|row| row.appears.is_some_and(|at| at <= now))
            .map(|row| row.shown(now))
            .collect();
        if job.stray {
            let usernames = BTreeSet::from(["stranger".to_owned()]);
            rows.push(Row { word: Word::Finished, usernames, ..Row::default() });
        }
        Some(rows)
    }
}
