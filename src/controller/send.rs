//! Sending one request whose intent is committed, and recording what JumpCloud gave for it.
//!
//! Guarantee: once the first byte may have gone out, the request and the record of its outcome go on
//! on a task of their own, whatever happens to the pass; a clean shutdown waits for it.

use std::time::Duration;

use bytes::Bytes;

use super::object::Fetched;
use super::record::{Acceptance, Address, Armed, Receipt, record};
use crate::api::recording::Recording;
use crate::api::submission::Operation;
use crate::jumpcloud::client::BulkRequest;
use crate::jumpcloud::delivery::{Delivery, NotSent, Refusal};
use crate::plan::facts::Outcome;
use crate::plan::intent::Payload;
use crate::runtime::clock;
use crate::runtime::shutdown::Shutdown;

/// What came of a request.
pub struct Sent<K> {
    /// For the planner.
    pub outcome: Outcome,
    /// The object with its record, when the request was accepted and that is recorded.
    pub object: Option<Fetched<K>>,
    /// Why nothing happened, when it was refused.
    pub refusal: Option<Refusal>,
}

/// What goes with a bulk request beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Whether JumpCloud is asked not to mail the results.
    pub suppress_email: bool,
    /// Where the users come from, in JumpCloud's words.
    pub creation_source: Option<&'static str>,
}

/// Sends, once. Returns `None` only when the task was aborted, which ends the pass.
pub async fn send<K: Recording>(
    shutdown: &Shutdown,
    to: Address<K>,
    armed: Armed,
    manner: Manner,
) -> Option<Sent<K>> {
    let Manner { suppress_email, creation_source } = manner;
    let task = async move {
        let (submission, payload, ready) = armed.spend();
        let body = match payload {
            Payload::Rows(body) => Bytes::from(body),
            Payload::Schedule(_) => Bytes::new(),
        };
        let request = BulkRequest { body, suppress_email, creation_source };
        // The wall clock decides for whoever settles this submission, so it is asked as well.
        if clock::now() >= submission.submit_by {
            let refusal = Refusal::NotSent(NotSent::Expired);
            return Sent { outcome: refused(&refusal), object: None, refusal: Some(refusal) };
        }
        #[expect(clippy::disallowed_methods, reason = "the one place that may: it consumes an Armed")]
        let delivery = match submission.operation {
            Operation::Create => ready.client.bulk_create(ready.permit, &request, ready.deadline).await,
            // Batches schedule nothing; their kind has a sender of its own.
            Operation::Update | Operation::Schedule => {
                ready.client.bulk_update(ready.permit, &request, ready.deadline).await
            }
        };
        let delivery = delivery.map(Receipt::Job);
        let nonce = submission.nonce.as_str();
        match delivery {
            Delivery::Accepted(receipt) => {
                tracing::info!(%receipt, nonce, users = submission.members.len(), "request accepted");
                let accepted = Acceptance { nonce: nonce.to_owned(), receipt, time: clock::now() };
                let object = record(&to, &accepted).await;
                Sent { outcome: Outcome::Accepted, object, refusal: None }
            }
            Delivery::Refused(refusal) => {
                tracing::warn!(nonce, ?refusal, "request refused; nothing happened at JumpCloud");
                Sent { outcome: refused(&refusal), object: None, refusal: Some(refusal) }
            }
            Delivery::Rejected { status, message } => {
                tracing::warn!(nonce, status, "request rejected");
                Sent { outcome: Outcome::Rejected { status, message }, object: None, refusal: None }
            }
            Delivery::Unknown(outcome) => {
                tracing::warn!(
                    nonce,
                    ?outcome,
                    "outcome of the request is unknown; it will be looked for at JumpCloud"
                );
                Sent { outcome: Outcome::Unknown, object: None, refusal: None }
            }
        }
    };
    shutdown.submit(task).await.ok()
}

fn refused(refusal: &Refusal) -> Outcome {
    let text = match refusal {
        Refusal::NotSent(NotSent::Connect { detail }) => format!("JumpCloud cannot be reached: {detail}"),
        Refusal::NotSent(NotSent::Expired) => "no time was left to send a request".to_owned(),
        Refusal::Credentials { status, message } => {
            format!("JumpCloud refuses the credential ({status}): {message}")
        }
        Refusal::NotFound { message } => format!("JumpCloud does not know the route (404): {message}"),
        Refusal::Redirected { status } => {
            format!("JumpCloud redirects ({status}); check region, apiURL and key")
        }
        Refusal::Throttled { message, .. } => format!("JumpCloud asks for fewer requests: {message}"),
        Refusal::Unsupported { status, message } => {
            format!("JumpCloud refuses the request ({status}): {message}")
        }
    };
    Outcome::Refused { message: text }
}

impl<K> Sent<K> {
    /// How long JumpCloud, or the rate limit, asks to wait.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        match &self.refusal {
            Some(Refusal::Throttled { retry_in, .. }) => Some(*retry_in),
            _ => None,
        }
    }

    /// Whether the connection should be checked before it is used again.
    #[must_use]
    pub fn concerns_connection(&self) -> bool {
        match &self.refusal {
            Some(
                Refusal::NotSent(NotSent::Connect { .. })
                | Refusal::Credentials { .. }
                | Refusal::NotFound { .. }
                | Refusal::Redirected { .. },
            ) => true,
            Some(
                Refusal::NotSent(NotSent::Expired) | Refusal::Throttled { .. } | Refusal::Unsupported { .. },
            )
            | None => false,
        }
    }
}
