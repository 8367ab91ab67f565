//! What became of a request to schedule state changes.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use crate::jumpcloud::delivery::{Delivery, Refusal, UnknownOutcome};
use crate::jumpcloud::error::Error;
use crate::jumpcloud::schedules::request::ScheduleRequest;
use crate::jumpcloud::wire::{Page, ScheduledEvent, read_each};

/// The outcome of a request to schedule, in the classes of [`Delivery`], and for the same reasons: it has no
/// idempotency key, and JumpCloud schedules an equal event a second time without a word.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub enum ScheduleDelivery {
    /// Every user of the request has an event. Their dates are those that JumpCloud keeps, which may be
    /// less exact than the one that was sent: look for these from now on.
    Accepted {
        /// At least one for each user.
        events: Vec<ScheduledEvent>,
    },
    /// Nothing happened at JumpCloud; see [`Delivery::Refused`].
    Refused(Refusal),
    /// Nothing happened at JumpCloud, and the request is at fault; see [`Delivery::Rejected`].
    Rejected {
        /// 400, 409, 413, 414 or 422.
        status: u16,
        /// The server's explanation, cleaned and cut. May name users.
        message: String,
    },
    /// The events may or may not exist, all or some of them.
    Unknown(UnknownOutcome),
}

impl ScheduleDelivery {
    /// Classes the answer to `request`.
    pub(super) fn of(answer: Result<Value, Error>, request: &ScheduleRequest, route: &'static str) -> Self {
        let body = match answer {
            Ok(body) => body,
            Err(error) => {
                return match Delivery::of(Err(error)) {
                    Delivery::Refused(refusal) => Self::Refused(refusal),
                    Delivery::Rejected { status, message } => Self::Rejected { status, message },
                    Delivery::Unknown(outcome) => Self::Unknown(outcome),
                    Delivery::Accepted { .. } => Self::unreadable("no error after all"),
                };
            }
        };
        let Some(page) = Page::read(body) else {
            return Self::unreadable("expected a list of events");
        };
        let mut events = read_each(route, page.items, |event| ScheduledEvent::read(&event));
        // What is not about this request confirms nothing.
        events.retain(|event| request.asks_for(event));
        let confirmed: HashSet<_> = events.iter().map(|event| event.user_id.as_str()).collect();
        if request.users.iter().all(|user| confirmed.contains(user.as_str())) {
            Self::Accepted { events }
        } else {
            Self::unreadable("not every user has an event in the answer")
        }
    }

    /// A word from a small closed set, for metric labels and log fields.
    #[must_use]
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused(_) => "refused",
            Self::Rejected { .. } => "rejected",
            Self::Unknown(_) => "unknown",
        }
    }

    fn unreadable(detail: &str) -> Self {
        Self::Unknown(UnknownOutcome::Unreadable { detail: detail.to_owned() })
    }
}

impl fmt::Debug for ScheduleDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { events } => f.debug_struct("Accepted").field("events", events).finish(),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
            // The server's explanation may name users.
            Self::Rejected { status, .. } => {
                f.debug_struct("Rejected").field("status", status).finish_non_exhaustive()
            }
            Self::Unknown(outcome) => f.debug_tuple("Unknown").field(outcome).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::jumpcloud::schedules::request::StateChange;

    fn of(answer: Result<Value, Error>) -> ScheduleDelivery {
        let users = vec!["u1".to_owned(), "u2".to_owned()];
        let request = ScheduleRequest { users, change: StateChange::Suspend, date: Timestamp::UNIX_EPOCH };
        ScheduleDelivery::of(answer, &request, "POST /bulk/userstates")
    }

    fn row(user: &str, state: &str) -> Value {
        json!({"scheduledJobId": "j1", "systemUserId": user, "state": state, "scheduledDate": "1970-01-01T00:00:00"})
    }

    #[test]
    fn only_an_event_for_each_user_is_acceptance() {
        let (one, two) = (row("u1", "SUSPENDED"), row("u2", "SUSPENDED"));
        let stranger = row("u3", "SUSPENDED");
        match of(Ok(json!([two, stranger, one]))) {
            ScheduleDelivery::Accepted { events } => {
                assert_eq!(
                    events.iter().map(|event| event.user_id.as_str()).collect::<Vec<_>>(),
                    ["u2", "u1"]
                );
            }
            other => panic!("{other:?}"),
        }
        for body in [
            json!([]),
            json!([one]),
            json!([one, row("u2", "ACTIVATED")]),
            json!([one, {"systemUserId": "u2", "state": "SUSPENDED"}]),
            json!({}),
            json!(null),
            json!({"jobId": "j1"}),
        ] {
            assert_eq!(of(Ok(body.clone())).category(), "unknown", "{body}");
        }
    }

    #[test]
    fn failures_have_the_classes_of_bulk_requests() {
        let status =
            |status| of(Err(Error::Status { status, message: "canary".to_owned(), retry_after: None }));
        for (code, category) in
            [(302, "refused"), (400, "rejected"), (403, "refused"), (429, "refused"), (500, "unknown")]
        {
            assert_eq!(status(code).category(), category, "{code}");
            assert!(!format!("{:?}", status(code)).contains("canary"));
        }
        assert_eq!(of(Err(Error::Timeout)).category(), "unknown");
        assert_eq!(of(Err(Error::Expired)).category(), "refused");
    }
}
