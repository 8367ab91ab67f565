//! An operator process: what it remembers, and the pass it is in.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::Recorded;
use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus;
use jumpcloud_operator::plan::facts::{Facts, Polled, Read};
use jumpcloud_operator::plan::policy::Policy;
use jumpcloud_operator::plan::step::{Batch, Commit, Step, plan};

use crate::api_server::{JobRecord, NAME, Object};
use crate::clock::{Ms, span};
use crate::network::{Fix, Order, Sender};

/// A process.
#[derive(Debug, Default)]
pub struct Process {
    /// How far its wall clock is ahead.
    pub skew: Ms,
    /// Grows with each crash: what was on its way to an earlier life reaches nobody.
    pub life: u64,
    /// Whether it runs.
    pub up: bool,
    /// Gone after a crash.
    pub memory: Memory,
    /// The pass it is in.
    pub pass: Option<Pass>,
    /// Something happened meanwhile: another pass follows.
    pub again: bool,
    /// Passes in a row that ended at once and wanted to go on at once.
    pub hasty: u32,
}

/// What a process keeps between passes.
#[derive(Debug, Default)]
pub struct Memory {
    /// When each submission, and each look at one, was first seen.
    pub first_seen: BTreeMap<String, Ms>,
    /// Polls of jobs.
    pub polls: BTreeMap<String, Polled>,
    /// After a refusal.
    pub hold_until: Option<Timestamp>,
    /// What went wrong last.
    pub trouble: Option<String>,
}

/// A pass.
#[derive(Debug)]
pub struct Pass {
    /// The object as it is planned from.
    pub object: Arc<Object>,
    /// What the pass has learned.
    pub facts: Facts,
    /// Requests whose intent was committed in this pass.
    pub orders: BTreeMap<String, Arc<Order>>,
    /// The organisation of the credential that the pass uses.
    pub organization: String,
    /// What the pass knew of what is forbidden.
    pub sender: Sender,
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
    /// The answer to a bulk request; so many were sent.
    Post(Arc<Order>, u32),
    /// The answer to a request that sets fields of one user.
    Put(Arc<Fix>),
    /// The answer to the record of a job id, tried until then.
    Record(JobRecord, Ms),
    /// The object, because the record's place had moved.
    Relocate(JobRecord, Ms),
}

/// A status on its way.
#[derive(Debug)]
pub struct Writing {
    /// What is to be written.
    pub commit: Commit,
    /// The object it was planned from.
    pub planned: Arc<Object>,
    /// The status, shared.
    pub status: Arc<JumpCloudUserBatchStatus>,
    /// How often it was written again.
    pub rewrites: u32,
}

impl Memory {
    /// Brings the notes of a pass up to date.
    pub fn inform(&mut self, pass: &mut Pass, now: Ms) {
        for sight in pass.object.status.submissions.iter().flat_map(Recorded::sights) {
            self.first_seen.entry(sight).or_insert(now);
        }
        let notes = &mut pass.facts.notes;
        notes.first_seen = self.first_seen.iter().map(|(n, at)| (n.clone(), span(now - at))).collect();
        notes.polls.clone_from(&self.polls);
        notes.hold_until = self.hold_until;
        notes.trouble.clone_from(&self.trouble);
    }
}

impl Pass {
    /// A pass that starts from this version of the object.
    pub fn of(object: Arc<Object>) -> Self {
        Self {
            object,
            facts: Facts::default(),
            orders: BTreeMap::new(),
            organization: String::new(),
            sender: Sender::default(),
            steps: 0,
            acted: false,
            waiting: Waiting::Nothing,
        }
    }

    /// Asks the planner about this status: that of the object, unless the driver is wrong.
    pub fn plan(&self, status: &JumpCloudUserBatchStatus, policy: &Policy, now: Timestamp) -> Step {
        let batch = Batch {
            name: NAME.to_owned(),
            generation: self.object.generation,
            requested_at: self.object.requested_at.clone(),
            retry_failed: self.object.retry_failed.clone(),
            resolve: self.object.resolve.clone(),
            deleting: false,
            desired: &self.object.spec.desired,
            status,
        };
        plan(&batch, &self.facts, policy, now)
    }
}
