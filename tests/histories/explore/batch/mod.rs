//! User batches, as the explorer knows them.

mod cloud;
mod judge;

use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::{Operation, Recorded};
use jumpcloud_operator::api::user_status::{Failure, InventoryEntry, JumpCloudUserBatchStatus};
use jumpcloud_operator::plan::facts::{
    By, Connection, ConnectionFact, Facts, FailedRead, Live, Notes, Outcome, Read, Repair, Repaired,
    Row as JobRow, Slot, UserKey,
};
use jumpcloud_operator::plan::intent::Intent;
use jumpcloud_operator::plan::policy::{Policy, after};
use jumpcloud_operator::plan::step::{self, Batch};
use jumpcloud_operator::users::row::long_hash;

pub use self::cloud::Cloud;
use super::canon::Canon;
use super::kind::{Called, Hidden, Kind, Receipt, Step};
use super::replica::Memory;
use super::state::{AGAIN, JOB_TIMEOUT, Object, Order, Setting, State, Stored};
use super::wrong::Wrong;
use crate::api_server::NAME;
use crate::clock::{MINUTE, Ms, SECOND, span, stamp};
use crate::invariants::Violation;
use crate::manifest::{Flaw, Manifest, Row, Spec};

/// User batches.
#[derive(Clone)]
pub struct Batches;

/// What others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Metadata changes that concern nobody.
    Touch,
    /// Somebody else creates the first user of the list.
    Others,
    /// The author gives the first user another department.
    Change,
    /// The author takes the last user off the list.
    Drop,
    /// The author puts another user on the list.
    Add,
    /// The object is deleted and created again.
    Recreate,
}

/// The answer to a read.
pub enum Found {
    /// Users.
    Users(Vec<Live>),
    /// Results of a job.
    Job(Option<Vec<JobRow>>),
    /// Ids of managers.
    Managers(Vec<Option<String>>),
}

/// Whose organisation it is.
const ORGANIZATION: &str = "org-1";

fn manifest(users: usize) -> Manifest {
    Manifest {
        rows: (1..=users).map(|number| Row::new(number, Flaw::None)).collect(),
        paused: false,
        batch_size: 10,
        retry_limit: 1,
        job_timeout: u32::try_from(JOB_TIMEOUT / SECOND).unwrap(),
    }
}

fn object(spec: Arc<Spec>, status: JumpCloudUserBatchStatus) -> Object<Batches> {
    Object {
        uid: 1,
        generation: 1,
        version: 0,
        spec_tag: tag(&spec),
        spec,
        status: Stored::of(status),
        deleted: false,
        finalizer: false,
    }
}

fn tag(spec: &Spec) -> u64 {
    let mut canon = Canon::exact();
    canon.text(&format!("{:?}", spec.manifest));
    canon.finish()
}

fn empty() -> JumpCloudUserBatchStatus {
    JumpCloudUserBatchStatus { observed_generation: Some(-1), ..JumpCloudUserBatchStatus::default() }
}

/// A new object of so many users, of whom JumpCloud has none.
pub fn creating<const USERS: usize>() -> State<Batches> {
    State::of(object(manifest(USERS).check(), empty()), Cloud::default())
}

/// A new object of two users, each of whom needs a job of its own.
pub fn two_jobs() -> State<Batches> {
    let manifest = Manifest { batch_size: 1, ..manifest(2) };
    State::of(object(manifest.check(), empty()), Cloud::default())
}

/// An object whose one user is there, edited a moment ago.
pub fn updating() -> State<Batches> {
    let mut manifest = manifest(1);
    let old = manifest.check();
    manifest.rows[0].revision = 1;
    let cloud = Cloud::with(&old.manifest.rows[0]);
    let entry = InventoryEntry {
        username: old.desired.rows[0].username.clone(),
        id: cloud.users[0].id.clone(),
        hash: old.desired.rows[0].hash.clone(),
        ..InventoryEntry::default()
    };
    let status = JumpCloudUserBatchStatus {
        organization_id: Some(ORGANIZATION.to_owned()),
        inventory: vec![entry],
        ..empty()
    };
    State::of(Object { generation: 2, ..object(manifest.check(), status) }, cloud)
}

impl Kind for Batches {
    type Status = JumpCloudUserBatchStatus;
    type Spec = Spec;
    type Facts = Facts;
    type Read = Read;
    type Found = Found;
    type Call = Repair;
    type Cloud = Cloud;
    type Edit = Edit;

    fn records(status: &mut Self::Status) -> &mut Vec<Recorded> {
        &mut status.submissions
    }

    fn begin(_: &mut Memory, _: &Object<Self>, _: Timestamp, nonce: String) -> Facts {
        Facts::begin(Notes::default(), nonce)
    }

    fn inform(memory: &Memory, facts: &mut Facts, object: &Object<Self>, now: Ms) {
        facts.notes.first_seen = memory.ages(object, now);
        facts.notes.polls.clone_from(&memory.polls);
        facts.notes.hold_until = memory.hold_until;
    }

    fn plan(object: &Object<Self>, facts: &Facts, policy: &Policy, clock: Timestamp) -> Step<Self> {
        let batch = Batch {
            name: NAME.to_owned(),
            generation: object.generation,
            requested_at: None,
            retry_failed: None,
            resolve: None,
            deleting: object.deleted,
            desired: &object.spec.desired,
            status: &object.status.status,
        };
        match step::plan(&batch, facts, policy, clock) {
            step::Step::Read(read) => Step::Read(read),
            step::Step::Commit(commit) => {
                assert!(commit.repairs.is_empty(), "nothing here needs a request of its own");
                Step::Commit(Stored::of(commit.status), commit.intent.map(Arc::new))
            }
            step::Step::Send(nonce) => Step::Send(nonce),
            step::Step::Repair(repair) => Step::Call(repair),
            step::Step::Idle { wake_at } => Step::Idle(wake_at),
        }
    }

    fn local(read: &Read, _: &Object<Self>, facts: &mut Facts, _: Timestamp) -> bool {
        match read {
            Read::Connection => {
                facts.connection = Some(ConnectionFact::Ready(Connection {
                    organization: ORGANIZATION.to_owned(),
                    paused: false,
                    max_batch_size: 100,
                }));
            }
            Read::Slot => facts.slot = Some(Slot::Free),
            Read::Users(_) | Read::Managers(_) | Read::Job { .. } => return false,
        }
        true
    }

    fn find(cloud: &mut Cloud, read: &Read, now: Ms) -> Found {
        match read {
            Read::Users(keys) => Found::Users(cloud.search(keys, now)),
            Read::Managers(wanted) => Found::Managers(vec![None; wanted.len()]),
            Read::Job { job_id, .. } => Found::Job(cloud.results(job_id)),
            Read::Connection | Read::Slot => Found::Users(Vec::new()),
        }
    }

    fn learn(facts: &mut Facts, memory: &mut Memory, read: &Read, found: Option<Found>, clock: Timestamp) {
        match (read, found) {
            (Read::Users(keys), Some(Found::Users(found))) => facts.looked_up(keys, &found, clock),
            (Read::Managers(wanted), Some(Found::Managers(found))) => {
                facts.managers.extend(wanted.iter().cloned().zip(found));
            }
            (Read::Job { job_id, rows }, Some(Found::Job(answer))) => {
                facts.polled(job_id, answer, *rows, clock);
                memory.polls.clone_from(&facts.notes.polls);
            }
            _ => {
                let message = "JumpCloud did not answer; tried again".to_owned();
                let retry_at = after(clock, span(AGAIN));
                facts.failed.insert(read.clone(), FailedRead { retry_at, message });
            }
        }
    }

    fn committed(facts: &mut Facts, armed: Option<String>, fresh: String) {
        facts.committed(armed, Vec::new(), fresh);
    }

    fn deliver(facts: &mut Facts, nonce: String, outcome: Outcome) {
        facts.deliveries.insert(nonce, outcome);
    }

    fn called(_: &mut Facts, _: &Repair, _: Repaired) {}

    fn payload_hash(_: &Object<Self>, intent: &Intent) -> String {
        long_hash(&[NAME.as_bytes(), b"\n", intent.payload.rows()].concat())
    }

    fn sent(cloud: &mut Cloud, order: &Order, spare: Ms, now: Ms) {
        cloud.sent(order, now + spare);
    }

    fn take(cloud: &mut Cloud, order: &Order, now: Ms, found: &mut Vec<Violation>) -> Receipt {
        Receipt { job_id: Some(cloud.take(order, now, found)), events: Vec::new() }
    }

    fn call(_: &mut Cloud, _: &Repair, _: &Object<Self>, _: Ms, _: &mut Vec<Violation>) -> Called {
        Called::Missing
    }

    fn written(
        cloud: &mut Cloud,
        before: &Self::Status,
        after: &Object<Self>,
        _: Ms,
        found: &mut Vec<Violation>,
    ) {
        cloud.written(before, after, found);
    }

    fn hidden(cloud: &Cloud, reading: Option<&Read>, _: Ms) -> Vec<Hidden> {
        cloud.hidden(reading)
    }

    fn happen(cloud: &mut Cloud, what: Hidden, now: Ms, found: &mut Vec<Violation>) {
        match what {
            Hidden::Run(job) => cloud.run(job, true, now, found),
            Hidden::RunBadly(job) => cloud.run(job, false, now, found),
            Hidden::Show(user) => cloud.users[user].visible = true,
        }
    }

    fn due(cloud: &Cloud) -> Option<Ms> {
        cloud.due()
    }

    fn edit(state: &mut State<Self>, edit: Edit) -> bool {
        let Some(live) = state.api.live().cloned() else { return false };
        let mut manifest = live.spec.manifest.clone();
        match edit {
            Edit::Touch => {
                state.by_author(|_| {});
                return true;
            }
            Edit::Others => {
                let now = state.now;
                state.cloud.by_others(&manifest.rows[0], now);
                state.notify();
                return true;
            }
            Edit::Recreate => {
                state.by_author(|object| {
                    object.uid += 1;
                    object.generation = 1;
                    object.status = Stored::of(empty());
                });
                return true;
            }
            Edit::Change => manifest.rows[0].revision += 1,
            Edit::Drop if manifest.rows.len() > 1 => drop(manifest.rows.pop()),
            Edit::Drop => return false,
            Edit::Add => manifest.rows.push(Row::new(manifest.rows.len() + 1, Flaw::None)),
        }
        let spec = manifest.check();
        state.by_author(|object| {
            object.spec_tag = tag(&spec);
            object.spec = spec;
            object.generation += 1;
        });
        true
    }

    fn at_rest(setting: &Setting<Self>, state: &State<Self>) -> Vec<Violation> {
        judge::at_rest(setting, state)
    }

    fn outcome(state: &State<Self>) -> String {
        judge::outcome(state)
    }

    fn sees(wrong: Wrong, object: &Object<Self>, _: &mut Facts) -> Option<Object<Self>> {
        let mut status = object.status.status.clone();
        match wrong {
            Wrong::AdoptWithoutEvidence => {
                for row in &object.spec.desired.rows {
                    if !status.failures.iter().any(|failure| failure.username == row.username) {
                        status.failures.push(Failure {
                            username: row.username.clone(),
                            unknown_time: Some(stamp(-60 * MINUTE).to_string()),
                            ..Failure::default()
                        });
                    }
                }
            }
            Wrong::OneLook => {
                for record in &mut status.submissions {
                    if let Recorded::Known(record) = record
                        && record.operation == Operation::Create
                        && record.look_time.is_none()
                    {
                        record.look_time = Some(stamp(-60 * MINUTE));
                        record.missing.clone_from(&record.members);
                    }
                }
            }
            _ => return None,
        }
        Some(Object { status: Stored::of(status), ..object.clone() })
    }

    fn finds(wrong: Wrong, object: &Object<Self>, read: &Read, found: &mut Found) {
        let open = !object.status.status.submissions.is_empty();
        if let (Wrong::SettleByFirst, true, Read::Users(keys), Found::Users(users)) =
            (wrong, open, read, found)
        {
            let Some(first) = users.iter().find(|user| keys[0].username == user.username).cloned() else {
                return users.clear();
            };
            for key in keys.iter().skip(1) {
                let email = match &key.by {
                    By::Names { email: Some(email), .. } => email.clone(),
                    _ => first.email.clone(),
                };
                if !users.iter().any(|user| user.username == key.username) {
                    let mut fields = first.fields.clone();
                    fields.insert("username".to_owned(), key.username.clone().into());
                    fields.insert("email".to_owned(), email.to_lowercase().into());
                    users.push(Live { username: key.username.clone(), email, fields, ..first.clone() });
                }
            }
        }
    }

    fn cloud_into(cloud: &Cloud, canon: &mut Canon) {
        cloud.put_into(canon);
    }

    fn facts_into(facts: &Facts, canon: &mut Canon) {
        facts_into(facts, canon);
    }

    fn read_into(read: &Read, canon: &mut Canon) {
        match read {
            Read::Connection => canon.word(1),
            Read::Slot => canon.word(2),
            Read::Users(keys) => {
                canon.word(3);
                keys.iter().for_each(|key| key_into(key, canon));
            }
            Read::Managers(_) => canon.word(4),
            Read::Job { job_id, .. } => canon.text(job_id),
        }
    }

    fn call_into(repair: &Repair, canon: &mut Canon) {
        canon.text(&repair.id);
    }

    fn describe(read: Option<&Read>, _: Option<&Repair>) -> String {
        match read {
            Some(Read::Users(keys)) => {
                let names: Vec<&str> = keys.iter().map(|key| key.username.as_str()).collect();
                format!("users {}", names.join(", "))
            }
            Some(Read::Job { job_id, .. }) => format!("results of {job_id}"),
            _ => "something".to_owned(),
        }
    }
}

fn key_into(key: &UserKey, canon: &mut Canon) {
    canon.text(&key.username);
    match &key.by {
        By::Id(id) => canon.text(id),
        By::Names { email, .. } => canon.text(email.as_deref().unwrap_or_default()),
    }
}

fn live_into(user: &Live, canon: &mut Canon) {
    canon.text(&user.id);
    canon.text(&user.username);
    canon.stamp(user.created);
    canon.text(user.fields.get("department").and_then(|value| value.as_str()).unwrap_or_default());
}

fn facts_into(facts: &Facts, canon: &mut Canon) {
    canon.word(u64::from(facts.connection.is_some()) * 2 + u64::from(facts.slot.is_some()));
    canon.count(facts.users.len());
    for (name, look) in &facts.users {
        canon.text(name);
        canon.stamp(Some(look.at));
        let later = facts.jobs.values().filter(|answer| answer.order < look.order).count();
        canon.word(later as u64 * 2 + u64::from(look.by_id));
        look.found.iter().for_each(|user| live_into(user, canon));
    }
    canon.count(facts.jobs.len());
    for (job, answer) in &facts.jobs {
        canon.text(job);
        canon.stamp(Some(answer.at));
        for row in answer.rows.iter().flatten() {
            canon.word(row.word as u64);
            row.usernames.iter().chain(&row.ids).chain(&row.message).for_each(|text| canon.text(text));
        }
        canon.word(u64::from(answer.rows.is_some()));
    }
    canon.count(facts.failed.len());
    for (read, failed) in &facts.failed {
        Batches::read_into(read, canon);
        canon.stamp(Some(failed.retry_at));
    }
    match &facts.armed {
        Some(nonce) => canon.nonce(nonce),
        None => canon.word(0),
    }
    for (nonce, outcome) in &facts.deliveries {
        canon.nonce(nonce);
        canon.word(match outcome {
            Outcome::Accepted => 1,
            Outcome::Refused { .. } => 2,
            Outcome::Rejected { .. } => 3,
            Outcome::Unknown => 4,
        });
    }
    canon.nonce(&facts.fresh_nonce);
}
