//! The driver's answers to lost and refused writes: read back, resolve, record again.

use jumpcloud_operator::api::submission::{AcceptedEvent, Recorded};
use jumpcloud_operator::plan::facts::Outcome;
use jumpcloud_operator::plan::schedule::facts::Listed;

use super::network::{Order, Reply, Request};
use super::objects::{Object, Record, Refusal};
use super::process::{Pass, Waiting, Writing};
use super::world::{Event, Who, World};
use crate::clock::{MINUTE, Ms, SECOND, stamp};

/// Most attempts to read an object back.
const READ_BACKS: u32 = 3;

/// Most times that a status is written again because only metadata had changed.
const REWRITES: u32 = 5;

/// How long the record of what was accepted is tried.
const RECORDING: Ms = 3 * MINUTE;

impl World {
    /// A write was not confirmed; this is the object as it is.
    pub fn read_back(
        &mut self,
        who: Who,
        mut pass: Pass,
        mut writing: Box<Writing>,
        times: u32,
        reply: Reply,
    ) {
        let live = match reply {
            Reply::Object(Some(live)) => live,
            Reply::Object(None) => return self.give_up(who),
            _ if times < READ_BACKS => {
                pass.waiting = Waiting::ReadBack(writing, times + 1);
                return self.await_answer(who, pass, Request::Get(who.place));
            }
            _ => return self.give_up(who),
        };
        let planned = writing.planned.clone();
        if live.uid != planned.uid || live.deleted != planned.deleted {
            return self.give_up(who);
        }
        if let Some(intent) = &writing.commit.intent {
            let in_time = self.clock(who.process) < intent.submission.submit_by;
            let mut records = live.status.submissions.iter().filter_map(Recorded::known);
            if records.any(|record| record.nonce == intent.submission.nonce) {
                return if in_time { self.committed(who, pass, &writing, live) } else { self.give_up(who) };
            }
            if !in_time {
                return self.give_up(who);
            }
        } else if live.status == writing.status {
            return self.committed(who, pass, &writing, live);
        }
        let same = live.generation == planned.generation
            && live.status == planned.status
            && live.finalizer == planned.finalizer;
        if !same || writing.rewrites >= REWRITES {
            return self.give_up(who);
        }
        writing.rewrites += 1;
        let request = self.write_of(&writing, &live);
        pass.waiting = Waiting::Write(writing);
        self.await_answer(who, pass, request);
    }

    /// Something was accepted: that is recorded before anything else happens.
    pub fn accepted(
        &mut self,
        who: Who,
        mut pass: Pass,
        order: &Order,
        rows: Vec<Listed>,
        job_id: Option<String>,
    ) {
        let events = rows.into_iter().map(|row| AcceptedEvent {
            id: row.user_id,
            scheduled_job_id: row.job_id,
            time: row.time.filter(|time| *time != stamp(order.change.1)),
        });
        let record = Record {
            place: who.place,
            uid: order.uid,
            index: place(&pass.object, &order.nonce).unwrap_or_default(),
            nonce: order.nonce.clone(),
            events: events.collect(),
            job_id,
            accepted: self.clock(who.process),
        };
        let request = Request::Record(record.clone());
        pass.waiting = Waiting::Record(record, self.now + RECORDING);
        self.await_answer(who, pass, request);
    }

    /// The answer to a record.
    pub fn recorded(&mut self, who: Who, mut pass: Pass, record: Record, until: Ms, reply: Reply) {
        match reply {
            Reply::Object(Some(object)) => {
                pass.object = object;
                pass.facts.deliveries.insert(record.nonce, Outcome::Accepted);
                self.go_on(who, pass);
            }
            Reply::Refused(Refusal::Gone) | Reply::Object(None) => self.give_up(who),
            _ if self.now > until => self.give_up(who),
            Reply::Refused(_) => {
                pass.waiting = Waiting::Relocate(record, until);
                self.await_answer(who, pass, Request::Get(who.place));
            }
            _ => {
                let request = Request::Record(record.clone());
                pass.waiting = Waiting::Record(record, until);
                self.try_again(who, pass, request);
            }
        }
    }

    /// The object, after the record was not where it had been.
    pub fn relocated(&mut self, who: Who, mut pass: Pass, record: Record, until: Ms, reply: Reply) {
        match reply {
            Reply::Object(Some(live)) => match place(&live, &record.nonce) {
                Some(index) if live.uid == record.uid => {
                    let record = Record { index, ..record };
                    let request = Request::Record(record.clone());
                    pass.waiting = Waiting::Record(record, until);
                    self.await_answer(who, pass, request);
                }
                _ => self.give_up(who),
            },
            Reply::Object(None) => self.give_up(who),
            _ if self.now > until => self.give_up(who),
            _ => {
                pass.waiting = Waiting::Relocate(record, until);
                self.try_again(who, pass, Request::Get(who.place));
            }
        }
    }

    fn try_again(&mut self, who: Who, pass: Pass, request: Request) {
        self.processes[who.process].about[who.place].pass = Some(pass);
        let delay = self.dice.between(SECOND / 5, 2 * SECOND);
        self.schedule(delay, Event::Start(who, request));
    }
}

fn place(object: &Object, nonce: &str) -> Option<usize> {
    object.status.submissions.iter().position(|record| record.nonce() == Some(nonce))
}
