//! Whose turn it is: rate tokens and job slots of a credential, for the passes of all its objects.
//!
//! A pass asks for its turn before its first call of JumpCloud, and for a slot before each request that
//! starts a job. Who must wait ends the pass and is woken when its turn has come, round the namespaces,
//! then round the objects in each; whoever cannot use the turn is passed over. A pass that has its turn
//! may wait for the tokens of its further calls in line, for some seconds.
//!
//! Guarantees: nobody waits for somebody who is gone: a turn that is not taken within ten seconds goes to
//! the next one, and who waits comes back by a timer of its own, too. No token is reserved for anybody
//! who waits. At rest nothing runs. Advice only: two replicas share nothing but JumpCloud's limits.

mod jobs;
mod queue;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::jobs::Jobs;
pub use self::jobs::Version;
use self::queue::Queue;
pub use self::queue::Shared;
use super::wakes::Wakes;
use crate::api::recording::Kind;
use crate::api::submission::{Operation, Recorded};
use crate::jumpcloud::throttles::ThrottleKey;
use crate::runtime::clock;

/// A turn that nobody has taken for so long goes to the next one.
const UNTAKEN: Duration = Duration::from_secs(10);

/// How soon who waits comes back by itself.
const FALLBACK: Duration = Duration::from_secs(60);

/// Everybody's turns.
pub struct Turns {
    state: Mutex<State>,
    changed: Notify,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct State {
    queues: HashMap<ThrottleKey, Queue>,
    jobs: Jobs,
    /// Whose turn has come and who was not told yet.
    woken: Vec<Who>,
}

/// What a pass wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    /// To call JumpCloud.
    Token,
    /// To call JumpCloud and start a job.
    Slot,
}

/// Who wants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Who {
    namespace: String,
    object: Object,
}

/// An object of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    name: String,
    kind: Kind,
}

impl Who {
    fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), object: Object { name: name.to_owned(), kind } }
    }
}

/// The turn of one pass. What it holds goes when it is dropped.
pub struct Turn<'a> {
    turns: &'a Turns,
    who: Who,
    connection: String,
    shared: Option<Shared>,
    on_turn: bool,
    waits: bool,
}

impl Turns {
    /// Nobody waits yet. `wakes` reaches those whose turn has come.
    #[must_use]
    pub fn new(wakes: Arc<Wakes>) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), wakes }
    }

    /// The turn of a pass that begins.
    #[must_use]
    pub fn begin(&self, kind: Kind, namespace: &str, name: &str, connection: &str) -> Turn<'_> {
        Turn {
            turns: self,
            who: Who::new(kind, namespace, name),
            connection: connection.to_owned(),
            shared: None,
            on_turn: false,
            waits: false,
        }
    }

    /// Takes in what a watch shows of an object: its connection, and how many jobs it has under way.
    pub fn observe(&self, kind: Kind, metadata: &ObjectMeta, connection: &str, under_way: usize) {
        let (Some(namespace), Some(name)) = (&metadata.namespace, &metadata.name) else { return };
        let who = Who::new(kind, namespace, name);
        let version = Version::of(metadata.resource_version.as_deref());
        self.report(&who, connection, under_way, version);
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, kind: Kind, namespace: &str, name: &str) {
        let who = Who::new(kind, namespace, name);
        self.with(|state| {
            state.jobs.forget(&who);
            state.queues.values_mut().for_each(|queue| queue.leave(&who));
        });
    }

    /// Gives turns as tokens come free, until shutdown. Sleeps while nobody waits for one.
    pub async fn run(&self, token: CancellationToken) {
        loop {
            let (woken, next) = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.advance();
                (std::mem::take(&mut state.woken), state.queues.values().filter_map(Queue::next).min())
            };
            self.tell(woken, false);
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = token.cancelled() => return,
                () = self.changed.notified() => {}
                () = due => {}
            }
        }
    }

    fn report(&self, who: &Who, connection: &str, under_way: usize, version: Version) {
        self.with(|state| state.jobs.set(who, connection, under_way, version));
    }

    /// Changes something, then gives every turn that can be given.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.with_but(None, act)
    }

    /// The same for a pass that goes on: it need not be woken.
    fn with_but<T>(&self, awake: Option<&Who>, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut state);
        state.advance();
        let mut woken = std::mem::take(&mut state.woken);
        woken.retain(|who| Some(who) != awake);
        let awaits = state.queues.values().any(|queue| queue.next().is_some());
        drop(state);
        self.tell(woken, awaits);
        result
    }

    fn tell(&self, woken: Vec<Who>, awaits: bool) {
        for who in woken {
            self.wakes.wake(who.object.kind, &who.namespace, &who.object.name);
        }
        if awaits {
            self.changed.notify_one();
        }
    }

    /// Stands in line, and takes the turn if it has come.
    fn ask(&self, who: &Who, shared: Shared, want: Want) -> Result<(), Duration> {
        self.with(|state| {
            let key = shared.key.clone();
            let queue = state.queues.entry(key.clone()).or_insert_with(|| Queue::new(shared.clone()));
            queue.shared = shared;
            queue.enter(who, want);
            state.advance();
            state.woken.retain(|other| other != who);
            state.queues.get_mut(&key).map_or(Ok(()), |queue| match queue.take(who, want) {
                true => Ok(()),
                false => Err(queue.shared.throttle.ready_in().max(FALLBACK)),
            })
        })
    }
}

impl State {
    fn advance(&mut self) {
        let now = clock::monotonic();
        let Self { queues, jobs, woken } = self;
        woken.extend(queues.values_mut().flat_map(|queue| queue.advance(jobs, now)));
        queues.retain(|_, queue| !queue.is_at_rest(jobs));
    }
}

impl Turn<'_> {
    /// Whom the pass shares its credential with.
    pub fn shares(&mut self, shared: Option<Shared>) {
        self.shared = shared;
    }

    /// Takes the turn to call JumpCloud.
    ///
    /// # Errors
    /// How long to wait, when it is not this pass's turn. It is woken when it is.
    pub fn token(&mut self) -> Result<(), Duration> {
        match (self.on_turn, self.waits) {
            (true, _) => Ok(()),
            // Half of a pass's calls is worse than none: what it could not read would seem to be unreadable.
            (false, true) => Err(FALLBACK),
            (false, false) => self.ask(Want::Token),
        }
    }

    /// Takes a slot for one job, and the turn with it.
    ///
    /// # Errors
    /// How long to wait, when there is none for this pass. It is woken when there is.
    pub fn slot(&mut self) -> Result<(), Duration> {
        self.ask(Want::Slot)
    }

    /// Tells how many jobs the object has under way. A slot that was taken is one of them by now.
    pub fn report(&self, submissions: &[Recorded], version: &str, started: bool) {
        let records = submissions.iter().filter_map(Recorded::known);
        // A request to schedule is answered at once: it starts no job.
        let jobs = records.filter(|record| record.operation != Operation::Schedule);
        let under_way = jobs.filter(|record| record.phase.is_under_way()).count();
        // Who has been told to wait in this pass does not ask again in it.
        let awake = (!self.waits).then_some(&self.who);
        self.turns.with_but(awake, |state| {
            state.jobs.set(&self.who, &self.connection, under_way, Version::of(Some(version)));
            if let Some(queue) = self.shared.as_ref().and_then(|shared| state.queues.get_mut(&shared.key))
                && started
            {
                queue.release(&self.who);
            }
        });
    }

    fn ask(&mut self, want: Want) -> Result<(), Duration> {
        let Some(shared) = self.shared.clone() else { return Ok(()) };
        let answer = self.turns.ask(&self.who, shared, want);
        self.on_turn |= answer.is_ok();
        self.waits = answer.is_err();
        answer
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(key) = self.shared.as_ref().map(|shared| &shared.key) else { return };
        self.turns.with(|state| {
            if let Some(queue) = state.queues.get_mut(key) {
                queue.release(&self.who);
                if !self.waits {
                    queue.leave(&self.who);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
