//! Answers: what an operator does with each of them, as the protocol prescribes it.

use std::sync::Arc;

use jumpcloud_operator::api::recording::Records;
use jumpcloud_operator::plan::conflict::{Resolution, Snapshot, resolve};
use jumpcloud_operator::plan::facts::{Outcome, Repaired};
use jumpcloud_operator::plan::policy::after;

use super::Driver;
use crate::clock::span;
use crate::explore::kind::{Kind, Receipt};
use crate::explore::object::Object;
use crate::explore::replica::{Doing, Pass, Writing};
use crate::explore::request::{Note, Order};
use crate::explore::timing::AGAIN;
use crate::explore::wire::Reply;
use crate::explore::wrong::Wrong;

impl<K: Kind> Driver<'_, K> {
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

    /// What is replaced, when there is no new event yet: only a wrong operator asks.
    fn replaced_early(&self, pass: &Pass<K>) -> Option<K::Call> {
        let wrong = self.setting.wrong.filter(|wrong| *wrong == Wrong::CancelFirst)?;
        K::hastens(wrong, &pass.object)
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
}

fn place<K: Kind>(object: &Object<K>, nonce: &str) -> Option<usize> {
    object.status.status.submissions().iter().position(|record| record.nonce() == Some(nonce))
}
