//! A batch, its status, and a JumpCloud that answers as it likes.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::{Operation, Phase, Recorded};
use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus as Status;
use jumpcloud_operator::plan::desired::{Desired, desired};
use jumpcloud_operator::plan::facts::{
    By, Facts, FailedRead, Live as User, Notes, Outcome, Read, Repaired, Row, Slot, UserKey, Word,
};
use jumpcloud_operator::plan::policy::after;
use jumpcloud_operator::plan::step::{Batch, Step, plan};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::{Map, Value};

use crate::forbids::{Forbids, ORGANISATION, connection, organisation, policy};

/// Far more than these lists need: a pass that takes more has no end.
const MAX_STEPS: usize = 600;

/// Who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// Nobody, whatever is sent.
    Nobody,
    /// Everybody who is declared, as declared, for years; and others, an administrator among them.
    Equal,
    /// The same, without what rows declare beside username and address.
    Bare,
    /// Whom a job has made.
    Growing,
}

/// Something that was done to a user, by username, or by id where it was named by one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deed {
    pub what: &'static str,
    pub user: String,
}

pub struct World {
    pub status: Status,
    pub requested_at: Option<String>,
    pub retry_failed: Option<String>,
    pub resolve: Option<String>,
    /// Begins the nonces of this world, which no other one has.
    pub era: &'static str,
    pub forbids: Option<Forbids>,
    pub desired: Desired,
    live: Live,
    users: Vec<User>,
    luck: Vec<u8>,
    drawn: usize,
    now: Timestamp,
    nonces: usize,
    notes: Notes,
}

impl World {
    pub fn new(spec: &Value, live: Live, luck: &[u8]) -> Self {
        let desired = desired(&serde_json::from_value(spec.clone()).unwrap(), 1000);
        assert!(desired.problems.is_empty(), "{:?}", desired.problems);
        let mut world = Self {
            status: Status::default(),
            requested_at: None,
            retry_failed: None,
            resolve: None,
            era: "later",
            forbids: None,
            desired,
            live,
            users: Vec::new(),
            luck: luck.to_vec(),
            drawn: 0,
            now: "2027-01-01T00:00:00Z".parse().unwrap(),
            nonces: 0,
            notes: Notes::default(),
        };
        if matches!(live, Live::Equal | Live::Bare) {
            let long_ago = "2020-01-01T00:00:00Z".parse().unwrap();
            let names: Vec<String> = world.desired.rows.iter().map(|row| row.username.clone()).collect();
            world.make(&names, long_ago);
            for user in world.users.iter_mut().filter(|_| live == Live::Bare) {
                user.fields.retain(|name, _| matches!(name.as_str(), "username" | "email"));
                user.state = None;
            }
            for (id, name) in [("root", "root.admin"), ("u7", "u7"), ("eve", "eve")] {
                let email =
                    Map::from_iter([("email".to_owned(), Value::from(format!("{name}@example.org")))]);
                world.users.push(user(id, name, &email, long_ago));
            }
        }
        world
    }

    /// Time goes on, for longer each time.
    pub fn wait(&mut self) {
        self.now = after(self.now, Duration::from_secs([11, 301, 4000, 90_000][self.draw() % 4]));
    }

    /// The next draw; without luck everything goes well.
    fn draw(&mut self) -> usize {
        let drawn = self.luck.get(self.drawn % self.luck.len().max(1)).copied().unwrap_or(2);
        self.drawn += 1;
        drawn.into()
    }

    fn make(&mut self, names: &[String], created: Timestamp) {
        for row in self.desired.rows.iter().filter(|row| names.contains(&row.username)) {
            if self.users.iter().all(|user| user.username != row.username) {
                self.users.push(user(&row.username, &row.username, &row.fields, created));
            }
        }
    }

    /// One pass: what it has sent, and to whom.
    pub fn pass(&mut self) -> Result<BTreeSet<Deed>, TestCaseError> {
        let mut facts = Facts::begin(self.notes.clone(), self.nonce());
        facts.protected = vec!["root.*".to_owned()];
        let mut deeds = BTreeSet::new();
        // Users of whom a request may have been carried out in this pass.
        let mut sent: BTreeSet<String> = BTreeSet::new();
        let mut desired = self.desired.clone();
        desired.paused = self.forbids == Some(Forbids::Pause);
        let policy = policy(self.forbids);
        for _ in 0..MAX_STEPS {
            let status = self.status.clone();
            for sight in status.submissions.iter().flat_map(Recorded::sights) {
                facts.notes.first_seen.insert(sight, Duration::from_secs(864_000));
            }
            let batch = Batch {
                name: "people/sales".to_owned(),
                generation: 1,
                requested_at: self.requested_at.clone(),
                retry_failed: self.retry_failed.clone(),
                resolve: self.resolve.clone(),
                deleting: self.forbids == Some(Forbids::Deleting),
                desired: &desired,
                status: &status,
            };
            match plan(&batch, &facts, &policy, self.now) {
                Step::Read(read) => self.read(read, &mut facts)?,
                Step::Commit(commit) => {
                    prop_assert!(commit.status != status, "a write that changes nothing");
                    let armed = commit.intent.map(|intent| intent.submission);
                    if let Some(record) = &armed {
                        let kept = commit.status.submissions.iter().filter_map(Recorded::known);
                        prop_assert_eq!(
                            kept.filter(|kept| *kept == record).count(),
                            1,
                            "the intent is in status"
                        );
                        prop_assert_eq!(commit.status.organization_id.as_deref(), Some(ORGANISATION));
                        prop_assert_eq!(record.organization_id.as_str(), ORGANISATION);
                    }
                    self.status = commit.status;
                    facts.committed(armed.map(|record| record.nonce), commit.repairs, self.nonce());
                }
                Step::Send(nonce) => {
                    prop_assert_eq!(
                        facts.armed.take(),
                        Some(nonce.clone()),
                        "sent without an intent of this pass"
                    );
                    let outcome = self.send(&nonce, &mut deeds, &mut sent)?;
                    facts.deliveries.insert(nonce, outcome);
                }
                Step::Repair(repair) => {
                    self.is_declared(&repair.username, &repair.id)?;
                    deeds.insert(Deed { what: "repair", user: repair.id.clone() });
                    facts.users.remove(&repair.username.to_lowercase());
                    facts.repairs.retain(|other| *other != repair);
                    facts.repaired.insert(repair.username.to_lowercase(), Repaired::Done);
                }
                Step::Idle { .. } => {
                    self.notes = facts.notes;
                    return Ok(deeds);
                }
            }
        }
        Err(TestCaseError::fail(format!("no end: {:#?}", self.status)))
    }

    fn nonce(&mut self) -> String {
        self.nonces += 1;
        format!("{}{}", self.era, self.nonces)
    }

    fn send(
        &mut self,
        nonce: &str,
        deeds: &mut BTreeSet<Deed>,
        sent: &mut BTreeSet<String>,
    ) -> Result<Outcome, TestCaseError> {
        let luck = self.draw();
        let record = self.status.submissions.iter().filter_map(Recorded::known).find(|r| r.nonce == nonce);
        let Some(record) = record else { return Err(TestCaseError::fail("the intent is gone")) };
        prop_assert_eq!(record.phase, Phase::Intended);
        let names = record.usernames().to_vec();
        let updates = record.operation == Operation::Update;
        let what = if updates { "update" } else { "create" };
        for other in self.status.submissions.iter().filter_map(Recorded::known) {
            let open = other.nonce != nonce && other.phase.is_under_way();
            let again = other.usernames().iter().find(|name| open && names.contains(name));
            prop_assert_eq!(again, None, "sent while another request has it");
        }
        for name in &names {
            let declared = self.desired.rows.iter().any(|row| row.username == *name);
            prop_assert!(declared, "{} is not declared", name);
            prop_assert!(!sent.contains(name), "{} is sent twice in one pass", name);
            deeds.insert(Deed { what, user: name.clone() });
        }
        if updates {
            for (name, id) in names.iter().zip(&record.members) {
                self.is_declared(name, id)?;
                deeds.insert(Deed { what, user: id.clone() });
            }
        }
        let message =
            format!("\u{1b}[31m{} is\r\nwrong", names.iter().map(|name| private(name)).collect::<String>());
        Ok(match luck % 8 {
            0 => Outcome::Refused { message },
            1 => Outcome::Rejected { status: 400, message },
            7 => {
                sent.extend(names);
                Outcome::Unknown
            }
            _ => {
                let now = self.now;
                for record in &mut self.status.submissions {
                    if let Recorded::Known(record) = record
                        && record.nonce == nonce
                    {
                        record.phase = Phase::Accepted;
                        record.job_id = Some(format!("job-{nonce}"));
                        record.accept_time = Some(now);
                    }
                }
                sent.extend(names.clone());
                if self.live == Live::Growing {
                    self.make(&names, self.now);
                }
                Outcome::Accepted
            }
        })
    }

    /// Who is updated has the declared username or address, whatever status says.
    fn is_declared(&self, name: &str, id: &str) -> TestCaseResult {
        let row = self.desired.rows.iter().find(|row| row.username == name);
        let user = self.users.iter().find(|user| user.id == id);
        let (Some(row), Some(user)) = (row, user) else {
            return Err(TestCaseError::fail(format!("{name} is not declared, or {id} not there")));
        };
        let same = user.username.eq_ignore_ascii_case(name) || user.email.eq_ignore_ascii_case(&row.email);
        prop_assert!(same, "{} is updated as {}", user.username, name);
        Ok(())
    }

    fn read(&mut self, read: Read, facts: &mut Facts) -> TestCaseResult {
        let behind = organisation(self.forbids);
        let ours = self.status.organization_id.as_deref().is_none_or(|ours| ours == behind);
        prop_assert!(ours || matches!(read, Read::Connection | Read::Slot), "read elsewhere: {:?}", read);
        if self.draw() % 16 == 15 {
            let failed =
                FailedRead { retry_at: after(self.now, Duration::from_secs(10)), message: "no".to_owned() };
            prop_assert!(facts.failed.insert(read, failed).is_none(), "a read that failed is made again");
            return Ok(());
        }
        match read {
            Read::Connection => facts.connection = Some(connection(self.forbids)),
            Read::Slot => facts.slot = Some(Slot::Free),
            Read::Users(keys) => {
                let asked = |user: &&User| keys.iter().any(|key| is_asked_for(key, user));
                let found: Vec<User> = self.users.iter().filter(asked).cloned().collect();
                facts.looked_up(&keys, &found, self.now);
            }
            Read::Managers(managers) => {
                facts.managers.extend(managers.into_iter().map(|manager| (manager, None)));
            }
            Read::Job { job_id, rows } => {
                let mut records = self.status.submissions.iter().filter_map(Recorded::known);
                let record = records.rfind(|record| record.job_id.as_ref() == Some(&job_id));
                let names = record.map_or_else(Vec::new, |record| record.usernames().to_vec());
                let answer = self.rows(&names);
                facts.polled(&job_id, answer, rows, self.now);
            }
        }
        Ok(())
    }

    /// Rows of a job: of nobody, of everybody, or not at all.
    fn rows(&mut self, names: &[String]) -> Option<Vec<Row>> {
        let word = [Word::Finished, Word::Other, Word::Pending][self.draw() % 3];
        let of = |name: &String| Row {
            word,
            message: (word == Word::Other).then(|| format!("\u{1b}[1m{} is invalid", private(name))),
            usernames: [name.clone()].into(),
            ..Row::default()
        };
        let all: String = names.iter().map(|name| private(name)).collect();
        match self.draw() % 5 {
            0 => None,
            1 => Some(vec![
                Row { word, message: Some(format!("{all} invalid")), ..Row::default() };
                names.len()
            ]),
            _ => Some(names.iter().map(of).collect()),
        }
    }
}

/// What a message about a user may repeat of what was sent.
fn private(name: &str) -> String {
    let number = name.trim_start_matches('u');
    format!("{name}: {name}@example.com SECRET{number} ")
}

fn is_asked_for(key: &UserKey, user: &User) -> bool {
    match &key.by {
        By::Id(id) => user.id == *id,
        By::Names { .. } => user.username.eq_ignore_ascii_case(&key.username),
    }
}

fn user(id: &str, name: &str, declared: &Map<String, Value>, created: Timestamp) -> User {
    let mut fields = declared.clone();
    if let Some(state) = fields.get("state").and_then(Value::as_str) {
        let state = state.to_uppercase();
        fields.insert("state".to_owned(), Value::from(state));
    }
    let email = declared.get("email").and_then(Value::as_str).unwrap_or_default().to_owned();
    let state = fields.get("state").and_then(Value::as_str).map(str::to_owned);
    User { id: format!("id{id}"), username: name.to_owned(), email, state, created: Some(created), fields }
}
