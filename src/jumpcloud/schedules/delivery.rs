//! What became of a request to schedule state changes.

use std::collections::HashSet;

use serde_json::Value;

use crate::jumpcloud::delivery::Delivery;
use crate::jumpcloud::error::Error;
use crate::jumpcloud::schedules::request::ScheduleRequest;
use crate::jumpcloud::wire::{Page, ScheduledEvent, read_each};

/// The outcome of a request to schedule. Accepted: every user of the request has an event, at least one. Their
/// dates are those that JumpCloud keeps, which may be less exact than the one that was sent: look for these from
/// now on.
pub type ScheduleDelivery = Delivery<Vec<ScheduledEvent>>;

/// Classes the answer to `request`.
pub(super) fn delivery(
    answer: Result<Value, Error>,
    request: &ScheduleRequest,
    route: &'static str,
) -> ScheduleDelivery {
    Delivery::read(answer, |body| {
        let page = Page::read(body).ok_or("expected a list of events")?;
        let mut events = read_each(route, page.items, |event| ScheduledEvent::read(&event));
        // What is not about this request confirms nothing.
        events.retain(|event| request.asks_for(event));
        let confirmed: HashSet<_> = events.iter().map(|event| event.user_id.as_str()).collect();
        if request.users.iter().all(|user| confirmed.contains(user.as_str())) {
            Ok(events)
        } else {
            Err("not every user has an event in the answer")
        }
    })
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
        delivery(answer, &request, "POST /bulk/userstates")
    }

    fn row(user: &str, state: &str) -> Value {
        json!({"scheduledJobId": "j1", "systemUserId": user, "state": state, "scheduledDate": "1970-01-01T00:00:00"})
    }

    #[test]
    fn only_an_event_for_each_user_is_acceptance() {
        let (one, two) = (row("u1", "SUSPENDED"), row("u2", "SUSPENDED"));
        let stranger = row("u3", "SUSPENDED");
        match of(Ok(json!([two, stranger, one]))) {
            Delivery::Accepted(events) => {
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
