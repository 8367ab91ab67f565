//! One pass over a batch: ask the planner, do what it says, until it says to wait.

use std::sync::Arc;
use std::time::Duration;

use kube::api::Api;
use tokio::time::Instant;

use super::context::Context;
use super::error::Error;
use super::line::{Line, Setback, Wrote};
use super::object::{Fetched, fetch};
use super::read;
use super::record::Write;
use super::send::Manner;
use crate::api::user_batch::{JumpCloudUserBatch, JumpCloudUserBatchStatus};
use crate::jumpcloud::error::Error as ClientError;
use crate::plan::desired::{Desired, desired};
use crate::plan::facts::{Facts, Read, Repair, Repaired};
use crate::plan::step::{Batch, Commit, Step, is_in_time, plan};
use crate::runtime::clock;
use crate::users::clean;
use crate::users::row::{DesiredRow, fold};

/// More steps than any pass can need: two per user, and some.
const MAX_STEPS: usize = 5000;

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
        let status = pass.line.object.status();
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
    let (line, notes) = (pass.line, pass.facts.notes);
    context.gauges.keep(&context.metrics, line.object.uid(), &line.object.status());
    Ok(line.end(&notes, wake))
}

struct Pass<'a> {
    line: Line<'a, JumpCloudUserBatch>,
    facts: Facts,
    /// When the repairs of this pass were planned, on the monotonic clock.
    announced: Option<Instant>,
}

impl<'a> Pass<'a> {
    fn new(
        context: &'a Arc<Context>,
        api: Api<JumpCloudUserBatch>,
        namespace: &'a str,
        name: &'a str,
        object: Fetched<JumpCloudUserBatch>,
    ) -> Self {
        let line = Line::new(context, api, (namespace, name), object);
        let mut facts = Facts::begin(line.notes(), clock::nonce());
        facts.protected = line.protected();
        Self { line, facts, announced: None }
    }

    /// What other objects say about users of this one, and about those that were just looked up.
    fn refresh_claims(&mut self, rows: &[DesiredRow]) {
        let found = self.facts.users.values().flat_map(|look| &look.found);
        let found: Vec<&str> = found.map(|user| user.id.as_str()).collect();
        let context = self.line.context;
        let object = &self.line.object;
        self.facts.claims = context.claims.about_object(object, rows, &found, &context.connections);
    }

    fn batch<'b>(&self, desired: &'b Desired, status: &'b JumpCloudUserBatchStatus) -> Batch<'b> {
        let line = &self.line;
        Batch {
            name: line.full_name(),
            generation: line.generation,
            requested_at: line.annotation(crate::api::REQUESTED_AT),
            retry_failed: line.annotation(crate::api::RETRY_FAILED),
            resolve: line.annotation(crate::api::RESOLVE),
            deleting: line.object.metadata().deletion_timestamp.is_some(),
            desired,
            status,
        }
    }

    /// Reads (I/O). A read that fails does not end the pass: the planner knows what else can be done.
    async fn read(&mut self, what: Read, desired: &Desired) -> Result<bool, Error> {
        match &what {
            Read::Connection => {
                self.facts.connection = Some(self.line.connect().await?);
                return Ok(true);
            }
            Read::Slot => {
                self.facts.slot = Some(self.line.slot());
                return Ok(true);
            }
            Read::Users(_) | Read::Managers(_) | Read::Job { .. } => {}
        }
        let Some(client) = self.line.client.clone() else { return Ok(false) };
        if let Err(error) = self.line.take_turn() {
            self.read_failed(what, &error);
            return Ok(true);
        }
        let answer = match &what {
            Read::Users(keys) => read::users(&client, keys, &mut self.facts, clock::now).await,
            Read::Managers(wanted) => read::managers(&client, wanted, &mut self.facts).await,
            Read::Job { job_id, rows } => read::job(&client, job_id, *rows)
                .await
                .map(|answer| self.facts.polled(job_id, answer, *rows, clock::now())),
            Read::Connection | Read::Slot => Ok(()),
        };
        match answer {
            Ok(()) => self.line.read_worked(),
            Err(error) => self.read_failed(what, &error),
        }
        self.refresh_claims(&desired.rows);
        Ok(true)
    }

    fn read_failed(&mut self, what: Read, error: &ClientError) {
        let (failed, setback) = self.line.read_failed(error);
        self.facts.failed.insert(what, failed);
        self.suffer(setback);
    }

    fn suffer(&mut self, setback: Setback) {
        setback.tell(&mut self.facts.notes, &mut self.facts.connection);
    }

    /// Writes (I/O). With an intent, everything that sending needs is got first.
    async fn commit(&mut self, commit: &Commit) -> Result<bool, Error> {
        self.announced = (!commit.repairs.is_empty()).then(clock::monotonic);
        let write = Write { status: &commit.status, intent: commit.intent.as_ref() };
        match self.line.commit(write, &commit.verdict).await? {
            Wrote::Written(nonce) => {
                self.facts.committed(nonce, commit.repairs.clone(), clock::nonce());
                Ok(true)
            }
            Wrote::NotNow(setback) => {
                self.suffer(setback);
                Ok(true)
            }
            Wrote::Ended => Ok(false),
        }
    }

    /// Sets fields of one user (I/O): harmless when repeated, announced by the write before. When it does not
    /// come to pass, those wait as well that this pass has announced.
    async fn repair(&mut self, repair: &Repair) -> bool {
        // By both clocks, as a bulk request is.
        let policy = &self.line.context.policy;
        let in_time = self.announced.is_some_and(|at| at.elapsed() < policy.submit_timeout)
            && is_in_time(repair, &self.line.object.status(), policy, clock::now());
        let held = self.facts.notes.hold_until.is_some_and(|until| until > clock::now());
        let outcome = match self.line.client.clone().filter(|_| in_time && !held) {
            Some(client) => {
                let (outcome, error) = read::repair(&client, repair).await;
                let setback = self.line.call_ended(&outcome, error.as_ref());
                self.suffer(setback);
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

    /// Sends (I/O), on a task of its own.
    async fn send(&mut self, desired: &Desired) -> bool {
        let manner = Manner {
            suppress_email: desired.suppress_email,
            creation_source: Some(desired.creation_source.header()),
        };
        // The vendor's words may repeat any row of the request.
        let cleaned = |message: &str| clean::message(message, desired.rows.iter().map(|row| &row.fields));
        let Some(sent) = self.line.send(manner, cleaned).await else { return false };
        self.facts.armed = None;
        self.facts.deliveries.insert(sent.nonce, sent.outcome);
        self.suffer(sent.setback);
        !sent.lost_sight
    }
}
