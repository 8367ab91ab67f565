//! I5: no user is reported failed whom our job created, nor the reverse. Looked at in the last status of every
//! batch that is still there; schedules are in `dates`.
//!
//! What somebody did to users behind the operator's back is told from the ledger, which says who changed what. A
//! status that somebody else wrote parts of is not judged.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use jumpcloud_operator::api::user_status::{reason, result};
use jumpcloud_sim::What;
use jumpcloud_sim::ledger::{Cause, Outcome, UserChange};
use serde_json::Value;

use super::evidence::Evidence;
use super::sent::{Post, posts};
use super::version::{Kind, Version};

/// All lines that are not so.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let world = World::of(evidence);
    let live = evidence.history.live().filter(|version| version.kind == Kind::Batch);
    let live = live.filter(|version| !evidence.history.of(&version.uid).any(|version| version.meddled));
    live.flat_map(|version| {
        let lines = version.list("users").iter();
        lines.filter_map(|line| {
            world.wrong(version, line).map(|why| format!("{}: {line}: {why}", version.title()))
        })
    })
    .collect()
}

/// What there is, and how it came to be.
struct World<'a> {
    evidence: &'a Evidence,
    /// Users by id.
    users: BTreeMap<&'a str, &'a Value>,
    /// The request of each job.
    jobs: BTreeMap<&'a str, Post<'a>>,
    /// How users came to be, and when, by id.
    made: BTreeMap<&'a str, (Timestamp, &'a UserChange)>,
    /// Ids of users that somebody deleted, or changed in what tells them apart.
    touched: BTreeSet<&'a str>,
}

impl<'a> World<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let users = evidence.users.iter().filter_map(|user| Some((user["_id"].as_str()?, user))).collect();
        let jobs = posts(evidence).into_iter().filter_map(|post| Some((post.request.accepted_job()?, post)));
        let mut world =
            Self { evidence, users, jobs: jobs.collect(), made: BTreeMap::new(), touched: BTreeSet::new() };
        for entry in &evidence.ledger {
            match &entry.what {
                What::UserCreated(change) => {
                    world.made.insert(&change.user_id, (entry.wall, change));
                }
                What::UserDeleted(change) => {
                    world.touched.insert(&change.user_id);
                }
                What::UserUpdated(change) if change.by == Cause::Control => {
                    let tells_apart = |field: &String| field == "username" || field == "email";
                    world
                        .touched
                        .extend(change.fields.iter().any(tells_apart).then_some(change.user_id.as_str()));
                }
                _ => {}
            }
        }
        world
    }

    fn wrong(&self, version: &Version, line: &Value) -> Option<String> {
        match line["result"].as_str().unwrap_or_default() {
            result::CREATED => self.not_there(line).or_else(|| self.not_ours(version, line)),
            result::UPDATED | result::UNCHANGED | result::ADOPTED => self.not_there(line),
            result::FAILED | result::CONFLICT => self.ours(version, line),
            _ => None,
        }
    }

    /// Whoever is reported as ours is there, under its id and name.
    fn not_there(&self, line: &Value) -> Option<String> {
        let Some(id) = line["id"].as_str() else { return Some("it has no id".to_owned()) };
        let (name, changed) = (text(line, "username"), self.changed_by_hand(id));
        match self.users.get(id) {
            None if changed => None,
            None => Some("there is no such user".to_owned()),
            Some(user) if text(user, "username") != name && !changed => Some(format!("{id} is another user")),
            Some(_) => None,
        }
    }

    /// Whoever is Created was made by a job of this object, was taken over after an unknown outcome, or was handed
    /// over by an object that had it.
    fn not_ours(&self, version: &Version, line: &Value) -> Option<String> {
        let id = line["id"].as_str()?;
        let job = self.made.get(id).and_then(|(_, change)| self.job(&change.by));
        if job.is_some_and(|job| job.uid() == Some(&version.uid)) {
            return None;
        }
        let is_user = |line: &Value| line["id"] == id;
        let excused = self.evidence.history.versions.iter().any(|other| {
            let taken_over = |line: &Value| line["reason"] == reason::ADOPTED_AFTER_UNKNOWN && is_user(line);
            let had = other.uid != version.uid && other.list("inventory").iter().any(is_user);
            had || (other.uid == version.uid && other.list("users").iter().any(taken_over))
        });
        (!excused).then(|| "it was not made by a job of this object".to_owned())
    }

    /// Whoever is reported as not created, or as somebody else's, was not made by a job of this object.
    fn ours(&self, version: &Version, line: &Value) -> Option<String> {
        let name = text(line, "username");
        if version.list("inventory").iter().any(|entry| text(entry, "username") == name) {
            // Ours; what failed is an update.
            return None;
        }
        let declared = version.rows().iter().find(|row| text(row, "username") == name)?;
        let (made, change) = self.made.values().find(|(_, change)| {
            let job = self.job(&change.by);
            let user = self.users.get(change.user_id.as_str());
            change.username.to_lowercase() == name
                && job.is_some_and(|job| job.uid() == Some(&version.uid))
                && !self.changed_by_hand(&change.user_id)
                // An address that was edited while its user was being created makes that user another one.
                && user.is_some_and(|user| text(user, "email") == text(declared, "email"))
        })?;
        let reported = self.reported(version, line);
        let last_look = self.last_look(&name, reported)?;
        let job = self.job(&change.by)?;
        if *made <= last_look.0 && last_look.1 {
            return Some("our job created it, and it was found".to_owned());
        }
        (!self.was_patient(version, line, job, reported)).then(|| "our job created it".to_owned())
    }

    /// A report cannot know what happens after it. It may be early only after what the rules ask to be waited for:
    /// the job's time, or both looks at users of an unknown outcome; and JumpCloud may say that a row failed and
    /// create its user all the same.
    fn was_patient(&self, version: &Version, line: &Value, job: &Post<'_>, reported: Timestamp) -> bool {
        let name = text(line, "username");
        let denied = self.evidence.ledger.iter().any(|entry| match &entry.what {
            What::RowExecuted(row) => {
                Some(row.job_id.as_str()) == job.job()
                    && row.username.as_ref().is_some_and(|username| username.to_lowercase() == name)
                    && matches!(row.outcome, Outcome::Failed { .. })
            }
            _ => false,
        });
        // Rounded down, as when a version was committed.
        let timeout = job_timeout(version) - SignedDuration::from_secs(1);
        let unknown = |failure: &Value| {
            text(failure, "username") == name
                && failure["unknownSends"].as_u64().is_some_and(|sends| sends > 0)
        };
        denied
            || reported >= job.request.arrived + timeout
            || line["reason"] == reason::SUBMISSION_UNKNOWN
            || version.list("failures").iter().any(unknown)
    }

    /// When this result was written first, without another one since.
    fn reported(&self, version: &Version, line: &Value) -> Timestamp {
        let mut since = None;
        for version in self.evidence.history.of(&version.uid) {
            let same = |other: &Value| {
                ["username", "result", "reason"].into_iter().all(|field| other[field] == line[field])
            };
            let is_there = version.list("users").iter().any(same);
            since = if is_there { since.or_else(|| Some(version.committed())) } else { None };
        }
        since.unwrap_or_else(|| version.committed())
    }

    /// The last search for that name before then, and whether it found it.
    fn last_look(&self, name: &str, before: Timestamp) -> Option<(Timestamp, bool)> {
        let has = |names: &[String]| names.iter().any(|other| other.to_lowercase() == name);
        let requests =
            self.evidence.ledger.iter().rev().filter_map(|entry| Some((entry.wall, entry.request()?)));
        let mut looks = requests
            .filter(|(at, request)| *at <= before && request.own_status == Some(200) && has(&request.asked));
        looks.next().map(|(at, request)| (at, has(&request.found)))
    }

    fn job(&self, by: &Cause) -> Option<&Post<'a>> {
        match by {
            Cause::Job(id) => self.jobs.get(id.as_str()),
            Cause::Request | Cause::Schedule(_) | Cause::Control => None,
        }
    }

    fn changed_by_hand(&self, id: &str) -> bool {
        self.touched.contains(id)
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_lowercase()
}

/// `jobTimeout` of a batch.
pub fn job_timeout(version: &Version) -> SignedDuration {
    let text = version.spec["jobTimeout"].as_str().unwrap_or("1h");
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::{Run, id, record};
    use super::*;

    /// A job made ada, the search found her, and the status says `line`.
    fn said(line: &Value) -> Vec<String> {
        let mut run = Run::default();
        run.batch("b", 10, vec![record("n1", &["ada"], 1)]);
        run.create(2, &["ada"], Some("j1"));
        run.made(3, "j1", "ada");
        run.search(4, &["ada"], &["ada"]);
        let version = run.batch("b", 11, Vec::new());
        version.status["users"] = json!([line]);
        version.written = Some(super::super::fixtures::at(5));
        check(&run.evidence())
    }

    #[test]
    fn a_created_user_that_was_made_by_our_job_is_true() {
        let line = json!({"username": "ada", "id": id("ada"), "result": "Created"});
        assert_eq!(said(&line), Vec::<String>::new());
    }

    #[test]
    fn a_failure_of_a_user_that_our_job_made_is_found() {
        for result in ["Failed", "Conflict"] {
            assert_eq!(said(&json!({"username": "ada", "result": result, "reason": "NotCreated"})).len(), 1);
        }
    }

    #[test]
    fn a_created_user_that_is_not_there_or_another_is_found() {
        for wrong in [id("bob"), String::new()] {
            let line = json!({"username": "ada", "id": wrong, "result": "Created"});
            assert_eq!(said(&line).len(), 1);
        }
        let line = json!({"username": "bob", "id": id("ada"), "result": "Created"});
        assert_eq!(said(&line).len(), 1);
    }

    #[test]
    fn a_user_of_others_is_not_created() {
        let mut run = Run::default();
        run.users.push(json!({"_id": id("ada"), "username": "ada", "email": "ada@example.com"}));
        let line = json!([{"username": "ada", "id": id("ada"), "result": "Created"}]);
        run.batch("b", 11, Vec::new()).status["users"] = line;
        assert_eq!(check(&run.evidence()).len(), 1);
    }
}
