//! The operator's driver, as in the random histories: it decides nothing but what the protocol prescribes
//! for each answer. What comes next is asked of the planner. Wrong operators differ in the places that name
//! a [`Wrong`].

mod answer;
mod book;
mod think;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::book::Book;
use super::canon;
use super::kind::Kind;
use super::object::Object;
use super::replica::{Doing, Pass, Writing};
use super::request::Order;
use super::setting::Setting;
use super::state::State;
use super::wrong::Wrong;
use crate::invariants::Violation;

/// What the driver works with.
pub struct Driver<'a, K: Kind> {
    /// What is explored.
    pub setting: &'a Setting<K>,
    /// The state, which changes.
    pub state: &'a mut State<K>,
    /// What was found out.
    pub book: &'a mut Book<K>,
}

impl<K: Kind> Driver<'_, K> {
    fn is(&self, wrong: Wrong) -> bool {
        self.setting.wrong == Some(wrong)
    }

    fn broken(&mut self, rule: &'static str, text: String) {
        self.book.broken.push(Violation { rule, text });
    }

    fn nonce(&mut self) -> String {
        if !self.is(Wrong::SameNonce) {
            self.state.nonces += 1;
        }
        canon::nonce(self.state.nonces)
    }

    /// An operator begins a pass from that version.
    pub fn begin(&mut self, r: usize, object: Arc<Object<K>>, stale: bool) {
        let nonce = self.nonce();
        let now = self.state.now;
        let replica = &mut self.state.replicas[r];
        let clock = replica.clock(now);
        replica.memory.hold_until = replica.memory.hold_until.filter(|until| *until > clock);
        // What it has not seen yet wakes it again.
        replica.woken = stale;
        replica.wake = None;
        let facts = K::begin(&mut replica.memory, &object, clock, nonce);
        let pass = Pass { object, facts, orders: BTreeMap::new(), doing: Doing::Plan };
        replica.pass = Some(Arc::new(pass));
    }

    fn take(&mut self, r: usize) -> Option<Pass<K>> {
        let pass = self.state.replicas[r].pass.take()?;
        Some(Arc::try_unwrap(pass).unwrap_or_else(|shared| (*shared).clone()))
    }

    fn put(&mut self, r: usize, mut pass: Pass<K>, doing: Doing<K>) {
        pass.doing = doing;
        self.state.replicas[r].pass = Some(Arc::new(pass));
    }

    /// The pass ends without having come to the end of its plan; another one follows.
    fn give_up(&mut self, r: usize) {
        self.state.replicas[r].woken = true;
        self.state.ledger.receipts[r] = None;
    }

    /// The status is kept; an intent in it may be sent now.
    fn committed(&mut self, pass: &mut Pass<K>, writing: &Writing<K>, object: Arc<Object<K>>) {
        let mut armed = None;
        if let Some(intent) = &writing.intent {
            let record = Arc::new(intent.submission.clone());
            let order = Order {
                operation: record.operation,
                uid: object.uid,
                hash: K::payload_hash(&object, intent),
                payload: intent.payload.rows().into(),
                record,
            };
            armed = Some(order.nonce().to_owned());
            pass.orders.insert(order.nonce().to_owned(), Arc::new(order));
        }
        let fresh = self.nonce();
        K::committed(&mut pass.facts, armed, fresh);
        pass.object = object;
    }
}
