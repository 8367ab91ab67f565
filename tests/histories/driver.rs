//! The driver: one pass as the design describes it, a step for each event.
//!
//! It decides nothing but what the protocol prescribes for each answer; what to do next is always
//! asked of the planner. Wrong drivers differ in the places that name a [`Mutant`].

use std::sync::Arc;

use jumpcloud_operator::api::submission::{Operation, Phase, Recorded};
use jumpcloud_operator::plan::facts::{Connection, ConnectionFact, FailedRead, Outcome, Read, Slot};
use jumpcloud_operator::plan::policy::{Policy, Writes, after};
use jumpcloud_operator::plan::step::{Commit, Step};

use crate::api_server::{Basis, Object};
use crate::clock::{MINUTE, Ms, SECOND, moment, ms, span};
use crate::environment::Link;
use crate::mutant::Mutant;
use crate::network::{Order, Reply, Request};
use crate::process::{Pass, Waiting, Writing};
use crate::world::{Event, World};

/// More steps than any pass over so few users needs.
const MOST_STEPS: u32 = 200;

/// More passes in a row than anything needs that end at once and want to go on at once.
const MOST_HASTE: u32 = 5;

impl World {
    /// A process begins a pass, perhaps from an old version of the object.
    pub fn begin(&mut self, process: usize) {
        if self.processes[process].pass.is_some() {
            self.processes[process].again = true;
            return;
        }
        self.processes[process].again = false;
        let mut object = self.api.live();
        let stale = self.rates().stale;
        if self.dice.chance(stale) {
            object = self.api.versions[self.dice.index(self.api.versions.len())].object.clone();
            let delay = self.dice.between(SECOND, 5 * SECOND);
            self.wake(process, delay);
        }
        if let Some(object) = object {
            self.trace(|| format!("process {process} begins a pass at version {}", object.version));
            let mut pass = Pass::of(object);
            pass.facts.fresh_nonce = self.nonce();
            // As the process has the connection in its store when a pass begins.
            pass.facts.protected.clone_from(&self.environment.protected);
            pass.sender.protected.clone_from(&self.environment.protected);
            self.processes[process].pass = Some(pass);
            self.think(process);
        }
    }

    /// A process asks the planner and does what it says.
    pub fn think(&mut self, process: usize) {
        let Some(mut pass) = self.processes[process].pass.take() else { return };
        pass.steps += 1;
        if pass.steps > MOST_STEPS {
            self.ledger.spins.push(format!("a pass at {} ms takes more than {MOST_STEPS} steps", self.now));
            return self.wake(process, MINUTE);
        }
        self.processes[process].memory.inform(&mut pass, self.now);
        if matches!(self.mutant, Some(Mutant::NoQuarantine | Mutant::WallClockOnly)) {
            pass.facts.notes.first_seen.values_mut().for_each(|seen| *seen = span(60 * MINUTE));
        }
        if self.mutant == Some(Mutant::IgnoreProtection) {
            pass.facts.protected = Vec::new();
        }
        let records = &pass.object.status.submissions;
        let updates = records.iter().filter_map(|s| s.known()).all(|s| s.operation == Operation::Update);
        let policy = match self.mutant {
            Some(Mutant::NoQuarantine) => Policy { quarantine: span(0), ..self.policy },
            Some(Mutant::HastyUpdate) if updates => {
                Policy { quarantine: span(0), submit_timeout: span(SECOND), ..self.policy }
            }
            _ => self.policy,
        };
        pass.waiting = Waiting::Nothing;
        let seen = self.mutant.and_then(|mutant| mutant.sees(&pass.object.status));
        let status = seen.as_ref().unwrap_or(&pass.object.status);
        match pass.plan(status, &policy, self.clock(process)) {
            Step::Read(read) => self.begin_read(process, pass, read),
            Step::Commit(commit) => self.commit(process, pass, *commit),
            Step::Send(nonce) => match pass.orders.get(&nonce).cloned() {
                Some(order) => {
                    pass.waiting = Waiting::Post(order.clone(), 1);
                    self.await_answer(process, pass, Request::Post(order));
                }
                None => self.ledger.spins.push(format!("{nonce} is to be sent and was not committed here")),
            },
            Step::Repair(repair) => self.repair(process, pass, repair),
            Step::Idle { wake_at } => {
                let wake = wake_at.map(|at| moment(at) - self.processes[process].skew);
                self.rest(process, &pass, wake);
            }
        }
    }

    fn begin_read(&mut self, process: usize, mut pass: Pass, read: Read) {
        let request = match &read {
            Read::Connection => {
                pass.facts.connection = Some(self.connection(&mut pass));
                return self.go_on(process, pass);
            }
            Read::Slot => {
                let records = pass.object.status.submissions.iter().filter_map(Recorded::known);
                let under_way = records.filter(|record| record.phase != Phase::Rejected).count();
                pass.facts.slot = Some(if under_way < self.environment.max_jobs as usize {
                    Slot::Free
                } else {
                    Slot::Taken { until: after(self.clock(process), self.policy.poll_min) }
                });
                return self.go_on(process, pass);
            }
            Read::Users(keys) if self.mutant == Some(Mutant::NoLookUp) => {
                pass.facts.looked_up(keys, &[], self.clock(process));
                return self.go_on(process, pass);
            }
            Read::Users(keys) => Request::Users(keys.clone()),
            Read::Job { job_id, .. } => Request::Job(job_id.clone()),
            Read::Managers(wanted) => Request::Managers(wanted.clone()),
        };
        pass.waiting = Waiting::Read(read);
        self.await_answer(process, pass, request);
    }

    /// A process takes in an answer.
    pub fn answered(&mut self, process: usize, reply: Reply) {
        let Some(mut pass) = self.processes[process].pass.take() else { return };
        match std::mem::replace(&mut pass.waiting, Waiting::Nothing) {
            Waiting::Read(read) => {
                self.read(process, &mut pass, read, reply);
                self.go_on(process, pass);
            }
            Waiting::Write(writing) => self.written(process, pass, writing, reply),
            Waiting::ReadBack(writing, times) => self.read_back(process, pass, writing, times, reply),
            Waiting::Put(fix) => self.repaired(process, pass, &fix, reply),
            Waiting::Post(order, times) => self.posted(process, pass, order, times, reply),
            Waiting::Record(record, until) => self.recorded(process, pass, record, until, reply),
            Waiting::Relocate(record, until) => self.relocated(process, pass, record, until, reply),
            Waiting::Nothing => self.processes[process].pass = Some(pass),
        }
    }

    fn read(&mut self, process: usize, pass: &mut Pass, read: Read, reply: Reply) {
        let now = self.clock(process);
        let memory = &mut self.processes[process].memory;
        match (&read, reply) {
            (Read::Users(keys), Reply::Users(mut found)) => {
                memory.trouble = None;
                if let Some(mutant) = self.mutant {
                    mutant.finds(&pass.object.status, &self.ledger.posts, &mut found);
                }
                pass.facts.looked_up(keys, &found, now);
            }
            (Read::Managers(wanted), Reply::Managers(found)) => {
                memory.trouble = None;
                pass.facts.managers.extend(wanted.iter().cloned().zip(found));
            }
            (Read::Job { job_id, rows }, Reply::Job(answer)) => {
                memory.trouble = None;
                pass.facts.polled(job_id, answer, *rows, now);
                memory.polls.clone_from(&pass.facts.notes.polls);
            }
            _ => {
                let message = "JumpCloud did not answer; tried again".to_owned();
                memory.trouble = Some(message.clone());
                let retry_at = after(now, span(self.dice.between(2 * SECOND, 10 * SECOND)));
                pass.facts.failed.insert(read, FailedRead { retry_at, message });
            }
        }
    }

    /// What the connection is when a pass asks for it.
    fn connection(&mut self, pass: &mut Pass) -> ConnectionFact {
        // Another organisation's key counts only once the object has its own.
        let settled = self.api.live().is_some_and(|live| live.status.organization_id.is_some());
        pass.organization = match self.environment.link {
            Link::Other if settled => "org-2",
            _ => "org-1",
        }
        .to_owned();
        pass.sender.forbidden =
            self.environment.link == Link::Paused || self.policy.writes == Writes::Forbidden;
        match self.environment.link {
            Link::Missing => ConnectionFact::Missing,
            Link::Checking if self.dice.chance(700) => ConnectionFact::Checking,
            Link::NotReady => ConnectionFact::NotReady("the key is refused".to_owned()),
            link => ConnectionFact::Ready(Connection {
                organization: pass.organization.clone(),
                paused: link == Link::Paused,
                max_batch_size: 100,
            }),
        }
    }

    fn commit(&mut self, process: usize, mut pass: Pass, mut commit: Commit) {
        if self.mutant == Some(Mutant::RepairUnannounced) && !commit.repairs.is_empty() {
            let fresh = self.nonce();
            pass.facts.committed(None, commit.repairs, fresh);
            return self.go_on(process, pass);
        }
        if let Some(mutant) = self.mutant {
            mutant.writes(&pass.object.status, &mut commit.status);
        }
        let rates = self.rates();
        if commit.intent.is_some() && self.dice.chance(rates.reads / 3) {
            // No rate token is free: the intent is not written.
            let wait = span(self.dice.between(SECOND, 90 * SECOND));
            pass.facts.notes.throttled_until = Some(after(self.clock(process), wait));
            return self.go_on(process, pass);
        }
        let writing = Box::new(Writing {
            status: Arc::new(commit.status.clone()),
            planned: pass.object.clone(),
            rewrites: 0,
            commit,
        });
        if self.mutant == Some(Mutant::SkipSwap) && writing.commit.intent.is_some() {
            let object = Object { status: writing.status.clone(), ..(*pass.object).clone() };
            return self.committed(process, pass, &writing, Arc::new(object));
        }
        let request = self.write_of(&writing, pass.object.version);
        pass.waiting = Waiting::Write(writing);
        self.await_answer(process, pass, request);
    }

    /// The request that writes it.
    pub fn write_of(&self, writing: &Writing, version: u64) -> Request {
        let basis = match self.mutant {
            Some(Mutant::OverwriteStatus) => Basis::Whatever,
            _ => Basis::Version(version),
        };
        Request::Write { basis, status: writing.status.clone() }
    }

    fn written(&mut self, process: usize, mut pass: Pass, writing: Box<Writing>, reply: Reply) {
        match reply {
            Reply::Object(Some(object)) => self.committed(process, pass, &writing, object),
            Reply::Refused(_) if self.mutant == Some(Mutant::ConflictIsSuccess) => {
                let object = Object { status: writing.status.clone(), ..(*pass.object).clone() };
                self.committed(process, pass, &writing, Arc::new(object));
            }
            _ => {
                pass.waiting = Waiting::ReadBack(writing, 1);
                self.await_answer(process, pass, Request::Get);
            }
        }
    }

    /// The status is kept; an intent in it may be sent now.
    pub fn committed(&mut self, process: usize, mut pass: Pass, writing: &Writing, object: Arc<Object>) {
        if let Some(intent) = &writing.commit.intent {
            let submission = &intent.submission;
            let order = Order {
                operation: submission.operation,
                nonce: submission.nonce.clone(),
                uid: object.uid,
                payload: intent.payload.rows().to_vec(),
                members: submission.members.clone(),
                usernames: submission.usernames().to_vec(),
                organization: pass.organization.clone(),
                sender: pass.sender.clone(),
                submit_by: moment(submission.submit_by),
                armed_until: self.now + ms(self.policy.submit_timeout),
            };
            pass.orders.insert(order.nonce.clone(), Arc::new(order));
        }
        let armed = writing.commit.intent.as_ref().map(|intent| intent.submission.nonce.clone());
        let fresh = self.nonce();
        pass.facts.committed(armed, writing.commit.repairs.clone(), fresh);
        pass.object = object;
        self.go_on(process, pass);
    }

    /// A nonce that no request has yet.
    pub fn nonce(&mut self) -> String {
        match self.mutant {
            Some(Mutant::SameNonce) => "always-the-same".to_owned(),
            _ => format!("{:016x}", self.dice.number()),
        }
    }

    fn posted(&mut self, process: usize, mut pass: Pass, order: Arc<Order>, times: u32, reply: Reply) {
        let now = self.clock(process);
        let outcome = match reply {
            Reply::Accepted(job_id) => {
                self.processes[process].memory.trouble = None;
                return self.accepted(process, pass, &order, job_id);
            }
            Reply::Status(status @ (400 | 413 | 422), message) => Outcome::Rejected { status, message },
            Reply::NotSent | Reply::Status(401 | 403 | 404 | 429, _)
                if self.mutant == Some(Mutant::RefusalIsRejection) =>
            {
                Outcome::Rejected { status: 429, message: "refused".to_owned() }
            }
            Reply::NotSent | Reply::Status(401 | 403 | 404 | 429, _) => {
                let wait = span(self.dice.between(2 * SECOND, 20 * SECOND));
                if self.dice.chance(300) {
                    // The connection is in doubt: it is checked before anything else is asked of it.
                    pass.facts.connection = Some(ConnectionFact::Checking);
                }
                let memory = &mut self.processes[process].memory;
                memory.hold_until = Some(after(now, wait));
                memory.trouble = Some("JumpCloud refuses requests; tried again".to_owned());
                Outcome::Refused { message: "refused".to_owned() }
            }
            Reply::Nothing if self.mutant == Some(Mutant::TimeoutIsRefusal) => {
                Outcome::Refused { message: "no answer".to_owned() }
            }
            Reply::Status(status, message) if self.mutant == Some(Mutant::ServerErrorIsRejection) => {
                Outcome::Rejected { status, message }
            }
            _ if self.mutant == Some(Mutant::SendAgainOnUnknown) && times == 1 => {
                pass.waiting = Waiting::Post(order.clone(), 2);
                return self.await_answer(process, pass, Request::Post(order));
            }
            _ => Outcome::Unknown,
        };
        pass.facts.deliveries.insert(order.nonce.clone(), outcome);
        self.go_on(process, pass);
    }

    /// The pass plans again, a moment later: time never stands still between an answer and a plan.
    pub fn go_on(&mut self, process: usize, pass: Pass) {
        let life = self.processes[process].life;
        self.processes[process].pass = Some(pass);
        let delay = self.dice.between(1, 5);
        self.schedule(delay, Event::Think(process, life));
    }

    /// The pass waits for the answer to a request.
    pub fn await_answer(&mut self, process: usize, mut pass: Pass, request: Request) {
        pass.acted = true;
        self.processes[process].pass = Some(pass);
        self.call(process, request);
    }

    /// The pass ends without having come to the end of its plan; another one follows soon.
    pub fn give_up(&mut self, process: usize) {
        self.trace(|| format!("process {process} gives its pass up"));
        let delay = self.dice.between(SECOND, 5 * SECOND);
        self.wake(process, delay);
    }

    /// The pass has nothing left to do until then.
    fn rest(&mut self, process: usize, pass: &Pass, wake: Option<Ms>) {
        let now = self.now;
        if self.mutant == Some(Mutant::Restless) {
            self.sign(pass);
        }
        self.trace(|| format!("process {process} rests {:?}", wake.map(|at| at - now)));
        let it = &mut self.processes[process];
        it.hasty = if pass.acted || wake.is_none_or(|at| at > now) { 0 } else { it.hasty + 1 };
        if it.hasty > MOST_HASTE {
            self.ledger.spins.push(format!("passes at {now} ms end at once and want to go on at once"));
            it.hasty = 0;
            return self.wake(process, MINUTE);
        }
        if it.again {
            self.wake(process, 5);
        }
        if let Some(at) = wake {
            self.wake(process, (at - now).max(1));
        }
    }

    /// A condition of a type that the planner leaves alone, new each time.
    fn sign(&mut self, pass: &Pass) {
        let mut status = (*pass.object.status).clone();
        status.conditions.retain(|condition| condition.type_ != "Seen");
        if let Some(mut seen) = status.conditions.first().cloned() {
            "Seen".clone_into(&mut seen.type_);
            seen.message = format!("at {}", self.now);
            status.conditions.push(seen);
            let _ = self.api.patch_status(Basis::Whatever, &status, self.now);
        }
    }

    fn wake(&mut self, process: usize, delay: Ms) {
        let life = self.processes[process].life;
        self.schedule(delay, Event::Wake(process, life));
    }
}
