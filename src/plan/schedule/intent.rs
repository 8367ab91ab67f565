//! A request about to be intended: a scheduled change, or the change at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::change::Change;
use super::desired::Mail;
use super::step::Schedule;
use crate::api::submission::{Operation, Phase, RECORD_VERSION, Submission};
use crate::plan::intent::{Intent, Payload};
use crate::plan::policy::{Policy, after};
use crate::users::row::long_hash;

/// The most users of one request. The documents name no limit; this is that of a page.
pub const MOST: usize = 100;

/// The request that schedules `change` for these users, by id; or, with `at_once`, that makes it.
#[must_use]
pub fn intent(
    schedule: &Schedule<'_>,
    (nonce, organization): (&str, &str),
    change: Change,
    (ids, at_once): (&[String], bool),
    policy: &Policy,
    now: Timestamp,
) -> Intent {
    let (payload, hashed) = if at_once {
        let rows: Vec<_> = ids.iter().map(|id| json!({"id": id, "state": change.state.word()})).collect();
        let body = serde_json::to_vec(&rows).unwrap_or_default();
        (Payload::Rows(body.clone()), body)
    } else {
        let mail = &schedule.desired.mail;
        let said = match mail {
            Mail::Unsaid => json!(null),
            Mail::None => json!(false),
            Mail::User => json!(true),
            Mail::Address(address) => json!(address),
        };
        let frozen = json!([ids, change.state.word(), change.time.to_string(), said]).to_string();
        (Payload::Schedule(mail.clone()), frozen.into_bytes())
    };
    let submission = Submission {
        nonce: nonce.to_owned(),
        record_version: RECORD_VERSION,
        operation: if at_once { Operation::Update } else { Operation::Schedule },
        members: ids.to_vec(),
        usernames: Vec::new(),
        incomplete: Vec::new(),
        row_hashes: Vec::new(),
        identities: Vec::new(),
        state: Some(change.state),
        time: Some(change.time),
        payload_hash: long_hash(&[schedule.name.as_bytes(), b"\n", &hashed].concat()),
        organization_id: organization.to_owned(),
        intent_time: now,
        submit_by: after(now, policy.submit_timeout),
        phase: Phase::Intended,
        job_id: None,
        accept_time: None,
        events: Vec::new(),
        look_time: None,
        existing: Vec::new(),
        missing: Vec::new(),
        other: BTreeMap::new(),
    };
    Intent { submission, payload }
}
