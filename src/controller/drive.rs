//! One pass over a batch: ask the planner, do what it says, until it says to wait.

use std::sync::Arc;
use std::time::Duration;

use kube::api::Api;
use tokio::time::Instant;

use super::context::Context;
use super::error::Error;
use super::object::{Fetched, fetch};
use super::read;
use super::record::{Address, Armed, Committed, Ready, Write, commit};
use super::send::{Manner, send};
use super::turns::Turn;
use super::{events, gauges};
use crate::api::recording::Recording;
use crate::api::submission::{Phase, Recorded};
use crate::api::user_batch::{JumpCloudUserBatch, JumpCloudUserBatchStatus};
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error as ClientError;
use crate::plan::desired::{Desired, desired};
use crate::plan::facts::{ConnectionFact, Facts, FailedRead, Outcome, Read, Repair, Repaired, Slot};
use crate::plan::policy::after;
use crate::plan::step::{Batch, Commit, Step, is_in_time, plan};
use crate::runtime::clock;
use crate::users::clean;
use crate::users::row::{DesiredRow, fold};

/// More steps than any pass can need: two per user, and some.
const MAX_STEPS: usize = 5000;

/// Most characters of an annotation's value that are looked at and noted.
const MAX_ANNOTATION: usize = 256;

/// How long a pass waits for the lease to be renewed before it looks again.
const LEASE_PAUSE: Duration = Duration::from_secs(1);

/// One pass. Returns when the object wants to be looked at again, if nothing happens before.
///
/// # Errors
/// When the API server cannot be used; the pass is repeated.
pub async fn drive(context: &Arc<Context>, namespace: &str, name: &str) -> Result<Option<Duration>, Error> {
    let api: Api<JumpCloudUserBatch> = Api::namespaced(context.client.clone(), namespace);
    let Some(object) = fetch(&api, name).await? else { return Ok(None) };
    let desired = desired(&object.whole.spec, object.bytes);
    let mut pass = Pass::new(context, api, namespace, name, object);
    pass.refresh_claims(&desired.rows);
    let mut wake = None;
    for steps in 0.. {
        if steps > MAX_STEPS {
            return Err(Error::Restless);
        }
        let status = pass.object.status();
        let step = plan(&pass.batch(&desired, &status), &pass.facts, &context.policy, clock::now());
        let go_on = match step {
            Step::Read(what) => pass.read(what, &desired).await?,
            Step::Commit(write) => pass.commit(&write).await?,
            Step::Send(_) => pass.send(&desired).await,
            Step::Repair(repair) => pass.repair(&repair).await,
            Step::Idle { wake_at } => {
                wake = wake_at;
                false
            }
        };
        if !go_on {
            break;
        }
    }
    Ok(pass.end(wake))
}

struct Pass<'a> {
    context: &'a Arc<Context>,
    api: Api<JumpCloudUserBatch>,
    namespace: &'a str,
    name: &'a str,
    object: Fetched<JumpCloudUserBatch>,
    facts: Facts,
    turn: Turn<'a>,
    client: Option<JumpCloud>,
    armed: Option<Box<Armed>>,
    /// When the repairs of this pass were planned, on the monotonic clock.
    announced: Option<Instant>,
    /// The status as it was written last, when the API server did not keep all of it.
    pruned: Option<JumpCloudUserBatchStatus>,
    /// A token was long in coming once in this pass.
    waited_for_token: bool,
    /// When to look again although the planner was not asked: the pass ended before it could be.
    retry: Option<Duration>,
}

impl<'a> Pass<'a> {
    fn new(
        context: &'a Arc<Context>,
        api: Api<JumpCloudUserBatch>,
        namespace: &'a str,
        name: &'a str,
        object: Fetched<JumpCloudUserBatch>,
    ) -> Self {
        let status = object.status();
        let sights: Vec<String> = status.submissions.iter().flat_map(Recorded::sights).collect();
        let epoch = context.connections.epoch(namespace, &object.whole.spec.connection_ref.name);
        let notes = context.memory.recall(object.uid(), &sights, epoch, clock::monotonic());
        let mut facts = Facts::begin(notes, clock::nonce());
        let connection = &object.whole.spec.connection_ref.name;
        let stored = context.connections.stored(namespace, connection);
        facts.protected = stored.map(|found| found.spec.protected_users.clone()).unwrap_or_default();
        let turn = context.turns.begin(JumpCloudUserBatch::KIND, namespace, name, connection);
        turn.report(&status.submissions, object.version(), false);
        Self {
            context,
            api,
            namespace,
            name,
            object,
            facts,
            turn,
            client: None,
            armed: None,
            announced: None,
            pruned: None,
            waited_for_token: false,
            retry: None,
        }
    }

    /// What other objects say about users of this one, and about those that were just looked up.
    fn refresh_claims(&mut self, rows: &[DesiredRow]) {
        let found = self.facts.users.values().flat_map(|look| &look.found);
        let found: Vec<&str> = found.map(|user| user.id.as_str()).collect();
        let context = self.context;
        self.facts.claims = context.claims.about_object(&self.object, rows, &found, &context.connections);
    }

    fn batch<'b>(&self, desired: &'b Desired, status: &'b JumpCloudUserBatchStatus) -> Batch<'b> {
        let metadata = self.object.metadata();
        // As much of it as status takes: a write with more would be refused, and with it everything else.
        let annotation = |name: &str| {
            let value = metadata.annotations.as_ref().and_then(|all| all.get(name))?;
            Some(clean::cut(value, MAX_ANNOTATION))
        };
        Batch {
            name: format!("{}/{}", self.namespace, self.name),
            generation: self.object.generation(),
            requested_at: annotation(crate::api::REQUESTED_AT),
            retry_failed: annotation(crate::api::RETRY_FAILED),
            resolve: annotation(crate::api::RESOLVE),
            deleting: metadata.deletion_timestamp.is_some(),
            desired,
            status,
        }
    }

    /// Reads (I/O). A read that fails does not end the pass: the planner knows what else can be done.
    async fn read(&mut self, what: Read, desired: &Desired) -> Result<bool, Error> {
        match &what {
            Read::Connection => {
                let connection = &self.object.whole.spec.connection_ref.name;
                let (fact, access) = self.context.connections.resolve(self.namespace, connection).await?;
                self.facts.connection = Some(fact);
                let (client, shared) = access.map(|access| (access.client, access.shared)).unzip();
                self.turn.shares(shared);
                self.client = client;
                return Ok(true);
            }
            Read::Slot => {
                self.facts.slot = Some(match self.turn.slot() {
                    Ok(()) => Slot::Free,
                    Err(pause) => Slot::Taken { until: after(clock::now(), pause) },
                });
                return Ok(true);
            }
            Read::Users(_) | Read::Managers(_) | Read::Job { .. } => {}
        }
        let Some(client) = self.client.clone() else { return Ok(false) };
        if let Err(retry_in) = self.turn.token() {
            self.read_failed(what, &ClientError::Throttled { retry_in });
            return Ok(true);
        }
        let answer = match &what {
            Read::Users(keys) => read::users(&client, keys, &mut self.facts, clock::now).await,
            Read::Managers(wanted) => read::managers(&client, wanted, &mut self.facts).await,
            Read::Job { job_id, rows } => {
                read::job(&client, job_id, *rows, &mut self.facts, clock::now).await
            }
            Read::Connection | Read::Slot => Ok(()),
        };
        match answer {
            Ok(()) => self.context.memory.worked(self.object.uid()),
            Err(error) => self.read_failed(what, &error),
        }
        self.refresh_claims(&desired.rows);
        Ok(true)
    }

    fn read_failed(&mut self, what: Read, error: &ClientError) {
        let now = clock::now();
        if let ClientError::Throttled { retry_in } = error {
            let until = after(now, *retry_in);
            self.facts.notes.throttled_until = Some(until);
            self.facts.failed.insert(what, FailedRead { retry_at: until, message: error.to_string() });
            return;
        }
        tracing::warn!(%error, "JumpCloud could not be read");
        let message = clean::message(&error.to_string(), None);
        let retry_at = self.context.memory.failed(self.object.uid(), &message, error.retry_after(), now);
        self.facts.failed.insert(what, FailedRead { retry_at, message });
        let unreachable = matches!(error, ClientError::Connect { .. } | ClientError::Token { .. });
        if unreachable || error.is_credentials() || error.is_redirect() {
            self.doubt();
        }
    }

    /// The connection is checked before this pass, or another one, goes on.
    fn doubt(&mut self) {
        self.context.connections.doubt(self.namespace, &self.object.whole.spec.connection_ref.name);
        self.facts.connection = Some(ConnectionFact::Checking);
        self.client = None;
    }

    /// Writes (I/O). With an intent, everything that sending needs is got first.
    async fn commit(&mut self, write: &Commit) -> Result<bool, Error> {
        let ready = match &write.intent {
            None => None,
            Some(_) => match self.prepare().await {
                Prepared::Ready(ready) => Some(ready),
                Prepared::NotNow => return Ok(true),
                Prepared::NotLeading => {
                    self.retry = Some(LEASE_PAUSE);
                    return Ok(false);
                }
            },
        };
        // What was written did not stay: writing it again and again would be of no use.
        if write.intent.is_none() && self.pruned.as_ref() == Some(&write.status) {
            return Err(Error::Pruned);
        }
        let old = self.object.status().conditions;
        self.announced = (!write.repairs.is_empty()).then(clock::monotonic);
        match commit(
            &self.api,
            &self.object,
            Write { status: &write.status, intent: write.intent.as_ref() },
            ready,
        )
        .await?
        {
            Committed::Lost => {
                // Whoever wrote has caused an event; look again in case it was seen before.
                self.retry = Some(LEASE_PAUSE);
                Ok(false)
            }
            Committed::Written { object, armed } => {
                self.object = *object;
                self.pruned = Some(write.status.clone()).filter(|wrote| *wrote != self.object.status());
                self.turn.report(&self.object.status().submissions, self.object.version(), armed.is_some());
                let nonce = armed.as_ref().map(|armed| armed.nonce().to_owned());
                self.facts.committed(nonce, write.repairs.clone(), clock::nonce());
                self.armed = armed;
                events::transition(&self.context.recorder, &self.object.whole, &old, &write.verdict).await;
                Ok(true)
            }
        }
    }

    /// The rate token, the client with a credential that lasts, and a lease that outlasts the request.
    async fn prepare(&mut self) -> Prepared {
        let Some(client) = self.client.clone() else { return Prepared::NotLeading };
        let (time, begin) = (self.context.policy.submit_timeout, clock::monotonic());
        if let Err(error) = client.authenticate(time).await {
            self.not_authenticated(&error);
            return Prepared::NotNow;
        }
        // The time of the intent that was planned runs already: it is planned again, with all of it.
        if begin.elapsed() * 4 > time && !std::mem::replace(&mut self.waited_for_token, true) {
            return Prepared::NotNow;
        }
        let permit = match client.reserve().await {
            Ok(permit) => permit,
            Err(throttled) => {
                self.facts.notes.throttled_until = Some(after(clock::now(), throttled.retry_in));
                return Prepared::NotNow;
            }
        };
        if self.context.leadership.remaining().is_none_or(|left| left <= time) {
            return Prepared::NotLeading;
        }
        Prepared::Ready(Ready { permit, client, deadline: clock::monotonic() + time })
    }

    /// The service account got no token: no intent is committed for a request that could not be sent.
    fn not_authenticated(&mut self, error: &ClientError) {
        tracing::warn!(%error, "no request can be sent");
        let message = clean::message(&error.to_string(), None);
        self.hold(&message, error.retry_after());
        self.doubt();
    }

    /// Nothing is sent for a while.
    fn hold(&mut self, message: &str, asked: Option<Duration>) {
        let connection = &self.object.whole.spec.connection_ref.name;
        let epoch = self.context.connections.epoch(self.namespace, connection);
        let until = self.context.memory.refused(self.object.uid(), message, asked, clock::now(), epoch);
        self.facts.notes.hold_until = Some(until);
    }

    /// Sets fields of one user (I/O): harmless when repeated, announced by the write before.
    async fn repair(&mut self, repair: &Repair) -> bool {
        // By both clocks, as a bulk request is.
        let policy = &self.context.policy;
        let in_time = self.announced.is_some_and(|at| at.elapsed() < policy.submit_timeout)
            && is_in_time(repair, &self.object.status(), policy, clock::now());
        let held = self.facts.notes.hold_until.is_some_and(|until| until > clock::now());
        let outcome = match self.client.clone().filter(|_| in_time && !held) {
            Some(client) => {
                let (outcome, error) = read::repair(&client, repair).await;
                self.repair_ended(&outcome, error.as_ref());
                outcome
            }
            None => Repaired::NotNow,
        };
        let key = fold(&repair.username);
        self.facts.users.remove(&key);
        self.facts.repaired.insert(key, outcome);
        self.facts.repairs.retain(|other| other != repair);
        true
    }

    /// A repair that did not come to pass is like a refused request: the next one waits, also those that
    /// this pass has announced. Unless only this user's is refused, such as one who is gone.
    fn repair_ended(&mut self, outcome: &Repaired, error: Option<&ClientError>) {
        let Some(error) = error else { return self.context.memory.delivered(self.object.uid()) };
        let message = clean::message(&error.to_string(), None);
        if *outcome == Repaired::Unknown {
            return self.context.memory.unanswered(self.object.uid(), &message);
        }
        let unreachable = matches!(error, ClientError::Connect { .. } | ClientError::Token { .. });
        let doubtful = unreachable || error.is_credentials() || error.is_redirect();
        let asked = match error {
            ClientError::Throttled { retry_in } => Some(*retry_in),
            other => other.retry_after(),
        };
        if doubtful || asked.is_some() {
            self.hold(&message, asked);
        }
        if doubtful {
            self.doubt();
        }
    }

    /// Sends (I/O), on a task of its own.
    async fn send(&mut self, desired: &Desired) -> bool {
        let Some(armed) = self.armed.take() else { return false };
        let nonce = armed.nonce().to_owned();
        let to =
            Address { api: self.api.clone(), name: self.name.to_owned(), uid: self.object.uid().to_owned() };
        let manner = Manner {
            suppress_email: desired.suppress_email,
            creation_source: Some(desired.creation_source.header()),
        };
        let Some(sent) = send(&self.context.shutdown, to, *armed, manner).await else { return false };
        self.facts.armed = None;
        if let Outcome::Refused { message } = &sent.outcome {
            // The vendor's words may repeat any row of the request.
            let message = clean::message(message, desired.rows.iter().map(|row| &row.fields));
            self.hold(&message, sent.retry_in());
            if sent.concerns_connection() {
                self.doubt();
            }
        } else {
            self.context.memory.delivered(self.object.uid());
        }
        // Accepted and not recorded: the pass ends, and whoever comes next settles it as unknown.
        let lost_sight = sent.outcome == Outcome::Accepted && sent.object.is_none();
        self.facts.deliveries.insert(nonce, sent.outcome);
        if let Some(object) = sent.object {
            self.object = object;
            self.turn.report(&self.object.status().submissions, self.object.version(), false);
        }
        !lost_sight
    }

    fn end(self, wake: Option<jiff::Timestamp>) -> Option<Duration> {
        let status = self.object.status();
        let jobs: Vec<String> = status
            .submissions
            .iter()
            .filter_map(Recorded::known)
            .filter(|s| s.phase == Phase::Accepted)
            .filter_map(|s| s.job_id.clone())
            .collect();
        let uid = self.object.uid();
        self.context.memory.keep_polls(uid, &self.facts.notes, &jobs);
        self.context.memory.pass_ended(uid);
        let results = gauges::results(&status);
        let of = (JumpCloudUserBatch::KIND, uid);
        self.context.gauges.keep(&self.context.metrics, of, results, &status.submissions);
        self.context.running.keep(&self.object.whole);
        let until = |time: jiff::Timestamp| {
            Duration::try_from(time.duration_since(clock::now())).unwrap_or_default()
                + Duration::from_millis(5)
        };
        self.retry.into_iter().chain(wake.map(until)).min()
    }
}

enum Prepared {
    Ready(Ready),
    NotNow,
    NotLeading,
}
