//! User batches, as the explorer knows them.

pub mod begin;
mod cloud;
mod edit;
mod fingerprint;
mod judge;
mod reads;
mod wrong;

use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::Recorded;
use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus;
use jumpcloud_operator::plan::facts::{Facts, Notes, Outcome, Read, Repair, Repaired};
use jumpcloud_operator::plan::intent::Intent;
use jumpcloud_operator::plan::policy::Policy;
use jumpcloud_operator::plan::step::{self, Batch};
use jumpcloud_operator::users::row::long_hash;

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
use crate::api_server::NAME;
use crate::clock::Ms;
use crate::invariants::Violation;
use crate::manifest::Spec;

/// Whose organisation it is.
const ORGANIZATION: &str = "org-1";

/// User batches.
#[derive(Clone)]
pub struct Batches;

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
        reads::local(read, facts)
    }

    fn find(cloud: &mut Cloud, read: &Read, now: Ms) -> Found {
        reads::find(cloud, read, now)
    }

    fn learn(facts: &mut Facts, memory: &mut Memory, read: &Read, found: Option<Found>, clock: Timestamp) {
        reads::learn(facts, memory, read, found, clock);
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

    fn finds(wrong: Wrong, object: &Object<Self>, read: &Read, found: &mut Found) {
        wrong::finds(wrong, object, read, found);
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
