//! The write-ahead record of one request, in `status.submissions`.
//!
//! It is written before the request is sent and stays until every member has a result. Records
//! outlive operators: a record of a newer version is kept to the letter and left alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::scheduled_user_state::ScheduledState;

/// The version of the record that this operator writes. A higher one is not understood.
pub const RECORD_VERSION: u32 = 1;

/// A record as found in status.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Recorded {
    /// A record that this operator understands.
    Known(Box<Submission>),
    /// A record of a newer operator, or one that was tampered with: kept, never acted on.
    Foreign(Map<String, Value>),
}

/// One request: what was intended, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// Identifies the request.
    #[schemars(length(max = 64))]
    pub nonce: String,
    /// Version of this record.
    pub record_version: u32,
    /// What is asked for.
    pub operation: Operation,
    /// The users of this request: usernames of a create, JumpCloud's ids of an update or a schedule.
    #[schemars(length(max = 800), inner(length(max = 1024)))]
    pub members: Vec<String>,
    /// Update only: the username of each member, in the order of members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 800), inner(length(max = 1024)))]
    pub usernames: Vec<String>,
    /// Usernames of a create whose rows it does not carry in full: their manager is still to be created,
    /// or a field is taken by updates alone. An update follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 800), inner(length(max = 1024)))]
    pub incomplete: Vec<String>,
    /// Hash of each member's row as sent, in the order of members. Not of a scheduled change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 800), inner(length(max = 64)))]
    pub row_hashes: Vec<String>,
    /// Fingerprint of each member's username and e-mail with the nonce: tells whether a user found
    /// later is the one sent, without keeping the address. Not of a scheduled change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 800), inner(length(max = 64)))]
    pub identities: Vec<String>,
    /// Of a scheduled change alone: the state that the members shall have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ScheduledState>,
    /// Of a scheduled change alone: when they shall have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 64))]
    pub time: Option<Timestamp>,
    /// SHA-256 over namespace, name and payload.
    #[schemars(length(max = 128))]
    pub payload_hash: String,
    /// The organisation it is sent to.
    #[serde(rename = "organizationID")]
    #[schemars(length(max = 64))]
    pub organization_id: String,
    /// When it was intended.
    #[schemars(with = "String", length(max = 64))]
    pub intent_time: Timestamp,
    /// After this no byte of the request is sent.
    #[schemars(with = "String", length(max = 64))]
    pub submit_by: Timestamp,
    /// What became of it.
    pub phase: Phase,
    /// JumpCloud's id of the job, once accepted.
    #[serde(default, rename = "jobID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub job_id: Option<String>,
    /// When the job was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 64))]
    pub accept_time: Option<Timestamp>,
    /// Of an accepted request to schedule: the events that JumpCloud made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 800))]
    pub events: Vec<AcceptedEvent>,
    /// Of a scheduled change alone: the scheduledJobIDs of equal events that the members had already, which are
    /// not this request's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 800), inner(length(max = 128)))]
    pub existing: Vec<String>,
    /// While the outcome is unknown: when the members were last looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 64))]
    pub look_time: Option<Timestamp>,
    /// While the outcome is unknown: the members that the last look missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 800), inner(length(max = 1024)))]
    pub missing: Vec<String>,
    /// Fields of a newer operator, kept as they are.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Operation {
    /// Bulk create.
    Create,
    /// Bulk update.
    Update,
    /// Scheduled state changes.
    Schedule,
}

/// An event that JumpCloud has made for a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedEvent {
    /// JumpCloud's id of the user.
    #[schemars(length(max = 64))]
    pub id: String,
    /// JumpCloud's id of the scheduled job.
    #[serde(rename = "scheduledJobID")]
    #[schemars(length(max = 128))]
    pub scheduled_job_id: String,
    /// The date that JumpCloud keeps, where it is not exactly the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 64))]
    pub time: Option<Timestamp>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Recorded; about to be sent, or sent by a process that did not come to record the outcome.
    Intended,
    /// JumpCloud gave a job id.
    Accepted,
    /// Sent, and no readable answer came.
    Unknown,
    /// Part of a request that JumpCloud refused as a whole: still to be sent, in a request of its own.
    Rejected,
}

impl Phase {
    /// Whether a job may run, or come to run. Part of a refused request is still to be sent.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        match self {
            Self::Intended | Self::Accepted | Self::Unknown => true,
            Self::Rejected => false,
        }
    }
}

impl Recorded {
    /// The record, when it is understood.
    #[must_use]
    pub fn known(&self) -> Option<&Submission> {
        match self {
            Self::Known(submission) => Some(submission),
            Self::Foreign(_) => None,
        }
    }

    /// The nonce, also of a record that is not understood.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        match self {
            Self::Known(submission) => Some(&submission.nonce),
            Self::Foreign(map) => map.get("nonce").and_then(Value::as_str),
        }
    }

    /// What a process that sees this record takes down the time of, to know by its own monotonic clock
    /// how long ago that was: the request, and the last look at its users.
    #[must_use]
    pub fn sights(&self) -> Vec<String> {
        let nonce = self.nonce().map(str::to_owned);
        nonce.into_iter().chain(self.known().and_then(Submission::look_sight)).collect()
    }

    /// The version of the record.
    #[must_use]
    pub fn version(&self) -> u64 {
        match self {
            Self::Known(submission) => submission.record_version.into(),
            Self::Foreign(map) => map.get("recordVersion").and_then(Value::as_u64).unwrap_or_default(),
        }
    }
}

impl Submission {
    /// Usernames of the members, in their order.
    #[must_use]
    pub fn usernames(&self) -> &[String] {
        match self.operation {
            Operation::Create => &self.members,
            Operation::Update | Operation::Schedule => &self.usernames,
        }
    }

    /// JumpCloud's id of that member; members of a create have none yet.
    #[must_use]
    pub fn id(&self, index: usize) -> Option<&str> {
        match self.operation {
            Operation::Create => None,
            Operation::Update | Operation::Schedule => self.members.get(index).map(String::as_str),
        }
    }

    /// The members from `from` to `to` alone, as a request that is still to be sent. `half` tells the two
    /// parts of one request apart.
    #[must_use]
    pub fn part(&self, from: usize, to: usize, half: char) -> Self {
        let some = |list: &[String]| list.iter().take(to).skip(from).cloned().collect::<Vec<_>>();
        let usernames = some(self.usernames());
        Self {
            nonce: format!("{}{half}", self.nonce),
            members: some(&self.members),
            row_hashes: some(&self.row_hashes),
            identities: some(&self.identities),
            incomplete: self.incomplete.iter().filter(|name| usernames.contains(name)).cloned().collect(),
            usernames: some(&self.usernames),
            phase: Phase::Rejected,
            job_id: None,
            accept_time: None,
            events: Vec::new(),
            look_time: None,
            missing: Vec::new(),
            ..self.clone()
        }
    }

    /// The name of the sight of the last look, if there was one.
    #[must_use]
    pub fn look_sight(&self) -> Option<String> {
        self.look_time.map(|time| format!("{} looked at {time}", self.nonce))
    }

    /// Whether the record holds together: lists of equal length, what an accepted request got, and of a
    /// scheduled change what it is.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let as_many = |list: &[String]| list.len() == self.members.len();
        let of_rows = as_many(&self.row_hashes)
            && as_many(&self.identities)
            && (self.operation == Operation::Create || as_many(&self.usernames));
        let of_schedule = self.operation != Operation::Create && self.state.is_some() && self.time.is_some();
        let accepted = match self.operation {
            Operation::Schedule => !self.events.is_empty(),
            Operation::Create | Operation::Update => self.job_id.is_some(),
        };
        !self.members.is_empty()
            && (of_schedule || (of_rows && self.operation != Operation::Schedule))
            && (self.phase != Phase::Accepted || (accepted && self.accept_time.is_some()))
    }
}

impl<'de> Deserialize<'de> for Recorded {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        let version = map.get("recordVersion").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let known = (version <= u64::from(RECORD_VERSION))
            .then(|| Submission::deserialize(Value::Object(map.clone())).ok())
            .flatten()
            .filter(Submission::is_sound);
        Ok(known.map_or(Self::Foreign(map), |submission| Self::Known(Box::new(submission))))
    }
}

impl JsonSchema for Recorded {
    fn schema_name() -> Cow<'static, str> {
        Submission::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Submission::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"nonce":"n","recordVersion":1,"operation":"Create","members":["ada"],"rowHashes":["h"],
        "identities":["i"],"payloadHash":"p","organizationID":"o","intentTime":"2026-01-01T00:00:00Z",
        "submitBy":"2026-01-01T00:00:20Z","phase":"Intended","newField":{"a":1}}"#;

    #[test]
    fn unknown_fields_pass_through() {
        let record: Recorded = serde_json::from_str(RECORD).unwrap();
        assert!(record.known().is_some());
        let back = serde_json::to_value(&record).unwrap();
        assert_eq!(back["newField"]["a"], 1);
    }

    #[test]
    fn a_newer_or_broken_record_is_kept_to_the_letter() {
        for text in [
            RECORD.replace("\"recordVersion\":1", "\"recordVersion\":2"),
            RECORD.replace("\"recordVersion\":1,", ""),
            RECORD.replace("\"Intended\"", "\"Dreamt\""),
            RECORD.replace("\"Intended\"", "\"Accepted\""),
            RECORD.replace("[\"h\"]", "[]"),
        ] {
            let record: Recorded = serde_json::from_str(&text).unwrap();
            assert!(record.known().is_none(), "{text}");
            assert_eq!(serde_json::to_value(&record).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
