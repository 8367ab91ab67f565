//! One pass over a schedule: ask the planner, do what it says, until it says to wait.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::api::Api;

use super::{call, finalizer, listing, read};
use crate::api::scheduled_user_state::{ScheduledUserState, ScheduledUserStateStatus};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::events;
use crate::controller::gauges::ScheduleShare;
use crate::controller::line::{Line, Setback, Wrote};
use crate::controller::object::{Fetched, fetch};
use crate::controller::read::job;
use crate::controller::record::Write;
use crate::controller::send::Manner;
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error as ClientError;
use crate::plan::facts::{ConnectionFact, FailedRead, Repaired};
use crate::plan::policy::after;
use crate::plan::schedule::change::Change;
use crate::plan::schedule::desired::{Desired, desired};
use crate::plan::schedule::facts::{BatchFact, Call, Facts, Listed, Read};
use crate::plan::schedule::step::{Commit, Finalizer, Schedule, Step, plan};
use crate::runtime::clock;
use crate::users::clean;

/// More steps than any pass can need: some per user.
const MAX_STEPS: usize = 5000;

/// How soon a batch that cannot be read is read again.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(60);

/// One pass. Returns when the object wants to be looked at again, if nothing happens before.
///
/// # Errors
/// When the API server cannot be used; the pass is repeated.
pub(super) async fn drive(
    context: &Arc<Context>,
    namespace: &str,
    name: &str,
) -> Result<Option<Duration>, Error> {
    let api: Api<ScheduledUserState> = Api::namespaced(context.client.clone(), namespace);
    let Some(object) = fetch(&api, name).await? else { return Ok(None) };
    let desired = desired(&object.whole.spec, object.bytes);
    let mut pass = Pass::new(context, api, (namespace, name), object);
    pass.refresh_claims(&desired);
    let mut wake = None;
    let mut concluded = false;
    for steps in 0.. {
        if steps > MAX_STEPS {
            return Err(Error::Restless);
        }
        let status = pass.line.object.status();
        let step = plan(&pass.schedule(&desired, &status), &pass.facts, &context.policy, clock::now());
        let go_on = match step {
            Step::Read(what) => pass.read(what, &desired).await?,
            Step::Commit(write) => pass.commit(&write, &desired).await?,
            Step::Send(_) => pass.send(&desired).await,
            Step::Call(call) => pass.call(call, &desired).await,
            Step::Finalizer(change) => pass.finalizer(change).await?,
            Step::Idle { wake_at } => {
                wake = wake_at;
                concluded = true;
                false
            }
        };
        if !go_on {
            break;
        }
    }
    Ok(pass.end(wake, concluded))
}

struct Pass<'a> {
    line: Line<'a, ScheduledUserState>,
    facts: Facts,
}

impl<'a> Pass<'a> {
    fn new(
        context: &'a Arc<Context>,
        api: Api<ScheduledUserState>,
        name: (&'a str, &'a str),
        object: Fetched<ScheduledUserState>,
    ) -> Self {
        let line = Line::new(context, api, name, object);
        let notes = context.memory.recall_schedule(
            line.object.uid(),
            line.notes(),
            is_deleted(&line.object),
            clock::now(),
            clock::monotonic(),
        );
        let mut facts = Facts::begin(notes, clock::nonce());
        facts.protected = line.protected();
        Self { line, facts }
    }

    fn schedule<'b>(&self, desired: &'b Desired, status: &'b ScheduledUserStateStatus) -> Schedule<'b> {
        let line = &self.line;
        Schedule {
            name: line.full_name(),
            uid: line.object.uid().to_owned(),
            generation: line.generation(),
            requested_at: line.annotation(crate::api::REQUESTED_AT),
            retry_failed: line.annotation(crate::api::RETRY_FAILED),
            resolve: line.annotation(crate::api::RESOLVE),
            deleting: is_deleted(&line.object),
            has_finalizer: finalizer::is_there(&line.object),
            desired,
            status,
        }
    }

    /// Takes in what they say about its users and events.
    fn refresh_claims(&mut self, desired: &Desired) {
        let Some(change) = Change::declared(desired) else { return };
        let object = &self.line.object.whole;
        let status = self.line.object.status();
        let found = self.facts.users.values().filter_map(|look| Some(look.found.as_ref()?.id.as_str()));
        // Who comes from a batch is known by id before status has it.
        let of_batch = match &self.facts.batch {
            Some(BatchFact::Found(members)) => members.users.as_slice(),
            Some(BatchFact::Missing) | None => &[],
        };
        let known = status.users.iter().filter_map(|user| user.id.as_deref());
        let of_batch = of_batch.iter().filter_map(|user| user.id.as_deref());
        let users: BTreeSet<&str> = known.chain(found).chain(of_batch).collect();
        let own = status.events.iter().map(|entry| Listed {
            job_id: entry.scheduled_job_id.clone(),
            user_id: entry.id.clone(),
            state: None,
            time: None,
        });
        let listed: Vec<Listed> =
            self.facts.events.values().flat_map(|look| look.rows.iter().cloned()).chain(own).collect();
        let context = self.line.context;
        self.facts.claims = context.schedule_claims.about_object(
            object,
            (change.state, change.time),
            users,
            &listed,
            &context.connections,
        );
    }

    /// Reads (I/O). A read that fails does not end the pass: the planner knows what else can be done.
    async fn read(&mut self, what: Read, desired: &Desired) -> Result<bool, Error> {
        match &what {
            Read::Connection => {
                let deleted = is_deleted(&self.line.object);
                let fact = match deleted {
                    true => self.line.connect_to_clean_up().await?,
                    false => self.line.connect().await?,
                };
                self.facts.connection = Some(fact);
                return Ok(true);
            }
            Read::Slot => {
                self.facts.slot = Some(self.line.slot());
                return Ok(true);
            }
            Read::Batch(name) => {
                match read::batch(&self.line.context.client, self.line.namespace(), name).await? {
                    Ok(fact) => {
                        self.facts.batch = Some(fact);
                        self.refresh_claims(desired);
                    }
                    Err(message) => {
                        let retry_at = after(clock::now(), UNREADABLE_PAUSE);
                        self.facts.failed.insert(what, FailedRead { retry_at, message });
                    }
                }
                return Ok(true);
            }
            Read::Users(_) | Read::Events(_) | Read::Job { .. } => {}
        }
        let Some(client) = self.line.client.clone() else { return Ok(false) };
        if let Err(error) = self.line.take_turn() {
            self.read_failed(what, &error);
            return Ok(true);
        }
        match self.ask(&client, &what).await {
            Ok(()) => self.line.read_worked(),
            Err(error) => self.read_failed(what, &error),
        }
        self.refresh_claims(desired);
        Ok(true)
    }

    /// Reads of JumpCloud.
    async fn ask(&mut self, client: &JumpCloud, what: &Read) -> Result<(), ClientError> {
        match what {
            Read::Users(keys) => {
                let found = read::users(client, keys).await?;
                self.facts.looked_up(found, clock::now());
            }
            Read::Events(wanted) => {
                let listing::Around { rows, whole, covered } = listing::around(client, wanted).await?;
                self.facts.listed(wanted, rows, whole, covered, clock::now());
            }
            Read::Job { job_id, rows } => {
                let answer = job(client, job_id, *rows).await?;
                self.facts.polled(job_id, answer, *rows, clock::now());
            }
            Read::Connection | Read::Slot | Read::Batch(_) => {}
        }
        Ok(())
    }

    fn read_failed(&mut self, what: Read, error: &ClientError) {
        let (failed, setback) = self.line.read_failed(error);
        self.facts.failed.insert(what, failed);
        self.suffer(setback);
    }

    fn suffer(&mut self, setback: Setback) {
        setback.tell(&mut self.facts.notes.common, &mut self.facts.connection);
    }

    /// Writes (I/O). With an intent, everything that sending needs is got first.
    async fn commit(&mut self, commit: &Commit, desired: &Desired) -> Result<bool, Error> {
        let write = Write { status: &commit.status, intent: commit.intent.as_ref() };
        match self.line.commit(write, &commit.verdict).await? {
            Wrote::Written(nonce) => {
                self.facts.committed(nonce, clock::nonce());
                self.line.context.schedule_claims.observe_status(&self.line.object.whole);
                self.refresh_claims(desired);
                Ok(true)
            }
            Wrote::NotNow(setback) => {
                self.suffer(setback);
                Ok(true)
            }
            Wrote::Ended => Ok(false),
        }
    }

    /// Sends (I/O), on a task of its own.
    async fn send(&mut self, desired: &Desired) -> bool {
        // Of ApplyNow's job nobody needs a mail: its results are in status.
        let manner = Manner { suppress_email: true, creation_source: None };
        let cleaned = |message: &str| clean::message(message, None);
        let Some(sent) = self.line.send(manner, cleaned).await else { return false };
        self.facts.armed = None;
        self.facts.deliveries.insert(sent.nonce, sent.outcome);
        self.suffer(sent.setback);
        self.line.context.schedule_claims.observe_status(&self.line.object.whole);
        self.refresh_claims(desired);
        !sent.lost_sight
    }

    /// Makes one request that may be repeated (I/O).
    async fn call(&mut self, call: Call, desired: &Desired) -> bool {
        let held = self.facts.notes.common.hold_until.is_some_and(|until| until > clock::now());
        let outcome = match (self.line.client.clone().filter(|_| !held), self.line.take_turn()) {
            (Some(client), Ok(())) => {
                let (outcome, error) = call::call(&client, &call, &desired.mail).await;
                let setback = self.line.call_ended(&outcome, error.as_ref());
                self.suffer(setback);
                outcome
            }
            (Some(_), Err(error)) => {
                // Nothing is wrong: the object is woken when its turn has come.
                let (_, setback) = self.line.read_failed(&error);
                self.suffer(setback);
                Repaired::NotNow
            }
            (None, _) => Repaired::NotNow,
        };
        self.facts.called(call, outcome);
        true
    }

    /// Puts the finalizer there or takes it away (I/O).
    async fn finalizer(&mut self, change: Finalizer) -> Result<bool, Error> {
        let wanted = change == Finalizer::Add;
        let changed = finalizer::change(&self.line.api, &self.line.object, wanted).await?;
        if let Finalizer::Abandon { events } = change
            && !matches!(changed, finalizer::Changed::Lost)
        {
            self.abandon(events).await;
        }
        match changed {
            finalizer::Changed::Done(object) => {
                self.line.object = *object;
                // Without it an object that is being deleted is gone.
                Ok(wanted || !is_deleted(&self.line.object))
            }
            finalizer::Changed::Gone => Ok(false),
            finalizer::Changed::Lost => {
                self.line.look_again();
                Ok(false)
            }
        }
    }

    /// Tells that cleaning up was given up.
    async fn abandon(&self, events: usize) {
        let context = self.line.context;
        let note = format!(
            "cleaning up was given up; {events} scheduled state changes of this object may be left in JumpCloud"
        );
        tracing::error!(events, object = self.line.full_name(), "{note}");
        context.metrics.cleanup_abandoned.inc_by(u64::try_from(events).unwrap_or(u64::MAX));
        events::cleanup_abandoned(&context.recorder, &self.line.object.whole, &note).await;
    }

    /// What was looked at counts as looked at only when the pass has come to its end: of one whose write was refused
    /// nobody has seen the results.
    fn end(self, wake: Option<jiff::Timestamp>, concluded: bool) -> Option<Duration> {
        let Self { line, facts } = self;
        let (context, uid) = (line.context, line.object.uid());
        let paused = match &facts.connection {
            Some(ConnectionFact::Ready(connection)) => Some(connection.paused),
            _ => None,
        };
        context.memory.keep_schedule(uid, Some(&facts.notes).filter(|_| concluded), paused);
        let share = ScheduleShare::of(&line.object.status(), clock::now());
        context.gauges.keep_schedule(&context.metrics, uid, share);
        line.end(&facts.notes.common, wake)
    }
}

fn is_deleted(object: &Fetched<ScheduledUserState>) -> bool {
    object.metadata().deletion_timestamp.is_some()
}
