//! The check passes what is as promised, and names what is not.

use jumpcloud_sim::Entry;
use serde_json::{Value, json};

use super::*;

/// A demo as it should come out, to be spoilt by a test.
struct Story {
    entries: Vec<Value>,
    status: Value,
    exist: Vec<String>,
}

impl Story {
    fn as_promised() -> Self {
        let [(taken, taken_words), (refused, refused_words)] = cast::REFUSED;
        let smooth = (4..cast::DECLARED).map(|n| format!("user{n}"));
        let sent: Vec<String> =
            [taken, refused, cast::SECOND_TIME].map(str::to_owned).into_iter().chain(smooth).collect();
        let mut story =
            Self { entries: Vec::new(), status: json!({}), exist: vec![cast::CONFLICT.to_owned()] };
        for (n, members) in sent.chunks(100).enumerate() {
            let job = format!("job{n}");
            story.send(&job, members, 0);
            for name in members {
                let message = match name.as_str() {
                    name if name == taken => Some(taken_words),
                    name if name == refused => Some(refused_words),
                    cast::SECOND_TIME => Some("temporary failure"),
                    _ => None,
                };
                story.execute(&job, name, message);
            }
            story.push(3, json!({"kind": "job_finished", "job_id": job, "finished": 0, "failed": 0}));
        }
        story.send("job3", &[cast::SECOND_TIME.to_owned()], 14);
        story.execute("job3", cast::SECOND_TIME, None);
        let mut users: Vec<Value> =
            story.exist.iter().map(|name| json!({"username": name, "result": "Created"})).collect();
        users[0] = json!({"username": cast::CONFLICT, "result": "Conflict", "message": format!("{} exists", cast::CONFLICT)});
        for (name, words) in cast::REFUSED {
            users.push(json!({"username": name, "result": "Failed", "message": words}));
        }
        story.status = json!({
            "counts": {"desired": 250, "created": 247, "failed": 2, "conflicts": 1, "pending": 0},
            "users": users,
        });
        story
    }

    fn push(&mut self, second: i64, mut entry: Value) {
        let time = jiff::Timestamp::from_second(1_700_000_000 + second).unwrap();
        entry["seq"] = json!(self.entries.len() + 1);
        entry["time"] = json!(time);
        entry["wall"] = json!(time);
        self.entries.push(entry);
    }

    fn send(&mut self, job: &str, members: &[String], second: i64) {
        let arrived = jiff::Timestamp::UNIX_EPOCH;
        self.push(second, json!({
            "kind": "request", "arrived": arrived, "method": "POST", "path": "/api/v2/bulk/users",
            "route": "bulk_create", "body_hash": "", "rows": members.len(), "usernames": members, "ids": [], "fields": [],
            "asked": [], "found": [], "acted": true, "reply_dropped": false, "reply_intact": true, "job_id": job,
        }));
    }

    fn execute(&mut self, job: &str, name: &str, message: Option<&str>) {
        let outcome =
            message.map_or_else(|| json!("finished"), |message| json!({"failed": {"message": message}}));
        self.push(3, json!({
            "kind": "row_executed", "job_id": job, "row_id": "", "organisation": "o", "operation": "create",
            "username": name, "outcome": outcome,
        }));
        if message.is_none() {
            self.exist.push(name.to_owned());
            self.push(3, json!({
                "kind": "user_created", "organisation": "o", "user_id": name, "username": name, "fields": [],
                "by": {"job": job},
            }));
        }
    }

    fn problems(&self) -> Vec<String> {
        let entries: Vec<Entry> = serde_json::from_value(Value::from(self.entries.clone())).unwrap();
        let users: Vec<Value> =
            self.exist.iter().map(|name| json!({"username": name, "_id": name})).collect();
        let batch: Batch = serde_json::from_value(json!({"status": self.status})).unwrap();
        problems(&batch, &Ledger::of(entries, json!({"organisations": [{"users": users}]})))
    }
}

#[test]
fn what_is_as_promised_passes() {
    assert_eq!(Story::as_promised().problems(), Vec::<String>::new());
}

#[test]
fn a_missing_user_is_named() {
    let mut story = Story::as_promised();
    story.exist.retain(|name| name != "user17");
    assert_eq!(story.problems(), ["user17 does not exist"]);
}

#[test]
fn a_user_created_twice_is_named() {
    let mut story = Story::as_promised();
    story.execute("job0", "user17", None);
    assert_eq!(story.problems(), ["user17 was created 2 times instead of 1"]);
}

#[test]
fn a_job_too_many_is_counted() {
    let mut story = Story::as_promised();
    story.send("job4", &["user17".to_owned()], 15);
    assert_eq!(story.problems(), ["create jobs had [100, 100, 49, 1, 1] users instead of [100, 100, 49, 1]"]);
}

#[test]
fn a_retry_before_the_back_off_is_told() {
    let mut story = Story::as_promised();
    let early = json!(jiff::Timestamp::from_second(1_700_000_012).unwrap());
    let retry = story.entries.iter_mut().find(|entry| entry["job_id"] == "job3").unwrap();
    retry["time"] = early;
    let problems = story.problems();
    assert!(matches!(problems.as_slice(), [only] if only.contains("before 10 s were over")), "{problems:?}");
}

#[test]
fn other_words_than_the_vendors_are_told() {
    let mut story = Story::as_promised();
    let users = story.status["users"].as_array_mut().unwrap();
    users.last_mut().unwrap()["message"] = json!("it failed");
    let problems = story.problems();
    assert!(matches!(problems.as_slice(), [only] if only.contains("does not say")), "{problems:?}");
}

#[test]
fn a_conflict_that_is_sent_is_told() {
    let mut story = Story::as_promised();
    story.entries[0]["usernames"][5] = json!(cast::CONFLICT);
    let problems = story.problems();
    assert!(problems.iter().any(|problem| problem.contains("is not ours")), "{problems:?}");
}
