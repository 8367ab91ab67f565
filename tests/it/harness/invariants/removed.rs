//! I6: deleting a schedule removes exactly its own events. So does everything else for which the operator cancels.
//!
//! An event is an object's own when the object had it recorded and a request of it has made it; or when it was
//! recorded as made by the object after a request of unknown outcome, from which it cannot be told. One that was
//! taken over is cancelled under `CancelAll` alone.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use jumpcloud_operator::api::schedule_status::origin;
use jumpcloud_sim::ledger::{Cause, ScheduledEvent};
use jumpcloud_sim::{Route, What};
use serde_json::Value;

use super::evidence::Evidence;
use super::sent::{Made, Post, made, posts};
use super::version::{Kind, Version};

/// For so long the operator may not have seen what another object has: news take a while.
const LATE: SignedDuration = SignedDuration::from_secs(3);

/// What stands around a name in a log.
const GAPS: [char; 6] = [' ', '"', '=', '}', ':', ','];

/// All events that were removed and should not have been, and all that should have been and were not.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let run = Run { evidence, posts: posts(evidence), made: made(evidence) };
    run.taken().into_iter().chain(run.left()).collect()
}

struct Run<'a> {
    evidence: &'a Evidence,
    posts: Vec<Post<'a>>,
    made: Vec<Made<'a>>,
}

impl<'a> Run<'a> {
    /// Events that were cancelled and were not the operator's to cancel.
    fn taken(&self) -> Vec<String> {
        let mut arrived = None;
        let mut found = Vec::new();
        for entry in &self.evidence.ledger {
            match &entry.what {
                What::Request(request) => {
                    arrived = (request.route == Route::ScheduleDelete).then_some(request.arrived);
                }
                What::ScheduleRemoved { event, by: Cause::Request } => {
                    if let Some(why) = arrived.and_then(|at| self.not_own(event, at)) {
                        found.push(format!("entry {}: {event:?} was cancelled: {why}", entry.seq));
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn not_own(&self, event: &ScheduledEvent, at: Timestamp) -> Option<String> {
        let versions = self.evidence.history.versions.iter().filter(|version| version.committed() <= at);
        let holders: BTreeSet<&str> =
            versions.filter(|version| records(version, event)).map(|version| version.uid.as_str()).collect();
        if holders.is_empty() {
            return Some("nobody had it recorded".to_owned());
        }
        let others = holders.iter().filter(|uid| self.still_has(uid, event, at)).count();
        if others > 1 {
            return Some("another object has it, too".to_owned());
        }
        let owned = holders.iter().any(|uid| {
            let made = self.author(event).is_some_and(|author| author == *uid);
            made || self
                .evidence
                .history
                .of(uid)
                .any(|version| version.committed() <= at && may_cancel(version, event))
        });
        (!owned).then(|| "it was taken over, not made".to_owned())
    }

    /// Whether an object has the event recorded as one that it wants, some time before and after `at`.
    fn still_has(&self, uid: &str, event: &ScheduledEvent, at: Timestamp) -> bool {
        let before = self.evidence.history.of(uid).take_while(|version| version.seen + LATE < at).last();
        let after =
            self.evidence.history.of(uid).take_while(|version| version.committed() <= at + LATE).last();
        [before, after].into_iter().all(|version| {
            version.is_some_and(|version| {
                let wanted = |entry: &Value| is_event(entry, event) && entry["superseded"].is_null();
                !version.gone && !version.is_leaving() && version.list("events").iter().any(wanted)
            })
        })
    }

    /// The object whose request has made an event.
    fn author(&self, event: &ScheduledEvent) -> Option<&str> {
        let made = self.made.iter().find(|made| made.event == event)?;
        self.posts.iter().find(|post| post.entry.seq == made.request)?.uid()
    }

    /// Events that an object had made, that were to be cancelled with it and are listed still.
    fn left(&self) -> Vec<String> {
        let gone = self.evidence.history.last().filter(|version| {
            version.kind == Kind::Schedule && version.gone && version.spec["deletionPolicy"] != "Retain"
        });
        gone.flat_map(|version| {
            let own = self.made.iter().filter(|made| self.author(made.event) == Some(&version.uid));
            let left = own.filter(|made| self.is_listed(made) && !self.may_stay(version, made.event));
            left.map(|made| format!("{} is gone and {:?} is there", version.title(), made.event))
                .collect::<Vec<_>>()
        })
        .collect()
    }

    fn is_listed(&self, made: &Made<'_>) -> bool {
        !self.evidence.ledger.iter().filter(|entry| entry.seq > made.seq).any(|entry| match &entry.what {
            What::ScheduleRemoved { event, .. } | What::ScheduleExecuted { event, .. } => event == made.event,
            _ => false,
        })
    }

    /// Whether an event may outlive its object: others have it or share its job, the operator gave cleaning up up
    /// and said so, or somebody let go of it.
    fn may_stay(&self, version: &Version, event: &ScheduledEvent) -> bool {
        let has = |other: &Version| other.list("events").iter().any(|entry| is_event(entry, event));
        let others =
            self.evidence.history.versions.iter().any(|other| other.uid != version.uid && has(other));
        let shared = self.evidence.history.of(&version.uid).any(|version| {
            version.list("events").iter().any(|entry| is_event(entry, event) && entry["shared"] == true)
        });
        // A namespace that is going takes no events: the log says it in any case.
        let name = format!("{}/{}", version.namespace, version.name);
        let abandoned = self.evidence.said.iter().flat_map(|(_, text)| text.lines()).any(|line| {
            line.contains("cleaning up was given up") && line.split(GAPS).any(|word| word == name)
        });
        let let_go = version.metadata["annotations"]["jumpcloud-operator.dev/abandon"].is_string();
        let meddled = self.evidence.history.of(&version.uid).any(|version| version.meddled);
        others || shared || abandoned || let_go || meddled || event.date <= version.seen
    }
}

/// Whether a version has the event recorded, or in the record of the request that made it.
fn records(version: &Version, event: &ScheduledEvent) -> bool {
    let accepted = version.records().flat_map(|record| &record.events);
    version.list("events").iter().any(|entry| is_event(entry, event))
        || accepted.into_iter().any(|e| e.id == event.user_id && e.scheduled_job_id == event.job_id)
}

/// Whether a version has it as one that the object made, or as one that it is to cancel although it was taken over.
fn may_cancel(version: &Version, event: &ScheduledEvent) -> bool {
    version
        .list("events")
        .iter()
        .filter(|entry| is_event(entry, event))
        .any(|entry| entry["origin"] == origin::CREATED || version.spec["deletionPolicy"] == "CancelAll")
}

fn is_event(entry: &Value, event: &ScheduledEvent) -> bool {
    entry["id"] == event.user_id.as_str() && entry["scheduledJobID"] == event.job_id.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::{self, scheduled};
    use super::*;

    /// A schedule that has made an event and recorded it, and what follows.
    fn after(origin: &str, then: impl FnOnce(&mut fixtures::Run)) -> Vec<String> {
        let mut run = fixtures::Run::default();
        run.version(Kind::Schedule, "s", 10, vec![scheduled("n1", &["id-ada"], 1)]);
        run.schedule(2, &["id-ada"], "e1");
        let entry = json!([{"id": "id-ada", "scheduledJobID": "e1", "origin": origin}]);
        let version = run.version(Kind::Schedule, "s", 11, Vec::new());
        version.status["events"] = entry;
        version.seen = fixtures::at(3);
        then(&mut run);
        check(&run.evidence())
    }

    #[test]
    fn cleaning_up_that_was_given_up_is_said() {
        let given_up = |name: &str| {
            let line = format!("ERROR cleaning up was given up; events=1 object=\"{name}\"");
            after("Created", |run| {
                run.said.push(("log".to_owned(), line));
                end(run);
            })
        };
        assert_eq!(given_up("ns/s"), Vec::<String>::new());
        assert_eq!(given_up("ns/s1").len(), 1);
    }

    fn end(run: &mut fixtures::Run) {
        let version = run.version(Kind::Schedule, "s", 20, Vec::new());
        (version.gone, version.seen) = (true, fixtures::at(20));
    }

    #[test]
    fn an_object_takes_its_own_events_along() {
        let cancelled = |run: &mut fixtures::Run| {
            run.cancel(15, &["id-ada"], "e1");
            end(run);
        };
        assert_eq!(after("Created", cancelled), Vec::<String>::new());
        assert_eq!(after("Created", end).len(), 1, "its event was left");
    }

    #[test]
    fn events_of_others_are_not_cancelled() {
        let unknown = after("Created", |run| {
            run.schedule(4, &["id-eve"], "e2");
            run.cancel(15, &["id-eve"], "e2");
        });
        assert_eq!(unknown.len(), 1, "{unknown:?}");
        let neighbour = after("Created", |run| {
            run.cancel(15, &["id-ada", "id-eve"], "e1");
        });
        assert_eq!(neighbour.len(), 1, "{neighbour:?}");
    }

    #[test]
    fn what_another_object_has_stays() {
        let found = after("Created", |run| {
            let entry = json!([{"id": "id-ada", "scheduledJobID": "e1", "origin": "Adopted"}]);
            run.version(Kind::Schedule, "t", 12, Vec::new()).status["events"] = entry;
            run.cancel(15, &["id-ada"], "e1");
        });
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
