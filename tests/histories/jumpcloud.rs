//! A model of JumpCloud: users, asynchronous bulk jobs, a search that lags behind.
//!
//! It knows what really happened; the invariants compare statuses with it. Existing usernames and
//! e-mail addresses are refused row by row, as JumpCloud does.

use std::collections::BTreeSet;

use jumpcloud_operator::plan::facts::{By, Live, Row, UserKey, Word};

use crate::clock::{MINUTE, Ms, SECOND, stamp};
use crate::dice::Dice;
use crate::manifest::Flaw;

/// The longest that a search lags behind: shorter than the quarantine of these histories.
pub const LAG: Ms = 10 * SECOND;

/// A user, also after its deletion.
#[derive(Debug, Clone)]
pub struct User {
    /// JumpCloud's id.
    pub id: String,
    /// Username.
    pub username: String,
    /// E-mail address, in lower case.
    pub email: String,
    /// The job that made it; `None`: somebody else did.
    pub job: Option<usize>,
    /// When it was created.
    pub created: Ms,
    /// From when on searches find it.
    pub visible: Ms,
    /// When it was deleted.
    pub deleted: Option<Ms>,
    /// Its fields, in JumpCloud's spelling.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// An accepted request.
#[derive(Debug)]
pub struct Job {
    /// JumpCloud's id.
    pub id: String,
    /// Nonce of the submission it came from.
    pub nonce: String,
    /// The object it came from.
    pub uid: u32,
    /// When it was accepted.
    pub accepted: Ms,
    /// One for each user sent.
    pub rows: Vec<JobRow>,
    /// While this lasts, results are answered with 404.
    pub forgotten: Option<(Ms, Ms)>,
    /// A row of a user that nobody sent is among the results.
    pub stray: bool,
}

/// One user of a job.
#[derive(Debug)]
pub struct JobRow {
    /// Username as sent.
    pub username: String,
    /// E-mail address as sent, in lower case.
    pub email: String,
    /// When it is, or was, worked on; `None`: never.
    pub runs: Option<Ms>,
    /// When the row appears among the results; `None`: never.
    pub appears: Option<Ms>,
    /// When the row shows how it ended.
    pub shows: Ms,
    /// What is going to happen, or did.
    pub course: Course,
    /// The user that it made.
    pub made: Option<String>,
    /// Why it failed; once it has.
    pub failed: Option<String>,
    /// How the row names its user.
    pub naming: Naming,
    /// While it is worked on, the row shows a word that nobody has seen before.
    odd_word: bool,
    flaw: Flaw,
    done: bool,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// The user is created, unless something is against it.
    Normal,
    /// Fails with a message of a kind that may pass; nothing was created.
    Hiccup,
    /// Fails with a message of a kind that may pass after the user was created.
    HiccupAfterCreation,
    /// Reports success and creates nobody.
    Silent,
}

/// What a result row says about whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The username.
    Username,
    /// The e-mail address alone.
    Email,
    /// The id of the user, once there is one.
    Id,
    /// Nothing: a row without meta.
    Nameless,
}

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
    ids: u64,
}

impl JumpCloud {
    /// Takes `POST /bulk/users`: the job's id, or the text of a 400.
    pub fn post(
        &mut self,
        payload: &[u8],
        (uid, nonce): (u32, &str),
        oddity: Oddity,
        dice: &mut Dice,
        now: Ms,
    ) -> Result<String, String> {
        let sent: Vec<serde_json::Value> = serde_json::from_slice(payload).unwrap();
        let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        if let Some(bad) = sent.iter().find(|r| Flaw::of_department(&text(r, "department")) == Flaw::Poison) {
            return Err(format!("department of {} is malformed", text(bad, "email")));
        }
        let takes = dice.between(0, oddity.service);
        let stuck = dice.chance(oddity.per_mille / 2);
        let rows = sent
            .iter()
            .map(|row| {
                let runs = now + dice.between(takes / 2, takes.max(1));
                let naming = dice.pick(&[
                    Naming::Username,
                    Naming::Username,
                    Naming::Username,
                    Naming::Email,
                    Naming::Id,
                    Naming::Nameless,
                ]);
                let course = if dice.chance(oddity.per_mille) {
                    dice.pick(&[Course::Hiccup, Course::HiccupAfterCreation, Course::Silent])
                } else {
                    Course::Normal
                };
                JobRow {
                    username: text(row, "username"),
                    email: text(row, "email").to_lowercase(),
                    runs: (!stuck && !dice.chance(oddity.per_mille / 4)).then_some(runs),
                    appears: (!dice.chance(oddity.per_mille / 2)).then(|| dice.between(now, runs)),
                    shows: runs + dice.between(0, 2 * SECOND),
                    course,
                    made: None,
                    failed: None,
                    naming,
                    odd_word: dice.chance(oddity.per_mille),
                    flaw: Flaw::of_department(&text(row, "department")),
                    done: false,
                }
            })
            .collect();
        let forgotten = dice.chance(oddity.per_mille).then(|| {
            let from = now + dice.between(0, 20 * SECOND);
            (from, from + dice.pick(&[2 * SECOND, 30 * SECOND, 24 * 60 * MINUTE]))
        });
        let id = format!("job{}", self.jobs.len() + 1);
        let nonce = nonce.to_owned();
        let stray = dice.chance(oddity.per_mille / 2);
        self.jobs.push(Job { id: id.clone(), nonce, uid, accepted: now, rows, forgotten, stray });
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
            self.work(at, job, row, oddity, dice);
        }
    }

    fn work(&mut self, at: Ms, job: usize, row: usize, oddity: Oddity, dice: &mut Dice) {
        let (username, email, flaw, course) = {
            let row = &self.jobs[job].rows[row];
            (row.username.clone(), row.email.clone(), row.flaw, row.course)
        };
        let taken = self.users.iter().any(|user| {
            user.deleted.is_none_or(|gone| gone > at)
                && (user.username.eq_ignore_ascii_case(&username) || user.email == email)
        });
        let (creates, failed) = match (flaw, taken, course) {
            (Flaw::Invalid, ..) => (false, Some(format!("email {email} is invalid"))),
            (_, true, _) => (false, Some(format!("User {username} <{email}> already EXISTS"))),
            (_, false, Course::Normal) => (true, None),
            (_, false, Course::Hiccup) => (false, Some("internal error, try again".to_owned())),
            (_, false, Course::HiccupAfterCreation) => (true, Some("timed out internally".to_owned())),
            (_, false, Course::Silent) => (false, None),
        };
        let visible = at + dice.between(0, oddity.lag);
        let made = creates.then(|| self.add(&username, &email, Some(job), at, visible));
        let row = &mut self.jobs[job].rows[row];
        row.done = true;
        row.made = made;
        row.failed = failed;
    }

    /// Somebody else creates a user.
    pub fn by_others(&mut self, username: &str, email: &str, visible: Ms, now: Ms) {
        let email = email.to_lowercase();
        if !self.users.iter().any(|u| u.deleted.is_none() && (u.username == username || u.email == email)) {
            self.add(username, &email, None, now, visible);
        }
    }

    /// Somebody deletes a user.
    pub fn delete(&mut self, index: usize, now: Ms) {
        if let Some(user) = self.users.get_mut(index) {
            user.deleted.get_or_insert(now);
        }
    }

    fn add(&mut self, username: &str, email: &str, job: Option<usize>, now: Ms, visible: Ms) -> String {
        self.ids += 1;
        let id = format!("id{}", self.ids);
        self.users.push(User {
            id: id.clone(),
            username: username.to_owned(),
            email: email.to_owned(),
            job,
            created: now,
            visible,
            deleted: None,
            fields: serde_json::Map::new(),
        });
        id
    }

    /// The users that a search finds.
    pub fn search(&self, keys: &[UserKey], now: Ms) -> Vec<Live> {
        self.users
            .iter()
            .filter(|user| user.visible <= now && user.deleted.is_none_or(|gone| gone > now))
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
                state: Some("STAGED".to_owned()),
                created: Some(stamp(user.created + self.skew)),
                fields: user.fields.clone(),
            })
            .collect()
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

impl JobRow {
    /// Whether its result says that the user was created.
    pub fn succeeded(&self) -> bool {
        self.done && self.failed.is_none()
    }

    fn shown(&self, now: Ms) -> Row {
        let open = !self.done || self.shows > now;
        let one = |text: &str| BTreeSet::from([text.to_owned()]);
        let mut row = Row::default();
        match self.naming {
            Naming::Username => row.usernames = one(&self.username.to_uppercase()),
            Naming::Email => row.emails = one(&self.email),
            Naming::Id => row.ids = self.made.iter().filter(|_| !open).cloned().collect(),
            Naming::Nameless => {}
        }
        (row.word, row.message) = match (open, &self.failed) {
            (true, _) if self.odd_word => (Word::Other, None),
            (true, _) => (Word::Pending, None),
            (false, None) => (Word::Finished, None),
            (false, Some(message)) => (Word::Other, Some(message.clone())),
        };
        row
    }
}
