//! I5 for schedules: who is reported as scheduled has exactly one event of the change, who is reported as executed is
//! or was in the state, and nobody is reported as failed whose event is listed.
//!
//! Looked at in the last status of every schedule that is there and at rest. What somebody did in the console is told
//! from the ledger; a status that somebody else wrote parts of is not judged.

use std::collections::BTreeMap;

use jumpcloud_operator::api::schedule_status::{reason, result};
use jumpcloud_sim::What;
use jumpcloud_sim::ledger::{Cause, ScheduleOutcome, ScheduledEvent};
use serde_json::Value;

use super::evidence::Evidence;
use super::version::{Kind, Version};

/// All lines that are not so.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let run = Run::of(evidence);
    let live =
        evidence.history.live().filter(|version| version.kind == Kind::Schedule && version.is_settled());
    let live = live.filter(|version| !evidence.history.of(&version.uid).any(|version| version.meddled));
    live.flat_map(|version| {
        let lines = version.list("users").iter();
        lines.filter_map(|line| {
            run.wrong(version, line).map(|why| format!("{}: {line}: {why}", version.title()))
        })
    })
    .collect()
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Listed,
    Executed,
    /// By somebody in the console, or with its user.
    ByHand,
    Cancelled,
}

struct Run<'a> {
    evidence: &'a Evidence,
    /// Events by scheduledJobID and user.
    events: BTreeMap<(&'a str, &'a str), (&'a ScheduledEvent, Fate)>,
}

impl<'a> Run<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let mut events = BTreeMap::new();
        for entry in &evidence.ledger {
            let (event, fate) = match &entry.what {
                What::ScheduleAdded { event, .. } => (event, Fate::Listed),
                What::ScheduleRemoved { event, by: Cause::Request } => (event, Fate::Cancelled),
                What::ScheduleRemoved { event, .. } => (event, Fate::ByHand),
                What::ScheduleExecuted { event, .. } => (event, Fate::Executed),
                _ => continue,
            };
            events.insert((event.job_id.as_str(), event.user_id.as_str()), (event, fate));
        }
        Self { evidence, events }
    }

    fn wrong(&self, version: &Version, line: &Value) -> Option<String> {
        let id = line["id"].as_str()?;
        match line["result"].as_str().unwrap_or_default() {
            result::SCHEDULED => self.not_scheduled(version, id),
            result::EXECUTED => self.not_executed(version, id),
            result::FAILED if line["reason"] == reason::REJECTED => {
                let own = self.recorded(version, id).any(|(_, fate)| fate == Fate::Listed);
                own.then(|| "its event is listed".to_owned())
            }
            _ => None,
        }
    }

    /// The events that a version has recorded for that user and does not want to be rid of.
    fn recorded(&self, version: &Version, id: &str) -> impl Iterator<Item = (&'a ScheduledEvent, Fate)> {
        let entries = version.list("events").iter();
        let own = entries.filter(move |entry| entry["id"] == id && entry["superseded"].is_null());
        let jobs: Vec<_> =
            own.filter_map(|entry| entry["scheduledJobID"].as_str().map(str::to_owned)).collect();
        let id = id.to_owned();
        jobs.into_iter()
            .filter_map(move |job| self.events.get(&(job.as_str(), id.as_str())).copied())
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn not_scheduled(&self, version: &Version, id: &str) -> Option<String> {
        let wanted = |event: &ScheduledEvent| {
            let state = version.spec["state"].as_str().unwrap_or_default();
            event.state.eq_ignore_ascii_case(state)
        };
        let own: Vec<_> = self.recorded(version, id).collect();
        match own.as_slice() {
            [(event, _)] if !wanted(event) => Some(format!("{event:?} is another change")),
            [(_, Fate::Listed | Fate::Executed | Fate::ByHand)] => None,
            [(event, Fate::Cancelled)] => Some(format!("{event:?} was cancelled")),
            [] => Some("no event of it is recorded that there ever was".to_owned()),
            [_, ..] => Some(format!("{} events of it are recorded", own.len())),
        }
    }

    fn not_executed(&self, version: &Version, id: &str) -> Option<String> {
        let state = version.spec["state"].as_str().unwrap_or_default();
        let is_user = |user: &&Value| user["_id"] == id;
        let is_in = |user: &Value| user["state"].as_str().is_some_and(|now| now.eq_ignore_ascii_case(state));
        let now = self.evidence.users.iter().find(is_user).is_some_and(is_in);
        let once = self.evidence.ledger.iter().any(|entry| match &entry.what {
            What::ScheduleExecuted { event, outcome } => {
                event.user_id == id
                    && event.state.eq_ignore_ascii_case(state)
                    && [ScheduleOutcome::Changed, ScheduleOutcome::AlreadyThere].contains(outcome)
            }
            What::UserUpdated(change) => {
                change.user_id == id && change.fields.iter().any(|field| field == "state")
            }
            What::UserDeleted(change) => change.user_id == id,
            _ => false,
        });
        (!now && !once).then(|| format!("it never was {state}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures;
    use super::*;

    /// The events e1 and e2 of ada; a schedule that says `result` of her and has recorded these.
    fn said(result: &str, recorded: &[&str], then: impl FnOnce(&mut fixtures::Run)) -> Vec<String> {
        let mut run = fixtures::Run::default();
        run.users.push(json!({"_id": "id-ada", "username": "ada", "state": "ACTIVATED"}));
        run.schedule(2, &["id-ada"], "e1");
        run.schedule(3, &["id-ada"], "e2");
        let version = run.version(Kind::Schedule, "s", 11, Vec::new());
        version.spec = std::sync::Arc::new(json!({"state": "Suspended"}));
        version.status["conditions"] = json!([{"type": "Ready", "status": "True", "reason": "Any"}]);
        version.status["users"] =
            json!([{"username": "ada", "id": "id-ada", "result": result, "reason": "Rejected"}]);
        let entries =
            recorded.iter().map(|job| json!({"id": "id-ada", "scheduledJobID": job, "origin": "Created"}));
        version.status["events"] = entries.collect();
        then(&mut run);
        check(&run.evidence())
    }

    #[test]
    fn who_is_scheduled_has_one_event() {
        assert_eq!(said("Scheduled", &["e1"], |_| ()), Vec::<String>::new());
        assert_eq!(said("Scheduled", &["e1", "e2"], |_| ()).len(), 1);
        assert_eq!(said("Scheduled", &["e3"], |_| ()).len(), 1);
        assert_eq!(said("Scheduled", &["e1"], |run| run.cancel(5, &["id-ada"], "e1")).len(), 1);
    }

    #[test]
    fn who_is_executed_is_in_the_state() {
        assert_eq!(said("Executed", &[], |_| ()).len(), 1);
        let suspended = |run: &mut fixtures::Run| run.users[0]["state"] = json!("SUSPENDED");
        assert_eq!(said("Executed", &[], suspended), Vec::<String>::new());
    }

    #[test]
    fn who_has_an_event_did_not_fail() {
        assert_eq!(said("Failed", &["e1"], |_| ()).len(), 1);
        assert_eq!(said("Failed", &[], |_| ()), Vec::<String>::new());
    }
}
