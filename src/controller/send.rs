//! Sending one request whose intent is committed, and recording what JumpCloud gave for it.
//!
//! Guarantee: once the first byte may have gone out, the request and the record of its outcome go on
//! on a task of their own, whatever happens to the pass; a clean shutdown waits for it.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tracing::Instrument;

use super::object::Fetched;
use super::record::{Acceptance, Address, Armed, Ready, Receipt, record};
use crate::api::recording::Recording;
use crate::api::scheduled_user_state::ScheduledState;
use crate::api::submission::{AcceptedEvent, Operation, Submission};
use crate::jumpcloud::client::BulkRequest;
use crate::jumpcloud::delivery::{Delivery, NotSent, Refusal};
use crate::jumpcloud::schedules::{ActivationMail, ScheduleRequest, StateChange};
use crate::jumpcloud::wire::ScheduledEvent;
use crate::plan::facts::Outcome;
use crate::plan::intent::Payload;
use crate::plan::schedule::desired::Mail;
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
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Whether JumpCloud is asked not to mail the results.
    pub suppress_email: bool,
    /// Where new users come from, in JumpCloud's words.
    pub creation_source: Option<&'static str>,
}

/// A request in the client's terms.
enum Request {
    Create(BulkRequest),
    Update(BulkRequest),
    Schedule(ScheduleRequest),
}

impl Request {
    /// `None` when record and payload are not of one request, which would be a defect.
    fn of(submission: &Submission, payload: Payload, manner: Manner) -> Option<Self> {
        let Manner { suppress_email, creation_source } = manner;
        let bulk = |body| BulkRequest { body: Bytes::from(body), suppress_email, creation_source };
        match (submission.operation, payload) {
            (Operation::Create, Payload::Rows(body)) => Some(Self::Create(bulk(body))),
            (Operation::Update, Payload::Rows(body)) => Some(Self::Update(bulk(body))),
            (Operation::Schedule, Payload::Schedule(mail)) => {
                let change = match submission.state? {
                    ScheduledState::Activated => StateChange::Activate(activation_mail(mail)),
                    ScheduledState::Suspended => StateChange::Suspend,
                };
                let users = submission.members.clone();
                Some(Self::Schedule(ScheduleRequest { users, change, date: submission.time? }))
            }
            (Operation::Create | Operation::Update, Payload::Schedule(_))
            | (Operation::Schedule, Payload::Rows(_)) => None,
        }
    }

    /// Sends it.
    #[expect(clippy::disallowed_methods, reason = "the one place that may: it consumes what was armed")]
    async fn send(self, ready: Ready) -> Delivery<Receipt> {
        let Ready { permit, client, deadline } = ready;
        match self {
            Self::Create(request) => client.bulk_create(permit, &request, deadline).await.map(Receipt::Job),
            Self::Update(request) => client.bulk_update(permit, &request, deadline).await.map(Receipt::Job),
            Self::Schedule(request) => {
                let events = client.schedule_states(permit, &request, deadline).await;
                events.map(|events| Receipt::Events(accepted(events, request.date)))
            }
        }
    }
}

/// What JumpCloud is told about mail, in the client's terms.
pub(super) fn activation_mail(mail: Mail) -> ActivationMail {
    match mail {
        Mail::Unsaid => ActivationMail::Default,
        Mail::None => ActivationMail::Suppressed,
        Mail::User => ActivationMail::ToUser,
        Mail::Address(address) => ActivationMail::To(address),
    }
}

/// The events of an accepted request, as its record keeps them.
fn accepted(events: Vec<ScheduledEvent>, asked: Timestamp) -> Vec<AcceptedEvent> {
    let kept = |event: ScheduledEvent| AcceptedEvent {
        id: event.user_id,
        scheduled_job_id: event.job_id,
        time: event.date.filter(|date| *date != asked),
    };
    events.into_iter().map(kept).collect()
}

/// Sends, once. Returns `None` only when the task was aborted, which ends the pass.
pub async fn send<K: Recording>(
    shutdown: &Shutdown,
    to: Address<K>,
    armed: Armed,
    manner: Manner,
) -> Option<Sent<K>> {
    let task = async move {
        let (submission, payload, ready) = armed.spend();
        // The wall clock decides for whoever settles this submission, so it is asked as well.
        if clock::now() >= submission.submit_by {
            let refusal = Refusal::NotSent(NotSent::Expired);
            return Sent { outcome: refused(&refusal), object: None, refusal: Some(refusal) };
        }
        let Some(request) = Request::of(&submission, payload, manner) else {
            let message = "the request does not fit its record; this is a defect of the operator".to_owned();
            return Sent { outcome: Outcome::Refused { message }, object: None, refusal: None };
        };
        let delivery = request.send(ready).await;
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
    // The lines that it logs name the object, also after the pass has ended.
    shutdown.submit(task.in_current_span()).await.ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jumpcloud::wire::EventState;

    fn record(operation: Operation) -> Submission {
        let mut record = crate::plan::fixtures::accepted(&["u1", "u2"]);
        record.operation = operation;
        record.state = Some(ScheduledState::Activated);
        record.time = Some(Timestamp::UNIX_EPOCH);
        record
    }

    #[test]
    fn a_scheduled_change_is_the_one_of_its_record() {
        let of = |operation, payload| Request::of(&record(operation), payload, Manner::default());
        let mail = Payload::Schedule(Mail::Address("hr@example.com".to_owned()));
        let Some(Request::Schedule(request)) = of(Operation::Schedule, mail.clone()) else {
            panic!("a schedule");
        };
        assert_eq!((request.users.len(), request.date), (2, Timestamp::UNIX_EPOCH));
        assert!(request.change == StateChange::Activate(ActivationMail::To("hr@example.com".to_owned())));
        assert!(of(Operation::Update, mail).is_none());
        assert!(of(Operation::Schedule, Payload::Rows(Vec::new())).is_none());
        assert!(matches!(of(Operation::Update, Payload::Rows(Vec::new())), Some(Request::Update(_))));
        let incomplete = Submission { state: None, ..record(Operation::Schedule) };
        assert!(Request::of(&incomplete, Payload::Schedule(Mail::Unsaid), Manner::default()).is_none());
    }

    #[test]
    fn a_date_that_jumpcloud_changed_is_kept() {
        let event = |second| ScheduledEvent {
            job_id: "s1".to_owned(),
            user_id: "u1".to_owned(),
            state: EventState::Suspended,
            date: Timestamp::from_second(second).ok(),
        };
        let kept = accepted(vec![event(90), event(60)], Timestamp::from_second(90).unwrap());
        assert_eq!(kept[0].time, None);
        assert_eq!(kept[1].time, Timestamp::from_second(60).ok());
    }
}
