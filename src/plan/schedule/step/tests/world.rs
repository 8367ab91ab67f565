//! A small JumpCloud that does what it is asked, and an object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::*;
use crate::api::FINALIZER;
use crate::api::condition::Standing;
use crate::api::schedule_status::EventEntry;
use crate::api::scheduled_user_state::ScheduledUserStateSpec;
use crate::api::submission::{AcceptedEvent, Operation, Phase, Recorded};
use crate::plan::facts::{Connection, ConnectionFact, FailedRead, Outcome, Repaired, Slot};
use crate::plan::schedule::change::Change;
use crate::plan::schedule::desired::desired;
use crate::plan::schedule::facts::{Claims, Key, Listed, Notes, Person, Read};

/// Everything that is not the planner.
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) spec: ScheduledUserStateSpec,
    pub(super) generation: i64,
    pub(super) status: ScheduledUserStateStatus,
    pub(super) finalizers: Vec<&'static str>,
    pub(super) deleting: bool,
    /// Username, id, state.
    pub(super) users: BTreeMap<String, (String, String)>,
    pub(super) events: Vec<Listed>,
    pub(super) notes: Notes,
    pub(super) log: Vec<String>,
    pub(super) nonces: u32,
    pub(super) shared: bool,
    pub(super) claims: Claims,
    /// Globs of usernames that the connection protects.
    pub(super) protected: Vec<String>,
    /// Requests to schedule are refused.
    pub(super) refuses: bool,
    /// JumpCloud does what the next request asks for, and its reply is lost.
    pub(super) loses: bool,
    /// The next search gets no answer.
    pub(super) deaf: bool,
    /// Requests that may be repeated get no answer, and nothing has happened yet.
    pub(super) loses_calls: bool,
}

impl World {
    pub(super) fn new(spec: Value, users: &[&str]) -> Self {
        let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let user = |name: &&str| ((*name).to_owned(), (format!("id{name}"), "STAGED".to_owned()));
        Self {
            now,
            spec: serde_json::from_value(spec).unwrap(),
            generation: 1,
            status: ScheduledUserStateStatus::default(),
            finalizers: Vec::new(),
            deleting: false,
            users: users.iter().map(user).collect(),
            events: Vec::new(),
            notes: Notes { since: now, ..Notes::default() },
            log: Vec::new(),
            nonces: 0,
            shared: true,
            claims: Claims::default(),
            protected: Vec::new(),
            refuses: false,
            loses: false,
            deaf: false,
            loses_calls: false,
        }
    }

    pub(super) fn edit(&mut self, change: impl FnOnce(&mut ScheduledUserStateSpec)) {
        change(&mut self.spec);
        self.generation += 1;
    }

    pub(super) fn nonce(&mut self) -> String {
        self.nonces += 1;
        format!("n{}", self.nonces)
    }

    /// JumpCloud's clock goes on.
    pub(super) fn until(&mut self, time: &str) {
        self.now = time.parse().unwrap();
        let now = self.now;
        let (due, rest): (Vec<_>, Vec<_>) =
            self.events.drain(..).partition(|event| event.time.is_some_and(|time| time <= now));
        self.events = rest;
        for event in due {
            for user in self.users.values_mut().filter(|user| user.0 == event.user_id) {
                event.state.unwrap().word().clone_into(&mut user.1);
            }
        }
    }

    /// One pass; returns when it wants to be called again.
    pub(super) fn pass(&mut self) -> Option<Timestamp> {
        let desired = desired(&self.spec, 1000);
        let nonce = self.nonce();
        let mut facts = Facts::begin(self.notes.clone(), nonce);
        facts.claims = self.claims.clone();
        facts.protected.clone_from(&self.protected);
        for _ in 0..500 {
            let status = self.status.clone();
            let schedule = Schedule {
                name: "team/change".to_owned(),
                uid: "uid".to_owned(),
                generation: self.generation,
                requested_at: None,
                retry_failed: None,
                resolve: None,
                deleting: self.deleting,
                has_finalizer: self.finalizers.contains(&FINALIZER),
                desired: &desired,
                status: &status,
            };
            match plan(&schedule, &facts, &Policy::default(), self.now) {
                Step::Read(read) => self.read(read, &mut facts),
                Step::Commit(commit) => {
                    let armed = commit.intent.map(|intent| intent.submission.nonce);
                    self.log.push(if armed.is_some() { "intent" } else { "commit" }.to_owned());
                    let left = |entry: &EventEntry| entry.superseded.is_some() && !entry.shared;
                    assert!(
                        commit.verdict.standing != Standing::Done
                            || (commit.status.submissions.is_empty()
                                && !commit.status.events.iter().any(|e| left(e) && e.origin == "Created")),
                        "done, and something is left: {:#?}",
                        commit.status
                    );
                    assert_ne!(self.status, commit.status, "a write that changes nothing");
                    self.status = commit.status;
                    let fresh = self.nonce();
                    facts.committed(armed, fresh);
                }
                Step::Send(nonce) => {
                    facts.armed = None;
                    let outcome = if std::mem::take(&mut self.loses) {
                        let before = self.status.submissions.clone();
                        self.send(&nonce);
                        self.status.submissions = before;
                        Outcome::Unknown
                    } else if self.refuses {
                        Outcome::Rejected { status: 400, message: "no".to_owned() }
                    } else {
                        self.send(&nonce);
                        Outcome::Accepted
                    };
                    facts.deliveries.insert(nonce, outcome);
                }
                Step::Call(call) => {
                    self.log.push(format!("{call:?}"));
                    if self.loses_calls {
                        facts.called(call, Repaired::Unknown);
                        continue;
                    }
                    match &call {
                        Call::Cancel { job_id } => {
                            self.events.retain(|event| event.job_id != *job_id);
                        }
                        Call::SetState { id, state } => {
                            for user in self.users.values_mut().filter(|user| user.0 == *id) {
                                state.word().clone_into(&mut user.1);
                            }
                        }
                        Call::Activate { .. } => unreachable!("no mail in these tests"),
                    }
                    facts.called(call, Repaired::Done);
                }
                Step::Finalizer(finalizer) => {
                    self.log.push(format!("{finalizer:?}"));
                    match finalizer {
                        Finalizer::Add => self.finalizers.push(FINALIZER),
                        Finalizer::Remove | Finalizer::Abandon { .. } => self.finalizers.clear(),
                    }
                }
                Step::Idle { wake_at } => {
                    self.notes = facts.notes;
                    return wake_at;
                }
            }
        }
        panic!("no end: {:#?}", self.log);
    }

    pub(super) fn read(&mut self, read: Read, facts: &mut Facts) {
        match read {
            Read::Connection => {
                facts.connection = Some(ConnectionFact::Ready(Connection {
                    organization: "org".to_owned(),
                    paused: false,
                    max_batch_size: 800,
                }));
            }
            Read::Slot => facts.slot = Some(Slot::Free),
            Read::Users(keys) if std::mem::take(&mut self.deaf) => {
                self.log.push("no search".to_owned());
                let failed = FailedRead { retry_at: self.now, message: "no answer".to_owned() };
                facts.failed.insert(Read::Users(keys), failed);
            }
            Read::Users(keys) => {
                self.log.push(format!("search {}", keys.len()));
                let person = |(name, (id, state)): (&String, &(String, String))| Person {
                    id: id.clone(),
                    username: name.clone(),
                    state: Some(state.clone()),
                };
                let found = keys.into_iter().map(|key| {
                    let found = self.users.iter().map(person).find(|person| match &key {
                        Key::Id(id) => person.id == *id,
                        Key::Username(name) => person.username == *name,
                        Key::Email(_) => false,
                    });
                    (key, found)
                });
                facts.looked_up(found.collect(), self.now);
            }
            Read::Events(wanted) => {
                self.log.push("list".to_owned());
                let around = |event: &&Listed| {
                    let away = event.time.unwrap().duration_since(wanted.time).as_secs();
                    away.abs() < 60
                };
                let rows = self.events.iter().filter(around).cloned().collect();
                facts.listed(&wanted, rows, true, BTreeSet::new(), self.now);
            }
            Read::Batch(_) | Read::Job { .. } => panic!("not in these tests: {read:?}"),
        }
    }

    pub(super) fn send(&mut self, nonce: &str) {
        self.log.push("post".to_owned());
        let (shared, job) = (self.shared, format!("job-{nonce}"));
        let record = self.status.submissions.iter_mut().find(|record| record.nonce() == Some(nonce)).unwrap();
        let Recorded::Known(record) = record else { panic!("foreign") };
        assert_eq!(record.operation, Operation::Schedule);
        let change = Change::asked(record).unwrap();
        for id in &record.members {
            let job_id = if shared { job.clone() } else { format!("{job}-{id}") };
            record.events.push(AcceptedEvent {
                id: id.clone(),
                scheduled_job_id: job_id.clone(),
                time: None,
            });
            self.events.push(Listed {
                job_id,
                user_id: id.clone(),
                state: Some(change.state),
                time: Some(change.time),
            });
        }
        record.phase = Phase::Accepted;
        record.accept_time = Some(self.now);
    }

    pub(super) fn reason(&self) -> &str {
        &self.status.conditions[0].reason
    }

    pub(super) fn listed(&self) -> Vec<(String, String)> {
        let mut rows: Vec<_> = self
            .events
            .iter()
            .map(|event| (event.user_id.clone(), event.time.unwrap().to_string()))
            .collect();
        rows.sort();
        rows
    }

    pub(super) fn took(&mut self) -> String {
        std::mem::take(&mut self.log).join(", ")
    }
}

pub(super) const TIME: &str = "2027-01-04T08:00:00Z";

pub(super) fn spec(names: &[&str]) -> Value {
    let users: Vec<_> = names.iter().map(|name| json!({"username": name})).collect();
    json!({"users": users, "state": "Suspended", "startTime": TIME, "guards": {"maxUsers": 500}})
}
