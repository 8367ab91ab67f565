//! What the explorer needs to know of a kind: its planner, what JumpCloud does for it, and what must hold.

use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::recording::Records;
use jumpcloud_operator::api::submission::{AcceptedEvent, Recorded, Submission};
use jumpcloud_operator::plan::facts::{Outcome, Repaired};
use jumpcloud_operator::plan::intent::Intent;
use jumpcloud_operator::plan::policy::Policy;

use super::canon::Canon;
use super::object::{Object, Stored};
use super::replica::Memory;
use super::request::Order;
use super::setting::Setting;
use super::state::State;
use super::wrong::Wrong;
use crate::clock::Ms;
use crate::invariants::Violation;

/// One kind of object, with everything around it.
pub trait Kind: Clone + Sized + 'static {
    /// The status.
    type Status: Records;
    /// The spec, as written and as checked.
    type Spec;
    /// What a pass learns.
    type Facts: Clone;
    /// What a planner asks to be read.
    type Read: Clone + Ord;
    /// The answer to a read.
    type Found;
    /// A request that may be repeated.
    type Call: Clone;
    /// JumpCloud, with what has to be remembered of it to judge.
    type Cloud: Clone;
    /// Something that others do.
    type Edit: Copy + PartialEq + std::fmt::Debug + 'static;

    /// The records of a status.
    fn records(status: &mut Self::Status) -> &mut Vec<Recorded>;

    /// What a pass over this object begins with.
    fn begin(memory: &mut Memory, object: &Object<Self>, clock: Timestamp, nonce: String) -> Self::Facts;

    /// Brings the notes of a pass up to date.
    fn inform(memory: &Memory, facts: &mut Self::Facts, object: &Object<Self>, now: Ms);

    /// Asks the planner.
    fn plan(object: &Object<Self>, facts: &Self::Facts, policy: &Policy, clock: Timestamp) -> Step<Self>;

    /// Answers a read that needs no network; whether it was one.
    fn local(read: &Self::Read, object: &Object<Self>, facts: &mut Self::Facts, clock: Timestamp) -> bool;

    /// JumpCloud's answer to a read.
    fn find(cloud: &mut Self::Cloud, read: &Self::Read, now: Ms) -> Self::Found;

    /// Takes in the answer to a read, or that there was none.
    fn learn(
        facts: &mut Self::Facts,
        memory: &mut Memory,
        read: &Self::Read,
        found: Option<Self::Found>,
        clock: Timestamp,
    );

    /// Takes in that a status was written.
    fn committed(facts: &mut Self::Facts, armed: Option<String>, fresh: String);

    /// Takes in what became of a request.
    fn deliver(facts: &mut Self::Facts, nonce: String, outcome: Outcome);

    /// Takes in what became of a call.
    fn called(facts: &mut Self::Facts, call: &Self::Call, outcome: Repaired);

    /// The hash that the record of this request should have.
    fn payload_hash(object: &Object<Self>, intent: &Intent) -> String;

    /// Notes that the first byte of a request is sent, and how long before it may be the last one.
    fn sent(cloud: &mut Self::Cloud, order: &Order, spare: Ms, now: Ms);

    /// JumpCloud takes a request: what it answers; broken rules go into `found`.
    fn take(cloud: &mut Self::Cloud, order: &Order, now: Ms, found: &mut Vec<Violation>) -> Receipt;

    /// JumpCloud takes a call.
    fn call(
        cloud: &mut Self::Cloud,
        call: &Self::Call,
        basis: &Object<Self>,
        now: Ms,
        found: &mut Vec<Violation>,
    ) -> Called;

    /// Notes a status that was written, and whether it broke a rule.
    fn written(
        cloud: &mut Self::Cloud,
        before: &Self::Status,
        after: &Object<Self>,
        now: Ms,
        found: &mut Vec<Violation>,
    );

    /// What JumpCloud may do at any moment by itself. With `reading`, only what the answer to that shows.
    fn hidden(cloud: &Self::Cloud, reading: Option<&Self::Read>, now: Ms) -> Vec<Hidden>;

    /// It does one of these.
    fn happen(cloud: &mut Self::Cloud, what: Hidden, now: Ms, found: &mut Vec<Violation>);

    /// When JumpCloud has done at the latest what it has to do.
    fn due(cloud: &Self::Cloud) -> Option<Ms>;

    /// Others do something: whether it changes anything. The object is there.
    fn edit(state: &mut State<Self>, edit: Self::Edit) -> bool;

    /// Everything that is wrong with a state in which nothing moves any more.
    fn at_rest(setting: &Setting<Self>, state: &State<Self>) -> Vec<Violation>;

    /// What people see of users in the end, and which there are.
    fn outcome(state: &State<Self>) -> String;

    /// The object as a wrong operator takes it to be.
    fn sees(wrong: Wrong, object: &Object<Self>, facts: &mut Self::Facts) -> Option<Object<Self>>;

    /// An answer as a wrong operator takes it to be.
    fn finds(wrong: Wrong, object: &Object<Self>, read: &Self::Read, found: &mut Self::Found);

    /// What a wrong operator calls as soon as it has written this object.
    fn hastens(_: Wrong, _: &Object<Self>) -> Option<Self::Call> {
        None
    }

    /// Whether it matters when this process looked last at JumpCloud.
    fn looks_count(_: &Object<Self>) -> bool {
        false
    }

    /// The fingerprint of JumpCloud.
    fn cloud_into(cloud: &Self::Cloud, canon: &mut Canon);

    /// The fingerprint of what a pass knows.
    fn facts_into(facts: &Self::Facts, canon: &mut Canon);

    /// The fingerprint of a read.
    fn read_into(read: &Self::Read, canon: &mut Canon);

    /// The fingerprint of a call.
    fn call_into(call: &Self::Call, canon: &mut Canon);

    /// A read or a call in words.
    fn describe(read: Option<&Self::Read>, call: Option<&Self::Call>) -> String;
}

/// What the planner wants.
#[derive(Clone)]
pub enum Step<K: Kind> {
    /// Something is to be read.
    Read(K::Read),
    /// A status is to be written.
    Commit(Arc<Stored<K>>, Option<Arc<Intent>>),
    /// The request of this nonce is to be sent.
    Send(String),
    /// A request that may be repeated is to be sent.
    Call(K::Call),
    /// The finalizer is to be there, or not.
    Finalizer(bool),
    /// Nothing more now.
    Idle(Option<Timestamp>),
}

/// What JumpCloud answers to a request that it has taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Id of a job.
    pub job_id: Option<String>,
    /// Events of a schedule.
    pub events: Vec<AcceptedEvent>,
}

impl Receipt {
    /// Notes it in the record of its request.
    pub fn note(&self, record: &mut Submission, clock: Timestamp) {
        record.phase = jumpcloud_operator::api::submission::Phase::Accepted;
        record.job_id.clone_from(&self.job_id);
        record.events.clone_from(&self.events);
        record.accept_time = Some(clock);
    }
}

/// What JumpCloud answers to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// 2xx
    Done,
    /// 404
    Missing,
}

/// Something that JumpCloud does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// A job is worked on.
    Run(usize),
    /// A job is worked on, and its first row fails in a way that may pass: a fault.
    RunBadly(usize),
    /// Searches show a user from now on.
    Show(usize),
}
