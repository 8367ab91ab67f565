//! What a pass learns of whatever kind its object is, and the fingerprint of that.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jumpcloud_operator::plan::facts::{Connection, ConnectionFact, FailedRead, Outcome};
use jumpcloud_operator::plan::policy::after;

use super::canon::Canon;
use super::kind::Kind;
use super::timing::AGAIN;
use crate::clock::span;

/// The connection to this organisation, with nothing in its way.
pub fn connection(organization: &str) -> ConnectionFact {
    ConnectionFact::Ready(Connection {
        organization: organization.to_owned(),
        paused: false,
        max_batch_size: 100,
    })
}

/// A read without an answer.
pub fn unanswered(clock: Timestamp) -> FailedRead {
    let message = "JumpCloud did not answer; tried again".to_owned();
    FailedRead { retry_at: after(clock, span(AGAIN)), message }
}

/// The fingerprint of reads that failed.
pub fn failed_into<K: Kind>(failed: &BTreeMap<K::Read, FailedRead>, canon: &mut Canon) {
    canon.count(failed.len());
    for (read, failed) in failed {
        K::read_into(read, canon);
        canon.stamp(Some(failed.retry_at));
    }
}

/// The fingerprint of what may be sent, and of what became of what was sent.
pub fn sent_into(armed: Option<&str>, deliveries: &BTreeMap<String, Outcome>, canon: &mut Canon) {
    match armed {
        Some(nonce) => canon.nonce(nonce),
        None => canon.word(0),
    }
    for (nonce, outcome) in deliveries {
        canon.nonce(nonce);
        canon.word(match outcome {
            Outcome::Accepted => 1,
            Outcome::Refused { .. } => 2,
            Outcome::Rejected { .. } => 3,
            Outcome::Unknown => 4,
        });
    }
}
