//! The operator's driver, as in the random histories: it decides nothing but what the protocol prescribes
//! for each answer. What comes next is asked of the planner. Wrong operators differ in the places that name
//! a [`Wrong`].

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::recording::Records;
use jumpcloud_operator::plan::conflict::{Resolution, Snapshot, resolve};
use jumpcloud_operator::plan::facts::{Outcome, Repaired};
use jumpcloud_operator::plan::policy::after;

use super::canon::{self, Canon};
use super::kind::{Kind, Receipt, Step};
use super::replica::{Doing, Pass, Writing};
use super::search::Same;
use super::state::{AGAIN, Note, Object, Order, Setting, State};
use super::wire::Reply;
use super::wrong::Wrong;
use crate::clock::{MINUTE, moment, span};
use crate::invariants::Violation;

/// More steps than any pass takes between two requests.
const MOST_STEPS: u32 = 20;

/// What the driver works with.
pub struct Driver<'a, K: Kind> {
    /// What is explored.
    pub setting: &'a Setting<K>,
    /// The state, which changes.
    pub state: &'a mut State<K>,
    /// What was found out.
    pub book: &'a mut Book<K>,
}

/// What was found out on the way.
pub struct Book<K: Kind> {
    /// Broken rules.
    pub broken: Vec<Violation>,
    /// What the planner said to each question.
    plans: HashMap<u64, Step<K>, Same>,
}

impl<K: Kind> Default for Book<K> {
    fn default() -> Self {
        Self { broken: Vec::new(), plans: HashMap::default() }
    }
}

impl<K: Kind> Book<K> {
    /// How many different questions the planner was asked.
    pub fn asked(&self) -> usize {
        self.plans.len()
    }
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
        let pass = Pass { object, facts, orders: std::collections::BTreeMap::new(), doing: Doing::Plan };
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

    /// An operator plans until it needs something of others.
    pub fn think(&mut self, r: usize) {
        let now = self.state.now;
        let Some(mut pass) = self.take(r) else { return };
        self.check_recorded(r, &pass);
        for _ in 0..MOST_STEPS {
            let replica = &mut self.state.replicas[r];
            let clock = replica.clock(now);
            replica.memory.see(&pass.object, now);
            match self.plan(r, &mut pass, clock) {
                Step::Read(read) => {
                    if !K::local(&read, &pass.object, &mut pass.facts, clock) {
                        return self.put(r, pass, Doing::Read(read));
                    }
                }
                Step::Commit(status, intent) => {
                    let writing = Arc::new(Writing {
                        status,
                        intent,
                        planned: pass.object.clone(),
                        version: pass.object.version,
                        rewrites: 0,
                    });
                    if self.is(Wrong::SkipSwap) && writing.intent.is_some() {
                        let object = Object { status: writing.status.clone(), ..(*pass.object).clone() };
                        self.committed(&mut pass, &writing, Arc::new(object));
                        continue;
                    }
                    return self.put(r, pass, Doing::Write(writing));
                }
                Step::Send(nonce) => match pass.orders.get(&nonce).cloned() {
                    Some(order) => return self.put(r, pass, Doing::Post(order)),
                    None => {
                        self.broken("I2", format!("{nonce} is to be sent and was not committed here"));
                        return;
                    }
                },
                Step::Call(call) => return self.put(r, pass, Doing::Call(call)),
                Step::Finalizer(add) => return self.put(r, pass, Doing::Finalizer(add)),
                Step::Idle(wake) => return self.rest(r, &pass, wake.map(moment)),
            }
        }
        self.broken("I4", "a pass plans without end".to_owned());
    }

    /// Asks the planner, or remembers what it said to the same question.
    fn plan(&mut self, r: usize, pass: &mut Pass<K>, clock: Timestamp) -> Step<K> {
        let now = self.state.now;
        let memory = &self.state.replicas[r].memory;
        let mut key = Canon::exact();
        key.object(&pass.object);
        K::facts_into(&pass.facts, &mut key);
        memory.put_into(K::looks_count(&pass.object), &mut key);
        key.time(now);
        key.stamp(Some(clock));
        let key = key.finish();
        if matches!(self.setting.wrong, Some(Wrong::NoQuarantine | Wrong::WallClockOnly)) {
            let mut memory = memory.clone();
            memory.first_seen.values_mut().for_each(|seen| *seen = now - 60 * MINUTE);
            K::inform(&memory, &mut pass.facts, &pass.object, now);
        } else {
            K::inform(memory, &mut pass.facts, &pass.object, now);
        }
        if let Some(step) = self.book.plans.get(&key) {
            return step.clone();
        }
        let seen = self.setting.wrong.and_then(|wrong| K::sees(wrong, &pass.object, &mut pass.facts));
        let object = seen.as_ref().unwrap_or(&pass.object);
        let step = K::plan(object, &pass.facts, &self.setting.policy(), clock);
        self.book.plans.insert(key, step.clone());
        step
    }

    fn rest(&mut self, r: usize, pass: &Pass<K>, wake: Option<i64>) {
        let now = self.state.now;
        let replica = &mut self.state.replicas[r];
        let jobs: Vec<_> = pass
            .object
            .status
            .status
            .submissions()
            .iter()
            .filter_map(|record| record.known()?.job_id.clone())
            .collect();
        replica.memory.polls.retain(|job, _| jobs.contains(job));
        let wake = wake.map(|at| at - replica.skew);
        replica.woken |= wake.is_some_and(|at| at <= now);
        replica.wake = wake;
        if self.is(Wrong::Restless)
            && let Some(live) = self.state.api.live().cloned()
        {
            self.state.api.keep((*live).clone());
            self.state.notify();
        }
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

    /// What is replaced, when there is no new event yet: only a wrong operator asks.
    fn replaced_early(&self, pass: &Pass<K>) -> Option<K::Call> {
        let wrong = self.setting.wrong.filter(|wrong| *wrong == Wrong::CancelFirst)?;
        K::hastens(wrong, &pass.object)
    }

    /// An operator takes in the answer to what it has sent.
    pub fn answered(&mut self, r: usize, reply: Reply<K>) {
        let Some(mut pass) = self.take(r) else { return };
        let now = self.state.now;
        let clock = self.state.replicas[r].clock(now);
        match (std::mem::replace(&mut pass.doing, Doing::Plan), reply) {
            (Doing::Read(read), reply) => {
                let found = match reply {
                    Reply::Found(mut found) => {
                        if let Some(wrong) = self.setting.wrong {
                            K::finds(wrong, &pass.object, &read, &mut found);
                        }
                        Some(found)
                    }
                    _ => None,
                };
                K::learn(&mut pass.facts, &mut self.state.replicas[r].memory, &read, found, clock);
                self.put(r, pass, Doing::Plan);
            }
            (Doing::Write(writing), Reply::Object(Some(object))) => {
                self.committed(&mut pass, &writing, object);
                match self.replaced_early(&pass) {
                    Some(call) => self.put(r, pass, Doing::Call(call)),
                    None => self.put(r, pass, Doing::Plan),
                }
            }
            (Doing::Write(writing), Reply::Conflict) if self.is(Wrong::ConflictIsSuccess) => {
                let object = Object { status: writing.status.clone(), ..(*pass.object).clone() };
                self.committed(&mut pass, &writing, Arc::new(object));
                self.put(r, pass, Doing::Plan);
            }
            (Doing::Write(writing), _) => self.put(r, pass, Doing::ReadBack(writing)),
            (Doing::ReadBack(writing), Reply::Object(Some(live))) => self.resolved(r, pass, &writing, live),
            (
                Doing::ReadBack(_) | Doing::Relocate(_) | Doing::Record(_),
                Reply::Object(None) | Reply::Gone,
            ) => {
                self.give_up(r);
            }
            (Doing::ReadBack(writing), _) => self.put(r, pass, Doing::ReadBack(writing)),
            (Doing::Post(order), reply) => self.posted(r, pass, &order, reply),
            (Doing::Record(note), Reply::Object(Some(object))) => {
                pass.object = object;
                self.state.ledger.receipts[r] = None;
                K::deliver(&mut pass.facts, note.nonce.clone(), Outcome::Accepted);
                self.put(r, pass, Doing::Plan);
            }
            (Doing::Record(note), Reply::Conflict) if self.is(Wrong::ForgetJobId) => {
                K::deliver(&mut pass.facts, note.nonce.clone(), Outcome::Accepted);
                self.put(r, pass, Doing::Plan);
            }
            (Doing::Record(note), Reply::Conflict | Reply::TestFailed) => {
                self.put(r, pass, Doing::Relocate(note));
            }
            (Doing::Record(note), _) => self.put(r, pass, Doing::Record(note)),
            (Doing::Relocate(note), Reply::Object(Some(live))) => {
                match place(&live, &note.nonce).filter(|_| live.uid == note.uid) {
                    Some(index) => {
                        let note = Note { index, ..(*note).clone() };
                        self.put(r, pass, Doing::Record(Arc::new(note)));
                    }
                    None => self.give_up(r),
                }
            }
            (Doing::Relocate(note), _) => self.put(r, pass, Doing::Relocate(note)),
            (Doing::Call(call), reply) => {
                let outcome = match reply {
                    Reply::Done | Reply::Status(404) => Repaired::Done,
                    Reply::NotSent => {
                        self.state.replicas[r].memory.hold_until = Some(after(clock, span(AGAIN)));
                        Repaired::NotNow
                    }
                    _ => Repaired::Unknown,
                };
                K::called(&mut pass.facts, &call, outcome);
                self.put(r, pass, Doing::Plan);
            }
            (Doing::Finalizer(_), Reply::Object(Some(object))) => {
                pass.object = object;
                self.put(r, pass, Doing::Plan);
            }
            (Doing::Finalizer(_), Reply::Object(None)) => self.state.replicas[r].woken = true,
            (Doing::Finalizer(_), _) => self.give_up(r),
            (Doing::Plan, _) => self.put(r, pass, Doing::Plan),
        }
    }

    /// A write was not confirmed; this is the object as it is.
    fn resolved(&mut self, r: usize, mut pass: Pass<K>, writing: &Writing<K>, live: Arc<Object<K>>) {
        let clock = self.state.replicas[r].clock(self.state.now);
        let uids = [&writing.planned, &live].map(|object| object.uid.to_string());
        let intent = writing.intent.as_ref().map(|i| (i.submission.nonce.as_str(), i.submission.submit_by));
        let resolution = resolve(
            Snapshot {
                uid: &uids[0],
                generation: writing.planned.generation,
                status: &writing.planned.status.status,
            },
            &writing.status.status,
            intent,
            Snapshot { uid: &uids[1], generation: live.generation, status: &live.status.status },
            writing.rewrites,
            clock,
        );
        match resolution {
            Resolution::Written => {
                self.committed(&mut pass, writing, live);
                self.put(r, pass, Doing::Plan);
            }
            Resolution::WriteAgain => {
                let again =
                    Writing { version: live.version, rewrites: writing.rewrites + 1, ..writing.clone() };
                self.put(r, pass, Doing::Write(Arc::new(again)));
            }
            Resolution::GiveUp => self.give_up(r),
        }
    }

    fn posted(&mut self, r: usize, mut pass: Pass<K>, order: &Arc<Order>, reply: Reply<K>) {
        let now = self.state.now;
        let clock = self.state.replicas[r].clock(now);
        let again = self.is(Wrong::SendAgainOnServerError);
        let outcome = match reply {
            Reply::Accepted(receipt) => return self.accepted(r, pass, order, receipt),
            Reply::NotSent if self.is(Wrong::RefusalIsRejection) => {
                Outcome::Rejected { status: 429, message: "refused".to_owned() }
            }
            Reply::NotSent => {
                self.state.replicas[r].memory.hold_until = Some(after(clock, span(AGAIN)));
                Outcome::Refused { message: "refused".to_owned() }
            }
            Reply::Status(_) if again => {
                return self.put(r, pass, Doing::Post(order.clone()));
            }
            Reply::Status(status) if self.is(Wrong::ServerErrorIsRejection) => {
                Outcome::Rejected { status, message: "server error".to_owned() }
            }
            Reply::Nothing if self.is(Wrong::TimeoutIsFailure) => {
                Outcome::Refused { message: "no answer".to_owned() }
            }
            _ => Outcome::Unknown,
        };
        K::deliver(&mut pass.facts, order.nonce().to_owned(), outcome);
        self.put(r, pass, Doing::Plan);
    }

    /// What was accepted is recorded before anything else happens.
    fn accepted(&mut self, r: usize, pass: Pass<K>, order: &Order, receipt: Receipt) {
        self.state.ledger.receipts[r] = Some(order.nonce().to_owned());
        let note = Note {
            uid: order.uid,
            index: place(&pass.object, order.nonce()).unwrap_or_default(),
            nonce: order.nonce().to_owned(),
            receipt,
            accepted: self.state.replicas[r].clock(self.state.now),
            version: self.is(Wrong::ForgetJobId).then_some(pass.object.version),
        };
        self.put(r, pass, Doing::Record(Arc::new(note)));
    }

    /// I3: who was told what was accepted, and goes on, has recorded it, unless the record is gone.
    fn check_recorded(&mut self, r: usize, pass: &Pass<K>) {
        let Some(nonce) = self.state.ledger.receipts[r].take() else { return };
        let live = self.state.api.live().filter(|live| live.uid == pass.object.uid);
        let open =
            live.and_then(|live| live.record(&nonce)).is_some_and(|record| record.accept_time.is_none());
        if open {
            self.broken("I3", format!("what {nonce} was answered was seen and is not recorded"));
        }
    }
}

fn place<K: Kind>(object: &Object<K>, nonce: &str) -> Option<usize> {
    object.status.status.submissions().iter().position(|record| record.nonce() == Some(nonce))
}
