//! What is asked of scheduled state changes.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::jumpcloud::wire::{EventState, ScheduledEvent, schedule_date};

/// A request to change the state of some users at a time.
#[derive(Clone, PartialEq, Eq)]
pub struct ScheduleRequest {
    /// The ids of the users. How many JumpCloud takes is not known; see
    /// [`MAX_USERS`](crate::jumpcloud::schedules::MAX_USERS).
    pub users: Vec<String>,
    /// What happens to them.
    pub change: StateChange,
    /// When. Sent in UTC, in milliseconds.
    pub date: Timestamp,
}

/// What happens to users. There is no way back to `STAGED`.
#[derive(Clone, PartialEq, Eq)]
pub enum StateChange {
    /// They become `ACTIVATED`.
    Activate(ActivationMail),
    /// They become `SUSPENDED`.
    Suspend,
}

/// The mail that an activated user gets: a welcome with a password, an activation without one.
#[derive(Clone, PartialEq, Eq)]
pub enum ActivationMail {
    /// As JumpCloud does when nothing is said.
    Default,
    /// None.
    Suppressed,
    /// To the addresses of the user.
    ToUser,
    /// To this address. Of scheduled changes only for one user: JumpCloud refuses others.
    To(String),
}

/// Which events are asked for; all of them by default.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Events of this instant, or whose date cannot be read. Asked for by a filter, and checked in the
    /// answer, because JumpCloud may ignore filters.
    pub date: Option<Timestamp>,
    /// Events of this user, checked like the date.
    pub user: Option<String>,
    /// Filters in JumpCloud's language, `field:operator:value`; all must hold. Not checked.
    pub filters: Vec<String>,
}

impl ScheduleRequest {
    /// Whether an event may be one of this request: its date is not compared, JumpCloud may cut it.
    pub(super) fn asks_for(&self, event: &ScheduledEvent) -> bool {
        event.state == self.change.state() && self.users.contains(&event.user_id)
    }

    /// The body of the request.
    pub(crate) fn body(&self) -> String {
        let mut body = json!({
            "user_ids": self.users,
            "state": match self.change {
                StateChange::Activate(_) => "ACTIVATED",
                StateChange::Suspend => "SUSPENDED",
            },
            "start_date": schedule_date(self.date),
        });
        if let (Some(body), StateChange::Activate(mail)) = (body.as_object_mut(), &self.change) {
            let send = match mail {
                ActivationMail::Default => None,
                ActivationMail::Suppressed => Some(false),
                ActivationMail::ToUser | ActivationMail::To(_) => Some(true),
            };
            body.extend(send.map(|send| ("send_activation_emails".to_owned(), json!(send))));
            if let ActivationMail::To(address) = mail {
                body.insert("activation_email_override".to_owned(), json!(address));
            }
        }
        body.to_string()
    }
}

impl StateChange {
    /// The state that comes of it.
    #[must_use]
    pub const fn state(&self) -> EventState {
        match self {
            Self::Activate(_) => EventState::Activated,
            Self::Suspend => EventState::Suspended,
        }
    }
}

impl EventQuery {
    /// Whether an event of the answer is one that was asked for.
    pub(super) fn asks_for(&self, event: &ScheduledEvent) -> bool {
        let date = self.date.is_none_or(|date| event.date.is_none_or(|found| found == date));
        date && self.user.as_ref().is_none_or(|user| *user == event.user_id)
    }
}

impl ActivationMail {
    /// The body of `state/activate`.
    pub(crate) fn body(&self) -> Value {
        match self {
            Self::Default => json!({}),
            Self::Suppressed => json!({ "email": false }),
            Self::ToUser => json!({ "email": true }),
            Self::To(address) => json!({ "email": address }),
        }
    }
}

impl fmt::Debug for ScheduleRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleRequest")
            .field("users", &self.users.len())
            .field("change", &self.change)
            .field("date", &self.date)
            .finish()
    }
}

impl fmt::Debug for StateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activate(mail) => f.debug_tuple("Activate").field(mail).finish(),
            Self::Suspend => f.write_str("Suspend"),
        }
    }
}

impl fmt::Debug for ActivationMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "Default",
            Self::Suppressed => "Suppressed",
            Self::ToUser => "ToUser",
            Self::To(_) => "To([redacted])",
        })
    }
}

impl fmt::Debug for EventQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventQuery")
            .field("date", &self.date)
            .field("user", &self.user)
            .field("filters", &self.filters.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(change: StateChange) -> Value {
        let date = "2027-01-04T08:00:00Z".parse().unwrap();
        let request = ScheduleRequest { users: vec!["u1".to_owned()], change, date };
        serde_json::from_str(&request.body()).unwrap()
    }

    #[test]
    fn a_body_says_of_mail_what_was_decided() {
        for (mail, send, address, email) in [
            (ActivationMail::Default, None, None, None),
            (ActivationMail::Suppressed, Some(false), None, Some(json!(false))),
            (ActivationMail::ToUser, Some(true), None, Some(json!(true))),
            (ActivationMail::To("hr@x".to_owned()), Some(true), Some("hr@x"), Some(json!("hr@x"))),
        ] {
            let sent = body(StateChange::Activate(mail.clone()));
            assert_eq!(sent["state"], "ACTIVATED");
            assert_eq!(sent.get("send_activation_emails"), send.map(|send| json!(send)).as_ref(), "{mail:?}");
            assert_eq!(sent.get("activation_email_override"), address.map(|to| json!(to)).as_ref());
            assert_eq!(mail.body().get("email"), email.as_ref());
        }
        let suspends = body(StateChange::Suspend);
        let want =
            json!({"user_ids": ["u1"], "state": "SUSPENDED", "start_date": "2027-01-04T08:00:00.000Z"});
        assert_eq!(suspends, want);
    }

    #[test]
    fn debug_output_has_no_address() {
        let change = StateChange::Activate(ActivationMail::To("canary@x".to_owned()));
        let request = ScheduleRequest { users: Vec::new(), change, date: Timestamp::UNIX_EPOCH };
        let query = EventQuery { filters: vec!["state:eq:canary".to_owned()], ..EventQuery::default() };
        assert!(!format!("{request:?} {query:?}").contains("canary"));
    }
}
