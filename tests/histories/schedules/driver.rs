//! The driver: one pass as the design describes it, a step for each event.
//!
//! It decides nothing but what the protocol prescribes for each answer; what to do next is always
//! asked of the planner. Wrong drivers differ in the places that name a [`Mutant`].

use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::plan::facts::{Outcome, Repaired};
use jumpcloud_operator::plan::policy::{Writes, after};
use jumpcloud_operator::plan::schedule::facts::{Call, Facts};
use jumpcloud_operator::plan::schedule::step::{Commit, Finalizer, Step};

use super::claims;
use super::ledger::Fate;
use super::manifest::id;
use super::mutant::Mutant;
use super::network::{Order, Reply, Request};
use super::objects::Object;
use super::process::{Pass, Waiting, Writing};
use super::world::{Event, Who, World};
use crate::clock::{MINUTE, Ms, SECOND, moment, span};

/// More steps than any pass over so few users needs.
const MOST_STEPS: u32 = 300;

/// More passes in a row than anything needs that end at once and want to go on at once.
const MOST_HASTE: u32 = 5;

impl World {
    /// A process begins a pass.
    pub fn begin(&mut self, who: Who) {
        let about = &mut self.processes[who.process].about[who.place];
        if about.pass.is_some() {
            about.again = true;
            return;
        }
        about.again = false;
        let mut object = self.api.live(who.place);
        let stale = self.rates().stale;
        if self.dice.chance(stale) {
            let number = self.dice.index(usize::MAX);
            object = self.api.earlier(who.place, number);
            let delay = self.dice.between(SECOND, 5 * SECOND);
            self.wake(who, delay);
        }
        if let Some(object) = object {
            self.trace(|| {
                format!(
                    "process {} begins a pass over {} at version {}",
                    who.process, who.place, object.version
                )
            });
            let (clock, nonce) = (self.clock(who.process), self.nonce());
            let memory = &mut self.processes[who.process].about[who.place].memory;
            let facts = Facts::begin(memory.begin(&object, clock), nonce);
            let mut pass = Pass::of(object, facts);
            pass.facts.protected.clone_from(&self.environment.protected);
            self.refresh_claims(&mut pass);
            self.processes[who.process].about[who.place].pass = Some(pass);
            self.think(who);
        }
    }

    /// What the other object says about users and events that this pass knows of.
    pub fn refresh_claims(&mut self, pass: &mut Pass) {
        let other = self.api.live(1 - pass.object.place);
        let other = other.filter(|_| self.mutant != Some(Mutant::ForgetClaims));
        pass.facts.claims = claims::about(&pass.object, other.as_deref(), pass.facts.events.values());
    }

    /// A process asks the planner and does what it says.
    pub fn think(&mut self, who: Who) {
        let clock = self.clock(who.process);
        let about = &mut self.processes[who.process].about[who.place];
        let Some(mut pass) = about.pass.take() else { return };
        pass.steps += 1;
        if pass.steps > MOST_STEPS {
            self.ledger.spins.push(format!("a pass at {} ms takes more than {MOST_STEPS} steps", self.now));
            return self.wake(who, 10 * MINUTE);
        }
        about.memory.inform(&mut pass, self.now);
        pass.waiting = Waiting::Nothing;
        let seen = self.mutant.and_then(|mutant| mutant.sees(&mut pass, &self.ledger));
        let (object, desired) = match &seen {
            Some((object, desired)) => (object, desired),
            None => (&*pass.object, &pass.object.spec.desired),
        };
        let policy = self.mutant.map_or(self.policy, |mutant| mutant.policy(self.policy));
        let clock = self.mutant.map_or(clock, |mutant| mutant.clock(clock));
        match pass.plan(object, desired, &policy, clock) {
            Step::Read(read) => self.begin_read(who, pass, read),
            Step::Commit(commit) => self.commit(who, pass, *commit),
            Step::Send(nonce) => match pass.orders.get(&nonce).cloned() {
                Some(order) => {
                    pass.waiting = Waiting::Post(order.clone(), 1);
                    self.await_answer(who, pass, Request::Post(order));
                }
                None => self.ledger.spins.push(format!("{nonce} is to be sent and was not committed here")),
            },
            Step::Call(call) => self.begin_call(who, pass, call),
            Step::Finalizer(change) => self.finalize(who, pass, change),
            Step::Idle { wake_at } => {
                let wake = wake_at.map(|at| moment(at) - self.processes[who.process].skew);
                self.rest(who, &pass, wake);
            }
        }
    }

    fn begin_call(&mut self, who: Who, mut pass: Pass, call: Call) {
        pass.waiting = Waiting::Call(call.clone());
        self.await_answer(who, pass, Request::Call(0, call));
    }

    fn finalize(&mut self, who: Who, mut pass: Pass, change: Finalizer) {
        if let Finalizer::Abandon { events } = change {
            self.ledger.abandoned.push((pass.object.uid, events));
        }
        let (place, present) = (who.place, change == Finalizer::Add);
        let request = Request::Finalizer { place, version: pass.object.version, present };
        pass.waiting = Waiting::Finalizer;
        self.await_answer(who, pass, request);
    }

    /// A process takes in an answer.
    pub fn answered(&mut self, who: Who, reply: Reply) {
        let Some(mut pass) = self.processes[who.process].about[who.place].pass.take() else { return };
        match std::mem::replace(&mut pass.waiting, Waiting::Nothing) {
            Waiting::Read(read) => {
                self.read(who, &mut pass, read, reply);
                self.refresh_claims(&mut pass);
                self.go_on(who, pass);
            }
            Waiting::Write(writing) => self.written(who, pass, writing, reply),
            Waiting::ReadBack(writing, times) => self.read_back(who, pass, writing, times, reply),
            Waiting::Finalizer => match reply {
                Reply::Object(Some(object)) => {
                    pass.object = object;
                    self.go_on(who, pass);
                }
                Reply::Object(None) | Reply::Refused(_) => self.give_up(who),
                _ => self.give_up(who),
            },
            Waiting::Call(call) => self.called(who, pass, call, reply),
            Waiting::Post(order, times) => self.posted(who, pass, order, times, reply),
            Waiting::Record(record, until) => self.recorded(who, pass, record, until, reply),
            Waiting::Relocate(record, until) => self.relocated(who, pass, record, until, reply),
            Waiting::Nothing => self.processes[who.process].about[who.place].pass = Some(pass),
        }
    }

    fn commit(&mut self, who: Who, mut pass: Pass, mut commit: Commit) {
        if let Some(mutant) = self.mutant {
            mutant.writes(&mut commit.status);
        }
        let rates = self.rates();
        if commit.intent.is_some() && self.dice.chance(rates.reads / 3) {
            // No rate token is free: the intent is not written.
            let wait = span(self.dice.between(SECOND, 90 * SECOND));
            pass.facts.notes.common.throttled_until = Some(after(self.clock(who.process), wait));
            return self.go_on(who, pass);
        }
        let writing = Box::new(Writing {
            status: Arc::new(commit.status.clone()),
            planned: pass.object.clone(),
            rewrites: 0,
            commit,
        });
        if self.mutant == Some(Mutant::SkipSwap) && writing.commit.intent.is_some() {
            let object = Object { status: writing.status.clone(), ..(*pass.object).clone() };
            return self.committed(who, pass, &writing, Arc::new(object));
        }
        let request = self.write_of(&writing, &pass.object);
        pass.waiting = Waiting::Write(writing);
        self.await_answer(who, pass, request);
    }

    /// The request that writes it on that version of the object.
    pub fn write_of(&self, writing: &Writing, on: &Object) -> Request {
        let basis = (self.mutant != Some(Mutant::OverwriteStatus)).then_some(on.version);
        Request::Write { place: on.place, basis, status: writing.status.clone() }
    }

    fn written(&mut self, who: Who, mut pass: Pass, writing: Box<Writing>, reply: Reply) {
        match reply {
            Reply::Object(Some(object)) => self.committed(who, pass, &writing, object),
            _ => {
                pass.waiting = Waiting::ReadBack(writing, 1);
                self.await_answer(who, pass, Request::Get(who.place));
            }
        }
    }

    /// The status is kept; an intent in it may be sent now.
    pub fn committed(&mut self, who: Who, mut pass: Pass, writing: &Writing, object: Arc<Object>) {
        if let Some(intent) = &writing.commit.intent {
            let submission = &intent.submission;
            let now = moment(submission.intent_time);
            let state = submission.state.unwrap_or(object.spec.manifest.change.0);
            let order = Order {
                operation: submission.operation,
                nonce: submission.nonce.clone(),
                uid: object.uid,
                basis: object.clone(),
                members: submission.members.clone(),
                organization: pass.organization.clone(),
                forbidden: self.policy.writes == Writes::Forbidden,
                change: (state, submission.time.map_or(now, moment)),
                submit_by: moment(submission.submit_by),
            };
            pass.orders.insert(order.nonce.clone(), Arc::new(order));
        }
        let armed = writing.commit.intent.as_ref().map(|intent| intent.submission.nonce.clone());
        let fresh = self.nonce();
        pass.facts.committed(armed, fresh);
        let before = std::mem::replace(&mut pass.object, object);
        if self.mutant == Some(Mutant::CancelFirst)
            && let Some(event) = pass.object.status.events.iter().find(|event| event.superseded.is_some())
            && before.status.events.iter().all(|event| event.superseded.is_none())
        {
            let call = Call::Cancel { job_id: event.scheduled_job_id.clone() };
            return self.begin_call(who, pass, call);
        }
        self.go_on(who, pass);
    }

    /// A nonce that no request has yet.
    pub fn nonce(&mut self) -> String {
        match self.mutant {
            Some(Mutant::SameNonce) => "always-the-same".to_owned(),
            _ => format!("{:016x}", self.dice.number()),
        }
    }

    fn posted(&mut self, who: Who, mut pass: Pass, order: Arc<Order>, times: u32, reply: Reply) {
        let now = self.clock(who.process);
        if matches!(
            reply,
            Reply::NotSent | Reply::Status(300..=499, _) | Reply::Scheduled(_) | Reply::Accepted(_)
        ) {
            let answered = self.ledger.posts.iter_mut().rev().find(|post| post.order.nonce == order.nonce);
            if let Some(post) = answered {
                post.fate = Fate::Answered;
            }
        }
        let outcome = match reply {
            Reply::Scheduled(rows) => {
                let whole = order.members.iter().all(|id| rows.iter().any(|row| row.user_id == *id));
                if whole {
                    self.processes[who.process].about[who.place].memory.trouble = None;
                    return self.accepted(who, pass, &order, rows, None);
                }
                // An answer that says too little about some user.
                if let Some(post) = self.ledger.posts.iter_mut().rev().find(|p| p.order.nonce == order.nonce)
                {
                    post.fate = Fate::Unknown;
                }
                Outcome::Unknown
            }
            Reply::Accepted(job_id) => return self.accepted(who, pass, &order, Vec::new(), Some(job_id)),
            Reply::Status(status @ (400 | 413 | 422), message) => Outcome::Rejected { status, message },
            Reply::NotSent | Reply::Status(401 | 403 | 404 | 429, _)
                if self.mutant == Some(Mutant::RefusalIsRejection) =>
            {
                Outcome::Rejected { status: 429, message: "refused".to_owned() }
            }
            Reply::NotSent | Reply::Status(401 | 403 | 404 | 429, _) => {
                let wait = span(self.dice.between(2 * SECOND, 20 * SECOND));
                let memory = &mut self.processes[who.process].about[who.place].memory;
                memory.hold_until = Some(after(now, wait));
                memory.trouble = Some("JumpCloud refuses requests; tried again".to_owned());
                Outcome::Refused { message: "refused".to_owned() }
            }
            Reply::Nothing if self.mutant == Some(Mutant::TimeoutIsRefusal) => {
                Outcome::Refused { message: "no answer".to_owned() }
            }
            _ if self.mutant == Some(Mutant::SendAgainOnUnknown) && times == 1 => {
                pass.waiting = Waiting::Post(order.clone(), 2);
                return self.await_answer(who, pass, Request::Post(order));
            }
            _ => Outcome::Unknown,
        };
        pass.facts.deliveries.insert(order.nonce.clone(), outcome);
        self.go_on(who, pass);
    }

    fn called(&mut self, who: Who, mut pass: Pass, call: Call, reply: Reply) {
        let now = self.clock(who.process);
        let outcome = match (&call, reply) {
            (_, Reply::Done) | (Call::Cancel { .. }, Reply::Status(404, _)) => Repaired::Done,
            (_, Reply::Status(400 | 409 | 413 | 422, message)) => Repaired::Refused { message },
            (_, Reply::NotSent | Reply::Status(300..=499, _)) => {
                let wait = span(self.dice.between(2 * SECOND, 20 * SECOND));
                let memory = &mut self.processes[who.process].about[who.place].memory;
                memory.hold_until = Some(after(now, wait));
                Repaired::NotNow
            }
            _ => Repaired::Unknown,
        };
        pass.facts.called(call, outcome);
        self.go_on(who, pass);
    }

    /// The pass plans again, a moment later: time never stands still between an answer and a plan.
    pub fn go_on(&mut self, who: Who, pass: Pass) {
        self.processes[who.process].about[who.place].pass = Some(pass);
        let delay = self.dice.between(1, 5);
        self.schedule(delay, Event::Think(who));
    }

    /// The pass waits for the answer to a request.
    pub fn await_answer(&mut self, who: Who, mut pass: Pass, request: Request) {
        pass.acted = true;
        self.processes[who.process].about[who.place].pass = Some(pass);
        self.call(who, request);
    }

    /// The pass ends without having come to the end of its plan; another one follows soon.
    pub fn give_up(&mut self, who: Who) {
        self.trace(|| format!("process {} gives its pass up", who.process));
        let delay = self.dice.between(SECOND, 5 * SECOND);
        self.wake(who, delay);
    }

    /// The pass has nothing left to do until then.
    fn rest(&mut self, who: Who, pass: &Pass, wake: Option<Ms>) {
        let now = self.now;
        if self.mutant == Some(Mutant::Restless) {
            self.sign(pass);
        }
        self.trace(|| format!("process {} rests {:?}", who.process, wake.map(|at| (at - now) / 1000)));
        let about = &mut self.processes[who.process].about[who.place];
        // Only a pass that came to its end has looked.
        let notes = &pass.facts.notes;
        let memory = &mut about.memory;
        (memory.listed, memory.seen, memory.searched) = (notes.listed, notes.seen, notes.searched);
        if self.mutant == Some(Mutant::LookOften) {
            about.memory.searched = Some(Timestamp::MIN);
            (about.memory.listed, about.memory.seen) = (Some(Timestamp::MIN), Some(Timestamp::MIN));
            about.memory.since = Some(Timestamp::MIN);
        }
        about.hasty = if pass.acted || wake.is_none_or(|at| at > now) { 0 } else { about.hasty + 1 };
        if about.hasty > MOST_HASTE {
            self.ledger.spins.push(format!("passes at {now} ms end at once and want to go on at once"));
            about.hasty = 0;
            return self.wake(who, 10 * MINUTE);
        }
        if std::mem::take(&mut about.again) {
            self.wake(who, 5);
        }
        if let Some(at) = wake {
            self.wake(who, (at - now).max(1));
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
            let _ = self.api.patch_status(pass.object.place, None, &status, self.now);
        }
    }

    /// Whether somebody of that number is declared by an object: by its rows, or by the batch.
    pub fn declares(&self, object: &Object, number: usize) -> bool {
        let manifest = &object.spec.manifest;
        let member = |user: &str| self.environment.batch.iter().any(|n| id(*n) == user);
        manifest.names(number) || (manifest.batch && member(&id(number)))
    }
}

/// Whether a request makes users' states change at once.
pub fn applies(order: &Order) -> bool {
    order.operation != Operation::Schedule
}
