//! The course of whole passes against a small JumpCloud that does what it is asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::api::FINALIZER;
use crate::api::condition::Standing;
use crate::api::schedule_status::EventEntry;
use crate::api::scheduled_user_state::ScheduledUserStateSpec;
use crate::api::submission::{AcceptedEvent, Operation, Phase, Recorded};
use crate::plan::claims::Holder;
use crate::plan::facts::{Connection, ConnectionFact, FailedRead, Outcome, Repaired, Slot};
use crate::plan::policy::after;
use crate::plan::schedule::change::Change;
use crate::plan::schedule::desired::desired;
use crate::plan::schedule::facts::{Claims, Key, Listed, Notes, Person, Read, Rival};

/// Everything that is not the planner.
struct World {
    now: Timestamp,
    spec: ScheduledUserStateSpec,
    generation: i64,
    status: ScheduledUserStateStatus,
    finalizers: Vec<&'static str>,
    deleting: bool,
    /// Username, id, state.
    users: BTreeMap<String, (String, String)>,
    events: Vec<Listed>,
    notes: Notes,
    log: Vec<String>,
    nonces: u32,
    shared: bool,
    claims: Claims,
    /// Requests to schedule are refused.
    refuses: bool,
    /// JumpCloud does what the next request asks for, and its reply is lost.
    loses: bool,
    /// The next search gets no answer.
    deaf: bool,
}

impl World {
    fn new(spec: Value, users: &[&str]) -> Self {
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
            refuses: false,
            loses: false,
            deaf: false,
        }
    }

    fn edit(&mut self, change: impl FnOnce(&mut ScheduledUserStateSpec)) {
        change(&mut self.spec);
        self.generation += 1;
    }

    fn nonce(&mut self) -> String {
        self.nonces += 1;
        format!("n{}", self.nonces)
    }

    /// JumpCloud's clock goes on.
    fn until(&mut self, time: &str) {
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
    fn pass(&mut self) -> Option<Timestamp> {
        let desired = desired(&self.spec, 1000);
        let nonce = self.nonce();
        let mut facts = Facts::begin(self.notes.clone(), nonce);
        facts.claims = self.claims.clone();
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
                    match &call {
                        super::super::facts::Call::Cancel { job_id } => {
                            self.events.retain(|event| event.job_id != *job_id);
                        }
                        super::super::facts::Call::SetState { id, state } => {
                            for user in self.users.values_mut().filter(|user| user.0 == *id) {
                                state.word().clone_into(&mut user.1);
                            }
                        }
                        super::super::facts::Call::Activate { .. } => unreachable!("no mail in these tests"),
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

    fn read(&mut self, read: Read, facts: &mut Facts) {
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
                facts.listed(wanted.time, rows, true, BTreeSet::new(), self.now);
            }
            Read::Batch(_) | Read::Job { .. } => panic!("not in these tests: {read:?}"),
        }
    }

    fn send(&mut self, nonce: &str) {
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

    fn reason(&self) -> &str {
        &self.status.conditions[0].reason
    }

    fn listed(&self) -> Vec<(String, String)> {
        let mut rows: Vec<_> = self
            .events
            .iter()
            .map(|event| (event.user_id.clone(), event.time.unwrap().to_string()))
            .collect();
        rows.sort();
        rows
    }

    fn took(&mut self) -> String {
        std::mem::take(&mut self.log).join(", ")
    }
}

const TIME: &str = "2027-01-04T08:00:00Z";

fn spec(names: &[&str]) -> Value {
    let users: Vec<_> = names.iter().map(|name| json!({"username": name})).collect();
    json!({"users": users, "state": "Suspended", "startTime": TIME, "guards": {"maxUsers": 500}})
}

#[test]
fn from_the_manifest_to_the_outcome() {
    let mut world = World::new(spec(&["ada", "bob", "nobody"]), &["ada", "bob"]);
    let wake = world.pass().unwrap();
    assert_eq!(world.took(), "search 3, list, Add, intent, post, commit");
    assert_eq!(world.reason(), "PartiallyFailed", "nobody does not exist");
    world.edit(|spec| drop(spec.users.pop()));
    world.pass();
    assert_eq!((world.took().as_str(), world.reason()), ("commit", "Scheduled"));
    assert!(wake.duration_since(world.now).as_secs() <= 24 * 3600);
    assert_eq!(world.pass(), Some(wake));
    assert_eq!(world.took(), "", "at rest");
    // The looks before the instant.
    let mut looks = Vec::new();
    let mut next = Some(wake);
    while let Some(at) = next.filter(|at| at.to_string().as_str() < TIME) {
        world.until(&at.to_string());
        next = world.pass();
        looks.push(world.took());
    }
    assert_eq!(looks, ["list"; 5]);
    world.until("2027-01-04T08:01:00Z");
    world.pass();
    assert_eq!(world.took(), "search 2, commit, Remove");
    assert_eq!(world.reason(), "Executed");
    assert!(world.status.conditions.iter().any(|c| c.type_ == "Executed" && c.status == "True"));
    assert!(world.status.events.is_empty());
    assert_eq!(world.pass(), None, "nothing is left to look at");
}

#[test]
fn three_requests_for_many_users() {
    let names: Vec<String> = (0..250).map(|n| format!("u{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(spec(&names), &names);
    world.pass();
    assert_eq!(
        world.took(),
        "search 100, search 100, search 50, list, Add, intent, post, list, intent, post, list, intent, post, commit"
    );
    assert_eq!(world.reason(), "Scheduled");
    assert_eq!(world.events.len(), 250);
}

#[test]
fn edits_make_before_they_cancel() {
    for shared in [true, false] {
        let mut world = World::new(spec(&["ada", "bob", "cy"]), &["ada", "bob", "cy", "dee"]);
        world.shared = shared;
        world.pass();
        world.took();
        // Another date.
        world.edit(|spec| spec.start_time = "2027-01-05T08:00:00Z".to_owned());
        world.pass();
        let log = world.took();
        assert!(log.find("post").unwrap() < log.find("Cancel").unwrap(), "{log}");
        assert_eq!(world.listed().len(), 3, "{log}");
        assert!(world.listed().iter().all(|(_, time)| time == "2027-01-05T08:00:00Z"));
        assert_eq!(world.status.events.len(), 3);
        // One off, one more.
        world.edit(|spec| {
            spec.users.remove(0);
            spec.users.push(serde_json::from_value(json!({"username": "dee"})).unwrap());
        });
        world.pass();
        let log = world.took();
        let users: Vec<_> = world.listed().into_iter().map(|(user, _)| user).collect();
        assert_eq!(users, ["idbob", "idcy", "iddee"], "{log}");
        assert_eq!(world.reason(), "Scheduled", "{log}");
        assert_eq!(world.status.events.len(), 3);
        // Paused, and not.
        world.edit(|spec| spec.paused = true);
        world.pass();
        let log = world.took();
        assert_eq!(world.listed(), [], "{log}");
        assert_eq!(world.reason(), "Paused");
        assert!(log.ends_with("Remove"), "{log}");
        world.edit(|spec| spec.paused = false);
        world.pass();
        world.took();
        assert_eq!(world.listed().len(), 3);
        // Gone.
        world.deleting = true;
        world.pass();
        let log = world.took();
        assert_eq!(world.listed(), [], "{log}");
        assert!(world.finalizers.is_empty());
    }
}

#[test]
fn an_event_that_vanished_is_back_and_others_stay() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    let foreign = |user: &str, state, time: &str| Listed {
        job_id: format!("foreign-{user}"),
        user_id: user.to_owned(),
        state: Some(state),
        time: Some(time.parse().unwrap()),
    };
    use crate::api::scheduled_user_state::ScheduledState::{Activated, Suspended};
    world.events.push(foreign("idada", Suspended, TIME));
    world.events.push(foreign("idbob", Activated, TIME));
    world.pass();
    let origins: Vec<_> = world.status.events.iter().map(|e| e.origin.as_str()).collect();
    assert_eq!(origins, ["Adopted", "Created"]);
    let told = |world: &World| world.status.conditions.iter().find(|c| c.type_ == "Conflicting").cloned();
    assert!(told(&world).unwrap().message.contains("bob"), "told by the look before the request");
    assert_eq!(world.reason(), "Scheduled");
    world.until("2027-01-04T07:00:00Z");
    world.events.retain(|event| event.user_id != "idbob" || event.state == Some(Activated));
    world.took();
    world.pass();
    assert_eq!(world.events.len(), 3, "{} {:#?}", world.took(), world.status);
    world.until("2027-01-04T07:55:00Z");
    world.pass();
    assert!(told(&world).unwrap().message.contains("bob"));
    assert_eq!(world.reason(), "Scheduled");
    world.deleting = true;
    world.pass();
    let left: Vec<_> = world.events.iter().map(|event| event.job_id.as_str()).collect();
    assert_eq!(left, ["foreign-idada", "foreign-idbob"]);
}

#[test]
fn what_was_missed_is_said_and_nothing_is_sent() {
    for (policy, reason) in [("Fail", "Missed"), ("ApplyNow", "Missed"), ("Skip", "Succeeded")] {
        let mut value = spec(&["ada", "bob"]);
        value["startTime"] = json!("2026-12-01T00:00:00Z");
        value["missedPolicy"] = json!(policy);
        let mut world = World::new(value, &["ada", "bob"]);
        world.users.get_mut("bob").unwrap().1 = "SUSPENDED".to_owned();
        world.pass();
        let results: Vec<_> = world.status.users.iter().map(|user| user.result.as_str()).collect();
        assert_eq!(results, ["Missed", "Executed"], "{policy}");
        assert_eq!(world.reason(), reason);
        assert!(!world.took().contains("post"));
        assert_eq!(world.pass(), None);
        world.notes =
            Notes { since: after(world.now, std::time::Duration::from_secs(9)), ..Notes::default() };
        world.pass();
        assert_eq!(world.took(), "", "also after a restart");
    }
}

#[test]
fn who_gives_way_takes_nobody_along() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.pass();
    world.took();
    // An older object has an event for one of two users under one id.
    let rival = Rival { holder: Holder::Stranger, older: true, holds: true };
    world.claims.rivals.insert("idada".to_owned(), rival);
    world.pass();
    let log = world.took();
    assert!(log.find("post").unwrap() < log.find("Cancel").unwrap(), "{log}");
    let users: Vec<_> = world.listed().into_iter().map(|(user, _)| user).collect();
    assert_eq!(users, ["idbob"], "{log}");
    let results: Vec<_> = world.status.users.iter().map(|user| user.result.as_str()).collect();
    assert_eq!(results, ["Conflict", "Scheduled"]);
    world.pass();
    assert_eq!(world.took(), "", "at rest");
}

#[test]
fn an_event_without_its_seconds_is_taken_over() {
    let mut value = spec(&["ada"]);
    value["startTime"] = json!("2027-01-04T08:00:30Z");
    let mut world = World::new(value, &["ada"]);
    let state = Some(crate::api::scheduled_user_state::ScheduledState::Suspended);
    let event = |job: &str, time: &str| Listed {
        job_id: job.to_owned(),
        user_id: "idada".to_owned(),
        state,
        time: Some(time.parse().unwrap()),
    };
    world.events.push(event("other", "2027-01-04T08:00:10Z"));
    world.events.push(event("cut", TIME));
    world.pass();
    assert!(!world.took().contains("post"));
    let taken = &world.status.events[0];
    assert_eq!((taken.scheduled_job_id.as_str(), taken.origin.as_str()), ("cut", "Adopted"));
    assert_eq!(taken.time.as_deref(), Some(TIME));
}

#[test]
fn who_does_not_exist_is_looked_for_once_a_look() {
    let mut world = World::new(spec(&["nobody"]), &[]);
    let wake = world.pass().unwrap();
    assert_eq!(world.took(), "search 1, commit");
    world.until(&wake.to_string());
    world.pass();
    assert_eq!(world.took(), "search 1");
    world.pass();
    assert_eq!(world.took(), "", "the look was made");
    world.users.insert("nobody".to_owned(), ("idnobody".to_owned(), "STAGED".to_owned()));
    world.until("2027-01-04T07:00:00Z");
    world.pass();
    assert!(world.took().contains("post"));
}

#[test]
fn an_event_that_vanished_with_its_user_is_not_sent_again() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.pass();
    world.took();
    world.events.retain(|event| event.user_id != "idbob");
    world.users.remove("bob");
    world.until("2027-01-04T07:00:00Z");
    world.pass();
    let log = world.took();
    assert!(!log.contains("post"), "{log}");
    let results: Vec<_> = world.status.users.iter().map(|user| user.result.as_str()).collect();
    assert_eq!(results, ["Scheduled", "NotFound"], "{log}");
    assert_eq!(world.status.events.len(), 1);
    world.pass();
    assert_eq!(world.took(), "", "at rest");
}

#[test]
fn who_gets_no_other_event_keeps_the_one_that_does_the_same() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.pass();
    world.took();
    world.refuses = true;
    world.edit(|spec| drop(spec.users.remove(0)));
    world.pass();
    let log = world.took();
    assert!(!log.contains("Cancel"), "{log}");
    assert_eq!(world.listed().len(), 2, "{log}");
    assert_eq!(world.reason(), "Failed", "{log}");
    world.pass();
    assert_eq!(world.took(), "", "at rest");
    // Another date: the old one is not wanted any more.
    world.edit(|spec| spec.start_time = "2027-01-05T08:00:00Z".to_owned());
    world.pass();
    assert_eq!(world.listed(), [], "{}", world.took());
}

#[test]
fn in_place_of_an_event_that_vanished_an_equal_one_is_taken_over() {
    let mut world = World::new(spec(&["ada"]), &["ada"]);
    world.pass();
    world.took();
    world.events[0].job_id = "by-hand".to_owned();
    world.until("2027-01-04T07:00:00Z");
    world.pass();
    let log = world.took();
    assert!(!log.contains("post"), "{log}");
    let taken = &world.status.events[0];
    assert_eq!((taken.scheduled_job_id.as_str(), taken.origin.as_str()), ("by-hand", "Adopted"));
    assert_eq!(world.reason(), "Scheduled");
}

#[test]
fn what_an_unknown_request_made_is_cancelled_before_anybody_is_told_done() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.loses = true;
    world.pass();
    world.edit(|spec| spec.start_time = "2027-01-05T08:00:00Z".to_owned());
    world.pass();
    assert_eq!(world.events.len(), 4, "the lost one, and the one of the new date");
    assert_eq!(world.reason(), "Progressing");
    let sights: Vec<_> = world.status.submissions.iter().flat_map(Recorded::sights).collect();
    let long = std::time::Duration::from_secs(3600);
    world.notes.common.first_seen.extend(sights.into_iter().map(|sight| (sight, long)));
    world.until("2027-01-01T01:00:00Z");
    world.pass();
    assert_eq!(world.listed().len(), 2, "{}", world.took());
    assert!(world.listed().iter().all(|(_, time)| time == "2027-01-05T08:00:00Z"));
    assert_eq!(world.reason(), "Scheduled");
}

#[test]
fn what_was_there_before_a_request_is_not_its_own() {
    let mut world = World::new(spec(&["ada"]), &["ada"]);
    // Another object has it, and lets go of it while the outcome of a request for the same user is unknown.
    world.events.push(Listed {
        job_id: "another".to_owned(),
        user_id: "idada".to_owned(),
        state: Some(crate::api::scheduled_user_state::ScheduledState::Suspended),
        time: Some(TIME.parse().unwrap()),
    });
    world.claims.recorded.insert(("another".to_owned(), "idada".to_owned()));
    world.loses = true;
    world.pass();
    world.claims = Claims::default();
    assert_eq!(world.events.len(), 2);
    let sights: Vec<_> = world.status.submissions.iter().flat_map(Recorded::sights).collect();
    let long = std::time::Duration::from_secs(3600);
    world.notes.common.first_seen.extend(sights.into_iter().map(|sight| (sight, long)));
    world.until("2027-01-01T01:00:00Z");
    world.pass();
    let entry = &world.status.events[0];
    assert_eq!((entry.scheduled_job_id == "another", entry.origin.as_str()), (false, "Created"));
}

#[test]
fn who_is_named_in_another_way_keeps_the_event_while_nobody_is_found() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.pass();
    world.took();
    world.edit(|spec| spec.users[0] = serde_json::from_value(json!({"id": "idada"})).unwrap());
    world.edit(|spec| spec.users[1] = serde_json::from_value(json!({"username": "robert"})).unwrap());
    world.deaf = true;
    world.pass();
    let log = world.took();
    assert!(log.starts_with("no search") && !log.contains("Cancel"), "{log}");
    assert_eq!(world.listed().len(), 2);
    world.pass();
    let log = world.took();
    assert!(log.contains("Cancel"), "{log}");
    let users: Vec<_> = world.listed().into_iter().map(|(user, _)| user).collect();
    assert_eq!(users, ["idada"], "there is no robert: {log}");
}
