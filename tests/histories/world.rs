//! The world of one history: models, processes, and a queue of everything that is going to happen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jumpcloud_operator::plan::policy::Policy;

use crate::api_server::ApiServer;
use crate::clock::{MINUTE, Ms, SECOND, stamp};
use crate::dice::Dice;
use crate::environment::{Action, Environment};
use crate::jumpcloud::{JumpCloud, LAG, Oddity};
use crate::ledger::{Ledger, Put};
use crate::mutant::Mutant;
use crate::network::{Fault, PATIENCE, Reply, Request};
use crate::process::Process;
use crate::profile::{Profile, QUIET, Rates};
use crate::trace::{brief, describe};

/// The longest that a job takes when nothing is wrong with it.
pub const SERVICE: Ms = 40 * SECOND;

/// What is going to happen.
#[derive(Debug)]
pub enum Event {
    /// A process looks at the object, in that life.
    Wake(usize, u64),
    /// A process goes on with its pass.
    Think(usize, u64),
    /// A process sends the first byte of a request.
    Start(usize, u64, Request),
    /// A request arrives; the answer is wanted by that life, or nobody.
    Arrive(Request, Option<(usize, u64)>, Fault),
    /// An answer arrives.
    Answer(usize, u64, Reply),
    /// A process starts again.
    Restart(usize),
    /// Somebody else does something.
    Act(Action),
}

/// When a process dies that is about to send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Before its first byte.
    Before,
    /// After its last byte: it is acted upon, and the answer reaches nobody.
    Sent,
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
    /// Crashes at these effects, counted over all processes.
    pub crashes: Vec<(u64, Crash)>,
    /// Effects so far: requests that a process was about to send.
    pub effects: u64,
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
    /// The connection, the author, others.
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
    pub fn new(profile: &'static Profile, dice: Dice, policy: Policy, environment: Environment) -> Self {
        Self {
            now: 0,
            profile,
            dice,
            policy,
            crashes: Vec::new(),
            effects: 0,
            mutant: None,
            calm: 0,
            api: ApiServer::default(),
            jumpcloud: JumpCloud::default(),
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
                Event::Wake(process, life) if self.lives(process, life) => self.begin(process),
                Event::Think(process, life) if self.lives(process, life) => self.think(process),
                Event::Start(process, life, request) if self.lives(process, life) => {
                    self.start(process, request);
                }
                Event::Answer(process, life, reply) if self.lives(process, life) => {
                    self.trace(|| format!("process {process} gets {}", brief(&reply)));
                    self.answered(process, reply);
                }
                Event::Arrive(request, reader, fault) => self.arrive(&request, reader, fault),
                Event::Restart(process) => {
                    self.trace(|| format!("process {process} starts"));
                    self.processes[process].up = true;
                    self.begin(process);
                }
                Event::Act(action) => self.act(action),
                Event::Wake(..) | Event::Think(..) | Event::Start(..) | Event::Answer(..) => {}
            }
        }
        self.now = end;
    }

    fn lives(&self, process: usize, life: u64) -> bool {
        self.processes[process].up && self.processes[process].life == life
    }

    /// The wall clock of a process.
    pub fn clock(&self, process: usize) -> Timestamp {
        stamp(self.now + self.processes[process].skew)
    }

    /// How often things go wrong now.
    pub fn rates(&self) -> Rates {
        if self.now < self.calm { self.profile.per_mille } else { QUIET }
    }

    /// How odd JumpCloud is now.
    pub fn oddity(&self) -> Oddity {
        Oddity { per_mille: self.rates().oddity, service: SERVICE, lag: LAG }
    }

    /// Every process hears that the object, or something it depends on, has changed; late, or when
    /// the event was dropped, never: the next one tells.
    pub fn notify(&mut self) {
        for process in 0..self.processes.len() {
            let deaf = self.rates().deaf;
            if self.dice.chance(deaf) {
                continue;
            }
            let late = self.now < self.calm && self.dice.chance(100);
            let delay = if late { self.dice.between(SECOND, 30 * SECOND) } else { self.dice.between(5, 300) };
            let life = self.processes[process].life;
            self.schedule(delay, Event::Wake(process, life));
        }
    }

    /// A process dies, forgets everything, and starts again some time later.
    pub fn crash(&mut self, process: usize) {
        self.trace(|| format!("process {process} dies"));
        self.ledger.deaths.push((process, self.processes[process].life, self.now));
        let it = &mut self.processes[process];
        let (life, skew) = (it.life + 1, it.skew);
        *it = Process { life, skew, ..Process::default() };
        let delay = self.dice.pick(&[10, SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE]);
        self.schedule(delay, Event::Restart(process));
    }

    /// A process is about to send a request: it may die or be paused before.
    pub fn call(&mut self, process: usize, request: Request) {
        let rates = self.rates();
        self.effects += 1;
        if self.dice.chance(rates.crashes / 2) || self.crashes.contains(&(self.effects, Crash::Before)) {
            return self.crash(process);
        }
        let pause = self.dice.chance(rates.pauses);
        let delay = if pause { self.dice.between(SECOND, MINUTE) } else { self.dice.between(0, 5) };
        let life = self.processes[process].life;
        self.schedule(delay, Event::Start(process, life, request));
    }

    /// The first byte of a request is about to be sent.
    fn start(&mut self, process: usize, request: Request) {
        let life = self.processes[process].life;
        if let Request::Post(order) = &request {
            // By the wall clock and by the monotonic one: a clock that is put back gives no time.
            let spare = order.submit_by - (self.now + self.processes[process].skew);
            let spare = spare.min(order.armed_until - self.now);
            if spare <= 0 && self.mutant != Some(Mutant::IgnoreSubmitBy) {
                return self.schedule(1, Event::Answer(process, life, Reply::NotSent));
            }
            self.ledger.sent(order, spare, self.now);
        }
        if let Request::Put(fix) = &request {
            self.ledger.puts.push(Put { at: self.now, fix: fix.clone() });
        }
        let rates = self.rates();
        let fault = Fault::of(&request, &rates, &mut self.dice);
        self.trace(|| format!("process {process} sends {} {fault:?}", describe(&request)));
        let patience = match &request {
            Request::Post(order) => {
                let spare = order.submit_by - self.now - self.processes[process].skew;
                spare.min(order.armed_until - self.now).max(SECOND)
            }
            _ => PATIENCE,
        };
        let crashes =
            self.dice.chance(rates.crashes / 2) || self.crashes.contains(&(self.effects, Crash::Sent));
        let travel = self.dice.between(1, 200);
        let (arrives, answer) = match fault {
            Fault::NotSent => (None, Some((5, Reply::NotSent))),
            Fault::LostBefore => (None, Some((patience, Reply::Nothing))),
            Fault::LostAfter => (Some(travel), Some((patience, Reply::Nothing))),
            Fault::Late(by) => (Some(patience + by), Some((patience, Reply::Nothing))),
            Fault::None | Fault::StatusBefore(_) | Fault::StatusAfter(_) => (Some(travel), None),
        };
        if let Some(delay) = arrives {
            let reader = answer.is_none().then_some((process, life));
            self.schedule(delay, Event::Arrive(request, reader, fault));
        }
        if let Some((delay, reply)) = answer {
            self.schedule(delay, Event::Answer(process, life, reply));
        }
        if crashes {
            self.crash(process);
        }
    }

    /// A request arrives at the API server or at JumpCloud.
    fn arrive(&mut self, request: &Request, reader: Option<(usize, u64)>, fault: Fault) {
        let reply = match fault {
            Fault::StatusBefore(status) => Reply::Status(status, "as the fault plan wants it".to_owned()),
            _ => {
                let reply = self.serve(request);
                match fault {
                    Fault::StatusAfter(status) => Reply::Status(status, "after acting".to_owned()),
                    _ => reply,
                }
            }
        };
        if let Some((process, life)) = reader {
            let travel = self.dice.between(1, 100);
            self.schedule(travel, Event::Answer(process, life, reply));
        }
    }

    fn serve(&mut self, request: &Request) -> Reply {
        let oddity = self.oddity();
        self.jumpcloud.advance(oddity, &mut self.dice, self.now);
        match request {
            Request::Users(keys) => {
                self.ledger.calls += 1;
                let found = self.jumpcloud.search(keys, self.now);
                self.ledger.looked(keys, &found, self.now);
                Reply::Users(found)
            }
            Request::Managers(wanted) => {
                self.ledger.calls += 1;
                let found = wanted.iter().map(|manager| self.jumpcloud.manager(manager, self.now));
                Reply::Managers(found.collect())
            }
            Request::Job(id) => {
                self.ledger.calls += 1;
                Reply::Job(self.jumpcloud.results(id, self.now))
            }
            Request::Post(order) => {
                self.ledger.calls += 1;
                match self.jumpcloud.take(order, oddity, &mut self.dice, self.now) {
                    Ok(id) => Reply::Accepted(id),
                    Err(message) => {
                        self.ledger.rejected(&order.nonce);
                        Reply::Status(400, message)
                    }
                }
            }
            Request::Put(fix) => {
                self.ledger.calls += 1;
                let place = self.ledger.place(fix);
                match self.jumpcloud.put(&fix.repair.id, &fix.repair.set, place, self.now) {
                    Ok(()) => Reply::Done,
                    Err((status, message)) => Reply::Status(status, message),
                }
            }
            Request::Get => Reply::Object(self.api.live()),
            Request::Write { basis, status } => {
                let before = self.api.status_writes;
                let result = self.api.patch_status(*basis, status, self.now);
                self.heard(before);
                result.map_or_else(Reply::Refused, |object| Reply::Object(Some(object)))
            }
            Request::Record(record) => {
                let before = self.api.status_writes;
                let result = self.api.record(record, self.now);
                self.heard(before);
                result.map_or_else(Reply::Refused, |object| Reply::Object(Some(object)))
            }
        }
    }

    fn heard(&mut self, writes_before: u64) {
        if self.api.status_writes > writes_before {
            self.trace_status();
            self.notify();
        }
    }
}
