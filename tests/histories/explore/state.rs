//! One state of the world: the object in its versions, JumpCloud, two operators, requests on their way, and
//! how much may still go wrong.

use std::sync::Arc;

use jumpcloud_operator::api::submission::{Operation, Submission};
use jumpcloud_operator::plan::policy::Policy;

use super::canon::{Canon, Shape};
use super::kind::{Kind, Receipt};
use super::replica::{Doing, Replica};
use super::wrong::Wrong;
use crate::clock::{MINUTE, Ms, SECOND, span};

/// How long after its intent a request may be sent.
pub const SUBMIT: Ms = 20 * SECOND;

/// The quarantine.
pub const QUARANTINE: Ms = 60 * SECOND;

/// The longest that JumpCloud takes for a job, and the longest that its searches lag behind.
pub const SERVICE: Ms = 15 * SECOND;

/// How long a job may take before it counts as lost: longer than clocks differ.
pub const JOB_TIMEOUT: Ms = 30 * MINUTE;

/// The longest that a request is under way which its sender has given up, counted from the last moment at
/// which its first byte may be sent: with the time of a job and the lag of a search, `25 + 15 + 15` seconds, it
/// has come to pass before the quarantine is over.
pub const DELAY: Ms = 25 * SECOND;

/// The same of requests that are looked for twice, a quarantine apart: before the second look, with job and lag
/// `80 + 15 + 15 < 2 * 60` seconds. Updates, and what an object that goes has sent, are looked for once.
pub const LONG_DELAY: Ms = 80 * SECOND;

/// How soon something is tried again that failed.
pub const AGAIN: Ms = 5 * SECOND;

/// What is explored: how the world begins, and what may happen in it.
pub struct Setting<K: Kind> {
    /// Its name, also for replaying.
    pub name: &'static str,
    /// Everything before the first move.
    pub begin: fn() -> State<K>,
    /// How far the wall clock of each operator is ahead.
    pub skews: &'static [Ms],
    /// What others may do.
    pub edits: &'static [K::Edit],
    /// How much may go wrong in a bounded exploration, and in a whole one.
    pub budgets: [Budget; 2],
    /// How late a request may arrive that creates or schedules.
    pub delay: Ms,
    /// Nothing that is planned for later than this is waited for.
    pub horizon: Ms,
    /// The rule that the operator breaks.
    pub wrong: Option<Wrong>,
}

impl<K: Kind> Setting<K> {
    /// Settings of the operator.
    pub fn policy(&self) -> Policy {
        let quarantine = match self.wrong {
            Some(Wrong::NoQuarantine | Wrong::HastyUpdate) => 0,
            _ => QUARANTINE,
        };
        Policy {
            submit_timeout: span(SUBMIT),
            quarantine: span(quarantine),
            poll_min: span(10 * SECOND),
            poll_max: span(20 * SECOND),
            ..Policy::default()
        }
    }
}

/// How much may still go wrong on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// In all.
    pub all: u8,
    /// Requests that fail, or whose answers do.
    pub faults: u8,
    /// Operators that die and begin anew, at once or later, with empty memory.
    pub crashes: u8,
    /// Operators that stop for a while of any length and then go on.
    pub pauses: u8,
    /// Passes that begin from an older version.
    pub stale: u8,
    /// Things that others do.
    pub edits: u8,
}

impl Budget {
    /// Whether one more of a kind may happen.
    pub fn allows(self, of: fn(&mut Self) -> &mut u8) -> bool {
        let mut copy = self;
        self.all > 0 && *of(&mut copy) > 0
    }

    /// One more of a kind happens.
    pub fn spend(&mut self, of: fn(&mut Self) -> &mut u8) {
        self.all -= 1;
        *of(self) -= 1;
    }
}

/// A status with its shape.
pub struct Stored<K: Kind> {
    /// The status.
    pub status: K::Status,
    /// What counts of it.
    pub shape: Shape,
}

impl<K: Kind> Stored<K> {
    /// A status with its shape.
    pub fn of(status: K::Status) -> Arc<Self> {
        let shape = Shape::of(&status);
        Arc::new(Self { status, shape })
    }
}

/// The object at one resourceVersion.
pub struct Object<K: Kind> {
    /// Identity; another one after deletion and re-creation.
    pub uid: u32,
    /// Grows with each edit of the spec.
    pub generation: i64,
    /// Grows with each write of anything.
    pub version: u32,
    /// The spec.
    pub spec: Arc<K::Spec>,
    /// Another one for each spec.
    pub spec_tag: u64,
    /// The status.
    pub status: Arc<Stored<K>>,
    /// The object only waits for its finalizer.
    pub deleted: bool,
    /// The finalizer is there.
    pub finalizer: bool,
}

// Not derived: a spec need not be `Clone` for that.
impl<K: Kind> Clone for Object<K> {
    fn clone(&self) -> Self {
        Self { spec: self.spec.clone(), status: self.status.clone(), ..*self }
    }
}

impl<K: Kind> Object<K> {
    /// A record of the status.
    pub fn record(&self, nonce: &str) -> Option<&Submission> {
        use jumpcloud_operator::api::recording::Records;
        let records = self.status.status.submissions().iter().filter_map(|record| record.known());
        records.into_iter().find(|record| record.nonce == nonce)
    }
}

/// The API server.
#[derive(Clone)]
pub struct Api<K: Kind> {
    /// Versions that a cache may still show, the newest last.
    pub versions: Vec<Arc<Object<K>>>,
    /// Whether the object is there.
    pub there: bool,
    /// The version written last.
    pub last: u32,
}

/// How many versions a stale cache may be behind.
const STALE: usize = 4;

impl<K: Kind> Api<K> {
    /// The object as it is now.
    pub fn live(&self) -> Option<&Arc<Object<K>>> {
        self.versions.last().filter(|_| self.there)
    }

    /// Keeps a new version.
    pub fn keep(&mut self, object: Object<K>) -> Arc<Object<K>> {
        self.last += 1;
        let object = Arc::new(Object { version: self.last, ..object });
        if self.versions.len() > STALE {
            self.versions.remove(0);
        }
        self.versions.push(object.clone());
        object
    }
}

/// A request that must not be repeated.
#[derive(Debug, Clone)]
pub struct Order {
    /// What it does.
    pub operation: Operation,
    /// Its record.
    pub record: Arc<Submission>,
    /// The object.
    pub uid: u32,
    /// The hash that the record should have.
    pub hash: String,
    /// The body, where it is one of rows.
    pub payload: Arc<[u8]>,
}

impl Order {
    /// The nonce.
    pub fn nonce(&self) -> &str {
        &self.record.nonce
    }
}

/// A request to note what was accepted.
#[derive(Debug, Clone)]
pub struct Note {
    /// Tested: the object's uid.
    pub uid: u32,
    /// The item of `status.submissions`.
    pub index: usize,
    /// Tested: the item's nonce.
    pub nonce: String,
    /// What was accepted.
    pub receipt: Receipt,
    /// When, on the clock of whom it was told.
    pub accepted: jiff::Timestamp,
    /// A resourceVersion that it is refused without; only a wrong operator has one.
    pub version: Option<u32>,
}

/// A request on its way.
#[derive(Clone)]
pub enum Request<K: Kind> {
    /// Merge patch of status, refused unless that is the resourceVersion.
    Write(Option<u32>, Arc<Stored<K>>),
    /// A request that must not be repeated.
    Post(Arc<Order>),
    /// JSON patch of what was accepted.
    Record(Arc<Note>),
    /// A request that may be repeated, with the object that it was planned from.
    Call(K::Call, Arc<Object<K>>),
    /// Patch of the finalizer.
    Finalizer(u32, bool),
}

/// A request that its sender has given up and that arrives all the same.
#[derive(Clone)]
pub struct Late<K: Kind> {
    /// The request.
    pub request: Request<K>,
    /// It arrives until then.
    pub until: Ms,
}

/// What was committed and sent.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Nonces of committed intents, with their hashes.
    pub intents: Vec<(String, String)>,
    /// Nonces of requests sent.
    pub sent: Vec<String>,
    /// The first receipt seen and not yet recorded, by operator.
    pub receipts: [Option<String>; 2],
}

/// A state.
#[derive(Clone)]
pub struct State<K: Kind> {
    /// Now.
    pub now: Ms,
    /// The API server.
    pub api: Api<K>,
    /// JumpCloud.
    pub cloud: K::Cloud,
    /// Requests on their way.
    pub late: Vec<Late<K>>,
    /// Operators, both of which believe that they lead.
    pub replicas: Vec<Replica<K>>,
    /// What may still go wrong.
    pub left: Budget,
    /// What was committed and sent.
    pub ledger: Ledger,
    /// Nonces so far.
    pub nonces: u32,
}

impl<K: Kind> State<K> {
    /// A state in which nothing has happened.
    pub fn of(object: Object<K>, cloud: K::Cloud) -> Self {
        let mut api = Api { versions: Vec::new(), there: true, last: 0 };
        api.keep(object);
        Self {
            now: 0,
            api,
            cloud,
            late: Vec::new(),
            replicas: Vec::new(),
            left: Budget::default(),
            ledger: Ledger::default(),
            nonces: 0,
        }
    }

    /// The state as it begins in this setting.
    pub fn begin(setting: &Setting<K>, budget: Budget) -> Self {
        let mut state = (setting.begin)();
        state.replicas = setting.skews.iter().map(|skew| Replica::new(*skew)).collect();
        state.left = budget;
        state
    }

    /// Something was written: every operator hears of it.
    pub fn notify(&mut self) {
        for replica in &mut self.replicas {
            replica.woken = true;
        }
    }

    /// The fingerprint. Operators of equal clocks may change places.
    pub fn fingerprint(&self) -> u64 {
        let same = self.replicas.windows(2).all(|two| two[0].skew == two[1].skew);
        let order: Vec<usize> = (0..self.replicas.len()).collect();
        let one = self.fingerprint_in(&order);
        if !same || order.len() < 2 {
            return one;
        }
        one.min(self.fingerprint_in(&[1, 0]))
    }

    fn fingerprint_in(&self, order: &[usize]) -> u64 {
        let mut canon = Canon::at(self.now);
        let live = self.api.live();
        canon.word(u64::from(live.is_some()));
        if let Some(live) = live {
            canon.object(live);
        }
        let stale = self.left.allows(|left| &mut left.stale);
        if stale {
            canon.count(self.api.versions.len());
            for older in self.api.versions.iter().rev().skip(usize::from(live.is_some())) {
                canon.other_object(older, live);
            }
        }
        let Budget { all, faults, crashes, pauses, stale, edits } = self.left;
        let most = |left: u8| u64::from(left.min(all));
        let left = [all.into(), most(faults), most(crashes), most(pauses), most(stale), most(edits)];
        canon.word(left.into_iter().fold(0, |word, left| word * 16 + left));
        for (shown, index) in order.iter().enumerate() {
            canon.count(shown);
            self.replicas[*index].put_into(live, &mut canon);
            match &self.ledger.receipts[*index] {
                Some(nonce) => canon.nonce(nonce),
                None => canon.word(0),
            }
        }
        canon.count(self.late.len());
        for late in &self.late {
            canon.time(late.until);
            late.request.put_into(live, &mut canon);
        }
        K::cloud_into(&self.cloud, &mut canon);
        for (nonce, hash) in &self.ledger.intents {
            if canon.knows(nonce) {
                canon.nonce(nonce);
                canon.text(hash);
            }
        }
        canon.word(0);
        for nonce in &self.ledger.sent {
            if canon.knows(nonce) {
                canon.nonce(nonce);
            }
        }
        canon.finish()
    }
}

impl<K: Kind> Request<K> {
    /// Its fingerprint.
    pub fn put_into(&self, live: Option<&Arc<Object<K>>>, canon: &mut Canon) {
        let on_live = |version: u32| u64::from(live.is_some_and(|live| live.version == version));
        match self {
            Self::Write(version, status) => {
                canon.word(11);
                canon.word(version.map_or(2, on_live));
                canon.shape(&status.shape);
            }
            Self::Post(order) => {
                canon.word(12);
                order.put_into(canon);
            }
            Self::Record(note) => {
                canon.word(13);
                note.put_into(live.map(|live| live.version), canon);
            }
            Self::Call(call, basis) => {
                canon.word(14);
                K::call_into(call, canon);
                canon.other_object(basis, live);
            }
            Self::Finalizer(version, add) => {
                canon.word(15);
                canon.word(on_live(*version) * 2 + u64::from(*add));
            }
        }
    }
}

impl Order {
    /// Its fingerprint.
    pub fn put_into(&self, canon: &mut Canon) {
        canon.nonce(self.nonce());
        canon.text(&self.hash);
        canon.word(u64::from(self.uid));
        canon.stamp(Some(self.record.submit_by));
    }
}

impl Note {
    /// Its fingerprint.
    pub fn put_into(&self, live: Option<u32>, canon: &mut Canon) {
        canon.word(u64::from(self.uid));
        canon.count(self.index);
        canon.nonce(&self.nonce);
        canon.stamp(Some(self.accepted));
        canon.text(self.receipt.job_id.as_deref().unwrap_or_default());
        for event in &self.receipt.events {
            canon.text(&event.id);
            canon.text(&event.scheduled_job_id);
        }
        canon.word(self.version.map_or(2, |version| u64::from(live == Some(version))));
    }
}

/// Whether an operator is in the middle of something that others wait for.
pub fn is_busy<K: Kind>(replica: &Replica<K>) -> bool {
    !replica.stopped && (replica.woken || replica.pass.is_some())
}

/// Whether an operator is about to plan, which nothing but time can change.
pub fn is_planning<K: Kind>(replica: &Replica<K>) -> bool {
    !replica.stopped && replica.pass.as_ref().is_some_and(|pass| matches!(pass.doing, Doing::Plan))
}
