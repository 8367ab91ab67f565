//! What the ledger says of a run that has settled: who was sent twice, which job is on no record, whose status is
//! not true.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use jumpcloud_sim::invariants::{self, Double};
use jumpcloud_sim::ledger::{Entry, Request, What};
use jumpcloud_sim::{Route, Sim};

use super::load::{BatchNow, Objects, ScheduleNow};
use super::{QUARANTINE, USERS};
use crate::harness::schedules::events_of;

/// What was found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What must not be, in words.
    pub wrong: Vec<String>,
    /// Requests to create, update or schedule.
    pub posts: usize,
    /// Among them those of which the operator could not know what came of them.
    pub unknown: usize,
    /// Jobs and schedules that JumpCloud accepted.
    pub accepted: usize,
    /// Among them those that are on no record, because their reply was lost.
    pub unrecorded_but_settled: usize,
    /// Users found by looking after an unknown outcome.
    pub adopted: usize,
    /// Second jobs of a user with the protocol's leave.
    pub excused: usize,
    /// Objects that stand at `SubmissionUnknown`.
    pub objects_unknown: usize,
    /// Users that do.
    pub users_unknown: usize,
    /// Among them those of whom JumpCloud saw fewer than two requests of unknown outcome: the process that had
    /// intended one ended before it sent it, which nobody can know afterwards.
    pub users_unknown_by_crash: usize,
}

/// Whether a request makes a job or a schedule.
pub fn is_submission(request: &Request) -> bool {
    matches!(request.route, Route::BulkCreate | Route::BulkUpdate | Route::ScheduleCreate)
}

/// Holds a run against its ledger.
pub fn of(sim: &Sim, objects: &Objects, entries: &[Entry]) -> Verdict {
    let mut court = Court {
        found: Verdict::default(),
        left: entries.iter().filter_map(left).collect(),
        recorded: recorded(objects),
        users: users(objects),
        entries,
    };
    court.count();
    let reasons = || reasons(objects);
    court.found.adopted = reasons().filter(|reason| *reason == "AdoptedAfterUnknown").count();
    court.found.users_unknown = reasons().filter(|reason| *reason == "SubmissionUnknown").count();
    court.nobody_is_sent_twice();
    court.every_job_is_accounted_for();
    for batch in &objects.batches {
        court.batch_is_true(sim, batch);
    }
    let made: BTreeSet<&str> = invariants::created_by_jobs(entries).into_iter().collect();
    for batch in &objects.batches {
        court.created_were_made(batch, &made);
    }
    court.schedules_are_true(sim, &objects.schedules);
    court.found
}

/// What a status says of one user.
struct Said<'a> {
    result: &'a str,
    reason: &'a str,
}

struct Court<'a> {
    found: Verdict,
    entries: &'a [Entry],
    /// Requests whose client did not wait for the reply.
    left: BTreeSet<u64>,
    /// Ids of jobs that a status has.
    recorded: BTreeSet<&'a str>,
    users: BTreeMap<&'a str, Said<'a>>,
}

fn left(entry: &Entry) -> Option<u64> {
    if let What::ClientLeft { request } = entry.what { Some(request) } else { None }
}

fn recorded(objects: &Objects) -> BTreeSet<&str> {
    let mut recorded = BTreeSet::new();
    for BatchNow { status, .. } in &objects.batches {
        recorded.extend(status.jobs.iter().filter_map(|job| job.job_id.as_deref()));
        recorded.extend(status.users.iter().filter_map(|user| user.job_id.as_deref()));
    }
    for ScheduleNow { status, .. } in &objects.schedules {
        recorded.extend(status.events.iter().map(|event| event.scheduled_job_id.as_str()));
    }
    recorded
}

/// The reason of each user that has one.
fn reasons(objects: &Objects) -> impl Iterator<Item = &str> {
    let of_batches = objects.batches.iter().flat_map(|batch| &batch.status.users);
    let of_schedules = objects.schedules.iter().flat_map(|schedule| &schedule.status.users);
    let of_batches = of_batches.filter_map(|user| user.reason.as_deref());
    of_batches.chain(of_schedules.filter_map(|user| user.reason.as_deref()))
}

/// By username for batches, by id for schedules and updates.
fn users(objects: &Objects) -> BTreeMap<&str, Said<'_>> {
    let mut users = BTreeMap::new();
    for user in objects.batches.iter().flat_map(|batch| &batch.status.users) {
        let said = || Said { result: &user.result, reason: user.reason.as_deref().unwrap_or_default() };
        users.insert(user.username.as_str(), said());
        users.extend(user.id.as_deref().map(|id| (id, said())));
    }
    for user in objects.schedules.iter().flat_map(|schedule| &schedule.status.users) {
        let said = Said { result: &user.result, reason: user.reason.as_deref().unwrap_or_default() };
        users.extend(user.id.as_deref().map(|id| (id, said)));
    }
    users
}

impl<'a> Court<'a> {
    fn submissions(&self) -> impl Iterator<Item = (&'a Entry, &'a Request)> + use<'a> {
        let requests = self.entries.iter().filter_map(|entry| Some((entry, entry.request()?)));
        requests.filter(|(_, request)| is_submission(request))
    }

    /// Whether the operator could not know what came of a request.
    fn is_unknown(&self, entry: &Entry, request: &Request) -> bool {
        let told = request.reply_intact && !self.left.contains(&entry.seq);
        // Whoever is told to slow down knows that nothing happened.
        let refused = request.status == Some(429) && !self.left.contains(&entry.seq);
        !told && !refused
    }

    fn count(&mut self) {
        let unknown = self.submissions().filter(|(entry, request)| self.is_unknown(entry, request)).count();
        self.found.unknown = unknown;
        self.found.posts = self.submissions().count();
        self.found.accepted =
            self.submissions().filter(|(_, request)| request.accepted_job().is_some()).count();
    }

    /// I1. Two accepted jobs of one user are right when the first row had failed, or when the first outcome was unknown and
    /// a quarantine and two looks have passed.
    fn nobody_is_sent_twice(&mut self) {
        for double in invariants::double_creates(self.entries) {
            if self.is_excused(&double) {
                self.found.excused += 1;
            } else {
                self.found.wrong.push(format!("a user is in two accepted jobs: {double:#?}"));
            }
        }
        let twice = invariants::users_made_twice(self.entries);
        self.found.wrong.extend(twice.into_iter().map(|name| format!("{name} was made twice")));
    }

    fn is_excused(&self, double: &Double) -> bool {
        let quarantine = SignedDuration::try_from(QUARANTINE).expect("a second");
        let waited = double.later.time.duration_since(double.earlier.time) >= quarantine;
        let unknown = double.earlier.reply_lost || !self.recorded.contains(double.earlier.job_id.as_str());
        double.excuse().is_some() || (unknown && waited && double.was_looked_up(2))
    }

    /// I3. A job that no status has is one whose reply was lost; its users were found by looking, sent again, or are
    /// reported as unknown.
    fn every_job_is_accounted_for(&mut self) {
        let doubles: BTreeSet<String> =
            invariants::double_creates(self.entries).into_iter().map(|double| double.username).collect();
        let mut of_job: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for entry in self.entries {
            if let What::ScheduleAdded { event, .. } = &entry.what {
                of_job.entry(&event.job_id).or_default().push(&event.user_id);
            }
        }
        for (entry, request) in self.submissions() {
            let Some(job) = request.accepted_job().filter(|job| !self.recorded.contains(job)) else {
                continue;
            };
            let lost: Vec<&str> = match request.route {
                Route::BulkCreate => request.usernames.iter().map(String::as_str).collect(),
                Route::ScheduleCreate => of_job.get(job).cloned().unwrap_or_default(),
                // An update sets values: its users are as declared, which the status says and the truth confirms.
                _ => request.ids.iter().map(String::as_str).collect(),
            };
            let is_settled = |name: &str| match (request.route, self.users.get(name)) {
                (_, Some(said)) if said.reason == "SubmissionUnknown" => true,
                (Route::BulkCreate, Some(said)) => {
                    said.reason == "AdoptedAfterUnknown"
                        // Edited since: the update has a result of its own.
                        || matches!(said.result, "Updated" | "Unchanged")
                        || doubles.contains(name)
                }
                (Route::BulkUpdate, Some(said)) => said.result == "Updated" || said.result == "Unchanged",
                _ => false,
            };
            let open: Vec<_> = lost.into_iter().filter(|name| !is_settled(name)).collect();
            if open.is_empty() {
                self.found.unrecorded_but_settled += 1;
            } else {
                let what =
                    format!("job {job} is on no record, and nothing says what became of {open:?}: {entry:?}");
                self.found.wrong.push(what);
            }
        }
    }

    /// I5 for a batch: who is there is there as declared; who is unknown was sent twice and is not there.
    fn batch_is_true(&mut self, sim: &Sim, batch: &BatchNow) {
        let BatchNow { name, department, status } = batch;
        let mut wrong = Vec::new();
        let mut unknown = false;
        for user in &status.users {
            let live = sim.user(&user.username);
            let is_it = live.as_ref().is_some_and(|live| live["_id"].as_str() == user.id.as_deref());
            let is_declared = live.as_ref().is_some_and(|live| live["department"] == **department);
            let reason = user.reason.as_deref().unwrap_or_default();
            let is_true = match user.result.as_str() {
                "Created" | "Updated" | "Unchanged" => is_it && is_declared,
                "Failed" if reason == "SubmissionUnknown" => {
                    unknown = true;
                    let by = user.id.as_deref().unwrap_or(&user.username);
                    self.found.users_unknown_by_crash += usize::from(self.unknown_sends(by) < 2);
                    let is_there = if user.id.is_some() { is_declared } else { live.is_some() };
                    let failure = status.failures.iter().find(|failure| failure.username == user.username);
                    !is_there && failure.is_some_and(|failure| failure.unknown_sends >= Some(2))
                }
                _ => false,
            };
            if !is_true {
                wrong.push(format!("{name}: {user:?}, {live:?}"));
            }
        }
        if status.users.len() != USERS || !status.submissions.is_empty() {
            wrong.push(format!("{name} is not at an end: {status:?}"));
        }
        self.found.objects_unknown += usize::from(unknown);
        self.found.wrong.extend(wrong);
    }

    /// How many requests of unknown outcome named a user.
    fn unknown_sends(&self, user: &str) -> usize {
        let names = |request: &Request| request.usernames.iter().chain(&request.ids).any(|name| name == user);
        let sends = self.submissions().filter(|(_, request)| names(request));
        sends.filter(|(entry, request)| self.is_unknown(entry, request)).count()
    }

    fn created_were_made(&mut self, batch: &BatchNow, made: &BTreeSet<&str>) {
        for user in batch.status.users.iter().filter(|user| user.result != "Failed") {
            if !made.contains(user.username.as_str()) {
                self.found.wrong.push(format!("{user:?} was not made by a job"));
            }
        }
    }

    /// I5 for schedules: exactly what is said to be scheduled is listed, once.
    fn schedules_are_true(&mut self, sim: &Sim, schedules: &[ScheduleNow]) {
        let listed: Vec<(String, String, Timestamp, String)> = events_of(sim)
            .into_iter()
            .map(|event| (event.user, event.state, event.date, event.job))
            .collect();
        let mut said = Vec::new();
        for ScheduleNow { name, date, status } in schedules {
            let mut unknown = false;
            for user in &status.users {
                let id = user.id.clone().unwrap_or_default();
                let of_user: Vec<_> = status.events.iter().filter(|event| event.id == id).collect();
                match (user.result.as_str(), of_user.as_slice()) {
                    ("Scheduled", [event]) => {
                        said.push((id, "SUSPENDED".to_owned(), *date, event.scheduled_job_id.clone()));
                    }
                    ("Failed", []) if user.reason.as_deref() == Some("SubmissionUnknown") => {
                        unknown = true;
                        self.found.users_unknown_by_crash += usize::from(self.unknown_sends(&id) < 2);
                        if user.unknown_sends < Some(2) {
                            self.found
                                .wrong
                                .push(format!("{name}: unknown without two such requests: {user:?}"));
                        }
                    }
                    other => self.found.wrong.push(format!("{name}: {user:?} has {other:?}")),
                }
            }
            if status.users.len() != USERS || !status.submissions.is_empty() {
                self.found.wrong.push(format!("{name} is not at an end: {status:?}"));
            }
            self.found.objects_unknown += usize::from(unknown);
        }
        said.sort();
        if said != listed {
            let (said, listed): (BTreeSet<_>, BTreeSet<_>) = (said.iter().collect(), listed.iter().collect());
            let untrue: Vec<_> = said.difference(&listed).collect();
            let unsaid: Vec<_> = listed.difference(&said).collect();
            self.found
                .wrong
                .push(format!("said and not listed: {untrue:#?}\nlisted and not said: {unsaid:#?}"));
        }
    }
}
