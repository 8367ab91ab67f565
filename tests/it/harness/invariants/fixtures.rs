//! Runs made by hand, for the tests of the rules: seconds since a fixed moment, a batch, a ledger.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jumpcloud_sim::ledger::{Cause, Outcome, Request, Row, ScheduledEvent, UserChange};
use jumpcloud_sim::settings::Operation;
use jumpcloud_sim::{Entry, Route, What};
use serde_json::{Value, json};

use super::evidence::{Evidence, Flags};
use super::version::{History, Kind, Version};

/// So many seconds after the beginning of all these runs.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time") + SignedDuration::from_secs(seconds)
}

/// The record of a create that was intended then, to be sent within a second.
pub fn record(nonce: &str, members: &[&str], intended: i64) -> Value {
    let each = |word: &str| members.iter().map(|name| format!("{word}-{name}")).collect::<Vec<_>>();
    json!({
        "nonce": nonce, "recordVersion": 1, "operation": "Create", "members": members,
        "rowHashes": each("row"), "identities": each("identity"), "payloadHash": format!("hash of {nonce}"),
        "organizationID": "org", "intentTime": at(intended).to_string(), "submitBy": at(intended + 1).to_string(),
        "phase": "Intended",
    })
}

/// The same once JumpCloud has given that job.
pub fn accepted(nonce: &str, members: &[&str], intended: i64, job: &str) -> Value {
    let mut record = record(nonce, members, intended);
    record["phase"] = json!("Accepted");
    record["jobID"] = json!(job);
    record["acceptTime"] = json!(at(intended + 1).to_string());
    record
}

/// The record of a schedule of [`DATE`] and [`STATE`] for these ids.
pub fn scheduled(nonce: &str, members: &[&str], intended: i64) -> Value {
    let mut record = record(nonce, members, intended);
    record["operation"] = json!("Schedule");
    record["state"] = json!("Suspended");
    record["time"] = json!(at(DATE).to_string());
    for field in ["rowHashes", "identities"] {
        record.as_object_mut().expect("a record").remove(field);
    }
    record
}

/// When scheduled changes are to happen.
pub const DATE: i64 = 3000;

/// A run made by hand.
#[derive(Default)]
pub struct Run {
    versions: Vec<Version>,
    ledger: Vec<Entry>,
    /// What JumpCloud has in the end.
    pub users: Vec<Value>,
    /// Values of Secrets.
    pub secrets: BTreeSet<String>,
    /// Events.
    pub events: Vec<Value>,
    /// Logs and metrics.
    pub said: Vec<(String, String)>,
}

impl Run {
    /// A version of a batch with these records, seen when the first of them was intended.
    pub fn batch(&mut self, uid: &str, revision: u64, records: Vec<Value>) -> &mut Version {
        self.version(Kind::Batch, uid, revision, records)
    }

    /// A version of an object.
    pub fn version(&mut self, kind: Kind, uid: &str, revision: u64, records: Vec<Value>) -> &mut Version {
        let intended = records.first().and_then(|record| record["intentTime"].as_str()?.parse().ok());
        let seen = intended.unwrap_or_else(|| at(0));
        let object = json!({
            "metadata": {
                "namespace": "ns", "name": uid, "uid": uid, "resourceVersion": revision.to_string(), "generation": 1,
                "managedFields": [{"manager": "jumpcloud-operator", "subresource": "status", "time": seen.to_string()}],
            },
            "spec": {"users": [{"username": "ada", "email": "ada@example.com"}]},
            "status": {"observedGeneration": 1, "submissions": Value::Array(records)},
        });
        let object = serde_json::from_value(object).expect("an object");
        self.versions.push(Version::of(kind, object, false, seen, None));
        self.versions.last_mut().expect("it was pushed")
    }

    /// A request to create users; accepted when a job is given.
    pub fn create(&mut self, seconds: i64, usernames: &[&str], job: Option<&str>) {
        let mut request = request(seconds, Route::BulkCreate);
        request.usernames = usernames.iter().map(|&name| name.to_owned()).collect();
        request.rows = usernames.len();
        request.body_hash = format!("body at {seconds}");
        request.job_id = job.map(str::to_owned);
        request.own_status = job.map(|_| 200);
        self.push(seconds, What::Request(Box::new(request)));
        for name in job.into_iter().flat_map(|_| usernames) {
            let change = change(name, Cause::Job(job.unwrap_or_default().to_owned()));
            self.users.retain(|user| user["username"] != **name);
            self.users.push(
                json!({"_id": change.user_id, "username": name, "email": format!("{name}@example.com")}),
            );
        }
    }

    /// A request to suspend users on [`DATE`], which makes one job.
    pub fn schedule(&mut self, seconds: i64, ids: &[&str], job: &str) {
        let mut request = request(seconds, Route::ScheduleCreate);
        request.ids = ids.iter().map(|&id| id.to_owned()).collect();
        (request.rows, request.job_id) = (ids.len(), Some(job.to_owned()));
        self.push(seconds, What::Request(Box::new(request)));
        for id in ids {
            self.push(seconds, What::ScheduleAdded { event: event(job, id), by: Cause::Request });
        }
    }

    /// The operator cancels a scheduled job.
    pub fn cancel(&mut self, seconds: i64, ids: &[&str], job: &str) {
        let mut request = request(seconds, Route::ScheduleDelete);
        request.ids = vec![job.to_owned()];
        self.push(seconds, What::Request(Box::new(request)));
        for id in ids {
            self.push(seconds, What::ScheduleRemoved { event: event(job, id), by: Cause::Request });
        }
    }

    /// Users come to be by a job.
    pub fn made(&mut self, seconds: i64, job: &str, username: &str) {
        self.push(seconds, What::UserCreated(change(username, Cause::Job(job.to_owned()))));
    }

    /// A user is deleted by hand.
    pub fn deleted(&mut self, seconds: i64, username: &str) {
        self.push(seconds, What::UserDeleted(change(username, Cause::Control)));
        self.users.retain(|user| user["username"] != username);
    }

    /// A request to update users, which is accepted.
    pub fn update(&mut self, seconds: i64, ids: &[&str], job: &str) {
        let mut request = request(seconds, Route::BulkUpdate);
        request.ids = ids.iter().map(|&id| id.to_owned()).collect();
        (request.rows, request.job_id) = (ids.len(), Some(job.to_owned()));
        request.body_hash = format!("body at {seconds}");
        self.push(seconds, What::Request(Box::new(request)));
    }

    /// A page of the listing of events.
    pub fn listing(&mut self, seconds: i64) {
        self.push(seconds, What::Request(Box::new(request(seconds, Route::ScheduleList))));
    }

    /// A row of a job fails.
    pub fn row_failed(&mut self, seconds: i64, job: &str, username: &str) {
        self.row(seconds, job, username, Outcome::Failed { message: None });
    }

    /// A row of a job is carried out.
    pub fn row_done(&mut self, seconds: i64, job: &str, username: &str) {
        self.row(seconds, job, username, Outcome::Finished);
    }

    fn row(&mut self, seconds: i64, job: &str, username: &str, outcome: Outcome) {
        self.push(
            seconds,
            What::RowExecuted(Row {
                job_id: job.to_owned(),
                row_id: "row".to_owned(),
                organisation: "org".to_owned(),
                operation: Operation::Create,
                username: Some(username.to_owned()),
                user_id: Some(id(username)),
                outcome,
            }),
        );
    }

    /// A search that is answered.
    pub fn search(&mut self, seconds: i64, asked: &[&str], found: &[&str]) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let mut request = request(seconds, Route::UserSearch);
        (request.asked, request.found, request.own_status) = (owned(asked), owned(found), Some(200));
        self.push(seconds, What::Request(Box::new(request)));
    }

    /// Adds an entry.
    pub fn push(&mut self, seconds: i64, what: What) {
        let seq = self.ledger.len() as u64 + 1;
        self.ledger.push(Entry { seq, time: at(seconds), wall: at(seconds), what });
    }

    /// What a rule looks at.
    pub fn evidence(self) -> Evidence {
        Evidence {
            history: History { versions: self.versions.into_iter().map(Arc::new).collect() },
            ledger: self.ledger,
            users: self.users,
            events: self.events.into_iter().map(Arc::new).collect(),
            secrets: self.secrets,
            said: self.said.into(),
            flags: Flags { quarantine: Duration::from_secs(10), poll_min: Duration::from_secs(1) },
            starts: 1,
        }
    }
}

/// A scheduled change.
pub fn event(job: &str, user: &str) -> ScheduledEvent {
    ScheduledEvent {
        organisation: "org".to_owned(),
        job_id: job.to_owned(),
        user_id: user.to_owned(),
        state: "SUSPENDED".to_owned(),
        date: at(DATE),
    }
}

/// The id of a user.
pub fn id(username: &str) -> String {
    format!("id-{username}")
}

fn change(username: &str, by: Cause) -> UserChange {
    UserChange {
        organisation: "org".to_owned(),
        user_id: id(username),
        username: username.to_owned(),
        fields: Vec::new(),
        by,
    }
}

/// A request that was carried out and answered.
pub fn request(seconds: i64, route: Route) -> Request {
    Request {
        arrived: at(seconds),
        method: "POST".to_owned(),
        path: "/".to_owned(),
        route,
        organisation: Some("org".to_owned()),
        key: None,
        creation_source: None,
        org_id: None,
        user_agent: Some("jumpcloud-operator/0".to_owned()),
        content_length: None,
        body_hash: String::new(),
        rows: 0,
        usernames: Vec::new(),
        ids: Vec::new(),
        fields: Vec::new(),
        asked: Vec::new(),
        found: Vec::new(),
        fault: None,
        acted: true,
        own_status: Some(200),
        status: Some(200),
        reply_dropped: false,
        reply_intact: true,
        job_id: None,
    }
}
