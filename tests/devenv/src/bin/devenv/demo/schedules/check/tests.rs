//! The check passes what is as promised, and names what is not.

use serde_json::{Value, json};

use super::*;

/// A third act as it should come out, to be spoilt by a test.
struct Story {
    entries: Vec<Value>,
    schedules: Value,
    listed: Value,
    joiners: &'static str,
}

fn dates() -> Dates {
    let at = |text: &str| text.parse().unwrap();
    Dates {
        monday: at("2026-11-30T08:00:00Z"),
        friday: at("2026-12-04T17:00:00Z"),
        moved: at("2026-11-27T20:00:20Z"),
    }
}

impl Story {
    fn as_promised() -> Self {
        let schedules = json!([{
            "metadata": {"name": JOINERS.object},
            "status": {"counts": {"users": 3, "executed": 3}},
        }]);
        let mut story = Self { entries: Vec::new(), schedules, listed: json!([]), joiners: "ACTIVATED" };
        let Dates { monday, friday, moved } = dates();
        story.change("schedule_added", LEAVER.users, "SUSPENDED", friday);
        story.change("schedule_added", JOINERS.users, "ACTIVATED", monday);
        story.change("schedule_removed", LEAVER.users, "SUSPENDED", friday);
        story.change("schedule_added", JOINERS.users, "ACTIVATED", moved);
        story.change("schedule_removed", JOINERS.users, "ACTIVATED", monday);
        story.change("schedule_executed", JOINERS.users, "ACTIVATED", moved);
        story
    }

    /// The request, if one is needed, and what came of it.
    fn change(&mut self, kind: &str, users: &[&str], state: &str, date: Timestamp) {
        match kind {
            "schedule_added" => self.request("POST", "schedule_create"),
            "schedule_removed" => self.request("DELETE", "schedule_delete"),
            _ => {}
        }
        for name in users {
            let event = json!({"organisation": "o", "job_id": "j", "user_id": format!("id-{name}"), "state": state, "date": date});
            self.push(json!({"kind": kind, "event": event, "by": "request", "outcome": "changed"}));
        }
    }

    fn request(&mut self, method: &str, route: &str) {
        self.push(json!({
            "kind": "request", "arrived": "2026-11-27T20:00:00Z", "method": method, "path": "/", "route": route,
            "body_hash": "", "rows": 1, "usernames": [], "ids": [], "fields": [], "asked": [], "found": [],
            "acted": true, "reply_dropped": false, "reply_intact": true,
        }));
    }

    fn push(&mut self, mut entry: Value) {
        entry["seq"] = json!(self.entries.len() + 1);
        entry["time"] = json!("2026-11-27T20:00:00Z");
        entry["wall"] = entry["time"].clone();
        self.entries.push(entry);
    }

    fn problems(&self) -> Vec<String> {
        let people = JOINERS.users.iter().map(|name| (name, self.joiners));
        let people = people.chain(LEAVER.users.iter().map(|name| (name, "STAGED")));
        let users: Vec<Value> = people
            .map(|(name, state)| json!({"_id": format!("id-{name}"), "username": name, "state": state}))
            .collect();
        let state = json!({"organisations": [{"users": users}], "schedules": self.listed});
        let entries = serde_json::from_value(Value::from(self.entries.clone())).unwrap();
        let schedules: Vec<Schedule> = serde_json::from_value(self.schedules.clone()).unwrap();
        problems(&schedules, &Ledger::of(entries, state), &Ledger::default(), dates())
    }
}

#[test]
fn what_is_as_promised_passes() {
    assert_eq!(Story::as_promised().problems(), [""; 0]);
}

#[test]
fn everything_else_is_named() {
    let told = |spoil: fn(&mut Story), words: &str| {
        let mut story = Story::as_promised();
        spoil(&mut story);
        let problems = story.problems();
        assert!(problems.iter().any(|problem| problem.contains(words)), "{words}: {problems:?}");
    };
    told(|story| story.schedules[0]["status"]["counts"]["executed"] = json!(2), "status.counts");
    told(
        |story| story.schedules.as_array_mut().unwrap().push(json!({"metadata": {"name": LEAVER.object}})),
        "still there",
    );
    told(|story| story.listed = json!([{}]), "1 scheduled changes are left");
    told(|story| story.joiners = "STAGED", "instead of ACTIVATED");
    told(|story| drop(story.entries.pop()), "of selin.ortega was");
    told(|story| story.request("POST", "schedule_create"), "(4, 2)");
    // The old changes go before the new ones are there.
    told(
        |story| {
            let moved = story.entries.split_off(8);
            let (added, rest) = moved.split_at(4);
            let (removed, executed) = rest.split_at(4);
            story.entries.extend([removed, added, executed].concat());
        },
        "of aiko.marsh was",
    );
    // Somebody else made it.
    told(|story| story.entries[1]["by"] = json!("control"), "? SUSPENDED");
}
