//! What tests of decisions start from: a request for a few users, and what is known besides.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::desired::{Desired, desired};
use super::facts::{By, Connection, ConnectionFact, Facts, Live, Notes, Row, Slot, UserKey, Word};
use super::identity::identity;
use super::policy::Policy;
use super::step::{Batch, Commit, Step, plan};
use super::submission::{Context, Declared};
use crate::api::submission::{Operation, Phase, RECORD_VERSION, Submission};
use crate::api::user_status::JumpCloudUserBatchStatus;

/// Seconds since requests of these tests were intended.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

/// A user's e-mail address.
pub fn email(name: &str) -> String {
    format!("{name}@example.com")
}

/// A spec that declares these users.
pub fn declared(names: &[&str]) -> Desired {
    let users: Vec<_> =
        names.iter().map(|name| serde_json::json!({"username": name, "email": email(name)})).collect();
    desired(&serde_json::from_value(serde_json::json!({"users": users})).unwrap(), 1000)
}

/// A request for these users, intended at 0, to be sent by 20.
pub fn intended(names: &[&str]) -> Submission {
    Submission {
        nonce: "n".to_owned(),
        record_version: RECORD_VERSION,
        operation: Operation::Create,
        members: names.iter().map(|name| (*name).to_owned()).collect(),
        row_hashes: declared(names).rows.into_iter().map(|row| row.hash).collect(),
        usernames: Vec::new(),
        incomplete: Vec::new(),
        identities: names.iter().map(|name| identity("n", name, &email(name))).collect(),
        payload_hash: "p".to_owned(),
        organization_id: "o".to_owned(),
        intent_time: at(0),
        submit_by: at(20),
        phase: Phase::Intended,
        job_id: None,
        accept_time: None,
        look_time: None,
        state: None,
        time: None,
        events: Vec::new(),
        existing: Vec::new(),
        missing: Vec::new(),
        other: BTreeMap::new(),
    }
}

/// The same, accepted at 1 as job `j`.
pub fn accepted(names: &[&str]) -> Submission {
    Submission {
        phase: Phase::Accepted,
        job_id: Some("j".to_owned()),
        accept_time: Some(at(1)),
        ..intended(names)
    }
}

/// A user of JumpCloud, created at 5.
pub fn live(name: &str) -> Live {
    Live {
        id: format!("id-{name}"),
        username: name.to_owned(),
        email: email(name),
        state: None,
        created: Some(at(5)),
        fields: serde_json::Map::from_iter([
            ("username".to_owned(), name.into()),
            ("email".to_owned(), email(name).into()),
        ]),
    }
}

/// A result row of a user; of nobody without a name.
pub fn row(name: &str, word: Word, message: &str) -> Row {
    Row {
        word,
        message: Some(message.to_owned()),
        usernames: [name.to_owned()].into_iter().filter(|name| !name.is_empty()).collect(),
        ..Row::default()
    }
}

/// Takes in a look at these users.
pub fn look(facts: &mut Facts, names: &[&str], found: &[Live], time: Timestamp) {
    let keys: Vec<_> = names
        .iter()
        .map(|name| UserKey {
            username: (*name).to_owned(),
            by: By::Names { email: Some(email(name)), employee_identifier: None },
        })
        .collect();
    facts.looked_up(&keys, found, time);
}

/// Decides about a request whose rows are declared as they were sent, with a job timeout of an hour.
pub fn next(request: &Submission, facts: &Facts, now: Timestamp) -> super::submission::Next {
    let names: Vec<&str> = request.members.iter().map(String::as_str).collect();
    let rows = declared(&names).rows;
    let declared =
        rows.iter().map(|row| (row.key(), Declared { row, manager: None, applied_state: None })).collect();
    request.next(&Context {
        facts,
        policy: &Policy::default(),
        job_timeout: Duration::from_secs(3600),
        declared: &declared,
        evidence: &BTreeMap::new(),
        urgent: false,
        now,
    })
}

/// What a pass knows at first: a connection that can be used, and a slot for a job.
pub fn ready() -> Facts {
    let mut facts = Facts::begin(Notes::default(), "m".to_owned());
    facts.connection = Some(ConnectionFact::Ready(Connection {
        organization: "o".to_owned(),
        paused: false,
        max_batch_size: 100,
    }));
    facts.slot = Some(Slot::Free);
    facts
}

/// An object without annotations.
pub fn batch<'a>(desired: &'a Desired, status: &'a JumpCloudUserBatchStatus) -> Batch<'a> {
    Batch {
        name: "people/sales".to_owned(),
        generation: 1,
        requested_at: None,
        retry_failed: None,
        resolve: None,
        deleting: false,
        desired,
        status,
    }
}

/// What a pass over it does next.
pub fn decide(desired: &Desired, status: &JumpCloudUserBatchStatus, facts: &Facts, now: Timestamp) -> Step {
    plan(&batch(desired, status), facts, &Policy::default(), now)
}

/// The write that a step is.
pub fn committed(step: Step) -> Commit {
    match step {
        Step::Commit(commit) => *commit,
        other => panic!("no commit: {other:?}"),
    }
}
