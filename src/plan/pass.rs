//! One question of a pass: what is known, what stands in the way, what comes next.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::display;
use super::draft::{Draft, News};
use super::facts::{ConnectionFact, Facts, LOOK_UP, Outcome, Read, UserKey};
use super::intent::Intent;
use super::messages;
use super::need::{Need, User};
use super::policy::{Policy, after};
use super::step::{Batch, Commit, Step};
use super::submission::{Context, Next};
use super::verdict::{Obstacles, Outstanding, foreign, is_rate_limited, verdict};
use crate::api::condition;
use crate::api::submission::{Recorded, Submission};
use crate::api::user_status::{Failure, InventoryEntry, reason};
use crate::users::check::Problem;
use crate::users::row::{DesiredRow, fold};

/// How soon a connection is looked at again that this process is just checking.
const CHECKING: Duration = Duration::from_secs(1);

/// Whether annotation requested-at has a value that was not acted on.
fn is_urgent(batch: &Batch<'_>) -> bool {
    let handled = batch.status.last_handled.as_ref().and_then(|handled| handled.requested_at.as_ref());
    batch.requested_at.is_some() && batch.requested_at.as_ref() != handled
}

pub(super) struct Pass<'a> {
    batch: &'a Batch<'a>,
    facts: &'a Facts,
    policy: &'a Policy,
    now: Timestamp,
    draft: Draft,
    /// Somebody asked to look and act now.
    urgent: bool,
    /// The draft holds results or the course of a request: it is written before anything else is read.
    recorded: bool,
    wakes: Vec<Timestamp>,
}

/// What submitting came to.
struct Submitting {
    outstanding: Outstanding,
    read: Option<Read>,
    intent: Option<Intent>,
    /// Users are still to be looked at, and nothing but time stands in the way.
    unseen: bool,
}

impl<'a> Pass<'a> {
    pub(super) fn new(batch: &'a Batch<'a>, facts: &'a Facts, policy: &'a Policy, now: Timestamp) -> Self {
        let draft = Draft::of(batch.status);
        let urgent = is_urgent(batch);
        Self { batch, facts, policy, now, draft, urgent, recorded: false, wakes: Vec::new() }
    }

    /// Decides what the pass does next.
    pub(super) fn next(mut self) -> Step {
        let handled =
            self.batch.status.last_handled.as_ref().and_then(|handled| handled.retry_failed.clone());
        if let Some(value) = self.batch.retry_failed.as_ref().filter(|value| Some(*value) != handled.as_ref())
        {
            self.draft.retry_failed(value);
        }
        let mut obstacles = self.obstacles();
        if obstacles.other_organization.is_some() {
            // Nobody tells when the credential is put back: the Secret is read when a pass asks for it.
            self.wakes.push(after(self.now, self.policy.poll_max));
        }
        if foreign(self.batch.status).is_none() {
            if let Some(read) = self.follow(&obstacles) {
                return Step::Read(read);
            }
            self.draft.forget_obsolete(self.batch.desired);
            obstacles.problems.extend(self.edits());
        }
        let submitting = self.submit(&obstacles);
        match submitting.read {
            Some(read) if !self.recorded => return Step::Read(read),
            _ => {}
        }
        if let (true, false, Some(value)) = (self.urgent, submitting.unseen, &self.batch.requested_at) {
            self.draft.requested(value);
        }
        self.conclude(&obstacles, submitting.outstanding, submitting.intent)
    }

    /// What stands in the way, as far as it is known without reading.
    fn obstacles(&self) -> Obstacles {
        let mut obstacles = Obstacles {
            problems: self.batch.desired.problems.clone(),
            paused: self.batch.desired.paused,
            rate_limited: is_rate_limited(self.facts.notes.throttled_until, self.now),
            trouble: self.facts.notes.trouble.clone(),
            ..Obstacles::default()
        };
        match &self.facts.connection {
            None | Some(ConnectionFact::Checking) => {}
            Some(ConnectionFact::Missing) => {
                obstacles.connection = Some(messages::connection_missing(&self.batch.desired.connection));
            }
            Some(ConnectionFact::NotReady(why)) => obstacles.connection = Some(why.clone()),
            Some(ConnectionFact::Ready(connection)) => {
                obstacles.connection_paused = connection.paused;
                obstacles.other_organization = self
                    .batch
                    .status
                    .organization_id
                    .as_ref()
                    .filter(|ours| **ours != connection.organization)
                    .map(|_| connection.organization.clone());
            }
        }
        obstacles
    }

    /// A read, unless it failed in this pass before; then the time to try again is noted.
    fn possible(&mut self, read: Read) -> Option<Read> {
        match self.facts.failed.get(&read) {
            Some(failed) => {
                self.wakes.push(failed.retry_at);
                None
            }
            None => Some(read),
        }
    }

    /// Follows every request under way; what has ended goes into the draft. Nothing is read of an
    /// organisation that is not the object's.
    fn follow(&mut self, obstacles: &Obstacles) -> Option<Read> {
        let (told, open): (Vec<_>, Vec<_>) =
            self.batch.status.submissions.iter().filter_map(Recorded::known).partition(|submission| {
                // The outcome is known to this pass alone: it is recorded whatever became of the connection.
                submission.delivered(self.facts).is_some()
            });
        for submission in told {
            if let Some(next) = submission.delivered(self.facts) {
                self.take(submission, next);
            }
        }
        if open.is_empty() || self.recorded {
            return None;
        }
        match &self.facts.connection {
            None => return self.possible(Read::Connection),
            Some(ConnectionFact::Checking) => {
                self.wakes.push(after(self.now, CHECKING));
                return None;
            }
            Some(ConnectionFact::Missing | ConnectionFact::NotReady(_)) => return None,
            Some(ConnectionFact::Ready(_)) if obstacles.other_organization.is_some() => return None,
            Some(ConnectionFact::Ready(_)) => {}
        }
        let emails: BTreeMap<String, (String, String)> = self
            .batch
            .desired
            .rows
            .iter()
            .map(|row| (row.key(), (row.hash.clone(), row.email.clone())))
            .collect();
        let evidence: BTreeMap<String, Timestamp> = self
            .batch
            .status
            .failures
            .iter()
            .filter_map(|failure| Some((fold(&failure.username), failure.unknown_since()?)))
            .collect();
        for submission in open {
            let context = Context {
                facts: self.facts,
                policy: self.policy,
                job_timeout: self.batch.desired.job_timeout,
                emails: &emails,
                evidence: &evidence,
                urgent: self.urgent,
                now: self.now,
            };
            if let Some(read) = self.take(submission, submission.next(&context)) {
                return Some(read);
            }
        }
        None
    }

    /// Puts into the draft what comes next for a request; a read is handed back.
    fn take(&mut self, submission: &Submission, next: Next) -> Option<Read> {
        match next {
            Next::Read(read) => return Some(read),
            Next::Wait(until) => self.wakes.push(until),
            Next::Replace(changed) => {
                self.draft.replace(*changed);
                self.recorded = true;
            }
            Next::Settle(results) => {
                self.draft.settle(submission, &results, self.batch.desired, self.now);
                self.recorded = true;
            }
        }
        None
    }

    /// Edits that this release cannot carry out: users that are ours, changed or taken off.
    fn edits(&self) -> Vec<Problem> {
        let rows: BTreeMap<String, &DesiredRow> =
            self.batch.desired.rows.iter().map(|row| (row.key(), row)).collect();
        self.draft
            .status
            .inventory
            .iter()
            .filter_map(|entry| match rows.get(&fold(&entry.username)) {
                None => Some(Problem::of("users", messages::row_removed(&entry.username))),
                Some(row) if row.hash != entry.hash => {
                    Some(Problem::of_row(row.index, &row.username, messages::ROW_CHANGED))
                }
                Some(_) => None,
            })
            .collect()
    }

    /// Finds the users that need sending, and the next request, if one may go out now.
    fn submit(&mut self, obstacles: &Obstacles) -> Submitting {
        let (unseen, mut missing, later) = self.needs();
        let outstanding = Outstanding { ready: unseen.len() + missing.len(), later };
        let nothing = || Submitting { outstanding, read: None, intent: None, unseen: false };
        let not_yet = || Submitting { unseen: !unseen.is_empty(), ..nothing() };
        if outstanding.ready == 0 || self.forbidden(obstacles) {
            return nothing();
        }
        // Users that were settled in this draft need a look that is newer than their result.
        if self.recorded || self.held() {
            return not_yet();
        }
        let connection = match &self.facts.connection {
            None => return Submitting { read: self.possible(Read::Connection), ..not_yet() },
            Some(ConnectionFact::Checking) => {
                self.wakes.push(after(self.now, CHECKING));
                return not_yet();
            }
            Some(ConnectionFact::Missing | ConnectionFact::NotReady(_)) => return nothing(),
            Some(ConnectionFact::Ready(connection)) => connection.clone(),
        };
        let under_way = u32::try_from(self.draft.status.submissions.len()).unwrap_or(u32::MAX);
        if under_way.saturating_add(connection.jobs_elsewhere) >= connection.max_concurrent_jobs {
            // A slot comes free when some job settles; none of that wakes this object by itself.
            self.wakes.push(after(self.now, self.policy.poll_min));
            return not_yet();
        }
        let size = self.batch.desired.batch_size.min(connection.max_batch_size).max(1) as usize;
        let wanted = size.saturating_sub(missing.len()).min(LOOK_UP);
        if wanted > 0 && !unseen.is_empty() {
            let keys = unseen
                .iter()
                .take(wanted)
                .map(|row| UserKey { username: row.username.clone(), email: Some(row.email.clone()) })
                .collect();
            return Submitting { read: self.possible(Read::Users(keys)), ..not_yet() };
        }
        missing.truncate(size);
        let intent = (!missing.is_empty()).then(|| {
            let intent =
                Intent::of(self.batch, self.facts, self.policy, &missing, connection.organization, self.now);
            self.draft.intend(&intent.submission);
            intent
        });
        Submitting { intent, ..not_yet() }
    }

    /// Rows to be looked up, rows to be created, and how many are sent again later. Users that turned
    /// out to be ours or somebody else's go into the draft.
    fn needs(&mut self) -> (Vec<&'a DesiredRow>, Vec<&'a DesiredRow>, usize) {
        let batch = self.batch;
        let in_flight = self.draft.in_flight();
        let inventory: BTreeMap<String, InventoryEntry> =
            self.draft.status.inventory.iter().map(|entry| (fold(&entry.username), entry.clone())).collect();
        let failures: BTreeMap<String, Failure> = self
            .draft
            .status
            .failures
            .iter()
            .map(|failure| (fold(&failure.username), failure.clone()))
            .collect();
        let (mut unseen, mut missing, mut later) = (Vec::new(), Vec::new(), 0);
        for row in &batch.desired.rows {
            let key = row.key();
            let user = User {
                row,
                owned: inventory.get(&key),
                in_flight: in_flight.contains(&key),
                failure: failures.get(&key),
                look: self.facts.users.get(&key),
                urgent: self.urgent,
            };
            match user.need(self.now) {
                Need::Look => unseen.push(row),
                Need::Create => missing.push(row),
                Need::Take { id, live_state } => {
                    self.draft.own(&row.username, &id, &row.hash, Some(row));
                    let reason = Some(reason::ADOPTED_AFTER_UNKNOWN);
                    self.draft.news.insert(key, News { reason, live_state, ..News::default() });
                }
                Need::Refuse => self.draft.conflict(&row.username, &row.hash, None),
                Need::Later(at) => {
                    later += 1;
                    self.wakes.push(at);
                }
                Need::InFlight | Need::Owned | Need::Held => {}
            }
        }
        (unseen, missing, later)
    }

    /// Whether it must first become another time, whatever else there is.
    fn held(&mut self) -> bool {
        let hold =
            [self.facts.notes.hold_until, self.facts.notes.throttled_until].into_iter().flatten().max();
        if let Some(until) = hold.filter(|until| *until > self.now) {
            self.wakes.push(until);
            return true;
        }
        self.facts.deliveries.values().any(|outcome| *outcome != Outcome::Accepted)
    }

    /// Whether nothing may be sent until somebody edits something, whatever the connection says.
    fn forbidden(&self, obstacles: &Obstacles) -> bool {
        self.batch.deleting
            || foreign(&self.draft.status).is_some()
            || !obstacles.problems.is_empty()
            || obstacles.paused
            || obstacles.connection_paused
            || obstacles.connection.is_some()
            || obstacles.other_organization.is_some()
    }

    /// Writes what changed, or waits.
    fn conclude(mut self, obstacles: &Obstacles, outstanding: Outstanding, intent: Option<Intent>) -> Step {
        if self.batch.deleting {
            return Step::Idle { wake_at: self.wakes.into_iter().min() };
        }
        let newer = foreign(self.batch.status).is_some();
        if newer {
            // Nothing but conditions: whatever else is there belongs to the newer operator.
            self.draft = Draft::of(self.batch.status);
        }
        let verdict = verdict(&self.draft.status, self.batch.desired, obstacles, outstanding);
        if !newer {
            display::show(&mut self.draft, self.batch.desired);
            self.draft.status.observed_generation = Some(self.batch.generation);
        }
        self.draft.status.conditions =
            condition::conditions(&self.batch.status.conditions, &verdict, self.batch.generation, self.now);
        if self.draft.status != *self.batch.status {
            return Step::Commit(Box::new(Commit { status: self.draft.status, intent, verdict }));
        }
        Step::Idle { wake_at: self.wakes.into_iter().min() }
    }
}
