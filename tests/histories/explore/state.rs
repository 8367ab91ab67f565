//! One state of the world: the object in its versions, JumpCloud, two operators, requests on their way, and
//! how much may still go wrong.

use super::budget::Budget;
use super::canon::Canon;
use super::kind::Kind;
use super::object::{Api, Object};
use super::replica::Replica;
use super::request::Late;
use super::setting::Setting;
use crate::clock::Ms;

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
