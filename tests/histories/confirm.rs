//! The driver's answers to lost and refused writes: read back, resolve, record again.

use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus;
use jumpcloud_operator::plan::conflict::{Resolution, Snapshot, resolve};
use jumpcloud_operator::plan::facts::Outcome;

use crate::api_server::{JobRecord, Object, Refusal};
use crate::clock::{MINUTE, Ms, SECOND};
use crate::ledger::Receipt;
use crate::mutant::Mutant;
use crate::network::{Order, Reply, Request};
use crate::process::{Pass, Waiting, Writing};
use crate::world::{Event, World};

/// Most attempts to read an object back.
const READ_BACKS: u32 = 3;

/// How long the record of a job id is tried.
const RECORDING: Ms = 3 * MINUTE;

impl World {
    /// A write was not confirmed; this is the object as it is.
    pub fn read_back(
        &mut self,
        process: usize,
        mut pass: Pass,
        mut writing: Box<Writing>,
        times: u32,
        reply: Reply,
    ) {
        let live = match reply {
            Reply::Object(Some(live)) => live,
            Reply::Object(None) => return self.give_up(process),
            _ if times < READ_BACKS => {
                pass.waiting = Waiting::ReadBack(writing, times + 1);
                return self.await_answer(process, pass, Request::Get);
            }
            _ => return self.give_up(process),
        };
        let uids = [&writing.planned, &live].map(|object| object.uid.to_string());
        let intent =
            writing.commit.intent.as_ref().map(|i| (i.submission.nonce.as_str(), i.submission.submit_by));
        let resolution = resolve(
            snapshot(&uids[0], &writing.planned),
            &writing.status,
            intent,
            snapshot(&uids[1], &live),
            writing.rewrites,
            self.clock(process),
        );
        match resolution {
            Resolution::Written => self.committed(process, pass, &writing, live),
            Resolution::WriteAgain => {
                writing.rewrites += 1;
                let request = self.write_of(&writing, live.version);
                pass.waiting = Waiting::Write(writing);
                self.await_answer(process, pass, request);
            }
            Resolution::GiveUp => self.give_up(process),
        }
    }

    /// A job id came: it is recorded before anything else happens.
    pub fn accepted(&mut self, process: usize, mut pass: Pass, order: &Order, job_id: String) {
        let life = self.processes[process].life;
        self.ledger.receipts.push(Receipt { at: self.now, job_id: job_id.clone(), process, life });
        if self.mutant == Some(Mutant::ForgetJobId) {
            pass.facts.deliveries.insert(order.nonce.clone(), Outcome::Accepted);
            return self.go_on(process, pass);
        }
        let record = JobRecord {
            uid: order.uid,
            index: place(&pass.object, &order.nonce).unwrap_or_default(),
            nonce: order.nonce.clone(),
            job_id,
            accepted: self.clock(process),
            tested: self.mutant != Some(Mutant::UntestedRecord),
        };
        let request = Request::Record(record.clone());
        pass.waiting = Waiting::Record(record, self.now + RECORDING);
        self.await_answer(process, pass, request);
    }

    /// The answer to a record.
    pub fn recorded(&mut self, process: usize, mut pass: Pass, record: JobRecord, until: Ms, reply: Reply) {
        match reply {
            Reply::Object(Some(object)) => {
                pass.object = object;
                pass.facts.deliveries.insert(record.nonce, Outcome::Accepted);
                self.go_on(process, pass);
            }
            Reply::Refused(Refusal::Gone) | Reply::Object(None) => self.give_up(process),
            _ if self.now > until => self.give_up(process),
            Reply::Refused(_) => {
                pass.waiting = Waiting::Relocate(record, until);
                self.await_answer(process, pass, Request::Get);
            }
            _ => {
                let request = Request::Record(record.clone());
                pass.waiting = Waiting::Record(record, until);
                self.try_again(process, pass, request);
            }
        }
    }

    /// The object, after the record was not where it had been.
    pub fn relocated(&mut self, process: usize, mut pass: Pass, record: JobRecord, until: Ms, reply: Reply) {
        match reply {
            Reply::Object(Some(live)) => match place(&live, &record.nonce) {
                Some(index) if live.uid == record.uid => {
                    let record = JobRecord { index, ..record };
                    let request = Request::Record(record.clone());
                    pass.waiting = Waiting::Record(record, until);
                    self.await_answer(process, pass, request);
                }
                _ => self.give_up(process),
            },
            Reply::Object(None) => self.give_up(process),
            _ if self.now > until => self.give_up(process),
            _ => {
                pass.waiting = Waiting::Relocate(record, until);
                self.try_again(process, pass, Request::Get);
            }
        }
    }

    fn try_again(&mut self, process: usize, pass: Pass, request: Request) {
        let life = self.processes[process].life;
        self.processes[process].pass = Some(pass);
        let delay = self.dice.between(SECOND / 5, 2 * SECOND);
        self.schedule(delay, Event::Start(process, life, request));
    }
}

fn snapshot<'a>(uid: &'a str, object: &'a Object) -> Snapshot<'a, JumpCloudUserBatchStatus> {
    Snapshot { uid, generation: object.generation, status: &object.status }
}

fn place(object: &Object, nonce: &str) -> Option<usize> {
    object.status.submissions.iter().position(|record| record.nonce() == Some(nonce))
}
