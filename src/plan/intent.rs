//! A request about to be intended: its record and its frozen body.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::facts::Facts;
use super::identity::identity;
use super::policy::{Policy, after};
use super::schedule::desired::Mail;
use super::step::Batch;
use super::work::{Change, Creation};
use crate::api::submission::{Operation, Phase, RECORD_VERSION, Submission};
use crate::users::body::{self, CreateRow, UpdateRow};
use crate::users::row::{DesiredRow, long_hash};

/// A request about to be intended.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Its record, as it is in the status to be written.
    pub submission: Submission,
    /// What is sent, frozen: what the record's hash is over.
    pub payload: Payload,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Payload {
    /// The body of a bulk request.
    Rows(Vec<u8>),
    /// A scheduled change: members, state and time are in the record.
    Schedule(Mail),
}

impl Payload {
    /// The body of a bulk request; a scheduled change has none here.
    #[must_use]
    pub fn rows(&self) -> &[u8] {
        match self {
            Self::Rows(body) => body,
            Self::Schedule(_) => &[],
        }
    }
}

/// The users of a request.
pub(super) enum Body<'a> {
    Create(Vec<Creation<'a>>),
    Update(Vec<Change<'a>>),
}

impl Body<'_> {
    fn rows(&self) -> Vec<&DesiredRow> {
        match self {
            Self::Create(users) => users.iter().map(|user| user.row).collect(),
            Self::Update(users) => users.iter().map(|user| user.row).collect(),
        }
    }

    fn payload(&self) -> Vec<u8> {
        match self {
            Self::Create(users) => {
                let rows: Vec<_> = users
                    .iter()
                    .map(|user| CreateRow { row: user.row, manager: user.manager.as_deref() })
                    .collect();
                body::create(&rows)
            }
            Self::Update(users) => {
                let rows: Vec<_> =
                    users.iter().map(|user| UpdateRow { id: &user.id, set: &user.set }).collect();
                body::update(&rows)
            }
        }
    }
}

impl Intent {
    /// The request for these users.
    pub(super) fn of(
        batch: &Batch<'_>,
        facts: &Facts,
        policy: &Policy,
        body: &Body<'_>,
        organization_id: String,
        now: Timestamp,
    ) -> Self {
        let payload = body.payload();
        let nonce = facts.fresh_nonce.clone();
        let hashed = [batch.name.as_bytes(), b"\n", &payload].concat();
        let rows = body.rows();
        let names: Vec<String> = rows.iter().map(|row| row.username.clone()).collect();
        let (operation, members, usernames, incomplete) = match body {
            Body::Create(users) => {
                let incomplete = users.iter().filter(|user| user.incomplete);
                let incomplete = incomplete.map(|user| user.row.username.clone()).collect();
                (Operation::Create, names, Vec::new(), incomplete)
            }
            Body::Update(users) => {
                let ids = users.iter().map(|user| user.id.clone()).collect();
                (Operation::Update, ids, names, Vec::new())
            }
        };
        let submission = Submission {
            record_version: RECORD_VERSION,
            operation,
            members,
            usernames,
            incomplete,
            row_hashes: rows.iter().map(|row| row.hash.clone()).collect(),
            identities: rows.iter().map(|row| identity(&nonce, &row.username, &row.email)).collect(),
            payload_hash: long_hash(&hashed),
            organization_id,
            intent_time: now,
            submit_by: after(now, policy.submit_timeout),
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
            nonce,
        };
        Self { submission, payload: Payload::Rows(payload) }
    }
}
