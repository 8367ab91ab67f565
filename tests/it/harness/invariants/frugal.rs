//! I8: calls are at most a lower bound and a bounded function of what gave reason for more.
//!
//! # The function
//! *Reasons* are counted from the ledger and the objects alone: a request that a fault or a refusal met, or whose
//! client left; a search that missed who was there; a change by hand in the console; a start of an operator after
//! the first; a change of an annotation; a version of a connection; a value of a Secret. *Pages* are of 50 users, as
//! a search has them, and of 100 rows or events.
//!
//! | calls | at most |
//! |---|---|
//! | searches of users | 2 pages of each request's users (before it and after it), 1 page of each generation's users (who needs nothing must be looked at), 3 of each generation of a schedule (its users are looked at until the grace period ends), for each reason 2 pages of every object, and one per `--poll-min` that misses whom a job was to make (it is looked for until `jobTimeout`) |
//! | polls of a job | its pages, once per `--poll-min` while it is polled, and 3 + reasons times more |
//! | listings of events | per request to schedule, per cancellation and per generation of a schedule 2 rounds, per schedule 2 (an hour and five minutes before), per reason 1 of each schedule; a round is 1 + pages of all events |
//! | checks of a connection | 2 per version of a connection and start, 2 per reason |
//! | changes of one user | 4 per user of each generation (two that are not taken, and both again once), and 1 per reason |
//!
//! So a loop without pause is found, and a search or listing that is repeated for no reason; that a poll goes on for
//! ever is I4's to find. Not counted: tokens, and POSTs, of which I1 and I2 tell.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::Operation;
use jumpcloud_sim::ledger::{Cause, Request};
use jumpcloud_sim::{Entry, Route, What};
use serde_json::Value;

use super::evidence::Evidence;
use super::sent::posts;
use super::version::{Kind, Version};

/// What is beyond the bound.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let run = Run::of(evidence);
    let bounds = [
        ("searches", run.count(&[Route::UserSearch, Route::UserList, Route::UserGet]), run.searches()),
        ("listings of events", run.count(&[Route::ScheduleList, Route::ScheduleNext]), run.listings()),
        (
            "checks of connections",
            run.count(&[Route::OrganizationList, Route::OrganizationGet]),
            run.checks(),
        ),
        ("changes of one user", run.count(&[Route::UserUpdate, Route::UserActivate]), run.singles()),
    ];
    let over = bounds.into_iter().filter(|(_, calls, most)| calls > most);
    let over = over.map(|(what, calls, most)| format!("{calls} {what}, at most {most}: {run:?}"));
    over.chain(run.polls()).collect()
}

/// Figures of a run.
struct Run<'a> {
    evidence: &'a Evidence,
    requests: Vec<&'a Request>,
    reasons: usize,
    /// Users of each generation of each batch and schedule.
    generations: Vec<(Kind, usize)>,
    /// Users of each object, at most.
    objects: BTreeMap<&'a str, (Kind, usize)>,
    /// Pages of the users of all requests.
    sent: usize,
    scheduled: usize,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} reasons, generations {:?}, {} pages sent, {} requests to schedule",
            self.reasons, self.generations, self.sent, self.scheduled
        )
    }
}

impl<'a> Run<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let mut generations = Vec::new();
        let mut objects = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for version in evidence.history.versions.iter().filter(|version| version.kind != Kind::Connection) {
            let users = users(version);
            if seen.insert((&version.uid, version.metadata["generation"].as_i64())) {
                generations.push((version.kind, users));
            }
            let most = objects.entry(version.uid.as_str()).or_insert((version.kind, users));
            most.1 = most.1.max(users);
        }
        let posts = posts(evidence);
        Self {
            evidence,
            requests: evidence.ledger.iter().filter_map(Entry::request).collect(),
            reasons: reasons(evidence),
            generations,
            objects,
            sent: posts.iter().map(|post| pages(post.members.len(), 50)).sum(),
            scheduled: posts.iter().filter(|post| post.operation == Operation::Schedule).count(),
        }
    }

    fn count(&self, routes: &[Route]) -> usize {
        self.requests.iter().filter(|request| routes.contains(&request.route)).count()
    }

    fn searches(&self) -> usize {
        let each =
            |(kind, users): &(Kind, usize)| pages(*users, 50) * if *kind == Kind::Schedule { 3 } else { 1 };
        let all: usize = self.objects.values().map(|(_, users)| pages(*users, 50)).sum();
        2 * self.sent
            + self.generations.iter().map(each).sum::<usize>()
            + 2 * self.reasons * all
            + self.patience()
    }

    /// Searches that missed whom an accepted job was to make, as far as they are not nearer to each other than polls
    /// may be.
    fn patience(&self) -> usize {
        let mut awaited: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
        let mut patient = 0;
        for request in &self.requests {
            if request.route == Route::BulkCreate && request.accepted_job().is_some() {
                awaited.extend(request.usernames.iter().map(|name| (name.to_lowercase(), None)));
            }
            if request.own_status != Some(200) {
                continue;
            }
            let found: BTreeSet<_> = request.found.iter().map(|name| name.to_lowercase()).collect();
            let missed =
                request.asked.iter().map(|name| name.to_lowercase()).filter(|name| !found.contains(name));
            let missed: Vec<_> = missed.filter(|name| awaited.contains_key(name)).collect();
            let soonest = |last: Timestamp| last + self.evidence.flags.poll_min;
            let is_due = |name: &String| {
                let last = awaited.get(name).copied().flatten();
                last.is_none_or(|last| soonest(last) <= request.arrived)
            };
            patient += usize::from(missed.iter().any(is_due));
            awaited.extend(missed.into_iter().map(|name| (name, Some(request.arrived))));
        }
        patient
    }

    fn listings(&self) -> usize {
        let added = |entry: &&Entry| matches!(entry.what, What::ScheduleAdded { .. });
        let round = 1 + pages(self.evidence.ledger.iter().filter(added).count(), 100);
        let of = |kinds: Vec<Kind>| kinds.into_iter().filter(|kind| *kind == Kind::Schedule).count();
        let generations = of(self.generations.iter().map(|(kind, _)| *kind).collect());
        let schedules = of(self.objects.values().map(|(kind, _)| *kind).collect());
        let cancelled = self.count(&[Route::ScheduleDelete]);
        (2 * (self.scheduled + cancelled + generations + schedules) + self.reasons * schedules) * round
    }

    fn checks(&self) -> usize {
        let versions =
            self.evidence.history.versions.iter().filter(|version| version.kind == Kind::Connection);
        2 * (versions.count() + self.evidence.starts + self.reasons)
    }

    fn singles(&self) -> usize {
        4 * self.generations.iter().map(|(_, users)| users).sum::<usize>() + self.reasons
    }

    /// Jobs that are polled more often than they may be.
    fn polls(&self) -> Vec<String> {
        let mut jobs: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
        for request in self.requests.iter().filter(|request| request.route == Route::BulkResults) {
            jobs.entry(request.ids.first().map_or("", String::as_str)).or_default().push(request);
        }
        jobs.into_iter()
            .filter_map(|(job, polls)| {
                let rows = self
                    .requests
                    .iter()
                    .find(|request| request.accepted_job() == Some(job))
                    .map_or(1, |r| r.rows);
                let most = pages(rows, 100) * (self.rounds(&polls) + 3 + self.reasons);
                (polls.len() > most)
                    .then(|| format!("{} polls of {job}, at most {most}: {self:?}", polls.len()))
            })
            .collect()
    }

    /// How often `--poll-min` passes while a job is polled.
    fn rounds(&self, polls: &[&Request]) -> usize {
        let (Some(first), Some(last)) = (polls.first(), polls.last()) else { return 0 };
        let time = last.arrived.duration_since(first.arrived);
        let time = Duration::try_from(time).unwrap_or_default();
        let rounds = time.as_millis() / self.evidence.flags.poll_min.as_millis().max(1);
        usize::try_from(rounds).unwrap_or(usize::MAX)
    }
}

fn pages(count: usize, size: usize) -> usize {
    count.div_ceil(size).max(1)
}

/// How many users a version is about: those of its spec, or those of its status when it takes them from elsewhere.
fn users(version: &Version) -> usize {
    version.rows().len().max(version.list("users").len())
}

/// How often something gave reason to go again.
fn reasons(evidence: &Evidence) -> usize {
    let mut annotations: BTreeMap<&str, &Value> = BTreeMap::new();
    let objects = evidence.history.versions.iter().filter(|version| {
        let now = &version.metadata["annotations"];
        let before = annotations.insert(&version.uid, now);
        version.kind == Kind::Connection || before.is_some_and(|before| before != now)
    });
    let objects = objects.count();
    let ledger = evidence.ledger.iter().filter(|entry| match &entry.what {
        What::Request(request) => is_trouble(request),
        What::ClientLeft { .. } => true,
        What::UserCreated(change) | What::UserUpdated(change) | What::UserDeleted(change) => {
            change.by == Cause::Control
        }
        What::ScheduleAdded { by, .. } | What::ScheduleRemoved { by, .. } => *by == Cause::Control,
        _ => false,
    });
    // Each value is there twice: as it is, and encoded.
    objects
        + ledger.count()
        + evidence.starts.saturating_sub(1)
        + evidence.secrets.len() / 2
        + missed(evidence)
}

fn is_trouble(request: &Request) -> bool {
    request.fault.is_some() || request.status.is_none_or(|status| status >= 400)
}

/// Searches that missed somebody who was there.
fn missed(evidence: &Evidence) -> usize {
    let mut there = BTreeSet::new();
    let mut missed = 0;
    for entry in &evidence.ledger {
        match &entry.what {
            What::UserCreated(change) => drop(there.insert(change.username.to_lowercase())),
            What::UserDeleted(change) => drop(there.remove(&change.username.to_lowercase())),
            What::Request(request) if request.own_status == Some(200) => {
                let found: BTreeSet<_> = request.found.iter().map(|name| name.to_lowercase()).collect();
                let asked = request.asked.iter().map(|name| name.to_lowercase());
                missed += usize::from(
                    asked.into_iter().any(|name| there.contains(&name) && !found.contains(&name)),
                );
            }
            _ => {}
        }
    }
    missed
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, record, request};
    use super::*;

    /// A batch of one user, and so many searches and polls, `apart` milliseconds from each other.
    fn calls(searches: usize, polls: usize, apart: u32) -> Vec<String> {
        let mut run = fixtures::Run::default();
        run.batch("b", 10, vec![record("n1", &["ada"], 1)]);
        run.create(2, &["ada"], Some("j1"));
        let later =
            |number: usize| Duration::from_millis(u64::from(apart)) * u32::try_from(number).expect("few");
        for number in 0..searches {
            let mut search = request(3, Route::UserSearch);
            search.arrived += later(number);
            search.asked = vec!["ada".to_owned()];
            run.push(3, What::Request(Box::new(search)));
        }
        for number in 0..polls {
            let mut poll = request(3, Route::BulkResults);
            poll.arrived += later(number);
            poll.ids = vec!["j1".to_owned()];
            run.push(3, What::Request(Box::new(poll)));
        }
        check(&run.evidence())
    }

    #[test]
    fn what_a_job_needs_is_within_the_bound() {
        assert_eq!(calls(2, 3, 1000), Vec::<String>::new());
        assert_eq!(calls(3, 60, 1000), Vec::<String>::new(), "a long job");
    }

    #[test]
    fn searches_that_are_repeated_are_found() {
        assert_eq!(calls(10, 1, 10).len(), 1);
        assert_eq!(calls(10, 1, 1000), Vec::<String>::new(), "looked for at the pace of polls");
    }

    #[test]
    fn a_storm_of_polls_is_found() {
        assert_eq!(calls(2, 20, 10).len(), 1);
    }

    #[test]
    fn a_reason_allows_more() {
        let mut run = fixtures::Run::default();
        run.batch("b", 10, Vec::new());
        for _ in 0..3 {
            let mut search = request(3, Route::UserSearch);
            search.status = Some(503);
            run.push(3, What::Request(Box::new(search)));
            run.search(4, &["ada"], &[]);
        }
        assert_eq!(check(&run.evidence()), Vec::<String>::new());
    }
}
