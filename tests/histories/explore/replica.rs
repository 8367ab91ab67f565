//! An operator: what it remembers, and where it is in its pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::recording::Records;
use jumpcloud_operator::api::submission::{Recorded, Submission};
use jumpcloud_operator::plan::facts::Polled;
use jumpcloud_operator::plan::intent::Intent;

use super::canon::Canon;
use super::kind::Kind;
use super::object::{Object, Stored};
use super::request::{Note, Order};
use super::timing::JOB_TIMEOUT;
use crate::clock::{Ms, moment, span};

/// An operator.
#[derive(Clone)]
pub struct Replica<K: Kind> {
    /// How far its wall clock is ahead.
    pub skew: Ms,
    /// It does nothing for now: it is paused, or has died and was not started again yet.
    pub stopped: bool,
    /// Something has happened that it has not looked at.
    pub woken: bool,
    /// When it looks again by itself.
    pub wake: Option<Ms>,
    /// Gone when it dies.
    pub memory: Memory,
    /// The pass it is in.
    pub pass: Option<Arc<Pass<K>>>,
}

/// What an operator keeps between passes.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// When each submission, and each look at one, was first seen.
    pub first_seen: BTreeMap<String, Ms>,
    /// Polls of jobs.
    pub polls: BTreeMap<String, Polled>,
    /// After a refusal.
    pub hold_until: Option<Timestamp>,
    /// Schedules: when events were last read.
    pub listed: Option<Timestamp>,
    /// Schedules: when states were last read.
    pub seen: Option<Timestamp>,
    /// Schedules: when users were last looked for.
    pub searched: Option<Timestamp>,
    /// Schedules: when the first pass was made.
    pub since: Option<Timestamp>,
    /// When it was first seen that the object is being deleted.
    pub deleting: Option<Ms>,
}

/// A pass.
#[derive(Clone)]
pub struct Pass<K: Kind> {
    /// The object as it is planned from.
    pub object: Arc<Object<K>>,
    /// What the pass has learned.
    pub facts: K::Facts,
    /// Requests whose intent was committed in this pass.
    pub orders: BTreeMap<String, Arc<Order>>,
    /// What it is about to do.
    pub doing: Doing<K>,
}

/// What a pass is about to do.
#[derive(Clone)]
pub enum Doing<K: Kind> {
    /// To plan.
    Plan,
    /// To read something of JumpCloud.
    Read(K::Read),
    /// To write a status.
    Write(Arc<Writing<K>>),
    /// To read the object back after a write that was not confirmed.
    ReadBack(Arc<Writing<K>>),
    /// To send a request that must not be repeated.
    Post(Arc<Order>),
    /// To record what was accepted.
    Record(Arc<Note>),
    /// To read the object because the record's place had moved.
    Relocate(Arc<Note>),
    /// To send a request that may be repeated.
    Call(K::Call),
    /// To put the finalizer there, or take it away.
    Finalizer(bool),
}

/// A status on its way.
#[derive(Clone)]
pub struct Writing<K: Kind> {
    /// What is to be written.
    pub status: Arc<Stored<K>>,
    /// The request that it intends.
    pub intent: Option<Arc<Intent>>,
    /// The object it was planned from.
    pub planned: Arc<Object<K>>,
    /// The version that it is written on.
    pub version: u32,
    /// How often it was written again.
    pub rewrites: u32,
}

impl<K: Kind> Replica<K> {
    /// One that has just begun.
    pub fn new(skew: Ms) -> Self {
        Self { skew, stopped: false, woken: true, wake: None, memory: Memory::default(), pass: None }
    }

    /// Its wall clock.
    pub fn clock(&self, now: Ms) -> Timestamp {
        crate::clock::stamp(now + self.skew)
    }

    /// Whether it is in the middle of something that others wait for.
    pub fn is_busy(&self) -> bool {
        !self.stopped && (self.woken || self.pass.is_some())
    }

    /// Whether it is about to plan, which nothing but time can change.
    pub fn is_planning(&self) -> bool {
        !self.stopped && self.pass.as_ref().is_some_and(|pass| matches!(pass.doing, Doing::Plan))
    }

    /// Its fingerprint.
    pub fn put_into(&self, live: Option<&Arc<Object<K>>>, canon: &mut Canon) {
        canon.word(self.skew.cast_unsigned());
        canon.word(u64::from(self.stopped) * 2 + u64::from(self.woken));
        // Who was woken looks whatever it had planned.
        canon.maybe_time(self.wake.filter(|_| !self.woken && self.pass.is_none()));
        match &self.pass {
            None => canon.word(20),
            Some(pass) => pass.put_into(live, canon),
        }
        self.memory.put_into(live.is_some_and(|live| K::looks_count(live)), canon);
    }
}

impl Memory {
    /// Notes what is seen of the records of an object.
    pub fn see<K: Kind>(&mut self, object: &Object<K>, now: Ms) {
        for sight in object.status.status.submissions().iter().flat_map(Recorded::sights) {
            self.first_seen.entry(sight).or_insert(now);
        }
        if object.deleted {
            self.deleting.get_or_insert(now);
        }
    }

    /// How long ago each of these was first seen.
    pub fn ages<K: Kind>(&self, object: &Object<K>, now: Ms) -> BTreeMap<String, std::time::Duration> {
        let sights = object.status.status.submissions().iter().flat_map(Recorded::sights);
        sights
            .filter_map(|sight| Some((self.first_seen.get(&sight).map(|at| span(now - at))?, sight)))
            .map(|(age, sight)| (sight, age))
            .collect()
    }

    /// Its fingerprint. What is remembered of requests that no version has any more counts no longer.
    pub fn put_into(&self, looks: bool, canon: &mut Canon) {
        for (sight, at) in &self.first_seen {
            let nonce = sight.split(' ').next().unwrap_or_default();
            if canon.knows(nonce) {
                canon.nonce(nonce);
                let looked = sight.rsplit(' ').next().and_then(|time| time.parse().ok());
                canon.stamp(looked);
                canon.time(*at);
            }
        }
        for (job, polled) in &self.polls {
            canon.text(job);
            canon.stamp(Some(polled.at));
            canon.stamp(polled.quiet_since);
        }
        canon.stamp(self.hold_until);
        for time in [self.listed, self.seen, self.searched, self.since] {
            canon.stamp(time.filter(|_| looks));
        }
        canon.maybe_time(self.deleting);
    }
}

impl<K: Kind> Pass<K> {
    /// Its fingerprint.
    pub fn put_into(&self, live: Option<&Arc<Object<K>>>, canon: &mut Canon) {
        canon.word(21);
        canon.other_object(&self.object, live);
        K::facts_into(&self.facts, canon);
        for order in self.orders.values() {
            order.put_into(canon);
        }
        let on_live = |version: u32| u64::from(live.is_some_and(|live| live.version == version));
        match &self.doing {
            Doing::Plan => canon.word(22),
            Doing::Read(read) => {
                canon.word(23);
                K::read_into(read, canon);
            }
            Doing::Write(writing) | Doing::ReadBack(writing) => {
                canon.word(24 + u64::from(matches!(self.doing, Doing::Write(_))));
                canon.shape(&writing.status.shape);
                canon.word(u64::from(writing.rewrites) * 4 + on_live(writing.version) * 2);
                if let Some(intent) = &writing.intent {
                    canon.nonce(&intent.submission.nonce);
                }
                canon.other_object(&writing.planned, live);
            }
            Doing::Post(order) => {
                canon.word(26);
                canon.nonce(order.nonce());
            }
            Doing::Record(note) | Doing::Relocate(note) => {
                canon.word(27 + u64::from(matches!(self.doing, Doing::Record(_))));
                note.put_into(live.map(|live| live.version), canon);
            }
            Doing::Call(call) => {
                canon.word(29);
                K::call_into(call, canon);
            }
            Doing::Finalizer(add) => canon.word(30 + u64::from(*add)),
        }
    }
}

/// The times, on a clock without skew, that a record is waited for by an operator of that skew.
pub fn deadlines(record: &Submission, skew: Ms, quarantine: Ms) -> Vec<Ms> {
    let by = moment(record.submit_by) - skew;
    let ended = record.accept_time.map(|time| moment(time) - skew + JOB_TIMEOUT);
    let look = record.look_time.map(|time| moment(time) - skew + quarantine);
    [Some(by), Some(by + quarantine), look, ended].into_iter().flatten().collect()
}
