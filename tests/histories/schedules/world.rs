//! The world of one history: models, processes, and a queue of everything that is going to happen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::plan::policy::Policy;
use jumpcloud_operator::plan::schedule::facts::Call;

use super::environment::{Action, Environment};
use super::jumpcloud::{JumpCloud, number};
use super::ledger::{self, Fate, Ledger, Look, Post};
use super::mutant::Mutant;
use super::network::{Fault, PATIENCE, Reply, Request};
use super::objects::ApiServer;
use super::process::Process;
use super::profile::{Profile, QUIET, Rates};
use super::trace::{brief, describe};
use crate::clock::{MINUTE, Ms, SECOND, stamp};
use crate::dice::Dice;

/// Who waits for an answer: a process in a life of its, about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// The process.
    pub process: usize,
    /// In which of its lives.
    pub life: u64,
    /// The object.
    pub place: usize,
}

/// What is going to happen.
#[derive(Debug)]
pub enum Event {
    /// A process looks at an object.
    Wake(Who),
    /// A process goes on with its pass.
    Think(Who),
    /// A process sends the first byte of a request.
    Start(Who, Request),
    /// A request arrives; the answer is wanted, or not.
    Arrive(Request, Option<Who>, Fault, Who),
    /// An answer arrives.
    Answer(Who, Reply),
    /// A process starts again.
    Restart(usize),
    /// Somebody else does something.
    Act(Action),
}

/// The world.
pub struct World {
    /// Virtual time.
    pub now: Ms,
    /// What goes wrong, and how often.
    pub profile: &'static Profile,
    /// Decides everything that is not decided otherwise.
    pub dice: Dice,
    /// Settings of the operator.
    pub policy: Policy,
    /// The rule that the driver breaks.
    pub mutant: Option<Mutant>,
    /// From then on nothing goes wrong.
    pub calm: Ms,
    /// The API server.
    pub api: ApiServer,
    /// JumpCloud.
    pub jumpcloud: JumpCloud,
    /// The operator.
    pub processes: Vec<Process>,
    /// The connection, the authors, others.
    pub environment: Environment,
    /// What went over the wire.
    pub ledger: Ledger,
    /// Whether every event is printed.
    pub traced: bool,
    queue: BTreeMap<(Ms, u64), Event>,
    scheduled: u64,
}

impl World {
    /// A world in which nothing has happened yet.
    pub fn new(
        profile: &'static Profile,
        dice: Dice,
        policy: Policy,
        jumpcloud: JumpCloud,
        environment: Environment,
    ) -> Self {
        Self {
            now: 0,
            profile,
            dice,
            policy,
            mutant: None,
            calm: 0,
            api: ApiServer::default(),
            jumpcloud,
            processes: Vec::new(),
            environment,
            ledger: Ledger::default(),
            traced: false,
            queue: BTreeMap::new(),
            scheduled: 0,
        }
    }

    /// Lets something happen later.
    pub fn schedule(&mut self, delay: Ms, event: Event) {
        self.scheduled += 1;
        self.queue.insert((self.now + delay.max(0), self.scheduled), event);
    }

    /// Lets everything happen up to that time.
    pub fn run_until(&mut self, end: Ms) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            match event {
                Event::Wake(who) if self.lives(who) => self.woken(who),
                Event::Think(who) if self.lives(who) => self.think(who),
                Event::Start(who, request) if self.lives(who) => self.start(who, request),
                Event::Answer(who, reply) if self.lives(who) => {
                    self.trace(|| format!("process {} gets {}", who.process, brief(&reply)));
                    self.answered(who, reply);
                }
                Event::Arrive(request, reader, fault, sender) => self.arrive(&request, reader, fault, sender),
                Event::Restart(process) => {
                    self.trace(|| format!("process {process} starts"));
                    self.processes[process].up = true;
                    for place in 0..self.profile.objects {
                        self.wake(self.who(process, place), 1);
                    }
                }
                Event::Act(action) => self.act(action),
                Event::Wake(..) | Event::Think(..) | Event::Start(..) | Event::Answer(..) => {}
            }
        }
        self.now = self.now.max(end);
        self.jumpcloud.advance(self.now);
    }

    /// A process, as it is now, about an object.
    pub fn who(&self, process: usize, place: usize) -> Who {
        Who { process, life: self.processes[process].life, place }
    }

    fn lives(&self, who: Who) -> bool {
        let process = &self.processes[who.process];
        process.up && process.life == who.life
    }

    /// The wall clock of a process.
    pub fn clock(&self, process: usize) -> Timestamp {
        stamp(self.now + self.processes[process].skew)
    }

    /// How often things go wrong now.
    pub fn rates(&self) -> Rates {
        if self.now < self.calm { self.profile.per_mille } else { QUIET }
    }

    /// A process looks at an object after a while, or earlier if it was going to.
    pub fn wake(&mut self, who: Who, delay: Ms) {
        let at = self.now + delay.max(0);
        if !self.lives(who) {
            return;
        }
        let about = &mut self.processes[who.process].about[who.place];
        if about.wake.is_none_or(|planned| planned > at) {
            about.wake = Some(at);
            self.schedule(delay, Event::Wake(who));
        }
    }

    fn woken(&mut self, who: Who) {
        let about = &mut self.processes[who.process].about[who.place];
        if about.wake == Some(self.now) {
            about.wake = None;
            self.begin(who);
        }
    }

    /// Every process hears that something has changed that an object depends on; late, or when the event was
    /// dropped, much later. Claims of other objects are among it.
    pub fn notify(&mut self) {
        for process in 0..self.processes.len() {
            for place in 0..self.profile.objects {
                let deaf = self.rates().deaf;
                if self.dice.chance(deaf) {
                    continue;
                }
                let late = self.now < self.calm && self.dice.chance(100);
                let delay =
                    if late { self.dice.between(SECOND, 30 * SECOND) } else { self.dice.between(5, 300) };
                self.wake(self.who(process, place), delay);
            }
        }
    }

    /// A process dies, forgets everything, and starts again some time later.
    pub fn crash(&mut self, process: usize) {
        self.trace(|| format!("process {process} dies"));
        self.ledger.deaths.push(self.now);
        let it = &mut self.processes[process];
        let (life, skew) = (it.life + 1, it.skew);
        *it = Process { life, skew, ..Process::default() };
        let delay = self.dice.pick(&[10, SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 6 * MINUTE]);
        self.schedule(delay, Event::Restart(process));
    }

    /// A process is about to send a request: it may die or be paused before.
    pub fn call(&mut self, who: Who, request: Request) {
        let rates = self.rates();
        if self.dice.chance(rates.crashes / 2) {
            return self.crash(who.process);
        }
        let pause = self.dice.chance(rates.pauses);
        let delay = if pause { self.dice.between(SECOND, MINUTE) } else { self.dice.between(0, 5) };
        self.schedule(delay, Event::Start(who, request));
    }

    /// The first byte of a request is about to be sent.
    fn start(&mut self, who: Who, request: Request) {
        let clock = self.now + self.processes[who.process].skew;
        let mut patience = PATIENCE;
        let mut request = request;
        match &mut request {
            Request::Post(order) => {
                let spare = order.submit_by - clock;
                if spare <= 0 {
                    return self.schedule(1, Event::Answer(who, Reply::NotSent));
                }
                patience = spare.max(SECOND);
                let (order, object) = (order.clone(), self.api.live(who.place));
                self.ledger.posts.push(Post {
                    at: self.now,
                    order,
                    spare,
                    object,
                    fate: Fate::Unknown,
                    taken: false,
                });
            }
            Request::Call(index, call) => {
                let pass = self.processes[who.process].about[who.place].pass.as_ref();
                let Some(pass) = pass else { return };
                *index = self.ledger.calls.len();
                self.ledger.calls.push(ledger::Call {
                    at: self.now,
                    clock,
                    organization: pass.organization.clone(),
                    basis: pass.object.clone(),
                    call: call.clone(),
                    removed: Vec::new(),
                    arrived: None,
                });
            }
            _ => {}
        }
        let rates = self.rates();
        let fault = Fault::of(&request, &rates, &mut self.dice);
        self.trace(|| format!("process {} sends {} {fault:?}", who.process, describe(&request)));
        let crashes = self.dice.chance(rates.crashes / 2);
        let travel = self.dice.between(1, 200);
        let (arrives, answer) = match fault {
            Fault::NotSent => (None, Some((5, Reply::NotSent))),
            Fault::LostBefore => (None, Some((patience, Reply::Nothing))),
            Fault::LostAfter => (Some(travel), Some((patience, Reply::Nothing))),
            Fault::Late(by) => (Some(patience + by), Some((patience, Reply::Nothing))),
            Fault::None | Fault::StatusBefore(_) | Fault::StatusAfter(_) => (Some(travel), None),
        };
        if let Some(delay) = arrives {
            let reader = answer.is_none().then_some(who);
            self.schedule(delay, Event::Arrive(request, reader, fault, who));
        }
        if let Some((delay, reply)) = answer {
            self.schedule(delay, Event::Answer(who, reply));
        }
        if crashes {
            self.crash(who.process);
        }
    }

    /// A request arrives at the API server or at JumpCloud.
    fn arrive(&mut self, request: &Request, reader: Option<Who>, fault: Fault, sender: Who) {
        let reply = match fault {
            Fault::StatusBefore(status) => Reply::Status(status, "as the fault plan wants it".to_owned()),
            _ => {
                let reply = self.serve(request, sender);
                match fault {
                    Fault::StatusAfter(status) => Reply::Status(status, "after acting".to_owned()),
                    _ => reply,
                }
            }
        };
        if let Some(who) = reader {
            let travel = self.dice.between(1, 100);
            self.schedule(travel, Event::Answer(who, reply));
        }
    }

    fn serve(&mut self, request: &Request, Who { process, place, .. }: Who) -> Reply {
        let now = self.now;
        self.jumpcloud.advance(now);
        match request {
            Request::Users(keys) => {
                self.ledger.looks.push(Look { at: now, place, process });
                Reply::Users(self.jumpcloud.search(keys, now))
            }
            Request::Events(wanted) => {
                self.ledger.looks.push(Look { at: now, place, process });
                let moves = self.dice.chance(self.jumpcloud.setting.moving);
                let (rows, whole) = self.jumpcloud.list(wanted, moves);
                Reply::Events(rows, whole)
            }
            Request::Job(id) => Reply::Job(self.jumpcloud.results(id, now)),
            Request::Post(order) => {
                let reply = match order.operation {
                    Operation::Schedule => match self.jumpcloud.take(order, now) {
                        Ok(events) => Reply::Scheduled(events),
                        Err(message) => Reply::Status(400, message),
                    },
                    Operation::Create | Operation::Update => {
                        Reply::Accepted(self.jumpcloud.update(order, &mut self.dice, now))
                    }
                };
                let taken = !matches!(reply, Reply::Status(..));
                for post in self.ledger.posts.iter_mut().filter(|post| post.order.nonce == order.nonce) {
                    post.taken |= taken;
                }
                reply
            }
            Request::Call(index, call) => self.serve_call(*index, call),
            Request::Get(place) => Reply::Object(self.api.live(*place)),
            Request::Write { place, basis, status } => {
                let result = self.api.patch_status(*place, *basis, status, now);
                self.heard(*place);
                result.map_or_else(Reply::Refused, |object| Reply::Object(Some(object)))
            }
            Request::Record(record) => {
                let result = self.api.record(record, now);
                self.heard(record.place);
                result.map_or_else(Reply::Refused, |object| Reply::Object(Some(object)))
            }
            Request::Finalizer { place, version, present } => {
                let result = self.api.finalize(*place, *version, *present, now);
                self.heard(*place);
                result.map_or_else(Reply::Refused, Reply::Object)
            }
        }
    }

    fn serve_call(&mut self, index: usize, call: &Call) -> Reply {
        let now = self.now;
        self.ledger.calls[index].arrived = Some(now);
        match call {
            Call::Cancel { job_id } => {
                let removed = self.jumpcloud.cancel(job_id, index, now);
                let done = !removed.is_empty();
                self.ledger.calls[index].removed = removed;
                self.notice_gaps(index);
                if done { Reply::Done } else { Reply::Status(404, "no such job".to_owned()) }
            }
            Call::SetState { id, state } => {
                if self.jumpcloud.set(number(id), *state, now) {
                    Reply::Done
                } else {
                    Reply::Status(404, "no such user".to_owned())
                }
            }
            Call::Activate { id } => {
                let state = jumpcloud_operator::api::scheduled_user_state::ScheduledState::Activated;
                if self.jumpcloud.set(number(id), state, now) {
                    Reply::Done
                } else {
                    Reply::Status(404, "no such user".to_owned())
                }
            }
        }
    }

    /// Something was perhaps written.
    fn heard(&mut self, place: usize) {
        let last = self.api.versions.iter().rev().find(|kept| kept.place == place);
        if last.is_some_and(|kept| kept.at == self.now) {
            self.trace_status(place);
            self.notify();
        }
    }
}
