//! An operator process: what it remembers of each object, and the pass it is in.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::schedule_status::ScheduledUserStateStatus;
use jumpcloud_operator::api::submission::Recorded;
use jumpcloud_operator::plan::facts::Polled;
use jumpcloud_operator::plan::policy::Policy;
use jumpcloud_operator::plan::schedule::desired::Desired;
use jumpcloud_operator::plan::schedule::facts::{Call, Facts, Notes, Read};
use jumpcloud_operator::plan::schedule::step::{Commit, Schedule, Step, plan};

use super::network::Order;
use super::objects::{NAMES, Object, Record};
use crate::clock::{Ms, span, stamp};

/// A process.
#[derive(Debug, Default)]
pub struct Process {
    /// How far its wall clock is ahead.
    pub skew: Ms,
    /// Grows with each crash: what was on its way to an earlier life reaches nobody.
    pub life: u64,
    /// Whether it runs.
    pub up: bool,
    /// What it does about each object.
    pub about: [About; 2],
}

/// What a process knows and does about one object.
#[derive(Debug, Default)]
pub struct About {
    /// Gone after a crash.
    pub memory: Memory,
    /// The pass it is in.
    pub pass: Option<Pass>,
    /// Something happened meanwhile: another pass follows.
    pub again: bool,
    /// When the next pass begins, if nothing happens before.
    pub wake: Option<Ms>,
    /// Passes in a row that ended at once and wanted to go on at once.
    pub hasty: u32,
}

/// What a process keeps between passes over an object.
#[derive(Debug, Default)]
pub struct Memory {
    /// The object that it is about.
    pub uid: u32,
    /// When each submission, and each look at one, was first seen.
    pub first_seen: BTreeMap<String, Ms>,
    /// Polls of jobs.
    pub polls: BTreeMap<String, Polled>,
    /// After a refusal.
    pub hold_until: Option<Timestamp>,
    /// What went wrong last.
    pub trouble: Option<String>,
    /// When events were last read.
    pub listed: Option<Timestamp>,
    /// When states were last read.
    pub seen: Option<Timestamp>,
    /// When users were last looked for.
    pub searched: Option<Timestamp>,
    /// When the first pass was made.
    pub since: Option<Timestamp>,
    /// When it was first seen that the object is being deleted.
    pub deleting: Option<Ms>,
}

/// A pass.
#[derive(Debug)]
pub struct Pass {
    /// The object as it is planned from.
    pub object: Arc<Object>,
    /// The organisation of the credential that the pass uses.
    pub organization: String,
    /// What the pass has learned.
    pub facts: Facts,
    /// Requests whose intent was committed in this pass.
    pub orders: BTreeMap<String, Arc<Order>>,
    /// Steps so far.
    pub steps: u32,
    /// Whether it did anything but plan.
    pub acted: bool,
    /// What it waits for.
    pub waiting: Waiting,
}

/// What a pass waits for.
#[derive(Debug)]
pub enum Waiting {
    /// Nothing: it is about to plan.
    Nothing,
    /// An answer to a read of the plan.
    Read(Read),
    /// The answer to a status write.
    Write(Box<Writing>),
    /// The object, after a status write that was not confirmed; read so many times.
    ReadBack(Box<Writing>, u32),
    /// The answer to a change of the finalizer.
    Finalizer,
    /// The answer to a request that must not be repeated; so many were sent.
    Post(Arc<Order>, u32),
    /// The answer to a request that may be repeated.
    Call(Call),
    /// The answer to the record of what was accepted, tried until then.
    Record(Record, Ms),
    /// The object, because the record's place had moved.
    Relocate(Record, Ms),
}

/// A status on its way.
#[derive(Debug)]
pub struct Writing {
    /// What is to be written.
    pub commit: Commit,
    /// The object it was planned from.
    pub planned: Arc<Object>,
    /// The status, shared.
    pub status: Arc<ScheduledUserStateStatus>,
    /// How often it was written again.
    pub rewrites: u32,
}

impl Memory {
    /// What a pass over this object begins with.
    pub fn begin(&mut self, object: &Object, clock: Timestamp) -> Notes {
        if self.uid != object.uid {
            *self = Self { uid: object.uid, ..Self::default() };
        }
        let since = *self.since.get_or_insert(clock);
        let Self { listed, seen, searched, .. } = *self;
        Notes { listed, seen, searched, since, ..Notes::default() }
    }

    /// Brings the notes of a pass up to date.
    pub fn inform(&mut self, pass: &mut Pass, now: Ms) {
        for sight in pass.object.status.submissions.iter().flat_map(Recorded::sights) {
            self.first_seen.entry(sight).or_insert(now);
        }
        if pass.object.deleted.is_some() {
            self.deleting.get_or_insert(now);
        }
        let notes = &mut pass.facts.notes;
        notes.deleting_for = span(self.deleting.map_or(0, |since| now - since));
        let notes = &mut notes.common;
        notes.first_seen = self.first_seen.iter().map(|(n, at)| (n.clone(), span(now - at))).collect();
        notes.polls.clone_from(&self.polls);
        notes.hold_until = self.hold_until;
        notes.trouble.clone_from(&self.trouble);
    }
}

impl Pass {
    /// A pass that starts from this version of the object.
    pub fn of(object: Arc<Object>, facts: Facts) -> Self {
        Self {
            object,
            organization: String::new(),
            facts,
            orders: BTreeMap::new(),
            steps: 0,
            acted: false,
            waiting: Waiting::Nothing,
        }
    }

    /// Asks the planner about this object: as it is, unless the driver is wrong.
    pub fn plan(&self, object: &Object, desired: &Desired, policy: &Policy, now: Timestamp) -> Step {
        let schedule = Schedule {
            name: NAMES[object.place].to_owned(),
            uid: format!("uid-{}", object.uid),
            generation: object.generation,
            requested_at: object.requested_at.clone(),
            retry_failed: object.retry_failed.clone(),
            resolve: object.resolve.clone(),
            deleting: object.deleted.is_some(),
            has_finalizer: object.finalizer,
            desired,
            status: &object.status,
        };
        plan(&schedule, &self.facts, policy, now)
    }
}

impl Object {
    /// Whether it is older than another one.
    pub fn is_older(&self, other: &Self) -> bool {
        (stamp(self.created).as_second(), NAMES[self.place])
            < (stamp(other.created).as_second(), NAMES[other.place])
    }
}
