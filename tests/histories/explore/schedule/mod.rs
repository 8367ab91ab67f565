//! Schedules, as the explorer knows them.

mod cloud;
mod judge;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::schedule_status::{EventEntry, ScheduledUserStateStatus, origin};
use jumpcloud_operator::api::scheduled_user_state::{DeletionPolicy, MissedPolicy, ScheduledState};
use jumpcloud_operator::api::submission::Recorded;
use jumpcloud_operator::plan::facts::{
    Connection, ConnectionFact, FailedRead, Outcome, Repaired, Row as JobRow, Slot,
};
use jumpcloud_operator::plan::intent::Intent;
use jumpcloud_operator::plan::policy::{Policy, after};
use jumpcloud_operator::plan::schedule::facts::{Call, Facts, Key, Listed, Notes, Person, Read};
use jumpcloud_operator::plan::schedule::step::{self, Finalizer, Schedule};

pub use self::cloud::Cloud;
use super::canon::Canon;
use super::kind::{Called, Hidden, Kind, Receipt, Step};
use super::replica::Memory;
use super::state::{AGAIN, Object, Order, Setting, State, Stored};
use super::wrong::Wrong;
use crate::clock::{MINUTE, Ms, span, stamp};
use crate::invariants::Violation;
use crate::schedules::manifest::{By, Change, Manifest, Spec, id};

/// Schedules.
#[derive(Clone)]
pub struct Schedules;

/// What others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Metadata changes that concern nobody.
    Touch,
    /// The author chooses another date; or the first one again.
    Date,
    /// The author takes the last user off the list.
    Drop,
    /// The object is deleted.
    Delete,
}

/// The answer to a read.
pub enum Found {
    /// Users.
    Users(Vec<(Key, Option<Person>)>),
    /// Events; these are all.
    Events(Vec<Listed>),
    /// Results of a job.
    Job(Option<Vec<JobRow>>),
}

/// The date that is declared, and the other one.
const DATES: [Ms; 2] = [49 * MINUTE, 45 * MINUTE];

/// Until when a schedule of these dates is watched: before looks at events are due by any clock.
pub const HORIZON: Ms = 20 * MINUTE;

fn manifest(users: usize, date: Ms) -> Manifest {
    Manifest {
        users: (1..=users).map(|number| (number, By::Username)).collect(),
        batch: false,
        change: (ScheduledState::Suspended, date),
        missed: MissedPolicy::ApplyNow,
        deadline: 3 * 60 * MINUTE,
        deletion: DeletionPolicy::Cancel,
        max_users: 50,
        grace: MINUTE,
        paused: false,
        mail: false,
        spoilt: false,
    }
}

fn object(manifest: &Manifest) -> Object<Schedules> {
    let spec = manifest.check();
    Object {
        uid: 1,
        generation: 1,
        version: 0,
        spec_tag: tag(&spec),
        spec,
        status: Stored::of(ScheduledUserStateStatus {
            observed_generation: Some(-1),
            ..ScheduledUserStateStatus::default()
        }),
        deleted: false,
        finalizer: false,
    }
}

fn tag(spec: &Spec) -> u64 {
    let mut canon = Canon::exact();
    canon.text(&format!("{:?}", spec.manifest));
    canon.finish()
}

/// A new object of so many users.
pub fn scheduling<const USERS: usize>() -> State<Schedules> {
    State::of(object(&manifest(USERS, DATES[0])), Cloud::with(USERS))
}

/// A new object whose date is past: the change is made at once.
pub fn applying() -> State<Schedules> {
    State::of(object(&manifest(1, -5 * MINUTE)), Cloud::with(1))
}

/// An object whose events were made long ago, two users on one id. The author chooses another date, or takes a
/// user off.
pub fn scheduled() -> State<Schedules> {
    let mut cloud = Cloud::with(2);
    let mut begin = object(&manifest(2, DATES[0]));
    let job = cloud.made_before(&[1, 2], (ScheduledState::Suspended, DATES[0]), Some(begin.uid));
    begin.finalizer = true;
    begin.status = Stored::of(recorded(begin.status.status.clone(), &[(1, &job), (2, &job)], &begin));
    State::of(begin, cloud)
}

/// The same, and the author has just chosen another date.
pub fn moved() -> State<Schedules> {
    let mut state = scheduled();
    let _ = Schedules::edit(&mut state, Edit::Date);
    state.api.versions.remove(0);
    state
}

/// The same, and the author has just taken a user off.
pub fn one_off() -> State<Schedules> {
    let mut state = scheduled();
    let _ = Schedules::edit(&mut state, Edit::Drop);
    state.api.versions.remove(0);
    state
}

/// The same, and the object has just been deleted.
pub fn deleted() -> State<Schedules> {
    let mut state = scheduled();
    let _ = Schedules::edit(&mut state, Edit::Delete);
    state.api.versions.remove(0);
    state
}

/// An object whose status names an event that is a stranger's: somebody has written it there. The author has
/// just chosen another date.
pub fn forged() -> State<Schedules> {
    let mut cloud = Cloud::with(2);
    let change = (ScheduledState::Suspended, DATES[0]);
    let mut begin = object(&manifest(1, DATES[0]));
    let theirs = cloud.made_before(&[2], change, None);
    begin.finalizer = true;
    begin.status = Stored::of(recorded(begin.status.status.clone(), &[(1, &theirs)], &begin));
    let mut state = State::of(begin, cloud);
    let _ = Schedules::edit(&mut state, Edit::Date);
    state.api.versions.remove(0);
    state
}

fn recorded(
    mut status: ScheduledUserStateStatus,
    events: &[(usize, &str)],
    object: &Object<Schedules>,
) -> ScheduledUserStateStatus {
    let (state, time) = object.spec.manifest.change;
    status.organization_id = Some("org".to_owned());
    status.scheduled_state = Some(state.as_str().to_owned());
    status.scheduled_time = Some(stamp(time).to_string());
    status.events = events
        .iter()
        .map(|(number, job)| EventEntry {
            id: id(*number),
            scheduled_job_id: (*job).to_owned(),
            origin: origin::CREATED.to_owned(),
            ..EventEntry::default()
        })
        .collect();
    status
}

impl Kind for Schedules {
    type Status = ScheduledUserStateStatus;
    type Spec = Spec;
    type Facts = Facts;
    type Read = Read;
    type Found = Found;
    type Call = Call;
    type Cloud = Cloud;
    type Edit = Edit;

    fn records(status: &mut Self::Status) -> &mut Vec<Recorded> {
        &mut status.submissions
    }

    fn begin(memory: &mut Memory, _: &Object<Self>, clock: Timestamp, nonce: String) -> Facts {
        let since = *memory.since.get_or_insert(clock);
        let Memory { listed, seen, searched, .. } = *memory;
        Facts::begin(Notes { listed, seen, searched, since, ..Notes::default() }, nonce)
    }

    fn inform(memory: &Memory, facts: &mut Facts, object: &Object<Self>, now: Ms) {
        let notes = &mut facts.notes;
        notes.deleting_for = span(memory.deleting.map_or(0, |since| now - since));
        notes.common.first_seen = memory.ages(object, now);
        notes.common.polls.clone_from(&memory.polls);
        notes.common.hold_until = memory.hold_until;
    }

    fn plan(object: &Object<Self>, facts: &Facts, policy: &Policy, clock: Timestamp) -> Step<Self> {
        let schedule = Schedule {
            name: NAME.to_owned(),
            uid: format!("uid-{}", object.uid),
            generation: object.generation,
            requested_at: None,
            retry_failed: None,
            resolve: None,
            deleting: object.deleted,
            has_finalizer: object.finalizer,
            desired: &object.spec.desired,
            status: &object.status.status,
        };
        match step::plan(&schedule, facts, policy, clock) {
            step::Step::Read(read) => Step::Read(read),
            step::Step::Commit(commit) => {
                Step::Commit(Stored::of(commit.status), commit.intent.map(Arc::new))
            }
            step::Step::Send(nonce) => Step::Send(nonce),
            step::Step::Call(call) => Step::Call(call),
            step::Step::Finalizer(change) => Step::Finalizer(change == Finalizer::Add),
            step::Step::Idle { wake_at } => Step::Idle(wake_at),
        }
    }

    fn local(read: &Read, _: &Object<Self>, facts: &mut Facts, _: Timestamp) -> bool {
        match read {
            Read::Connection => {
                facts.connection = Some(ConnectionFact::Ready(Connection {
                    organization: "org".to_owned(),
                    paused: false,
                    max_batch_size: 100,
                }));
            }
            Read::Slot => facts.slot = Some(Slot::Free),
            Read::Users(_) | Read::Events(_) | Read::Job { .. } | Read::Batch(_) => return false,
        }
        true
    }

    fn find(cloud: &mut Cloud, read: &Read, _: Ms) -> Found {
        match read {
            Read::Users(keys) => Found::Users(cloud.search(keys)),
            Read::Events(wanted) => Found::Events(cloud.list(wanted)),
            Read::Job { job_id, .. } => Found::Job(cloud.results(job_id)),
            Read::Connection | Read::Slot | Read::Batch(_) => Found::Users(Vec::new()),
        }
    }

    fn learn(facts: &mut Facts, memory: &mut Memory, read: &Read, found: Option<Found>, clock: Timestamp) {
        match (read, found) {
            (Read::Users(_), Some(Found::Users(found))) => {
                facts.looked_up(found, clock);
                (memory.seen, memory.searched) = (facts.notes.seen, facts.notes.searched);
            }
            (Read::Events(wanted), Some(Found::Events(rows))) => {
                let covered: BTreeSet<String> = wanted.users.iter().cloned().collect();
                facts.listed(wanted, rows, true, covered, clock);
                memory.listed = facts.notes.listed;
            }
            (Read::Job { job_id, rows }, Some(Found::Job(answer))) => {
                facts.polled(job_id, answer, *rows, clock);
                memory.polls.clone_from(&facts.notes.common.polls);
            }
            _ => {
                let message = "JumpCloud did not answer; tried again".to_owned();
                let retry_at = after(clock, span(AGAIN));
                facts.failed.insert(read.clone(), FailedRead { retry_at, message });
            }
        }
    }

    fn committed(facts: &mut Facts, armed: Option<String>, fresh: String) {
        facts.committed(armed, fresh);
    }

    fn deliver(facts: &mut Facts, nonce: String, outcome: Outcome) {
        facts.deliveries.insert(nonce, outcome);
    }

    fn called(facts: &mut Facts, call: &Call, outcome: Repaired) {
        facts.called(call.clone(), outcome);
    }

    fn payload_hash(_: &Object<Self>, intent: &Intent) -> String {
        intent.submission.payload_hash.clone()
    }

    fn sent(_: &mut Cloud, _: &Order, _: Ms, _: Ms) {}

    fn take(cloud: &mut Cloud, order: &Order, now: Ms, _: &mut Vec<Violation>) -> Receipt {
        cloud.take(order, now)
    }

    fn call(
        cloud: &mut Cloud,
        call: &Call,
        basis: &Object<Self>,
        _: Ms,
        found: &mut Vec<Violation>,
    ) -> Called {
        judge::call(cloud, call, basis, found)
    }

    fn written(
        cloud: &mut Cloud,
        before: &Self::Status,
        after: &Object<Self>,
        _: Ms,
        found: &mut Vec<Violation>,
    ) {
        judge::written(cloud, before, after, found);
    }

    fn hidden(cloud: &Cloud, reading: Option<&Read>, _: Ms) -> Vec<Hidden> {
        cloud.hidden(reading)
    }

    fn happen(cloud: &mut Cloud, what: Hidden, _: Ms, _: &mut Vec<Violation>) {
        match what {
            Hidden::Run(job) => cloud.run(job, true),
            Hidden::RunBadly(job) => cloud.run(job, false),
            Hidden::Show(_) => {}
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
            Edit::Delete if live.finalizer => {
                state.by_author(|object| {
                    object.generation += i64::from(!object.deleted);
                    object.deleted = true;
                });
                return true;
            }
            Edit::Delete => {
                state.api.there = false;
                state.notify();
                return true;
            }
            Edit::Date => {
                manifest.change.1 = if manifest.change.1 == DATES[0] { DATES[1] } else { DATES[0] };
            }
            Edit::Drop if manifest.users.len() > 1 => drop(manifest.users.pop()),
            Edit::Drop => return false,
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
        let mut seen = object.clone();
        match wrong {
            Wrong::NoFinalizer => seen.finalizer |= !seen.deleted,
            Wrong::OneLook => {
                let mut status = object.status.status.clone();
                for record in &mut status.submissions {
                    if let Recorded::Known(record) = record
                        && record.look_time.is_none()
                    {
                        record.look_time = Some(stamp(-60 * MINUTE));
                        record.missing.clone_from(&record.members);
                    }
                }
                seen.status = Stored::of(status);
            }
            _ => return None,
        }
        Some(seen)
    }

    fn finds(wrong: Wrong, object: &Object<Self>, _: &Read, found: &mut Found) {
        let Found::Events(rows) = found else { return };
        let events = &object.status.status.events;
        match wrong {
            Wrong::Blind => rows.clear(),
            // Every event of an id that is recorded is taken for what is recorded.
            Wrong::CancelUnverified => {
                for row in rows {
                    if let Some(entry) = events.iter().find(|entry| entry.scheduled_job_id == row.job_id) {
                        row.user_id.clone_from(&entry.id);
                    }
                }
            }
            _ => {}
        }
    }

    fn hastens(_: Wrong, object: &Object<Self>) -> Option<Call> {
        let event = object.status.status.events.iter().find(|event| event.superseded.is_some())?;
        Some(Call::Cancel { job_id: event.scheduled_job_id.clone() })
    }

    fn looks_count(object: &Object<Self>) -> bool {
        object.spec.manifest.change.1 < 0
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
            Read::Batch(name) => canon.text(name),
            Read::Users(keys) => keys.iter().for_each(|key| key_into(key, canon)),
            Read::Events(wanted) => {
                canon.stamp(Some(wanted.time));
                canon.word(u64::from(wanted.whole));
                wanted.users.iter().for_each(|id| canon.text(id));
            }
            Read::Job { job_id, .. } => canon.text(job_id),
        }
    }

    fn call_into(call: &Call, canon: &mut Canon) {
        match call {
            Call::Cancel { job_id } => canon.text(job_id),
            Call::SetState { id, state } => {
                canon.text(id);
                canon.text(state.word());
            }
            Call::Activate { id } => canon.text(id),
        }
    }

    fn describe(read: Option<&Read>, call: Option<&Call>) -> String {
        match (read, call) {
            (Some(Read::Users(keys)), _) => format!("users {keys:?}"),
            (Some(Read::Events(wanted)), _) => format!("events of {:?} around {}", wanted.users, wanted.time),
            (Some(Read::Job { job_id, .. }), _) => format!("results of {job_id}"),
            (_, Some(call)) => format!("{call:?}"),
            _ => "something".to_owned(),
        }
    }
}

/// `namespace/name` of the object.
const NAME: &str = "people/leavers";

/// What a manifest declares of a user, by number.
fn declares(object: &Object<Schedules>, number: usize) -> Option<Change> {
    object.spec.manifest.names(number).then_some(object.spec.manifest.change)
}

fn key_into(key: &Key, canon: &mut Canon) {
    let (word, text) = match key {
        Key::Id(id) => (1, id),
        Key::Username(name) => (2, name),
        Key::Email(email) => (3, email),
    };
    canon.word(word);
    canon.text(text);
}

fn facts_into(facts: &Facts, canon: &mut Canon) {
    canon.word(u64::from(facts.connection.is_some()) * 2 + u64::from(facts.slot.is_some()));
    canon.count(facts.users.len());
    for (key, look) in &facts.users {
        key_into(key, canon);
        canon.stamp(Some(look.at));
        canon.count(facts.jobs.values().filter(|answer| answer.order < look.order).count());
        if let Some(person) = &look.found {
            canon.text(&person.id);
            canon.text(person.state.as_deref().unwrap_or_default());
        }
    }
    canon.count(facts.events.len());
    for (time, look) in &facts.events {
        canon.stamp(Some(*time));
        canon.stamp(Some(look.at));
        canon.word(u64::from(look.whole) * 2 + u64::from(look.thorough));
        for row in &look.rows {
            canon.text(&row.job_id);
            canon.text(&row.user_id);
            canon.stamp(row.time);
        }
    }
    canon.count(facts.jobs.len());
    for (job, answer) in &facts.jobs {
        canon.text(job);
        canon.stamp(Some(answer.at));
        canon.word(u64::from(answer.rows.is_some()));
        answer.rows.iter().flatten().for_each(|row| canon.word(row.word as u64));
    }
    canon.count(facts.failed.len());
    for (read, failed) in &facts.failed {
        Schedules::read_into(read, canon);
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
    for (call, outcome) in &facts.called {
        Schedules::call_into(call, canon);
        canon.word(match outcome {
            Repaired::Done => 1,
            Repaired::Refused { .. } => 2,
            Repaired::NotNow => 3,
            Repaired::Unknown => 4,
        });
    }
    canon.nonce(&facts.fresh_nonce);
}
