//! A schedule, its status, and a JumpCloud that answers as it likes.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jumpcloud_operator::api::schedule_status::{EventEntry, ScheduledUserStateStatus as Status};
use jumpcloud_operator::api::scheduled_user_state::ScheduledState;
use jumpcloud_operator::api::submission::{AcceptedEvent, Operation, Phase, Recorded};
use jumpcloud_operator::plan::facts::{FailedRead, Outcome, Repaired, Row, Slot, Word};
use jumpcloud_operator::plan::policy::after;
use jumpcloud_operator::plan::schedule::desired::{Desired, desired};
use jumpcloud_operator::plan::schedule::facts::{BatchFact, Call, Facts, Key, Listed, Notes, Person, Read};
use jumpcloud_operator::plan::schedule::roster::{Member, Members};
use jumpcloud_operator::plan::schedule::step::{Finalizer, Schedule, Step, plan};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::Value;

use crate::forbids::{Forbids, ORGANISATION, connection, organisation, policy};

/// Far more than these lists need: a pass that takes more has no end.
const MAX_STEPS: usize = 600;

/// What JumpCloud has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// No user and no event.
    Nothing,
    /// The users, and events of others.
    Users,
    /// The users, and an equal event of each, made by somebody else.
    Everything,
}

/// Something that was done to a user, by id, or to a scheduled job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deed {
    pub what: &'static str,
    pub to: String,
}

pub struct World {
    pub status: Status,
    pub requested_at: Option<String>,
    pub retry_failed: Option<String>,
    pub resolve: Option<String>,
    pub forbids: Option<Forbids>,
    pub finalizer: bool,
    pub now: Timestamp,
    /// Begins the nonces of this world, which no other one has.
    pub era: &'static str,
    desired: Desired,
    users: Vec<Person>,
    events: Vec<Listed>,
    luck: Vec<u8>,
    drawn: usize,
    nonces: usize,
    notes: Notes,
}

impl World {
    pub fn new(spec: &Value, live: Live, luck: &[u8]) -> Self {
        let desired = desired(&serde_json::from_value(spec.clone()).unwrap(), 1000);
        assert!(desired.problems.is_empty(), "{:?}", desired.problems);
        let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let person = |i: usize| Person {
            id: format!("idu{i}"),
            username: format!("u{i}"),
            state: Some("STAGED".to_owned()),
        };
        let mut users: Vec<Person> = (0..6).map(person).collect();
        users.push(Person { id: "idroot".to_owned(), username: "root.admin".to_owned(), state: None });
        let (state, time) = (Some(desired.state), desired.start);
        let event = |job: &str, user: &str, state| Listed {
            job_id: job.to_owned(),
            user_id: user.to_owned(),
            state,
            time,
        };
        let other = match desired.state {
            ScheduledState::Activated => ScheduledState::Suspended,
            ScheduledState::Suspended => ScheduledState::Activated,
        };
        // Of others: one alone, one that shares its job with a user of ours, one of the other state.
        let mut events = vec![
            event("job-a", "idroot", state),
            event("job-b", "idroot", state),
            event("job-b", "idu5", Some(other)),
            event("job-c", "idu5", Some(other)),
        ];
        match live {
            Live::Nothing => (users, events) = (Vec::new(), Vec::new()),
            Live::Users => {}
            Live::Everything => {
                events.extend((0..5).map(|i| event(&format!("theirs-{i}"), &format!("idu{i}"), state)));
            }
        }
        let notes = Notes { since: now, ..Notes::default() };
        Self {
            status: Status::default(),
            requested_at: None,
            retry_failed: None,
            resolve: None,
            forbids: None,
            finalizer: false,
            now,
            era: "later",
            desired,
            users,
            events,
            luck: luck.to_vec(),
            drawn: 0,
            nonces: 0,
            notes,
        }
    }

    /// Time goes on, and what is due happens.
    pub fn wait(&mut self) {
        self.now = after(self.now, Duration::from_secs([11, 301, 4000, 90_000][self.draw() % 4]));
        let now = self.now;
        let (due, left): (Vec<Listed>, Vec<Listed>) =
            self.events.drain(..).partition(|event| event.time.is_some_and(|time| time <= now));
        self.events = left;
        for event in due {
            for user in self.users.iter_mut().filter(|user| user.id == event.user_id) {
                user.state = event.state.map(|state| state.word().to_owned());
            }
        }
    }

    /// The next draw; without luck everything goes well.
    fn draw(&mut self) -> usize {
        let drawn = self.luck.get(self.drawn % self.luck.len().max(1)).copied().unwrap_or(2);
        self.drawn += 1;
        drawn.into()
    }

    /// One pass: what it has done, and to whom.
    pub fn pass(&mut self) -> Result<BTreeSet<Deed>, TestCaseError> {
        let mut facts = Facts::begin(self.notes.clone(), self.nonce());
        facts.protected = vec!["root.*".to_owned()];
        let mut deeds = BTreeSet::new();
        // Listings since the last write.
        let mut listed: Vec<Listed> = Vec::new();
        let mut desired = self.desired.clone();
        desired.paused |= self.forbids == Some(Forbids::Pause);
        let deleting = self.forbids == Some(Forbids::Deleting);
        let policy = policy(self.forbids);
        for _ in 0..MAX_STEPS {
            let status = self.status.clone();
            for sight in status.submissions.iter().flat_map(Recorded::sights) {
                facts.notes.common.first_seen.insert(sight, Duration::from_secs(864_000));
            }
            let schedule = Schedule {
                name: "people/change".to_owned(),
                uid: "uid".to_owned(),
                generation: 1,
                requested_at: self.requested_at.clone(),
                retry_failed: self.retry_failed.clone(),
                resolve: self.resolve.clone(),
                deleting,
                has_finalizer: self.finalizer,
                desired: &desired,
                status: &status,
            };
            match plan(&schedule, &facts, &policy, self.now) {
                Step::Read(read) => self.read(read, &mut facts, &mut listed)?,
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
                        let undone = record.operation == Operation::Schedule
                            && desired.deletion
                                != jumpcloud_operator::api::scheduled_user_state::DeletionPolicy::Retain;
                        prop_assert!(self.finalizer || !undone, "nothing would undo it");
                        prop_assert!(!deleting, "sent for an object that goes");
                    }
                    self.status = commit.status;
                    listed.clear();
                    facts.committed(armed.map(|record| record.nonce), self.nonce());
                }
                Step::Send(nonce) => {
                    prop_assert_eq!(
                        facts.armed.take(),
                        Some(nonce.clone()),
                        "sent without an intent of this pass"
                    );
                    let outcome = self.send(&nonce, &mut deeds)?;
                    facts.deliveries.insert(nonce, outcome);
                }
                Step::Call(call) => {
                    let outcome = self.call(&call, &status, &listed, &mut deeds)?;
                    facts.called(call, outcome);
                }
                Step::Finalizer(change) => match change {
                    Finalizer::Add => self.finalizer = true,
                    Finalizer::Remove | Finalizer::Abandon { .. } => {
                        self.finalizer = false;
                        if deleting {
                            return Ok(deeds);
                        }
                    }
                },
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

    fn send(&mut self, nonce: &str, deeds: &mut BTreeSet<Deed>) -> Result<Outcome, TestCaseError> {
        let luck = self.draw();
        let record = self.status.submissions.iter_mut().find_map(|record| match record {
            Recorded::Known(record) if record.nonce == nonce => Some(record),
            _ => None,
        });
        let Some(record) = record else { return Err(TestCaseError::fail("the intent is gone")) };
        prop_assert_eq!(record.phase, Phase::Intended);
        prop_assert_eq!((record.state, record.time), (Some(self.desired.state), self.desired.start));
        deeds.extend(record.members.iter().map(|id| Deed { what: "send", to: id.clone() }));
        let (members, asked) = (record.members.clone(), (record.state, record.time));
        for other in self.status.submissions.iter().filter_map(Recorded::known) {
            let open =
                other.nonce != nonce && other.phase.is_under_way() && (other.state, other.time) == asked;
            let again = other.members.iter().find(|id| open && members.contains(id));
            prop_assert_eq!(again, None, "sent while another request has it");
        }
        let Some(record) = self.status.submissions.iter_mut().find_map(|record| match record {
            Recorded::Known(record) if record.nonce == nonce => Some(record),
            _ => None,
        }) else {
            return Ok(Outcome::Unknown);
        };
        let message = "u0@example.com \u{1b}[31mis\r\nwrong".to_owned();
        Ok(match luck % 8 {
            0 => Outcome::Refused { message },
            1 => Outcome::Rejected { status: 400, message },
            7 => Outcome::Unknown,
            _ => {
                record.phase = Phase::Accepted;
                record.accept_time = Some(self.now);
                if record.operation == Operation::Schedule {
                    let job = |id: &str| {
                        if luck.is_multiple_of(2) {
                            format!("job-{nonce}")
                        } else {
                            format!("job-{nonce}-{id}")
                        }
                    };
                    for id in &record.members {
                        let event = AcceptedEvent { id: id.clone(), scheduled_job_id: job(id), time: None };
                        self.events.push(Listed {
                            job_id: event.scheduled_job_id.clone(),
                            user_id: id.clone(),
                            state: record.state,
                            time: record.time,
                        });
                        record.events.push(event);
                    }
                } else {
                    record.job_id = Some(format!("job-{nonce}"));
                }
                Outcome::Accepted
            }
        })
    }

    /// What is cancelled was listed since the last write, and is recorded as it was listed.
    fn call(
        &mut self,
        call: &Call,
        status: &Status,
        listed: &[Listed],
        deeds: &mut BTreeSet<Deed>,
    ) -> Result<Repaired, TestCaseError> {
        match call {
            Call::Cancel { job_id } => {
                let rows: Vec<&Listed> = listed.iter().filter(|row| row.job_id == *job_id).collect();
                prop_assert!(!rows.is_empty(), "{} is cancelled and was not listed", job_id);
                for row in rows {
                    let known = status.events.iter().any(|entry| is_of(entry, status, row));
                    prop_assert!(known, "{:?} goes and is not recorded: {:#?}", row, status.events);
                }
                let gone = |row: &&Listed| row.job_id == *job_id;
                deeds.extend(
                    self.events
                        .iter()
                        .filter(gone)
                        .map(|row| Deed { what: "cancel", to: row.user_id.clone() }),
                );
                self.events.retain(|row| row.job_id != *job_id);
            }
            Call::SetState { id, .. } | Call::Activate { id } => {
                deeds.insert(Deed { what: "send", to: id.clone() });
            }
        }
        Ok([Repaired::Done, Repaired::Unknown, Repaired::Done, Repaired::NotNow][self.draw() % 4].clone())
    }

    fn read(&mut self, read: Read, facts: &mut Facts, listed: &mut Vec<Listed>) -> TestCaseResult {
        let behind = organisation(self.forbids);
        let ours = self.status.organization_id.as_deref().is_none_or(|ours| ours == behind);
        prop_assert!(
            ours || matches!(read, Read::Connection | Read::Slot | Read::Batch(_)),
            "read elsewhere: {:?}",
            read
        );
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
                let found = keys.into_iter().map(|key| {
                    let found = self.users.iter().find(|user| match &key {
                        Key::Id(id) => user.id == *id,
                        Key::Username(name) => user.username.eq_ignore_ascii_case(name),
                        Key::Email(email) => email.to_lowercase() == format!("{}@example.com", user.username),
                    });
                    (key.clone(), found.cloned())
                });
                facts.looked_up(found.collect(), self.now);
            }
            Read::Events(wanted) => {
                let near = |event: &&Listed| {
                    event.time.is_some_and(|time| time.duration_since(wanted.time).as_secs().abs() < 60)
                };
                let rows: Vec<Listed> = self.events.iter().filter(near).cloned().collect();
                let whole = wanted.whole || self.draw() % 4 != 3;
                let rows: Vec<Listed> =
                    rows.into_iter().filter(|row| whole || wanted.users.contains(&row.user_id)).collect();
                listed.extend(rows.iter().cloned());
                facts.listed(&wanted, rows, whole, wanted.users.iter().cloned().collect(), self.now);
            }
            Read::Batch(_) => {
                let luck = self.draw();
                let member = |i: usize| Member { username: format!("u{i}"), id: Some(format!("idu{i}")) };
                let members = Members {
                    users: (3..5).map(member).collect(),
                    awaiting: usize::from(luck % 4 == 1),
                    organization: luck.is_multiple_of(3).then(|| ORGANISATION.to_owned()),
                };
                facts.batch =
                    Some(if luck.is_multiple_of(4) { BatchFact::Missing } else { BatchFact::Found(members) });
            }
            Read::Job { job_id, rows } => {
                let row =
                    Row { word: Word::Other, message: Some("u0@example.com\r".to_owned()), ..Row::default() };
                let answer = [None, Some(Vec::new()), Some(vec![row; 9])][self.draw() % 3].clone();
                facts.polled(&job_id, answer, rows, self.now);
            }
        }
        Ok(())
    }
}

/// Whether an entry of the record is this event.
fn is_of(entry: &EventEntry, status: &Status, row: &Listed) -> bool {
    let scheduled = || {
        (
            status.scheduled_state.clone().unwrap_or_default(),
            status.scheduled_time.clone().unwrap_or_default(),
        )
    };
    let (state, time) = entry
        .superseded
        .as_ref()
        .map_or_else(scheduled, |replaced| (replaced.state.clone(), replaced.time.clone()));
    let same = |text: &str, within: i64| {
        let (Ok(time), Some(kept)) = (text.parse::<Timestamp>(), row.time) else { return false };
        kept.duration_since(time).as_secs().abs() <= within
    };
    entry.id == row.user_id
        && entry.scheduled_job_id == row.job_id
        && row.state.is_some_and(|of| of.as_str() == state)
        && (same(&time, 60) || entry.time.as_deref().is_some_and(|time| same(time, 0)))
}
