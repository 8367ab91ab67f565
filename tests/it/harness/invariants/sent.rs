//! Which request belongs to which intent.
//!
//! A request has no nonce that JumpCloud sees, and the body's hash in the ledger is not the payload's hash in the
//! record, which is over the object's name as well and over references instead of secrets. So a request is tied to
//! an intent by operation, members in their order, organisation and time: not before `intentTime` and the second in
//! which the intent was committed, not after `submitBy`. No intent serves two requests. Of several that fit, the one
//! that has the request's job recorded is taken, else the newest.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jumpcloud_operator::api::submission::{Operation, Phase, Submission};
use jumpcloud_sim::ledger::{Cause, Request, ScheduledEvent};
use jumpcloud_sim::{Entry, Route, What};

use super::evidence::Evidence;
use super::version::Version;

/// How much later than it was sent a request may arrive: machines are busy.
const LATE: SignedDuration = SignedDuration::from_secs(3);

/// How the operator calls itself.
const AGENT: &str = "jumpcloud-operator/";

/// A request that is not idempotent.
#[derive(Debug)]
pub struct Post<'a> {
    /// Its entry in the ledger.
    pub entry: &'a Entry,
    /// The request.
    pub request: &'a Request,
    /// What it asks for.
    pub operation: Operation,
    /// Its users: usernames of a create, else ids.
    pub members: &'a [String],
    /// Its intent, if there is one.
    pub intent: Option<Intent<'a>>,
}

/// An intent, as it was committed.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// The version that has it first.
    pub version: &'a Version,
    /// The record.
    pub record: &'a Submission,
}

impl Post<'_> {
    /// The uid of the object that sent it.
    pub fn uid(&self) -> Option<&str> {
        self.intent.map(|intent| intent.version.uid.as_str())
    }

    /// The job or schedule that came to be.
    pub fn job(&self) -> Option<&str> {
        self.request.accepted_job()
    }
}

/// An event that a request has made.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// Its entry in the ledger.
    pub seq: u64,
    /// The event.
    pub event: &'a ScheduledEvent,
    /// The entry of the request.
    pub request: u64,
}

/// All events that requests have made, in the order of the ledger: what a request did follows its entry.
pub fn made(evidence: &Evidence) -> Vec<Made<'_>> {
    let mut request = 0;
    let mut all = Vec::new();
    for entry in &evidence.ledger {
        match &entry.what {
            What::Request(_) => request = entry.seq,
            What::ScheduleAdded { event, by: Cause::Request } => {
                all.push(Made { seq: entry.seq, event, request });
            }
            _ => {}
        }
    }
    all
}

/// The ids of the job, or of all events, that came of a request.
pub fn ids<'a>(evidence: &'a Evidence, post: &Post<'a>) -> BTreeSet<&'a str> {
    let own = evidence.ledger.iter().skip_while(|entry| entry.seq <= post.entry.seq);
    let own = own.take_while(|entry| entry.request().is_none());
    let events = own.filter_map(|entry| match &entry.what {
        What::ScheduleAdded { event, by: Cause::Request } => Some(event.job_id.as_str()),
        _ => None,
    });
    events.chain(post.request.accepted_job()).collect()
}

/// All such requests in the order in which they arrived.
pub fn posts(evidence: &Evidence) -> Vec<Post<'_>> {
    let mut posts: Vec<_> = evidence.ledger.iter().filter_map(post).collect();
    posts.sort_by_key(|post| post.request.arrived);
    let intents = intents(evidence);
    let jobs = recorded(evidence);
    let mut used = BTreeSet::new();
    for post in &mut posts {
        let fitting = intents.iter().filter(|intent| fits(intent, post) && !used.contains(&key(intent)));
        let best = fitting.max_by_key(|intent| {
            let job = jobs.get(&key(intent));
            let is_own = job.is_some_and(|job| post.job() == Some(*job));
            (is_own, job.is_none() || post.job().is_none(), intent.version.revision)
        });
        let best = best.copied();
        used.extend(best.as_ref().map(key));
        post.intent = best;
    }
    posts
}

/// What tells an intent from all others.
fn key<'a>(intent: &Intent<'a>) -> (&'a str, &'a str) {
    (&intent.version.uid, &intent.record.nonce)
}

/// The job that each record got.
fn recorded(evidence: &Evidence) -> BTreeMap<(&str, &str), &str> {
    let mut jobs = BTreeMap::new();
    for version in &evidence.history.versions {
        for record in version.records() {
            let event = record.events.first().map(|event| event.scheduled_job_id.as_str());
            if let Some(job) = record.job_id.as_deref().or(event) {
                jobs.insert((version.uid.as_str(), record.nonce.as_str()), job);
            }
        }
    }
    jobs
}

fn post(entry: &Entry) -> Option<Post<'_>> {
    let request = entry.request()?;
    let (operation, members) = match request.route {
        Route::BulkCreate => (Operation::Create, &request.usernames),
        Route::BulkUpdate => (Operation::Update, &request.ids),
        Route::ScheduleCreate => (Operation::Schedule, &request.ids),
        _ => return None,
    };
    let ours = request.user_agent.as_deref().is_some_and(|agent| agent.starts_with(AGENT));
    ours.then_some(Post { entry, request, operation, members, intent: None })
}

/// Every intent that was committed by the operator.
fn intents(evidence: &Evidence) -> Vec<Intent<'_>> {
    let mut seen = BTreeSet::new();
    let mut intents = Vec::new();
    for version in &evidence.history.versions {
        for record in version.records().filter(|record| record.phase == Phase::Intended) {
            // What somebody else wrote is no intent of ours.
            if seen.insert((&version.uid, &record.nonce)) && !version.meddled {
                intents.push(Intent { version, record });
            }
        }
    }
    intents
}

fn fits(intent: &Intent<'_>, post: &Post<'_>) -> bool {
    let Intent { version, record } = intent;
    let arrived = post.request.arrived;
    record.operation == post.operation
        && record.members == post.members
        && post.request.organisation.as_ref().is_none_or(|there| *there == record.organization_id)
        && record.intent_time <= arrived
        && arrived <= record.submit_by + LATE
        && version.committed() <= arrived
}
