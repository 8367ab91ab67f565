//! Requests: what can befall them, and what the API server and JumpCloud do about them.

use std::sync::Arc;

use jumpcloud_operator::api::recording::Records;
use jumpcloud_operator::api::submission::{Operation, Recorded};

use super::drive::Driver;
use super::kind::{Called, Kind, Receipt};
use super::object::{Object, Stored};
use super::replica::Doing;
use super::request::{Late, Note, Order, Request};
use super::timing::DELAY;
use super::wrong::Wrong;
use crate::clock::{Ms, moment};
use crate::invariants::Violation;

/// What befalls a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// No byte of it leaves, or it is answered with 429: nothing happens.
    Refused,
    /// It is lost on its way there, and the connection breaks.
    LostBefore,
    /// It is acted upon, and the answer is lost.
    LostAfter,
    /// It is answered with 503 and not acted upon.
    ErrorBefore,
    /// It is acted upon and answered with 500.
    ErrorAfter,
    /// The sender gets no answer and gives it up; it arrives later.
    Late,
}

/// An answer.
pub enum Reply<K: Kind> {
    /// To a read.
    Found(K::Found),
    /// The object; `None`: it is gone.
    Object(Option<Arc<Object<K>>>),
    /// 409
    Conflict,
    /// 404 to a write.
    Gone,
    /// 422: a `test` of a JSON patch failed.
    TestFailed,
    /// 2xx with what was made.
    Accepted(Receipt),
    /// 2xx
    Done,
    /// Another status of JumpCloud.
    Status(u16),
    /// No answer.
    Nothing,
    /// No byte was sent, or it was refused at once.
    NotSent,
}

impl Fault {
    /// What can befall that request.
    pub fn of<K: Kind>(doing: &Doing<K>) -> &'static [Self] {
        match doing {
            Doing::Plan => &[],
            Doing::Read(_) | Doing::ReadBack(_) | Doing::Relocate(_) => &[Self::LostBefore],
            Doing::Write(_) | Doing::Record(_) | Doing::Finalizer(_) => {
                &[Self::LostBefore, Self::LostAfter, Self::Late]
            }
            Doing::Call(_) => &[Self::Refused, Self::LostBefore, Self::LostAfter, Self::Late],
            Doing::Post(_) => &[
                Self::Refused,
                Self::LostBefore,
                Self::LostAfter,
                Self::ErrorBefore,
                Self::ErrorAfter,
                Self::Late,
            ],
        }
    }
}

impl<K: Kind> Driver<'_, K> {
    /// An operator sends what it is about to send, and takes in what comes of it.
    pub fn send(&mut self, r: usize, fault: Fault) {
        let Some(pass) = self.state.replicas[r].pass.clone() else { return };
        let request = match &pass.doing {
            Doing::Plan => return,
            Doing::Read(read) => {
                let reply = match fault {
                    Fault::None => {
                        let now = self.state.now;
                        Reply::Found(K::find(&mut self.state.cloud, read, now))
                    }
                    _ => Reply::Nothing,
                };
                return self.answered(r, reply);
            }
            Doing::ReadBack(_) | Doing::Relocate(_) => {
                let reply = match fault {
                    Fault::None => Reply::Object(self.state.api.live().cloned()),
                    _ => Reply::Nothing,
                };
                return self.answered(r, reply);
            }
            Doing::Write(writing) => {
                let version = (self.setting.wrong != Some(Wrong::TrustCache)).then_some(writing.version);
                Request::Write(version, writing.status.clone())
            }
            Doing::Post(order) => {
                if !self.first_byte(r, order) {
                    return self.answered(r, Reply::NotSent);
                }
                Request::Post(order.clone())
            }
            Doing::Record(note) => Request::Record(note.clone()),
            Doing::Call(call) => Request::Call(call.clone(), pass.object.clone()),
            Doing::Finalizer(add) => Request::Finalizer(pass.object.version, *add),
        };
        drop(pass);
        let acts = matches!(fault, Fault::None | Fault::LostAfter | Fault::ErrorAfter);
        let reply = acts.then(|| self.serve(&request));
        if fault == Fault::Late {
            let until = self.arrives_until(r, &request);
            self.state.late.push(Late { request, until });
        }
        let reply = match fault {
            Fault::None => reply.unwrap_or(Reply::Nothing),
            Fault::Refused => Reply::NotSent,
            Fault::ErrorBefore => Reply::Status(503),
            Fault::ErrorAfter => Reply::Status(500),
            Fault::LostBefore | Fault::LostAfter | Fault::Late => Reply::Nothing,
        };
        self.answered(r, reply);
    }

    fn arrives_until(&self, r: usize, request: &Request<K>) -> Ms {
        match request {
            Request::Post(order) => {
                let by = moment(order.record.submit_by) - self.state.replicas[r].skew;
                by + if order.operation == Operation::Update { DELAY } else { self.setting.delay }
            }
            _ => self.state.now + DELAY,
        }
    }

    /// I2: no request that must not be repeated is sent without a committed intent of the same nonce and
    /// hash, none twice, none too late. Whether it is sent.
    fn first_byte(&mut self, r: usize, order: &Arc<Order>) -> bool {
        let now = self.state.now;
        let spare = moment(order.record.submit_by) - moment(self.state.replicas[r].clock(now));
        if spare <= 0 && self.setting.wrong != Some(Wrong::IgnoreSubmitBy) {
            return false;
        }
        let nonce = order.nonce().to_owned();
        let mut broken = |text: String| self.book.broken.push(Violation { rule: "I2", text });
        match self.state.ledger.intents.iter().find(|(intended, _)| *intended == nonce) {
            None => broken(format!("{nonce} is sent without an intent")),
            Some((_, hash)) if *hash != order.hash => broken(format!("{nonce} is sent with another payload")),
            Some(_) => {}
        }
        if self.state.ledger.sent.contains(&nonce) {
            broken(format!("{nonce} is sent twice"));
        }
        if spare <= 0 {
            broken(format!("{nonce} is sent {} s after its submitBy", -spare / 1000));
        }
        self.state.ledger.sent.push(nonce);
        K::sent(&mut self.state.cloud, order, spare, now);
        true
    }

    /// A request arrives.
    pub fn serve(&mut self, request: &Request<K>) -> Reply<K> {
        let now = self.state.now;
        match request {
            Request::Write(version, status) => self.write(*version, status),
            Request::Post(order) => {
                Reply::Accepted(K::take(&mut self.state.cloud, order, now, &mut self.book.broken))
            }
            Request::Record(note) => self.record(note),
            Request::Call(call, basis) => {
                let live = self.state.api.live().filter(|live| live.uid == basis.uid);
                // Who is declared counts no more once the object is to go.
                let deleted = live.is_none_or(|live| live.deleted);
                let basis = Object { deleted, ..(**basis).clone() };
                match K::call(&mut self.state.cloud, call, &basis, now, &mut self.book.broken) {
                    Called::Done => Reply::Done,
                    Called::Missing => Reply::Status(404),
                }
            }
            Request::Finalizer(version, add) => self.finalize(*version, *add),
        }
    }

    fn write(&mut self, version: Option<u32>, status: &Arc<Stored<K>>) -> Reply<K> {
        let Some(live) = self.state.api.live().cloned() else { return Reply::Gone };
        if version.is_some_and(|version| version != live.version) {
            return Reply::Conflict;
        }
        if status.status == live.status.status {
            return Reply::Object(Some(live));
        }
        let object = Object { status: status.clone(), ..(*live).clone() };
        Reply::Object(Some(self.keep(&live, object)))
    }

    fn record(&mut self, note: &Note) -> Reply<K> {
        let Some(live) = self.state.api.live().cloned() else { return Reply::Gone };
        let tested = self.setting.wrong != Some(Wrong::UntestedRecord);
        if note.version.is_some_and(|version| version != live.version) {
            return Reply::Conflict;
        }
        let mut status = live.status.status.clone();
        let Some(Recorded::Known(item)) = K::records(&mut status).get_mut(note.index) else {
            return Reply::TestFailed;
        };
        if tested && (live.uid != note.uid || item.nonce != note.nonce) {
            return Reply::TestFailed;
        }
        note.receipt.note(item, note.accepted);
        if status == live.status.status {
            return Reply::Object(Some(live));
        }
        let object = Object { status: Stored::of(status), ..(*live).clone() };
        Reply::Object(Some(self.keep(&live, object)))
    }

    fn finalize(&mut self, version: u32, add: bool) -> Reply<K> {
        let Some(live) = self.state.api.live().cloned() else { return Reply::Gone };
        if version != live.version {
            return Reply::Conflict;
        }
        if live.deleted && !add {
            self.state.api.there = false;
            self.state.notify();
            return Reply::Object(None);
        }
        if live.deleted || live.finalizer == add {
            return Reply::Object(Some(live));
        }
        let object = Object { finalizer: add, ..(*live).clone() };
        Reply::Object(Some(self.keep(&live, object)))
    }

    /// Something is written: who is to judge takes notice.
    fn keep(&mut self, live: &Arc<Object<K>>, object: Object<K>) -> Arc<Object<K>> {
        let now = self.state.now;
        let object = self.state.api.keep(object);
        for record in object.status.status.submissions().iter().filter_map(Recorded::known) {
            if !self.state.ledger.intents.iter().any(|(nonce, _)| *nonce == record.nonce) {
                self.state.ledger.intents.push((record.nonce.clone(), record.payload_hash.clone()));
            }
        }
        K::written(&mut self.state.cloud, &live.status.status, &object, now, &mut self.book.broken);
        self.state.notify();
        object
    }
}
