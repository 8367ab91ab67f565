//! A request about to be intended: its record and its frozen body.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::facts::Facts;
use super::identity::identity;
use super::policy::{Policy, after};
use super::step::Batch;
use crate::api::submission::{Operation, Phase, RECORD_VERSION, Submission};
use crate::users::body;
use crate::users::row::{DesiredRow, long_hash};

/// A request about to be intended.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Its record, as it is in the status to be written.
    pub submission: Submission,
    /// The body, frozen: what the record's hash is over.
    pub payload: Vec<u8>,
}

impl Intent {
    /// The request that creates these users.
    pub(super) fn of(
        batch: &Batch<'_>,
        facts: &Facts,
        policy: &Policy,
        rows: &[&DesiredRow],
        organization_id: String,
        now: Timestamp,
    ) -> Self {
        let payload = body::create(rows);
        let nonce = facts.fresh_nonce.clone();
        let hashed = [batch.name.as_bytes(), b"\n", &payload].concat();
        let submission = Submission {
            record_version: RECORD_VERSION,
            operation: Operation::Create,
            members: rows.iter().map(|row| row.username.clone()).collect(),
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
            missing: Vec::new(),
            other: BTreeMap::new(),
            nonce,
        };
        Self { submission, payload }
    }
}
