//! Schedules, as the explorer knows them.

pub mod begin;
mod cloud;
mod edit;
mod fingerprint;
mod judge;
mod reads;
mod wrong;

use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::schedule_status::ScheduledUserStateStatus;
use jumpcloud_operator::api::submission::Recorded;
use jumpcloud_operator::plan::facts::{Outcome, Repaired};
use jumpcloud_operator::plan::intent::Intent;
use jumpcloud_operator::plan::policy::Policy;
use jumpcloud_operator::plan::schedule::facts::{Call, Facts, Notes, Read};
use jumpcloud_operator::plan::schedule::step::{self, Finalizer, Schedule};

pub use self::cloud::Cloud;
pub use self::edit::Edit;
use self::reads::Found;
use super::canon::Canon;
use super::kind::{Called, Hidden, Kind, Receipt, Step};
use super::object::{Object, Stored};
use super::replica::Memory;
use super::request::Order;
use super::setting::Setting;
use super::state::State;
use super::wrong::Wrong;
use crate::clock::{Ms, span};
use crate::invariants::Violation;
use crate::schedules::manifest::Spec;

/// `namespace/name` of the object.
const NAME: &str = "people/leavers";

/// Schedules.
#[derive(Clone)]
pub struct Schedules;

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
        reads::local(read, facts)
    }

    fn find(cloud: &mut Cloud, read: &Read, _: Ms) -> Found {
        reads::find(cloud, read)
    }

    fn learn(facts: &mut Facts, memory: &mut Memory, read: &Read, found: Option<Found>, clock: Timestamp) {
        reads::learn(facts, memory, read, found, clock);
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
        edit::edit(state, edit)
    }

    fn at_rest(setting: &Setting<Self>, state: &State<Self>) -> Vec<Violation> {
        judge::at_rest(setting, state)
    }

    fn outcome(state: &State<Self>) -> String {
        judge::outcome(state)
    }

    fn sees(wrong: Wrong, object: &Object<Self>, _: &mut Facts) -> Option<Object<Self>> {
        wrong::sees(wrong, object)
    }

    fn finds(wrong: Wrong, object: &Object<Self>, _: &Read, found: &mut Found) {
        wrong::finds(wrong, object, found);
    }

    fn hastens(_: Wrong, object: &Object<Self>) -> Option<Call> {
        wrong::hastens(object)
    }

    fn looks_count(object: &Object<Self>) -> bool {
        object.spec.manifest.change.1 < 0
    }

    fn cloud_into(cloud: &Cloud, canon: &mut Canon) {
        cloud.put_into(canon);
    }

    fn facts_into(facts: &Facts, canon: &mut Canon) {
        fingerprint::facts_into(facts, canon);
    }

    fn read_into(read: &Read, canon: &mut Canon) {
        fingerprint::read_into(read, canon);
    }

    fn call_into(call: &Call, canon: &mut Canon) {
        fingerprint::call_into(call, canon);
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
