//! Bulk jobs: what they are going to do, and what their results say.

use std::collections::BTreeSet;

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::plan::facts::{Row, Word};
use serde_json::{Map, Value};

use super::Oddity;
use crate::clock::{Ms, SECOND};
use crate::dice::Dice;
use crate::manifest::Flaw;

/// An accepted request.
#[derive(Debug)]
pub struct Job {
    /// JumpCloud's id.
    pub id: String,
    /// What it does.
    pub operation: Operation,
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
    /// A field, in JumpCloud's spelling, that this job does not set.
    pub ignores: Option<&'static str>,
}

/// One user of a job.
#[derive(Debug)]
pub struct JobRow {
    /// Username as sent, or as the user of that id has it.
    pub username: String,
    /// E-mail address as sent, or as the user of that id has it, in lower case.
    pub email: String,
    /// Updates: the id as sent.
    pub id: Option<String>,
    /// What is to be set, in JumpCloud's spelling.
    pub set: Map<String, Value>,
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
    /// What JumpCloud has against it.
    pub flaw: Flaw,
    /// Whether it was worked on.
    pub done: bool,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// The user is created or updated, unless something is against it.
    Normal,
    /// Fails with a message of a kind that may pass; nothing happened.
    Hiccup,
    /// Fails with a message of a kind that may pass after it was done.
    HiccupAfterDoing,
    /// Reports success and does nothing.
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

impl JobRow {
    /// A row of an accepted request.
    pub(super) fn of(
        row: &Map<String, Value>,
        (username, email): (String, String),
        (takes, stuck): (Ms, bool),
        oddity: Oddity,
        dice: &mut Dice,
        now: Ms,
    ) -> Self {
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
            dice.pick(&[Course::Hiccup, Course::HiccupAfterDoing, Course::Silent])
        } else {
            Course::Normal
        };
        Self {
            username,
            email,
            id: row.get("id").and_then(Value::as_str).map(str::to_owned),
            set: row.clone(),
            runs: (!stuck && !dice.chance(oddity.per_mille / 4)).then_some(runs),
            appears: (!dice.chance(oddity.per_mille / 2)).then(|| dice.between(now, runs)),
            shows: runs + dice.between(0, 2 * SECOND),
            course,
            made: None,
            failed: None,
            naming,
            odd_word: dice.chance(oddity.per_mille),
            flaw: Flaw::of_row(row),
            done: false,
        }
    }

    /// Whether its result says that it was done.
    pub fn succeeded(&self) -> bool {
        self.done && self.failed.is_none()
    }

    /// Whether its result leaves open whose it is, at least for a while.
    pub fn is_nameless(&self) -> bool {
        matches!(self.naming, Naming::Nameless | Naming::Id)
    }

    /// The row as results show it.
    pub(super) fn shown(&self, now: Ms) -> Row {
        let open = !self.done || self.shows > now;
        let one = |text: &str| BTreeSet::from([text.to_owned()]);
        let mut row = Row::default();
        match self.naming {
            Naming::Username => row.usernames = one(&self.username.to_uppercase()),
            Naming::Email => row.emails = one(&self.email),
            Naming::Id => {
                row.ids = self.id.iter().chain(&self.made).filter(|_| !open).cloned().collect();
            }
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
